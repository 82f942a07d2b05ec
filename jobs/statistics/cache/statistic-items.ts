import type { IsoDate } from '../../runtime/dates.ts';
import { ESTIMATOR_VERSION, type Method } from '../estimators/estimate.ts';
import type { PairSummary, Summary } from '../estimators/summary.ts';
import type { Item } from './table-store.ts';

/** What a statistic is of, apart from its tickers. */
export interface WindowKey {
  readonly start: IsoDate;
  /** First date that is no longer in the window. */
  readonly end: IsoDate;
  readonly method: Method;
  /** Whether a coin's weekends count. */
  readonly weekends: boolean;
  /** Whose sessions a coin is cut to; undefined where a ticker's own days count. */
  readonly sessions: string | undefined;
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

/** The composed range key of a profile. */
export function profileKey({ start, end, method, weekends, sessions }: WindowKey): string {
  const parts = [start, end, method, weekends ? 1 : 0];
  return (sessions === undefined ? parts : [...parts, sessions]).join('#');
}

/** The composed range key of a correlation with a second ticker. */
export function correlationKey(second: string, { sessions, ...window }: WindowKey): string {
  const parts = [profileKey({ ...window, sessions: undefined }), second];
  return (sessions === undefined ? parts : [...parts, sessions]).join('#');
}

/** What the key is composed of, for the indexes. */
function windowAttributes({ start, end, method, weekends, sessions }: WindowKey): Item {
  return { start, end_date: end, method, weekends: weekends ? 1 : 0, sessions };
}

function originAttributes({ source, writtenAt, expiresAt }: Origin): Item {
  return {
    source,
    est_version: ESTIMATOR_VERSION,
    written_at: writtenAt.toISOString(),
    expires_at: expiresAt === undefined ? undefined : Math.floor(expiresAt.getTime() / 1000),
  };
}

function toWindow(item: Item): WindowKey {
  return {
    start: text(item, 'start'),
    end: text(item, 'end_date'),
    method: text(item, 'method') as Method,
    weekends: item['weekends'] === 1,
    sessions: item['sessions'] as string | undefined,
  };
}

/** An item of what needs no market; what was known of the market for these prices no longer counts. */
export function ownItem(ticker: string, window: WindowKey, own: OwnProfile, origin: Origin): Item {
  return {
    ticker,
    start_date: profileKey(window),
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
  };
}

/** The attributes of an item that depend on market and rate. */
export function marketItem(ticker: string, window: WindowKey, market: MarketProfile): Item {
  return {
    ticker,
    start_date: profileKey(window),
    ...windowAttributes(window),
    sharpe_ratio: market.sharpeRatio,
    asset_beta: market.assetBeta,
    equity_cost: market.equityCost,
    market_return: market.marketReturn,
    market_proxy: market.marketProxy,
    risk_free: market.riskFree,
    risk_free_maturity: market.riskFreeMaturity,
    risk_free_date: market.riskFreeDate,
  };
}

/** One item for both orders of a pair, made in the order of `tickers`. */
export function correlationItem(
  tickers: readonly [string, string],
  isSwapped: boolean,
  window: WindowKey,
  { correlation, summary, first, last }: PairProfile,
  origin: Origin,
): Item {
  const [one, two] = isSwapped ? ([1, 0] as const) : ([0, 1] as const);
  return {
    ticker_1: tickers[0],
    start_date: correlationKey(tickers[1], window),
    ticker_2: tickers[1],
    ...windowAttributes(window),
    correlation,
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
  };
}

export function toProfile(item: Item): StoredProfile {
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

export function toCorrelation(item: Item, isSwapped: boolean): StoredCorrelation {
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
