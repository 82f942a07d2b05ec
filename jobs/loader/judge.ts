import type { KnownListing } from '../lake/listings.ts';
import type { StoredBar } from '../lake/stored-prices.ts';
import type { Bar } from '../market/bar.ts';
import { findCliffs, isUnitStep, type Cliff } from '../market/cliff.ts';
import type { FetchResult, Listing } from '../market/provider.ts';
import { cleanBars } from '../market/sanity.ts';
import { addDays, type DateRange, type IsoDate } from '../runtime/dates.ts';
import { compareWithStored } from './restatement.ts';
import type { Ask } from './plan.ts';
import type { SeriesFlag } from './outcome.ts';

type Prices = Extract<FetchResult, { kind: 'ok' }>;

/** What is known when an answer is judged. */
export interface Case {
  readonly ask: Ask;
  readonly answer: Prices;
  readonly known: KnownListing;
  /** Rows that the lake has in the window. */
  readonly stored: readonly StoredBar[];
  /** Why its history was asked for in this run, after a first answer said that it was restated. */
  readonly restated: string | undefined;
  /** Take what would be quarantined. */
  readonly isTrusted: boolean;
  /** UTC date of the run. */
  readonly today: IsoDate;
}

/**
 * What to do with an answer.
 *
 * - `take`: merge these bars; with `replaces`, rows of the lake in that range that are not among them go
 * - `ask-history`: the past has changed; nothing of it is merged before all of it is there
 * - `quarantine`: hold it back, the lake stays as it is
 * - `invalid`, `empty`: nothing in it is usable
 */
export type Judgement =
  | {
      readonly verdict: 'take';
      readonly bars: readonly Bar[];
      readonly replaces: DateRange | undefined;
      readonly restated: string | undefined;
      readonly missing: readonly IsoDate[];
      readonly rejected: number;
      readonly flags: readonly SeriesFlag[];
      /** Dates of suspicious steps that are taken for real from now on. */
      readonly confirmed: readonly IsoDate[];
    }
  | { readonly verdict: 'ask-history'; readonly reason: string }
  | { readonly verdict: 'quarantine'; readonly reason: string; readonly suspect: KnownListing['suspect'] }
  | { readonly verdict: 'invalid' | 'empty'; readonly reason: string };

/** Contradicting bars above this share say that the answer as a whole is not to be trusted. */
const MAX_REJECTED = 0.2;
/** A step of a whole ratio that is still there after so many days was no split forgotten for a while. */
const CONFIRMED_AFTER_DAYS = 5;
/** A history may begin this much later than what the lake has: listings lose a few days at their beginning. */
const LOST_DAYS = 10;
/** And it may lack so many of its rows. */
const LOST_SHARE = 0.02;
const LOST_ROWS = 5;
/** A provider's first trade this much later than the lake's first row, under another name, is another listing. */
const RECYCLED_DAYS = 30;
const FLAT_BARS = 5;

/** Decides on one answer. Pure. */
export function judge({ ask, answer, known, stored, restated, isTrusted, today }: Case): Judgement {
  const { bars, missing, rejected } = cleanBars(answer.bars);
  if (rejected > Math.max(2, MAX_REJECTED * answer.bars.length)) {
    const reason = `${rejected} of ${answer.bars.length} bars contradict themselves (low above open, close or high)`;
    return { verdict: 'invalid', reason };
  }
  const firstBar = bars.find((bar) => bar.close !== null);
  if (firstBar === undefined)
    return { verdict: 'empty', reason: `${answer.bars.length} bars, none with a close` };

  const quarantine = (reason: string): Judgement => ({
    verdict: 'quarantine',
    reason,
    suspect: known.suspect,
  });
  if (!isTrusted && known.currency !== null && known.currency !== answer.listing.currency) {
    return quarantine(`quoted in ${answer.listing.currency}, the lake has it in ${known.currency}`);
  }

  if (!isTrusted && isRecycled(answer.listing, known)) {
    return quarantine(
      `the symbol is now ${answer.listing.name}, first traded on ${answer.listing.firstTraded}; ` +
        `the lake has ${known.name} from ${known.first} on`,
    );
  }

  const difference = compareWithStored(bars, stored);
  if (!isTrusted && isUnitStep(difference.ratio) && !isUnitStep(1 / difference.splits)) {
    return quarantine(`prices are ${format(difference.ratio)} times those of the lake, and no split says so`);
  }
  // A history that was asked for because the past had changed, and that now agrees with the lake: another load, or an
  // earlier process of this one, has merged it. It must not replace what came on top.
  const reason = difference.reason === undefined ? undefined : (restated ?? difference.reason);
  if (reason !== undefined && !isWhole(ask.range, known)) return { verdict: 'ask-history', reason };
  const loss = isTrusted || reason === undefined ? undefined : describeLoss(bars, known);
  if (loss !== undefined) return quarantine(`restated (${reason}), but ${loss}`);

  const series = withStepIn(bars, stored);
  const cliffs = findCliffs(series, known.confirmed);
  const doubt = isTrusted ? undefined : doubtful(cliffs, bars, known, today);
  if (doubt !== undefined) return doubt;
  return {
    verdict: 'take',
    bars,
    replaces: reason === undefined ? undefined : ask.range,
    restated: reason,
    missing,
    rejected,
    flags: flagsOf(bars, answer.listing, known),
    confirmed: cliffs.map(({ date }) => date),
  };
}

