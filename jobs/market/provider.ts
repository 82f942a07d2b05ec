import type { DateRange, IsoDate } from '../runtime/dates.ts';
import type { Bar } from './bar.ts';

interface PriceRequest {
  /** The provider's own symbol. */
  readonly ticker: string;
  readonly range: DateRange;
  readonly signal: AbortSignal;
}

/** What is known of the listing behind a symbol; `null` where the provider does not say. */
export interface Listing {
  /** ISO 4217 code of the prices. */
  readonly currency: string | null;
  /** The provider's own code, where it quotes in a minor unit such as GBp; prices here are in the major one. */
  readonly quotedIn: string | null;
  readonly exchange: string | null;
  readonly name: string | null;
  /** Trading date of its first trade. */
  readonly firstTraded: IsoDate | null;
}

/**
 * The outcome of one request. Expected failures are values, not exceptions, so that a run can account for every
 * ticker. `reason` is one line and never holds a response body.
 *
 * - `ok`: at least one bar; dates ascending, unique and inside the range
 * - `empty`: the symbol exists and has no bar in the range; `isExpected` when the provider also says why, for
 *   instance because it was not listed yet
 * - `not-found`: the provider does not know the symbol
 * - `rate-limited`, `blocked`, `transient`: asking again later may help
 * - `invalid`: an answer came that cannot be trusted
 */
export type FetchResult =
  | {
      readonly kind: 'ok';
      readonly bars: readonly Bar[];
      readonly listing: Listing;
      /** Seconds since 1970 that the provider stamped the last bar with, before it became a date. */
      readonly lastStamp: number | null;
    }
  | { readonly kind: 'empty'; readonly reason: string; readonly isExpected: boolean }
  | { readonly kind: 'not-found'; readonly reason: string }
  | { readonly kind: 'rate-limited'; readonly reason: string; readonly retryAfterMs?: number }
  | {
      readonly kind: 'transient';
      readonly reason: string;
      /** Nothing came at all: the request ran out of time on a silent connection. */
      readonly isSilent?: boolean;
    }
  | { readonly kind: 'blocked' | 'invalid'; readonly reason: string };

export type FetchKind = FetchResult['kind'];

/** An outcome, and the bytes that were received for it (after decompression). */
export type Answer = FetchResult & { readonly bytes: number };

/** A source of daily prices. Implementations are safe to call concurrently. */
export interface PriceProvider {
  /** Names the partition of the lake that its prices go to. */
  readonly name: 'yahoo' | 'csv';
  fetchDaily(request: PriceRequest): Promise<Answer>;
}
