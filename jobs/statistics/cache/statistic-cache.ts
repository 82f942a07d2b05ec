import type { IsoDate } from '../../runtime/dates.ts';
import { ESTIMATOR_VERSION, type Method } from '../estimators/estimate.ts';
import type { PairSummary, Summary } from '../estimators/summary.ts';
import type { Item, TableStore } from './table-store.ts';

/** What a statistic is of, apart from its tickers. */
export interface WindowKey {
  readonly start: IsoDate;
  /** First date that is no longer in the window. */
  readonly end: IsoDate;
  readonly method: Method;
  /** Whether a coin's weekends count. */
  readonly weekends: boolean;
}

/** Where a statistic comes from, and until when it counts; both are compared when it is read. */
export interface Origin {
  /** Lake and provider. */
  readonly source: string;
  readonly writtenAt: Date;
  /** For a window whose prices can still become more. */
  readonly expiresAt: Date | undefined;
}

/** An end of the prices of a window. */
interface Edge {
  readonly date: IsoDate;
  readonly close: number;
}

/** Return and volatility of a window, with what joins it to its neighbours. */
export interface OwnProfile {
  readonly annualReturn: number;
  readonly annualVolatility: number;
  readonly summary: Summary;
  readonly first: Edge;
  readonly last: Edge;
}

/** What depends on a market and a risk-free rate, with both. */
export interface MarketProfile {
  readonly sharpeRatio: number;
  readonly assetBeta: number;
  readonly equityCost: number;
  readonly marketReturn: number;
  readonly marketProxy: string;
  readonly riskFree: number;
  readonly riskFreeMaturity: string;
  readonly riskFreeDate: IsoDate;
}

export interface StoredProfile {
  readonly window: WindowKey;
  readonly own: OwnProfile;
  readonly market: MarketProfile | undefined;
  /** False while its prices can still become more. */
  readonly isFinal: boolean;
}

export interface PairProfile {
  readonly correlation: number;
  readonly summary: PairSummary;
  /** Closes of both at the ends of their common dates. */
  readonly first: { readonly date: IsoDate; readonly closes: readonly [number, number] };
  readonly last: { readonly date: IsoDate; readonly closes: readonly [number, number] };
}

export interface StoredCorrelation {
  readonly window: WindowKey;
  readonly pair: PairProfile;
  readonly isFinal: boolean;
}

/**
 * Profiles and correlations. The tables know one start date per ticker only, so the range key is composed of all that
 * makes a statistic what it is; the plain values stay as attributes for the indexes.
 */
export class StatisticCache {
  readonly #store: TableStore;
  readonly #source: string;
  readonly #now: () => Date;

  constructor(store: TableStore, source: string, now: () => Date) {
    this.#store = store;
    this.#source = source;
    this.#now = now;
  }

  async profile(ticker: string, window: WindowKey): Promise<StoredProfile | undefined> {
    const item = await this.#store.get('profile', ticker, formatWindow(window));
    return item === undefined || !this.#counts(item) ? undefined : toProfile(item);
  }

  /** Every profile of a ticker that starts on a date or later. */
  async profilesFrom(ticker: string, start: IsoDate): Promise<StoredProfile[]> {
    const found: StoredProfile[] = [];
    for await (const item of this.#store.query('profile', { hash: ticker, from: start }))
      if (this.#counts(item)) found.push(toProfile(item));
    return found;
  }

  /** Writes what needs no market; what was known of the market for these prices no longer counts. */
  async putOwn(ticker: string, window: WindowKey, own: OwnProfile, origin: Origin): Promise<void> {
    await this.#store.put('profile', [
      {
        ticker,
        start_date: formatWindow(window),
        ...windowAttributes(window),
        annual_return: own.annualReturn,
        annual_volatility: own.annualVolatility,
        n: own.summary.n,
        elapsed: own.summary.elapsed,
        sum_log: own.summary.sum,
        sum_sq: own.summary.squares,
        first_date: own.first.date,
        first_close: own.first.close,
        last_date: own.last.date,
        last_close: own.last.close,
        ...originAttributes(origin),
      },
    ]);
  }

