import { addDays, toDay, type DateRange, type IsoDate } from '../runtime/dates.ts';
import { missingParts, unite } from './cache/coverage.ts';
import type { PriceCache, PriceRow } from './cache/price-cache.ts';
import type { PriceAnswer, PriceReader } from './lake-prices.ts';

/** Prices of a ticker in a range. */
export interface TickerHistory {
  readonly rows: readonly PriceRow[];
  /** False while the source can still get prices in the range. */
  readonly isFinal: boolean;
}

/** What of a ticker's prices is known, and what has to be read. */
interface Plan {
  readonly ticker: string;
  readonly known: readonly DateRange[];
  readonly missing: readonly DateRange[];
  /** The last close that is known, where more is to be read: by it, prices that were restated are noticed. */
  readonly last: { readonly date: IsoDate; readonly close: number } | undefined;
  /** Known are prices from elsewhere, which are not mixed with those of this source. */
  readonly isForeign: boolean;
}

/** How long no exchange is closed: shorter gaps at the edges of what a source has are holidays. */
const LONGEST_CLOSURE_DAYS = 7;
/** A load fetches this many days again: until they are over, a close may be corrected, or come late for a ticker. */
const SETTLING_DAYS = 14;
/** Relative difference above which a close that is known was restated. */
const SAME_CLOSE = 1e-9;

/** Reads prices from the cache, and what that lacks from the source, which is kept for the next time. */
export class History {
  readonly #cache: PriceCache;
  readonly #reader: PriceReader;
  readonly #forget: (ticker: string) => Promise<unknown>;
  readonly #keep: (writing: () => Promise<void>) => Promise<void>;

  /**
   * @param forget removes everything that was made of a ticker's prices
   * @param keep runs what writes into the cache; a failure there must not lose the answer
   */
  constructor(
    cache: PriceCache,
    reader: PriceReader,
    forget: (ticker: string) => Promise<unknown>,
    keep: (writing: () => Promise<void>) => Promise<void>,
  ) {
    this.#cache = cache;
    this.#reader = reader;
    this.#forget = forget;
    this.#keep = keep;
  }

