import type { IsoDate } from '../runtime/dates.ts';

/** Bars of one ticker, ascending by date; what the lake does not have is NaN. */
export interface PriceBars {
  /** Days since 1970-01-01 of the exchange's trading dates. */
  readonly dates: Int32Array;
  /** Price per share, adjusted for splits, not for dividends. */
  readonly close: Float64Array;
  /** Shares traded, adjusted for splits. */
  readonly volume: Float64Array;
  /** Cash per share on its ex-date, on the basis of `close`. */
  readonly dividend: Float64Array;
  /** New shares per old share on the ex-date. */
  readonly split: Float64Array;
}

/** Prices as strategies see them. */
export interface PriceHistory {
  /**
   * Bars of each ticker from `start` (else from the first there is) up to and with `end`, and never of a date after
   * the environment's: a later `end` is read up to that. A ticker that has none in there gets none. All tickers are
   * read in one pass, so ask once for many.
   */
  read(
    tickers: readonly string[],
    range: { readonly start?: IsoDate | undefined; readonly end: IsoDate },
  ): Promise<ReadonlyMap<string, PriceBars>>;
}

/** What a build of a strategy reads. */
export interface StrategyContext {
  /** Strategies are built up to and with this date; nothing dated later is read. */
  readonly envDate: IsoDate;
  /** Where a strategy starts whose recipe does not say so; else at its first price. */
  readonly defaultStartDate?: IsoDate;
  readonly prices: PriceHistory;
}
