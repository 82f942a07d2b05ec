import { isSymbol } from '../universe.ts';
import { EXCHANGES, SHANGHAI, SHENZHEN, type Board, type Exchange } from './exchanges.ts';
import { spellShareClass } from './share-classes.ts';

/** A Yahoo symbol that a name may have, and the listing that has to be behind it if it is the right one. */
export interface Candidate {
  readonly symbol: string;
  /** Yahoo's `exchangeName`; any when empty. */
  readonly exchanges: readonly string[];
  /** ISO 4217 codes; any when empty. */
  readonly currencies: readonly string[];
}

/**
 * Why a name has no candidates.
 *
 * - `malformed`: it is not a local code, a blank and an exchange or country code, or no local code of that exchange
 * - `unknown-exchange`: no rule has this exchange or country code
 * - `table-only`: symbols of this exchange cannot be derived; they have to be in the corrections
 * - `not-on-yahoo`: Yahoo has no prices of it
 */
type RefusalCode = 'malformed' | 'unknown-exchange' | 'table-only' | 'not-on-yahoo';

export interface Refusal {
  readonly kind: 'refused';
  readonly code: RefusalCode;
  /** One line for people. */
  readonly reason: string;
}

export type Candidates =
  | {
      readonly kind: 'candidates';
      /** At least one, in the order in which to try them. */
      readonly candidates: readonly Candidate[];
      /** Several candidates, or a rule that few names could be checked with: worth asking the provider. */
      readonly isDoubtful: boolean;
    }
  | Refusal;

const BY_CODE = new Map(EXCHANGES.flatMap((exchange) => exchange.codes.map((code) => [code, exchange])));
const BY_COUNTRY = new Map(EXCHANGES.toReversed().map((exchange) => [exchange.country, exchange]));

/** The Yahoo symbols that a Bloomberg ticker such as `BRK/B US` may have. Pure; never throws. */
export function candidates(bloombergTicker: string): Candidates {
  const split = splitTicker(bloombergTicker);
  if (split === undefined) return malformed(bloombergTicker, 'a Bloomberg ticker such as "7203 JP"');
  const exchange = BY_CODE.get(split.code);
  if (exchange === undefined) {
    return refuse('unknown-exchange', `no rule for Bloomberg's exchange code ${split.code}`);
  }
  if (exchange.boards === 'table-only') {
    return refuse('table-only', `symbols of ${split.code} cannot be derived, only listed in the corrections`);
  }
  if (exchange.boards === 'not-on-yahoo') {
    return refuse('not-on-yahoo', `Yahoo has no prices of exchange ${split.code}`);
  }
  // Bloomberg marks some names with a character at the end that is no part of the local symbol: BP/, AC*.
  const local = split.local.replace(/[/*]+$/, '');
  if (exchange.code?.test(local) === false || local === '') {
    return malformed(bloombergTicker, `a name of exchange ${split.code}`);
  }
  const symbols = spell(local.replaceAll(/[/ ]/g, '-'), exchange, split.code);
  const found = boardsOf(local, exchange, exchange.boards).flatMap(({ suffix, exchanges }) =>
    symbols
      .map((symbol) => ({ symbol: symbol + suffix, exchanges, currencies: exchange.currencies }))
      .filter(({ symbol }) => isSymbol(symbol)),
  );
  if (found.length === 0) return malformed(bloombergTicker, `a name of exchange ${split.code}`);
  return {
    kind: 'candidates',
    candidates: found,
    isDoubtful: found.length > 1 || exchange.isDoubtful === true,
  };
}

/**
 * The Bloomberg ticker behind a numerai ticker such as `7203 JP`, which ends with the ISO 3166 code of a country
 * instead of Bloomberg's code of an exchange. (`IT` is Italy in one and Israel in the other, `CH` and `CN` swap.)
 */
export function toBloombergTicker(
  numeraiTicker: string,
): { readonly kind: 'ticker'; readonly ticker: string } | Refusal {
  const split = splitTicker(numeraiTicker);
  if (split === undefined) return malformed(numeraiTicker, 'a numerai ticker such as "7203 JP"');
  const exchange = BY_COUNTRY.get(split.code);
  if (exchange === undefined) return refuse('unknown-exchange', `no rule for country ${split.code}`);
  return { kind: 'ticker', ticker: `${split.local} ${exchange.codes[0]}` };
}

/** The numerai ticker of a Bloomberg ticker; `undefined` where no rule has its exchange. */
export function toNumeraiTicker(bloombergTicker: string): string | undefined {
  const split = splitTicker(bloombergTicker);
  const exchange = BY_CODE.get(split?.code ?? '');
  return exchange === undefined ? undefined : `${split!.local} ${exchange.country}`;
}

/** Local code and exchange or country code, which the last blank separates. */
function splitTicker(ticker: string): { local: string; code: string } | undefined {
  const match = /^([A-Z0-9][A-Z0-9&*/ -]*?) +([A-Z][A-Z0-9])$/.exec(ticker.trim());
  return match === null ? undefined : { local: match[1]!, code: match[2]! };
}

function spell(local: string, { rule }: Exchange, code: string): string[] {
  switch (rule) {
    case 'zero-padded':
      return [local.padStart(4, '0')];
    case 'share-classes':
      return spellShareClass(local, code);
    case 'trust-units':
      return [local.replace(/-U$/, '-UN')];
    default:
      return [local];
  }
}

/** Chinese codes tell the board by their first digits. Those of Beijing are on neither. */
function boardsOf(local: string, { rule }: Exchange, boards: readonly Board[]): readonly Board[] {
  if (rule !== 'by-number') return boards;
  const own = /^(?:6|9(?!2))/.test(local) ? SHANGHAI : /^[023]/.test(local) ? SHENZHEN : undefined;
  return boards.filter((board) => board === own);
}

function refuse(code: RefusalCode, reason: string): Refusal {
  return { kind: 'refused', code, reason };
}

function malformed(ticker: string, what: string): Refusal {
  return refuse('malformed', `"${ticker}" is not ${what}`);
}
