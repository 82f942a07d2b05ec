import type { KnownListing, KnownListings } from '../lake/listings.ts';
import { addDays, type DateRange, type IsoDate } from '../runtime/dates.ts';

/** The trading date that the history of every listing is to reach back to. */
export interface HistoryStart {
  readonly date: IsoDate;
  /** Somebody asked for this very date; else it is the lake's own. */
  readonly isGiven: boolean;
}

/** First sessions of exchanges lie this far apart around a date, with the longest holidays between them. */
const TOLERANCE_DAYS = 14;
/** A lake starts where this share of its listings does: a few that were loaded from earlier on are not the lake. */
const START_SHARE = 0.05;

/** Pure. */
export function chooseHistoryStart(
  { historyStart, isRoutine }: { readonly historyStart: IsoDate | undefined; readonly isRoutine: boolean },
  known: KnownListings,
): HistoryStart | undefined {
  if (historyStart !== undefined) return { date: historyStart, isGiven: true };
  const date = isRoutine ? lakeStart(known) : undefined;
  return date === undefined ? undefined : { date, isGiven: false };
}

/**
 * Whether the history of a listing was asked for from a date on. Where that is not known, its first row tells: one
 * that begins later either joined the lake late or began to trade late, which one more request decides for good. Pure.
 */
export function reachesBack(listing: KnownListing, { date, isGiven }: HistoryStart): boolean {
  const from = historyFrom(listing);
  if (from === null) return false;
  const isExact = isGiven && listing.askedFrom !== null;
  return from <= (isExact ? date : addDays(date, TOLERANCE_DAYS));
}

/** The best that is known of how far the history of a listing reaches back. Pure. */
export function historyFrom({ askedFrom, first }: KnownListing): IsoDate | null {
  return askedFrom ?? first;
}

/** `askedFrom` of a listing once it has answered for `range` as well. Pure. */
export function askedFromWith(known: KnownListing, range: DateRange): IsoDate | null {
  const from = historyFrom(known);
  if (from === null) return range.start;
  if (range.start >= from) return known.askedFrom;
  // Dates that nobody asked for lie between an older range and the history that is there.
  return range.end < from ? from : range.start;
}

function lakeStart(known: KnownListings): IsoDate | undefined {
  const starts = [...known.values()]
    .filter(({ last }) => last !== null)
    .map(historyFrom)
    .filter((date) => date !== null)
    .toSorted();
  return starts[Math.floor(START_SHARE * starts.length)];
}