  async read(tickers: readonly string[], range: DateRange): Promise<Map<string, TickerHistory>> {
    const plans = await Promise.all(tickers.map((ticker) => this.#plan(ticker, range)));
    const answer = await this.#ask(plans);
    const stale = plans.filter((plan) => plan.isForeign || isRestated(plan, answer));
    for (const { ticker } of stale) await this.#forget(ticker);
    // A split restates all: what was known of those is asked for again.
    const whole = stale.map(({ ticker }): Plan => ({
      ticker,
      known: [],
      missing: [range],
      last: undefined,
      isForeign: false,
    }));
    const again = await this.#ask(whole);
    const histories = await Promise.all([
      ...plans.filter((plan) => !stale.includes(plan)).map((plan) => this.#complete(plan, answer, range)),
      ...whole.map((plan) => this.#complete(plan, again, range)),
    ]);
    return new Map(histories);
  }

  async #plan(ticker: string, range: DateRange): Promise<Plan> {
    const coverage = await this.#cache.coverage(ticker);
    const known = coverage.get(this.#reader.source) ?? [];
    const isForeign = [...coverage.keys()].some((source) => source !== this.#reader.source);
    const missing = missingParts(range, known);
    const last = missing.length === 0 ? undefined : await this.#lastClose(ticker, known.at(-1));
    return { ticker, known, missing, last, isForeign };
  }

  async #lastClose(ticker: string, known: DateRange | undefined): Promise<Plan['last']> {
    if (known === undefined) return undefined;
    // A range that is known ends a closure after its last row, at most.
    const tail = { start: addDays(known.end, -2 * LONGEST_CLOSURE_DAYS), end: known.end };
    for (const { date, close } of (await this.#cache.read(ticker, tail)).toReversed())
      if (close !== null && date >= known.start) return { date, close };
    return undefined;
  }

  /** Reads what plans lack, for all of them at once. */
  async #ask(plans: readonly Plan[]): Promise<PriceAnswer> {
    const incomplete = plans.filter(({ missing, isForeign }) => missing.length > 0 && !isForeign);
    if (incomplete.length === 0) return { rows: new Map(), newest: undefined };
    const ranges = incomplete.flatMap(({ missing, last }) =>
      last === undefined ? missing : [...missing, { start: last.date, end: addDays(last.date, 1) }],
    );
    return this.#reader.read(
      incomplete.map(({ ticker }) => ticker),
      unite(ranges),
    );
  }

  async #complete(plan: Plan, answer: PriceAnswer, range: DateRange): Promise<[string, TickerHistory]> {
    const { ticker, missing } = plan;
    const known = await this.#cache.read(ticker, range);
    if (missing.length === 0) return [ticker, { rows: known, isFinal: true }];
    const found = answer.rows.get(ticker)!;
    const isFinal = await this.#write(plan, found, answer.newest);
    return [ticker, { rows: mergeRows(known, found, missing), isFinal }];
  }

  /** Keeps what was missing and is settled; true when all of it is. */
  async #write(
    { ticker, known, missing }: Plan,
    found: readonly PriceRow[],
    newest: IsoDate | undefined,
  ): Promise<boolean> {
    let isComplete = true;
    for (const part of missing) {
      const isEnclosed =
        known.some(({ end }) => end === part.start) && known.some(({ start }) => start === part.end);
      const covered = knownPart(part, found, newest, isEnclosed);
      isComplete &&= covered?.start === part.start && covered.end === part.end;
      if (covered !== undefined) {
        const rows = found.filter(({ date }) => isWithin(date, covered));
        await this.#keep(() => this.#cache.write(ticker, rows, covered, this.#reader.source));
      }
    }
    return isComplete;
  }
}

/** Whether the source by now has another close on the last day that is known. Pure. */
function isRestated({ ticker, last }: Plan, { rows }: PriceAnswer): boolean {
  if (last === undefined) return false;
  const now = rows.get(ticker)?.find(({ date }) => date === last.date)?.close ?? NaN;
  return !(Math.abs(now / last.close - 1) <= SAME_CLOSE);
}

/**
 * What of a part is known, and stays as it is, after it was read. Days before the first row and after the last one may
 * still be loaded unless they are few; those that the next load fetches again may still change. Pure.
 *
 * @param isEnclosed whether what lies before and behind the part is known: then it may be a closure without a row
 */
export function knownPart(
  part: DateRange,
  found: readonly PriceRow[],
  newest: IsoDate | undefined,
  isEnclosed: boolean,
): DateRange | undefined {
  if (newest === undefined) return undefined;
  const settled = addDays(newest, 1 - SETTLING_DAYS);
  const until = part.end < settled ? part.end : settled;
  const rows = found.filter(({ date }) => isWithin(date, { start: part.start, end: until }));
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined) {
    const isClosure = isEnclosed && daysBetween(part.start, part.end) <= LONGEST_CLOSURE_DAYS;
    return isClosure && until === part.end ? part : undefined;
  }
  const follows = addDays(last.date, 1);
  return {
    start: daysBetween(part.start, first.date) <= LONGEST_CLOSURE_DAYS ? part.start : first.date,
    end: daysBetween(follows, until) <= LONGEST_CLOSURE_DAYS ? until : follows,
  };
}

function daysBetween(a: IsoDate, b: IsoDate): number {
  return toDay(b) - toDay(a);
}

function isWithin(date: IsoDate, { start, end }: DateRange): boolean {
  return date >= start && date < end;
}

/** What was found where the cache lacked it, and what is known elsewhere; rows that no range claims do not count. */
function mergeRows(
  known: readonly PriceRow[],
  found: readonly PriceRow[],
  missing: readonly DateRange[],
): PriceRow[] {
  const isMissing = ({ date }: PriceRow): boolean => missing.some((part) => isWithin(date, part));
  return [...known.filter((row) => !isMissing(row)), ...found.filter(isMissing)].toSorted((a, b) =>
    a.date < b.date ? -1 : 1,
  );
}
