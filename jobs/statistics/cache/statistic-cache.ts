import type { IsoDate } from '../../runtime/dates.ts';
import { ESTIMATOR_VERSION } from '../estimators/estimate.ts';
import {
  correlationItem,
  correlationKey,
  marketItem,
  ownItem,
  profileKey,
  toCorrelation,
  toProfile,
  type MarketProfile,
  type Origin,
  type OwnProfile,
  type PairProfile,
  type StoredCorrelation,
  type StoredProfile,
  type WindowKey,
} from './statistic-items.ts';
import { startingWith, type Item, type TableStore } from './table-store.ts';

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
    const item = await this.#store.get('profile', ticker, profileKey(window));
    return item === undefined || !this.#counts(item) ? undefined : toProfile(item);
  }

  /** Every profile of a ticker that starts on a date. */
  async profilesFrom(ticker: string, start: IsoDate): Promise<StoredProfile[]> {
    const found: StoredProfile[] = [];
    for await (const item of this.#store.query('profile', { hash: ticker, ...startingWith(`${start}#`) }))
      if (this.#counts(item)) found.push(toProfile(item));
    return found;
  }

  /** Writes what needs no market; what was known of the market for these prices no longer counts. */
  async putOwn(ticker: string, window: WindowKey, own: OwnProfile, origin: Origin): Promise<void> {
    await this.#store.put('profile', [ownItem(ticker, window, own, origin)]);
  }

  /** Sets what depends on market and rate, all at once: of two writers one wins whole. */
  async putMarket(ticker: string, window: WindowKey, market: MarketProfile): Promise<void> {
    await this.#store.merge('profile', marketItem(ticker, window, market));
  }

  async correlation(a: string, b: string, window: WindowKey): Promise<StoredCorrelation | undefined> {
    const { tickers, isSwapped } = order(a, b);
    const item = await this.#store.get('correlations', tickers[0], correlationKey(tickers[1], window));
    return item === undefined || !this.#counts(item) ? undefined : toCorrelation(item, isSwapped);
  }

  /** Every correlation of a pair in windows that start on a date. */
  async correlationsFrom(a: string, b: string, start: IsoDate): Promise<StoredCorrelation[]> {
    const { tickers, isSwapped } = order(a, b);
    const found: StoredCorrelation[] = [];
    const selection = { hash: tickers[0], ...startingWith(`${start}#`) };
    for await (const item of this.#store.query('correlations', selection)) {
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
    await this.#store.put('correlations', [correlationItem(tickers, isSwapped, window, pair, origin)]);
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

function order(a: string, b: string): { tickers: readonly [string, string]; isSwapped: boolean } {
  return a < b ? { tickers: [a, b], isSwapped: false } : { tickers: [b, a], isSwapped: true };
}