  /** Sets what depends on market and rate, all at once: of two writers one wins whole. */
  async putMarket(ticker: string, window: WindowKey, market: MarketProfile): Promise<void> {
    await this.#store.merge('profile', {
      ticker,
      start_date: formatWindow(window),
      ...windowAttributes(window),
      sharpe_ratio: market.sharpeRatio,
      asset_beta: market.assetBeta,
      equity_cost: market.equityCost,
      market_return: market.marketReturn,
      market_proxy: market.marketProxy,
      risk_free: market.riskFree,
      risk_free_maturity: market.riskFreeMaturity,
      risk_free_date: market.riskFreeDate,
    });
  }

  async correlation(a: string, b: string, window: WindowKey): Promise<StoredCorrelation | undefined> {
    const { tickers, isSwapped } = order(a, b);
    const item = await this.#store.get('correlations', tickers[0], `${formatWindow(window)}#${tickers[1]}`);
    return item === undefined || !this.#counts(item) ? undefined : toCorrelation(item, isSwapped);
  }

  /** Every correlation of a pair in windows that start on a date or later. */
  async correlationsFrom(a: string, b: string, start: IsoDate): Promise<StoredCorrelation[]> {
    const { tickers, isSwapped } = order(a, b);
    const found: StoredCorrelation[] = [];
    for await (const item of this.#store.query('correlations', { hash: tickers[0], from: start })) {
      if (item['ticker_2'] === tickers[1] && this.#counts(item)) found.push(toCorrelation(item, isSwapped));
    }
    return found;
  }

  /** Writes one item for both orders of the pair, the smaller ticker first. */
  async putCorrelation(
    a: string,
    b: string,
    window: WindowKey,
    pair: PairProfile,
    origin: Origin,
  ): Promise<void> {
    const { tickers, isSwapped } = order(a, b);
    const [one, two] = isSwapped ? ([1, 0] as const) : ([0, 1] as const);
    const { summary, first, last } = pair;
    await this.#store.put('correlations', [
      {
        ticker_1: tickers[0],
        start_date: `${formatWindow(window)}#${tickers[1]}`,
        ticker_2: tickers[1],
        ...windowAttributes(window),
        correlation: pair.correlation,
        n: summary.n,
        elapsed: summary.elapsed,
        sum_1: summary.sums[one],
        sum_2: summary.sums[two],
        sq_1: summary.squares[one],
        sq_2: summary.squares[two],
        cross: summary.cross,
        first_date: first.date,
        first_close_1: first.closes[one],
        first_close_2: first.closes[two],
        last_date: last.date,
        last_close_1: last.closes[one],
        last_close_2: last.closes[two],
        ...originAttributes(origin),
      },
    ]);
  }

  /** Who has a correlation with a ticker, from the table and its index of the other side. */
  async partners(ticker: string): Promise<string[]> {
    const partners = new Set<string>();
    for await (const item of this.#store.query('correlations', { hash: ticker }))
      partners.add(String(item['ticker_2']));
    for await (const item of this.#store.query('correlations', { index: 'AssetTelescoping', hash: ticker }))
      partners.add(String(item['ticker_1']));
    return [...partners].toSorted();
  }

  // DynamoDB removes what has expired some time later, so it is looked at here.
  #counts(item: Item): boolean {
    const expiresAt = item['expires_at'];
    return (
      item['est_version'] === ESTIMATOR_VERSION &&
      item['source'] === this.#source &&
      (expiresAt === undefined || Number(expiresAt) * 1000 > this.#now().getTime())
    );
  }
}

/** The composed range key; a correlation's goes on with the second ticker. */
function formatWindow({ start, end, method, weekends }: WindowKey): string {
  return `${start}#${end}#${method}#${weekends ? 1 : 0}`;
}

function windowAttributes({ start, end, method, weekends }: WindowKey): Item {
  return { start, end_date: end, method, weekends: weekends ? 1 : 0 };
}

function originAttributes({ source, writtenAt, expiresAt }: Origin): Item {
  return {
    source,
    est_version: ESTIMATOR_VERSION,
    written_at: writtenAt.toISOString(),
    expires_at: expiresAt === undefined ? undefined : Math.floor(expiresAt.getTime() / 1000),
  };
}

function order(a: string, b: string): { tickers: readonly [string, string]; isSwapped: boolean } {
  return a < b ? { tickers: [a, b], isSwapped: false } : { tickers: [b, a], isSwapped: true };
}

function toWindow(item: Item): WindowKey {
  return {
    start: text(item, 'start'),
    end: text(item, 'end_date'),
    method: text(item, 'method') as Method,
    weekends: item['weekends'] === 1,
  };
}

function toProfile(item: Item): StoredProfile {
  const market = item['sharpe_ratio'] === undefined ? undefined : toMarket(item);
  return {
    window: toWindow(item),
    own: {
      annualReturn: number(item, 'annual_return'),
      annualVolatility: number(item, 'annual_volatility'),
      summary: {
        n: number(item, 'n'),
        elapsed: number(item, 'elapsed'),
        sum: number(item, 'sum_log'),
        squares: number(item, 'sum_sq'),
      },
      first: { date: text(item, 'first_date'), close: number(item, 'first_close') },
      last: { date: text(item, 'last_date'), close: number(item, 'last_close') },
    },
    market,
    isFinal: item['expires_at'] === undefined,
  };
}

function toMarket(item: Item): MarketProfile {
  return {
    sharpeRatio: number(item, 'sharpe_ratio'),
    assetBeta: number(item, 'asset_beta'),
    equityCost: number(item, 'equity_cost'),
    marketReturn: number(item, 'market_return'),
    marketProxy: text(item, 'market_proxy'),
    riskFree: number(item, 'risk_free'),
    riskFreeMaturity: text(item, 'risk_free_maturity'),
    riskFreeDate: text(item, 'risk_free_date'),
  };
}

function toCorrelation(item: Item, isSwapped: boolean): StoredCorrelation {
  const both = (name: string): [number, number] => {
    const [one, two] = [number(item, `${name}_1`), number(item, `${name}_2`)];
    return isSwapped ? [two, one] : [one, two];
  };
  return {
    window: toWindow(item),
    pair: {
      correlation: number(item, 'correlation'),
      summary: {
        n: number(item, 'n'),
        elapsed: number(item, 'elapsed'),
        sums: both('sum'),
        squares: both('sq'),
        cross: number(item, 'cross'),
      },
      first: { date: text(item, 'first_date'), closes: both('first_close') },
      last: { date: text(item, 'last_date'), closes: both('last_close') },
    },
    isFinal: item['expires_at'] === undefined,
  };
}

function number(item: Item, name: string): number {
  return Number(item[name]);
}

function text(item: Item, name: string): string {
  return String(item[name]);
}
