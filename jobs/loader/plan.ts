import { NEW_LISTING, type KnownListing, type KnownListings } from '../lake/listings.ts';
import { addDays, type DateRange, type IsoDate } from '../runtime/dates.ts';
import { chooseHistoryStart, reachesBack, type HistoryStart } from './history.ts';
import type { FetchScope } from './outcome.ts';

export interface PlanRequest {
  readonly tickers: readonly string[];
  /** Trading dates that were asked for. */
  readonly range: DateRange;
  /** Nobody asked for certain dates or names: leave out what is gone, and renew a share of the rest. */
  readonly isRoutine: boolean;
  /**
   * First date of every name's history; `undefined`: where the lake starts for a routine run, else that of the range.
   */
  readonly historyStart: IsoDate | undefined;
  /** UTC date of the run. */
  readonly today: IsoDate;
}

/** What to ask for a ticker. */
export interface Ask {
  readonly ticker: string;
  readonly range: DateRange;
  readonly scope: FetchScope;
}

/** A ticker that is not asked for in this run, and why. */
interface Skip {
  readonly ticker: string;
  readonly reason: string;
}

// Ten sessions, with the longest holidays of any exchange between them: late repairs of the provider land in there.
const LOOK_BACK_DAYS = 24;
/** In so many days all of the history is fetched anew. */
const RENEWED_IN_DAYS = 28;
const STANDS_BACK_DAYS = 14;
/** A day on which a provider does not know a name can be its own bad day: only several of them mean it is gone. */
const ABSENT_DAYS = 3;
/** A name that is gone is asked for again after so many days. */
const ASKED_AGAIN_DAYS = 7;

export interface LoadPlan {
  readonly asks: readonly Ask[];
  readonly skips: readonly Skip[];
  /** Where histories are to begin; `undefined` when nothing says so. */
  readonly history: HistoryStart | undefined;
}

/** What to ask for each ticker, and which not to ask for. Pure. */
export function planLoad(request: PlanRequest, known: KnownListings): LoadPlan {
  const asks: Ask[] = [];
  const skips: Skip[] = [];
  const history = chooseHistoryStart(request, known);
  const renewed = request.isRoutine ? dueForRenewal(request, known) : new Set<string>();
  for (const ticker of request.tickers) {
    const listing = known.get(ticker);
    const reason = request.isRoutine && listing ? whyNotAsked(listing, request.today) : undefined;
    if (reason !== undefined) skips.push({ ticker, reason });
    else asks.push(askFor(ticker, listing, request, history, renewed.has(ticker)));
  }
  return { asks, skips, history };
}

/** All of the history of a listing: what the lake has, what it is to have where that is given, and the range. */
export function historyOf(
  { first, last }: KnownListing,
  range: DateRange,
  history?: HistoryStart,
): DateRange {
  const start = earliest(range.start, first, history?.date);
  const afterLast = last === null ? range.end : addDays(last, 1);
  return { start, end: afterLast > range.end ? afterLast : range.end };
}

function askFor(
  ticker: string,
  listing: KnownListing | undefined,
  { range, isRoutine, today }: PlanRequest,
  history: HistoryStart | undefined,
  isRenewed: boolean,
): Ask {
  const { first, last } = listing ?? NEW_LISTING;
  // A first load that was killed may have left rows from `first` on, and no `last`.
  const isNew = listing === undefined || last === null;
  const joinedLate = !isNew && history !== undefined && !reachesBack(listing, history);
  // A history that did not come must not cost the name its daily window every time.
  const isBehind = joinedLate && !(isRoutine && standsBack(listing, today));
  if (isNew || isBehind || isRenewed) {
    return { ticker, range: historyOf(listing ?? NEW_LISTING, range, history), scope: 'history' };
  }
  // Repairs of what is there, not rows from before the window that nobody asked for.
  const repaired = addDays(range.end, -LOOK_BACK_DAYS);
  const lookBack = earlier(range.start, first !== null && first > repaired ? first : repaired);
  const behind = addDays(last, -LOOK_BACK_DAYS);
  // Without the days between the lake and the window a gap would stay, on two bases if there was a split in it.
  if (last < range.start) {
    return { ticker, range: { start: earlier(lookBack, behind), end: range.end }, scope: 'catch-up' };
  }
  return { ticker, range: { start: lookBack, end: range.end }, scope: 'window' };
}

function whyNotAsked({ absent }: KnownListing, today: IsoDate): string | undefined {
  if (absent === null || absent.days < ABSENT_DAYS) return undefined;
  const askedAgain = addDays(absent.last, ASKED_AGAIN_DAYS);
  if (today >= askedAgain) return undefined;
  return `unknown to the provider on ${absent.days} days, last on ${absent.last}; asked again from ${askedAgain}`;
}

/**
 * The share of a day: those that were renewed longest ago, less those that an earlier run of today has asked for. A name
 * that does not come stands back for a while, so that it does not keep the others from their turn.
 */
function dueForRenewal({ tickers, today }: PlanRequest, known: KnownListings): Set<string> {
  const listings = tickers
    .map((ticker) => ({ ticker, listing: known.get(ticker)! }))
    .filter(({ listing }) => listing !== undefined && listing.last !== null && listing.absent === null);
  const quota = Math.ceil(listings.length / RENEWED_IN_DAYS);
  const doneToday = listings.filter(({ listing }) => listing.askedInFullOn === today).length;
  const due = listings
    .map(({ ticker, listing }) => ({
      ticker,
      renewedOn: listing.refreshedOn ?? '',
      hasFailed: standsBack(listing, today),
    }))
    .filter(({ renewedOn, hasFailed }) => renewedOn < today && !hasFailed)
    .toSorted((a, b) => (a.renewedOn < b.renewedOn ? -1 : a.renewedOn > b.renewedOn ? 1 : 0));
  return new Set(due.slice(0, Math.max(0, quota - doneToday)).map(({ ticker }) => ticker));
}

/** Whether its history was asked for of late and did not come. */
function standsBack({ refreshedOn, askedInFullOn }: KnownListing, today: IsoDate): boolean {
  if (askedInFullOn === null || askedInFullOn <= (refreshedOn ?? '')) return false;
  return askedInFullOn > addDays(today, -STANDS_BACK_DAYS);
}

function earlier(a: IsoDate, b: IsoDate): IsoDate {
  return a < b ? a : b;
}

function earliest(date: IsoDate, ...others: readonly (IsoDate | null | undefined)[]): IsoDate {
  return others.reduce<IsoDate>((least, other) => earlier(least, other ?? least), date);
}