/** Whether an answer covers all rows that the lake has. */
function isWhole(range: DateRange, { first, last }: KnownListing): boolean {
  return first === null || (range.start <= first && (last === null || range.end > last));
}

/** What a history that takes the place of another would lose of it. */
function describeLoss(bars: readonly Bar[], { first, last, rows }: KnownListing): string | undefined {
  const [start, end] = [bars[0]!.date, bars.at(-1)!.date];
  if (first !== null && start > addDays(first, LOST_DAYS)) {
    return `its history begins on ${start}, in the lake on ${first}`;
  }
  if (last !== null && addDays(end, LOST_DAYS) < last) {
    return `its history ends on ${end}, in the lake on ${last}`;
  }
  if (rows !== null && bars.length < (1 - LOST_SHARE) * rows - LOST_ROWS) {
    return `its history has ${bars.length} bars, the lake ${rows}`;
  }
  return undefined;
}

/** Another company under the symbol of one that is gone. */
function isRecycled({ name, firstTraded }: Listing, known: KnownListing): boolean {
  if (known.name === null || known.name === name) return false;
  return firstTraded !== null && known.first !== null && firstTraded > addDays(known.first, RECYCLED_DAYS);
}

/** Quarantine for steps that look wrong; `undefined` when there are none, or when all were there on several days. */
function doubtful(
  cliffs: readonly Cliff[],
  bars: readonly Bar[],
  known: KnownListing,
  today: IsoDate,
): Judgement | undefined {
  const [first] = cliffs;
  if (first === undefined) return undefined;
  const days = seenOn(known.suspect, first, today);
  const hasSplit = (date: IsoDate): boolean => bars.some((bar) => bar.date === date && bar.split !== null);
  const hopeless = cliffs.find(({ kind, date }) => kind === 'unit' || hasSplit(date));
  if (hopeless === undefined && days.length >= CONFIRMED_AFTER_DAYS) return undefined;
  const { date, ratio, kind } = hopeless ?? first;
  const what = kind === 'unit' ? 'as between a minor and a major unit' : 'as by a split that was not applied';
  return {
    verdict: 'quarantine',
    reason: `close of ${date} is ${format(ratio)} times the one before, ${what}`,
    suspect: { date: first.date, ratio: first.ratio, days },
  };
}

/** The bars, with the last stored close before them: a step may lie between the lake and the answer. */
function withStepIn(bars: readonly Bar[], stored: readonly StoredBar[]): readonly Bar[] {
  const before = stored.findLast(({ date, close }) => date < bars[0]!.date && close !== null);
  if (before === undefined) return bars;
  const unknown = { open: null, high: null, low: null, volume: null };
  return [{ ...before, ...unknown }, ...bars];
}

/** Days on which this very step was seen, today included. */
function seenOn(
  suspect: KnownListing['suspect'],
  { date, ratio }: { date: IsoDate; ratio: number },
  today: IsoDate,
): IsoDate[] {
  const isSame = suspect !== null && suspect.date === date && Math.abs(suspect.ratio / ratio - 1) < 0.01;
  return isSame ? [...new Set([...suspect.days, today])] : [today];
}

function flagsOf(bars: readonly Bar[], { exchange, name }: Listing, known: KnownListing): SeriesFlag[] {
  const flags: SeriesFlag[] = [];
  const last = bars.filter((bar) => bar.close !== null).slice(-FLAT_BARS);
  const isFlat =
    last.length === FLAT_BARS && last.every(({ close, volume }) => close === last[0]!.close && volume === 0);
  if (isFlat) flags.push('flat');
  const isOther = (before: string | null, now: string | null): boolean => before !== null && before !== now;
  if (isOther(known.name, name) || isOther(known.exchange, exchange)) flags.push('renamed');
  return flags;
}

function format(ratio: number): string {
  return String(Number(ratio.toPrecision(4)));
}
