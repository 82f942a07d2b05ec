import { addDays, utcDate, type DateRange, type IsoDate } from '../../runtime/dates.ts';
import { missingParts } from '../cache/coverage.ts';
import type { RateCache, YieldRow } from '../cache/rate-cache.ts';
import { StatisticsError } from '../errors.ts';
import { toRate, type Maturity, type RateProvider } from './yields.ts';

/** The rate of an investment without risk, as an annual share. */
export interface RiskFreeRate {
  /** Its maturity, or `given` for a number that the caller chose. */
  readonly maturity: Maturity | 'given';
  /** The day of the yield. */
  readonly date: IsoDate;
  readonly rate: number;
}

/** A yield that is older than this is not taken for the present one. */
const MAX_AGE_DAYS = 31;

/** Yields of a day are published on its afternoon in New York, now and then some hours late. */
const PUBLICATION_DELAY_MS = 12 * 3600 * 1000;

/** Yields through the cache: a year that is not known is fetched once, with all maturities. */
export class Rates {
  readonly #cache: RateCache;
  readonly #provider: RateProvider;
  readonly #now: () => Date;
  readonly #signal: AbortSignal;

  constructor(cache: RateCache, provider: RateProvider, now: () => Date, signal: AbortSignal) {
    this.#cache = cache;
    this.#provider = provider;
    this.#now = now;
    this.#signal = signal;
  }

  /** Yields of a range of days, ascending. */
  async yields(maturity: Maturity, range: DateRange): Promise<YieldRow[]> {
    await this.#ensure(range);
    return this.#cache.read(maturity, range);
  }

  /** The newest yield published before `before`, as published. Throws StatisticsError when there is none of late. */
  async riskFree(maturity: Maturity, before: IsoDate): Promise<RiskFreeRate> {
    const range = { start: addDays(before, -MAX_AGE_DAYS), end: before };
    const newest = (await this.yields(maturity, range)).findLast(({ percent }) => percent !== null);
    if (newest === undefined) {
      throw new StatisticsError(
        'missing-yields',
        `there is no ${maturity} yield in the ${MAX_AGE_DAYS} days before ${before}; ` +
          'choose another maturity with RISK_FREE or give --risk-free RATE',
      );
    }
    return { maturity, date: newest.date, rate: toRate(newest.percent!, 'as-published') };
  }

  /** Fetches the years of what is not known and must be out by now. */
  async #ensure({ start, end }: DateRange): Promise<void> {
    const unpublished = utcDate(new Date(this.#now().getTime() - PUBLICATION_DELAY_MS));
    const known = (await this.#cache.coverage()).get(this.#provider.name) ?? [];
    const missing = missingParts({ start, end: end < unpublished ? end : unpublished }, known);
    const years = new Set(
      missing.flatMap((part) => {
        const [first, last] = [part.start, addDays(part.end, -1)].map((date) => Number(date.slice(0, 4)));
        return Array.from({ length: last! - first! + 1 }, (_, index) => first! + index);
      }),
    );
    for (const year of years) {
      const curves = await this.#provider.fetchYear(year, this.#signal);
      const next = `${year + 1}-01-01`;
      const covered = { start: `${year}-01-01`, end: next < unpublished ? next : unpublished };
      await this.#cache.write(curves, covered, this.#provider.name);
    }
  }
}
