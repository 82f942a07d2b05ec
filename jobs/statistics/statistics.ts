import pLimit from 'p-limit';
import { fromDay, toDay, type DateRange } from '../runtime/dates.ts';
import { UsageError } from '../runtime/errors.ts';
import { assetType, PERIODS_PER_YEAR } from './assets.ts';
import { missingParts } from './cache/coverage.ts';
import { invalidate } from './cache/invalidate.ts';
import { PriceCache, type PriceRow } from './cache/price-cache.ts';
import { RateCache } from './cache/rate-cache.ts';
import { StatisticCache } from './cache/statistic-cache.ts';
import type { MarketProfile, Origin, OwnProfile, WindowKey } from './cache/statistic-items.ts';
import type { TableStore } from './cache/table-store.ts';
import { StatisticsError } from './errors.ts';
import { beta, costOfEquity, sharpeRatio } from './estimators/capm.ts';
import type { Method } from './estimators/estimate.ts';
import { toCorrelationMatrix, type CorrelationMatrix } from './estimators/matrix.ts';
import type { PriceSeries } from './estimators/series.ts';
import { History } from './history.ts';
import { Rates, type RiskFreeRate } from './interest/rates.ts';
import type { Maturity, RateProvider } from './interest/yields.ts';
import type { PriceReader } from './lake-prices.ts';
import { measureOwn, measurePair, unitOf } from './measure.ts';
import { RequestPrices, sessionsOf } from './request-prices.ts';
import { findChain, joinPairs, joinProfiles } from './telescope.ts';

/** What statistics are computed with, the same for many requests. */
export interface StatisticsParts {
  readonly store: TableStore;
  readonly prices: PriceReader;
  readonly rates: RateProvider;
  readonly marketProxy: string;
  readonly maturity: Maturity;
  readonly now: () => Date;
}

/** What one request is about. */
export interface StatisticsRequest {
  readonly tickers: readonly string[];
  readonly window: DateRange;
  readonly method: Method;
  /** Whether a coin's weekends count; by default where all tickers are coins. */
  readonly weekends: boolean | undefined;
  /** A rate as an annual share, or the maturity whose yield is taken. */
  readonly riskFree: number | Maturity | undefined;
  readonly marketProxy: string | undefined;
}

/** What an answer was computed from. */
export interface Trace {
  readonly hits: number;
  readonly misses: number;
  readonly warnings: readonly string[];
}

/** A window that prices can still be added to is trusted for this long. */
const OPEN_WINDOW_MS = 6 * 3600 * 1000;
/** Pairs that are looked up or computed at once. */
const CONCURRENT_PAIRS = 16;

/** Everything that is known of a ticker. */
export interface Profile extends OwnProfile, MarketProfile {}

/** Statistics of one request, each from the cache where it has it. */
export class Statistics {
  readonly request: StatisticsRequest;
  readonly weekends: boolean;
  readonly marketProxy: string;
  readonly rates: Rates;
  readonly #parts: StatisticsParts;
  readonly #cache: StatisticCache;
  readonly #knownPrices: PriceCache;
  readonly #prices: RequestPrices;
  readonly #warnings: string[] = [];
  #hits = 0;
  #misses = 0;
  #riskFree: Promise<RiskFreeRate> | undefined;

  constructor(parts: StatisticsParts, request: StatisticsRequest, signal: AbortSignal) {
    this.#parts = parts;
    this.request = request;
    this.marketProxy = request.marketProxy ?? parts.marketProxy;
    const areCoins = request.tickers.every((ticker) => assetType(ticker) === 'crypto');
    if (request.weekends === true && !areCoins) {
      const share = request.tickers.find((ticker) => assetType(ticker) === 'equity');
      throw new UsageError(`--weekends is for coins only, and ${share} is traded on weekdays`);
    }
    this.weekends = request.weekends ?? (areCoins && request.tickers.length > 0);
    this.#cache = new StatisticCache(parts.store, parts.prices.source, parts.now);
    this.rates = new Rates(new RateCache(parts.store), parts.rates, parts.now, signal);
    this.#knownPrices = new PriceCache(parts.store);
    const history = new History(
      this.#knownPrices,
      parts.prices,
      (ticker) => invalidate(parts.store, { ticker }),
      (writing) => this.#keep(writing),
    );
    const tickers = [...request.tickers, this.marketProxy];
    this.#prices = new RequestPrices(history, tickers, request.window, parts.prices.source);
  }

