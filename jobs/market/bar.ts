import type { IsoDate } from '../runtime/dates.ts';

/**
 * One trading day of one ticker as the provider gives it. `null` is a value the provider does not have: it is
 * never replaced by zero or by a neighbour. A day that has only a corporate action has null prices.
 */
export interface Bar {
  /** Trading date in the time zone of the exchange. */
  readonly date: IsoDate;
  /** Prices per share in `currency`, adjusted for splits but not for dividends. */
  readonly open: number | null;
  readonly high: number | null;
  readonly low: number | null;
  readonly close: number | null;
  /** Close adjusted for splits and dividends. */
  readonly adjClose: number | null;
  /** Shares traded, adjusted for splits. */
  readonly volume: number | null;
  /** Cash per share, on its ex-date. */
  readonly dividend: number | null;
  /** New shares per old share, on its ex-date: 4 for a 4:1 split. */
  readonly split: number | null;
}
