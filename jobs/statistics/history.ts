import { addDays, toDay, type DateRange, type IsoDate } from '../runtime/dates.ts';
import { missingParts } from './cache/coverage.ts';
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
    const plans = await this.#plan(tickers, range);
    const incomplete = plans.filter(({ missing }) => missing.length > 0);
    const answer = incomplete.length === 0 ? undefined : await this.#ask(incomplete);
    const histories = await Promise.all(
      plans.map(async (plan): Promise<[string, TickerHistory]> => {
        const { ticker, missing } = plan;
        const known = await this.#cache.read(ticker, range);
        if (missing.length === 0) return [ticker, { rows: known, isFinal: true }];
        const found = answer!.rows.get(ticker)!;
        const isFinal = await this.#write(plan, found, answer!.newest);
        return [ticker, { rows: mergeRows(known, found, missing), isFinal }];
      }),
    );
    return new Map(histories);
  }

  /** What of a range has to be read for each ticker, after prices that no longer hold are forgotten. */
  async #plan(tickers: readonly string[], range: DateRange): Promise<Plan[]> {
    const plans = await Promise.all(
      tickers.map(async (ticker) => {
        const coverage = await this.#cache.coverage(ticker);
        const known = coverage.get(this.#reader.source) ?? [];
        const isForeign = [...coverage.keys()].some((source) => source !== this.#reader.source);
        return { ticker, known, isForeign, missing: missingParts(range, known) };
      }),
    );
    const extended = plans.filter(({ known, missing }) => known.length > 0 && missing.length > 0);
    const restated = await this.#findRestated(extended);
    const stale = new Set([
      ...restated,
      ...plans.filter(({ isForeign }) => isForeign).map(({ ticker }) => ticker),
    ]);
    for (const ticker of stale) await this.#forget(ticker);
    return plans.map(({ ticker, known, missing }) =>
      stale.has(ticker) ? { ticker, known: [], missing: [range] } : { ticker, known, missing },
    );
  }

  /**
   * Tickers of which the source by now has another close on the last day that is known: a split restates all before
   * it. Those that end on the same day are asked for together.
   */
  async #findRestated(plans: readonly Plan[]): Promise<string[]> {
    const byDate = new Map<IsoDate, { ticker: string; close: number }[]>();
    for (const { ticker, known } of plans) {
      const last = (await this.#cache.read(ticker, known.at(-1)!)).findLast(({ close }) => close !== null);
      if (last !== undefined)
        byDate.set(last.date, [...(byDate.get(last.date) ?? []), { ticker, close: last.close! }]);
    }
    const restated: string[] = [];
    for (const [date, ends] of byDate) {
      const day = { start: date, end: addDays(date, 1) };
      const { rows } = await this.#reader.read(
        ends.map(({ ticker }) => ticker),
        day,
      );
      for (const { ticker, close } of ends) {
        const now = rows.get(ticker)![0]?.close;
        if (!(Math.abs((now ?? NaN) / close - 1) <= SAME_CLOSE)) restated.push(ticker);
      }
    }
    return restated;
  }

  #ask(plans: readonly Plan[]): Promise<PriceAnswer> {
    const parts = plans.flatMap(({ missing }) => missing);
    return this.#reader.read(
      plans.map(({ ticker }) => ticker),
      {
        start: parts.map(({ start }) => start).toSorted()[0]!,
        end: parts
          .map(({ end }) => end)
          .toSorted()
          .at(-1)!,
      },
    );
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