  get trace(): Trace {
    return { hits: this.#hits, misses: this.#misses, warnings: this.#warnings };
  }

  /** The rate without risk at the end of the window. */
  riskFree(): Promise<RiskFreeRate> {
    const { riskFree, window } = this.request;
    this.#riskFree ??=
      typeof riskFree === 'number'
        ? Promise.resolve({ maturity: 'given', date: fromDay(toDay(window.end) - 1), rate: riskFree })
        : this.rates.riskFree(riskFree ?? this.#parts.maturity, window.end);
    return this.#riskFree;
  }

  /** Return, volatility and what depends on the market, of one of the request's tickers. */
  async profile(ticker: string): Promise<Profile> {
    const window = this.#windowOf(ticker, this.weekends);
    const riskFree = await this.riskFree();
    const stored = await this.#cache.profile(ticker, window);
    if (stored?.market !== undefined && (await this.#stillHolds(stored.market, riskFree))) {
      this.#hits += 1;
      return { ...stored.own, ...stored.market };
    }
    const own = await this.own(ticker, this.weekends);
    const market = await this.#market(ticker, own, riskFree);
    await this.#keep(() => this.#cache.putMarket(ticker, window, market));
    return { ...own, ...market };
  }

  /** Return and volatility of a ticker. */
  async own(ticker: string, weekends: boolean): Promise<OwnProfile> {
    const window = this.#windowOf(ticker, weekends);
    const stored = await this.#cache.profile(ticker, window);
    if (stored !== undefined) {
      this.#hits += 1;
      return stored.own;
    }
    this.#misses += 1;
    const joined = await this.#joinProfiles(ticker, window);
    const own = joined ?? measureOwn(await this.#prices.series(ticker, window.sessions), window.method);
    const isFinal = joined !== undefined || (await this.#prices.isFinal(ticker, window.sessions));
    await this.#keep(() => this.#cache.putOwn(ticker, window, own, this.#origin(isFinal)));
    return own;
  }

  /** Correlation of two tickers. */
  async correlation(a: string, b: string, weekends: boolean): Promise<number> {
    if (a === b) return 1;
    const window = this.#windowOfPair(a, b, weekends);
    const stored = await this.#cache.correlation(a, b, window);
    if (stored !== undefined) {
      this.#hits += 1;
      return stored.pair.correlation;
    }
    this.#misses += 1;
    const joined = await this.#joinPairs(a, b, window);
    const { pair, isFinal } = joined ?? (await this.#correlate(a, b, window));
    await this.#keep(() => this.#cache.putCorrelation(a, b, window, pair, this.#origin(isFinal)));
    return pair.correlation;
  }

  /** Correlations of all tickers of the request, made consistent where the pairs are not. */
  async correlations(): Promise<CorrelationMatrix> {
    const { tickers } = this.request;
    const rows = tickers.map(() => tickers.map(() => 1));
    const limit = pLimit(CONCURRENT_PAIRS);
    const pairs = tickers.flatMap((a, i) => tickers.slice(0, i).map((b, j) => ({ a, b, i, j })));
    await Promise.all(
      pairs.map(({ a, b, i, j }) =>
        limit(async () => {
          const rho = await this.correlation(a, b, this.weekends);
          rows[i]![j] = rho;
          rows[j]![i] = rho;
        }),
      ),
    );
    const matrix = toCorrelationMatrix(rows);
    if (matrix.repair !== undefined) {
      const { smallestEigenvalue, largestChange } = matrix.repair;
      this.#warnings.push(
        `the correlations contradict each other (smallest eigenvalue ${smallestEigenvalue.toPrecision(3)}); ` +
          `the nearest correlation matrix was taken, which changes one by ${largestChange.toPrecision(3)}`,
      );
    }
    return matrix;
  }

  /** Closes of a ticker in the window; those of a coin on sessions of the market only, unless weekends count. */
  series(ticker: string): Promise<PriceSeries> {
    return this.#prices.series(ticker, sessionsOf(ticker, this.weekends, this.marketProxy));
  }

  /** All rows of a ticker in the window, dividends among them. */
  rows(ticker: string): Promise<readonly PriceRow[]> {
    return this.#prices.rows(ticker);
  }

  warn(message: string): void {
    this.#warnings.push(message);
  }

  async #market(ticker: string, own: OwnProfile, riskFree: RiskFreeRate): Promise<MarketProfile> {
    const market = await this.own(this.marketProxy, false);
    // Beta is of the sessions that both have: a coin's volatility there is that without weekends.
    const beside = this.weekends ? await this.own(ticker, false) : own;
    const correlation = await this.correlation(ticker, this.marketProxy, false);
    const assetBeta = beta(correlation, beside.annualVolatility, market.annualVolatility);
    return {
      sharpeRatio: sharpeRatio(own.annualReturn, own.annualVolatility, riskFree.rate),
      assetBeta,
      equityCost: costOfEquity(assetBeta, market.annualReturn, riskFree.rate),
      marketReturn: market.annualReturn,
      marketProxy: this.marketProxy,
      riskFree: riskFree.rate,
      riskFreeMaturity: riskFree.maturity,
      riskFreeDate: riskFree.date,
    };
  }

  /** Whether what was computed of a market is of the same rate and of what is known of the market by now. */
  async #stillHolds(stored: MarketProfile, { maturity, date, rate }: RiskFreeRate): Promise<boolean> {
    if (stored.marketProxy !== this.marketProxy) return false;
    const market = await this.#cache.profile(this.marketProxy, this.#windowOf(this.marketProxy, false));
    return (
      stored.marketReturn === market?.own.annualReturn &&
      stored.riskFree === rate &&
      stored.riskFreeMaturity === maturity &&
      stored.riskFreeDate === date
    );
  }

  async #correlate(a: string, b: string, { method, sessions }: WindowKey) {
    const [one, two] = await Promise.all([a, b].map((ticker) => this.#prices.series(ticker, sessions)));
    const areFinal = await Promise.all([a, b].map((ticker) => this.#prices.isFinal(ticker, sessions)));
    return { pair: measurePair(one!, two!, method), isFinal: areFinal.every(Boolean) };
  }

  async #joinProfiles(ticker: string, window: WindowKey): Promise<OwnProfile | undefined> {
    if (window.method === 'percentiles') return undefined;
    const chain = await findChain((start) => this.#cache.profilesFrom(ticker, start), window);
    if (
      chain === undefined ||
      !(await this.#areOfNow(
        ticker,
        chain.map(({ own }) => own),
      ))
    )
      return undefined;
    return joinProfiles(chain, window.method, unitOf(ticker), PERIODS_PER_YEAR[assetType(ticker)]);
  }

  async #joinPairs(a: string, b: string, window: WindowKey) {
    if (window.method === 'percentiles') return undefined;
    const chain = await findChain((start) => this.#cache.correlationsFrom(a, b, start), window);
    if (chain === undefined) return undefined;
    for (const [side, ticker] of [a, b].entries()) {
      const ends = chain.map(({ pair: { first, last } }) => ({
        first: { date: first.date, close: first.closes[side]! },
        last: { date: last.date, close: last.closes[side]! },
      }));
      if (!(await this.#areOfNow(ticker, ends))) return undefined;
    }
    return { pair: joinPairs(chain, unitOf(a, b), [a, b]), isFinal: true };
  }

  /** Whether windows start and end at closes that are known now: after a split those of before have another scale. */
  async #areOfNow(ticker: string, ends: readonly Pick<OwnProfile, 'first' | 'last'>[]): Promise<boolean> {
    const known = (await this.#knownPrices.coverage(ticker)).get(this.#parts.prices.source) ?? [];
    if (missingParts(this.request.window, known).length > 0) return false;
    for (const { date, close } of ends.flatMap(({ first, last }) => [first, last]))
      if ((await this.#knownPrices.close(ticker, date)) !== close) return false;
    return true;
  }

  #windowOf(ticker: string, weekends: boolean): WindowKey {
    return {
      ...this.request.window,
      method: this.request.method,
      weekends: weekends && assetType(ticker) === 'crypto',
      sessions: sessionsOf(ticker, weekends, this.marketProxy),
    };
  }

  /** A coin beside a share is looked at on the days that both have, whoever is the market. */
  #windowOfPair(a: string, b: string, weekends: boolean): WindowKey {
    const areCoins = [a, b].every((ticker) => assetType(ticker) === 'crypto');
    const window = this.#windowOf(a, weekends);
    return areCoins ? window : { ...window, weekends: false, sessions: undefined };
  }

  #origin(isFinal: boolean): Origin {
    const writtenAt = this.#parts.now();
    return {
      source: this.#parts.prices.source,
      writtenAt,
      expiresAt: isFinal ? undefined : new Date(writtenAt.getTime() + OPEN_WINDOW_MS),
    };
  }

  /** What was computed is right whether or not the cache takes it. */
  async #keep(writing: () => Promise<void>): Promise<void> {
    try {
      await writing();
    } catch (error) {
      if (!(error instanceof StatisticsError)) throw error;
      this.#warnings.push(`not kept in the cache: ${error.message}`);
    }
  }
}
