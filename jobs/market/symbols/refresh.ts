import type { UniverseEntry } from '../universe.ts';
import { toBloombergTicker } from './candidates.ts';
import type { Mapping, Name } from './mapping.ts';

/** A name of Numerai's universe; an empty text is an identifier that its file does not have. */
export interface NumeraiName {
  readonly numeraiTicker: string;
  readonly bloombergTicker: string;
  readonly compositeFigi: string;
}

/** A name that the refreshed universe has, and what was known of it. */
export interface Kept {
  readonly name: Name;
  /** The symbol so far; empty for none. */
  readonly known: string;
  readonly isAdded: boolean;
  /** Bloomberg's identifier, which helps a person to look a name up; may be empty. */
  readonly compositeFigi: string;
}

/**
 * Which names the refreshed universe has: those of Numerai, and those of ours that never were Numerai's. Those
 * with a symbol come first: they keep it when another name asks for the same. Pure.
 */
export function mergeNames(
  current: readonly UniverseEntry[],
  names: readonly NumeraiName[],
): { readonly kept: readonly Kept[]; readonly gone: readonly UniverseEntry[] } {
  const wanted = new Map(names.map((name) => [name.numeraiTicker, name]));
  const kept: Kept[] = [];
  const gone: UniverseEntry[] = [];
  const seen = new Set<string>();
  for (const entry of current) {
    const { yahoo, ...name } = entry;
    const ticker = name.numeraiTicker === '' ? name.id : name.numeraiTicker;
    const match = wanted.get(ticker);
    if (match === undefined && name.numeraiTicker !== '') {
      gone.push(entry);
      continue;
    }
    seen.add(ticker);
    kept.push({
      name: {
        id: name.id,
        numeraiTicker: match?.numeraiTicker ?? '',
        bloombergTicker: name.bloombergTicker || (match?.bloombergTicker ?? ''),
      },
      known: yahoo,
      isAdded: false,
      compositeFigi: match?.compositeFigi ?? '',
    });
  }
  for (const [numeraiTicker, { bloombergTicker, compositeFigi }] of wanted) {
    if (seen.has(numeraiTicker)) continue;
    const derived = toBloombergTicker(numeraiTicker);
    const bloomberg = bloombergTicker || (derived.kind === 'ticker' ? derived.ticker : '');
    const name = { id: numeraiTicker, numeraiTicker, bloombergTicker: bloomberg };
    kept.push({ name, known: '', isAdded: true, compositeFigi });
  }
  const hasNone = ({ known }: Kept): number => (known === '' ? 1 : 0);
  return { kept: kept.toSorted((a, b) => hasNone(a) - hasNone(b)), gone };
}

/** A name and something about it. */
export interface Remark {
  readonly id: string;
  /** Its symbol; empty for none. */
  readonly yahoo: string;
  readonly reason: string;
}

export interface RefreshedUniverse {
  /** Sorted by id; names without a symbol are there with an empty one. */
  readonly universe: readonly UniverseEntry[];
  readonly added: readonly UniverseEntry[];
  /** Names whose symbol is another one than before. */
  readonly changed: readonly Remark[];
  readonly unmapped: readonly Remark[];
  /** Names whose symbol nobody has checked. */
  readonly unverified: readonly Remark[];
}

/** Gives every name its symbol and no symbol to two names: the first one keeps it. Pure. */
export function refreshUniverse(
  kept: readonly Kept[],
  map: (name: Name, known: string) => Mapping,
): RefreshedUniverse {
  const owners = new Map<string, string>();
  const universe: UniverseEntry[] = [];
  const added: UniverseEntry[] = [];
  const changed: Remark[] = [];
  const unmapped: Remark[] = [];
  const unverified: Remark[] = [];
  for (const { name, known, isAdded, compositeFigi } of kept) {
    const { id } = name;
    const mapping = map(name, known);
    const owner = owners.get(mapping.yahoo);
    const yahoo = owner === undefined ? mapping.yahoo : '';
    const reason = owner === undefined ? mapping.reason : `clash: ${mapping.yahoo} is the symbol of ${owner}`;
    const entry = { ...name, yahoo };
    universe.push(entry);
    if (isAdded) added.push(entry);
    else if (known !== '' && known !== yahoo) changed.push({ id, yahoo, reason: `was ${known}` });
    if (yahoo === '') {
      const figi = compositeFigi === '' ? '' : ` (FIGI ${compositeFigi})`;
      unmapped.push({ id, yahoo, reason: `${reason ?? 'no symbol'}${figi}` });
      continue;
    }
    owners.set(yahoo, id);
    if (reason !== undefined) unverified.push({ id, yahoo, reason });
  }
  const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
  return { universe: universe.toSorted(byId), added, changed, unmapped, unverified };
}
