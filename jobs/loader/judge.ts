import type { KnownListing } from '../lake/listings.ts';
import type { StoredBar } from '../lake/stored-prices.ts';
import type { Bar } from '../market/bar.ts';
import { findCliff, isUnitStep } from '../market/cliff.ts';
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
      /** A suspicious step that was seen often enough to be real. */
      readonly confirmed: IsoDate | undefined;
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

  const difference = compareWithStored(bars, stored);
  if (!isTrusted && isUnitStep(difference.ratio) && !isUnitStep(1 / difference.splits)) {
    return quarantine(`prices are ${format(difference.ratio)} times those of the lake, and no split says so`);
  }
  const reason = restated ?? difference.reason;
  const isAll = known.first === null || ask.range.start <= known.first;
  if (reason !== undefined && !isAll) return { verdict: 'ask-history', reason };
  if (
    !isTrusted &&
    reason !== undefined &&
    known.first !== null &&
    firstBar.date > addDays(known.first, LOST_DAYS)
  ) {
    return quarantine(
      `restated (${reason}), but its history begins on ${firstBar.date}, in the lake on ${known.first}`,
    );
  }

  const cliff = isTrusted ? undefined : findCliff(withStepIn(bars, stored), known.confirmed);
  let confirmed: IsoDate | undefined;
  if (cliff !== undefined) {
    const days = seenOn(known.suspect, cliff, today);
    const suspect = { date: cliff.date, ratio: cliff.ratio, days };
    if (cliff.kind === 'unit' || days.length < CONFIRMED_AFTER_DAYS) {
      const what =
        cliff.kind === 'unit' ? 'as between a minor and a major unit' : 'as by a split that was not applied';
      const text = `close of ${cliff.date} is ${format(cliff.ratio)} times the one before, ${what}`;
      return { verdict: 'quarantine', reason: text, suspect };
    }
    confirmed = cliff.date;
  }
  return {
    verdict: 'take',
    bars,
    replaces: reason === undefined ? undefined : ask.range,
    restated: reason,
    missing,
    rejected,
    flags: flagsOf(bars, answer.listing, known),
    confirmed,
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
