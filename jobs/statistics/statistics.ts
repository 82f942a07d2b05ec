import { fromDay, toDay, type DateRange } from '../runtime/dates.ts';
import { UsageError } from '../runtime/errors.ts';
import { assetType, PERIODS_PER_YEAR } from './assets.ts';
import { invalidate } from './cache/invalidate.ts';
import { PriceCache, type PriceRow } from './cache/price-cache.ts';
import { RateCache } from './cache/rate-cache.ts';
import {
  StatisticCache,
  type MarketProfile,
  type Origin,
  type OwnProfile,
  type PairProfile,
  type WindowKey,
} from './cache/statistic-cache.ts';
import type { TableStore } from './cache/table-store.ts';
import { StatisticsError } from './errors.ts';
import { beta, costOfEquity, sharpeRatio } from './estimators/capm.ts';
import { correlationByPercentiles, correlationFromSummary } from './estimators/correlation.ts';
import { estimate, type Method } from './estimators/estimate.ts';
import { toCorrelationMatrix, type CorrelationMatrix } from './estimators/matrix.ts';
import {
  align,
  checkSeries,
  logReturns,
  restrictTo,
  type PriceSeries,
  type TimeUnit,
} from './estimators/series.ts';
import { summarize, summarizePair } from './estimators/summary.ts';
import { History, type TickerHistory } from './history.ts';
import { Rates, type RiskFreeRate } from './interest/rates.ts';
import type { Maturity, RateProvider } from './interest/yields.ts';
import type { PriceReader } from './lake-prices.ts';
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
  readonly #history: History;
  readonly #warnings: string[] = [];
  #hits = 0;
  #misses = 0;
  #histories: Promise<Map<string, TickerHistory>> | undefined;
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
    this.#history = new History(
      new PriceCache(parts.store),
      parts.prices,
      (ticker) => invalidate(parts.store, { ticker }),
      (writing) => this.#keep(writing),
    );
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
    if (stored?.market !== undefined && this.#isOf(stored.market, riskFree)) {
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
    const { own, isFinal } = joined ?? (await this.#estimate(ticker, window));
    await this.#keep(() => this.#cache.putOwn(ticker, window, own, this.#origin(isFinal)));
    return own;
  }

  /** Correlation of two tickers. */
  async correlation(a: string, b: string, weekends: boolean): Promise<number> {
    if (a === b) return 1;
    const areCoins = [a, b].every((ticker) => assetType(ticker) === 'crypto');
    const window = { ...this.request.window, method: this.request.method, weekends: weekends && areCoins };
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
    for (const [i, a] of tickers.entries()) {
      for (let j = 0; j < i; j += 1) {
        const rho = await this.correlation(a, tickers[j]!, this.weekends);
        rows[i]![j] = rho;
        rows[j]![i] = rho;
      }
    }
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
  async series(ticker: string, weekends: boolean): Promise<PriceSeries> {
    const all = toSeries(ticker, (await this.#historyOf(ticker)).rows);
    if (assetType(ticker) === 'equity' || weekends) return all;
    const market = toSeries(this.marketProxy, (await this.#historyOf(this.marketProxy)).rows);
    return restrictTo(all, market.days);
  }

  /** All rows of a ticker in the window, dividends among them. */
  async rows(ticker: string): Promise<readonly PriceRow[]> {
    return (await this.#historyOf(ticker)).rows;
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

  #isOf(market: MarketProfile, { maturity, date, rate }: RiskFreeRate): boolean {
    return (
      market.marketProxy === this.marketProxy &&
      market.riskFree === rate &&
      market.riskFreeMaturity === maturity &&
      market.riskFreeDate === date
    );
  }

  async #estimate(ticker: string, { method, weekends }: WindowKey) {
    const series = await this.series(ticker, weekends);
    const returns = logReturns(series, unitOf(ticker));
    const { annualReturn, annualVolatility } = estimate(returns, method, PERIODS_PER_YEAR[assetType(ticker)]);
    if (annualVolatility === 0) {
      throw new StatisticsError(
        'no-variation',
        `${ticker} has no volatility by ${method} in the window; choose a longer window or another method`,
      );
    }
    const own: OwnProfile = {
      annualReturn,
      annualVolatility,
      summary: summarize(returns),
      first: { date: fromDay(series.days[0]!), close: series.closes[0]! },
      last: { date: fromDay(series.days.at(-1)!), close: series.closes.at(-1)! },
    };
    return { own, isFinal: await this.#isFinal(ticker, weekends) };
  }

  async #correlate(a: string, b: string, { method, weekends }: WindowKey) {
    const [one, two] = align(await this.series(a, weekends), await this.series(b, weekends));
    const unit = unitOf(a, b);
    const what = { ticker: `the pair ${a} and ${b}` };
    const [first, second] = [logReturns({ ...one, ...what }, unit), logReturns({ ...two, ...what }, unit)];
    const summary = summarizePair(first, second);
    const pearson = correlationFromSummary(summary, [a, b]);
    const at = (index: number) => ({
      date: fromDay(one.days.at(index)!),
      closes: [one.closes.at(index)!, two.closes.at(index)!] as const,
    });
    const pair: PairProfile = {
      correlation: method === 'percentiles' ? correlationByPercentiles(first, second, pearson) : pearson,
      summary,
      first: at(0),
      last: at(-1),
    };
    return { pair, isFinal: (await this.#isFinal(a, weekends)) && (await this.#isFinal(b, weekends)) };
  }

  async #joinProfiles(ticker: string, window: WindowKey) {
    if (window.method === 'percentiles') return undefined;
    const chain = findChain(await this.#cache.profilesFrom(ticker, window.start), window);
    if (chain === undefined) return undefined;
    const perYear = PERIODS_PER_YEAR[assetType(ticker)];
    return { own: joinProfiles(chain, window.method, unitOf(ticker), perYear), isFinal: true };
  }

  async #joinPairs(a: string, b: string, window: WindowKey) {
    if (window.method === 'percentiles') return undefined;
    const chain = findChain(await this.#cache.correlationsFrom(a, b, window.start), window);
    return chain === undefined ? undefined : { pair: joinPairs(chain, unitOf(a, b), [a, b]), isFinal: true };
  }

  #windowOf(ticker: string, weekends: boolean): WindowKey {
    const counts = weekends && assetType(ticker) === 'crypto';
    return { ...this.request.window, method: this.request.method, weekends: counts };
  }

  /** All prices of the request are read together, when the first of them is needed. */
  async #historyOf(ticker: string): Promise<TickerHistory> {
    const tickers = [...new Set([...this.request.tickers, this.marketProxy])];
    this.#histories ??= this.#history.read(tickers, this.request.window);
    const history = (await this.#histories).get(ticker)!;
    if (history.rows.some(({ close }) => close !== null)) return history;
    const { start, end } = this.request.window;
    throw new StatisticsError(
      'unknown-ticker',
      `there are no closes of ${ticker} from ${start} up to before ${end} in ${this.#parts.prices.source}; ` +
        'check the symbol and the window, or load its prices first',
    );
  }

  async #isFinal(ticker: string, weekends: boolean): Promise<boolean> {
    const isCut = assetType(ticker) === 'crypto' && !weekends;
    const needed = isCut ? [ticker, this.marketProxy] : [ticker];
    const histories = await Promise.all(needed.map((name) => this.#historyOf(name)));
    return histories.every(({ isFinal }) => isFinal);
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

function unitOf(...tickers: string[]): TimeUnit {
  return tickers.every((ticker) => assetType(ticker) === 'crypto') ? 'days' : 'sessions';
}

function toSeries(ticker: string, rows: readonly PriceRow[]): PriceSeries {
  const closes = rows.filter(({ close }) => close !== null);
  const series = {
    ticker,
    days: Int32Array.from(closes, ({ date }) => toDay(date)),
    closes: Float64Array.from(closes, ({ close }) => close!),
  };
  checkSeries(series);
  return series;
}
