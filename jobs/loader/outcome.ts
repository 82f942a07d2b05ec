import type { RunManifest } from '../lake/manifest.ts';
import type { RowCounts } from '../lake/merge-prices.ts';
import type { FetchKind } from '../market/provider.ts';
import type { IsoDate } from '../runtime/dates.ts';

/**
 * What became of a ticker in a run. Beside what a provider answers:
 *
 * - `quarantined`: bars came that look wrong; they are held back until they heal or are confirmed
 * - `delisted`: not asked, the provider has not known it in several runs on different days
 * - `unattempted`: the run ended before its turn
 */
export const TICKER_STATUSES = [
  'ok',
  'empty',
  'rate-limited',
  'blocked',
  'transient',
  'invalid',
  'not-found',
  'unattempted',
  'quarantined',
  'delisted',
] as const satisfies readonly (FetchKind | 'quarantined' | 'delisted' | 'unattempted')[];
export type TickerStatus = (typeof TICKER_STATUSES)[number];

/**
 * Why a series deserves a look although it was taken.
 *
 * - `stale`: its last bar is more than a few sessions of its own exchange ago
 * - `flat`: the same close again and again, with no volume
 * - `renamed`: the provider gives the symbol another name or exchange than last time
 */
export const SERIES_FLAGS = ['stale', 'flat', 'renamed'] as const;
export type SeriesFlag = (typeof SERIES_FLAGS)[number];

/** What was asked of the provider: the window of the run, more to close a gap, or all of the history. */
export const FETCH_SCOPES = ['window', 'catch-up', 'history'] as const;
export type FetchScope = (typeof FETCH_SCOPES)[number];

export interface TickerOutcome {
  readonly ticker: string;
  readonly status: TickerStatus;
  /** One line; there unless the status is `ok`. */
  readonly reason?: string;
  readonly scope: FetchScope;
  /** Requests that were made for it. */
  readonly attempts: number;
  /** Bytes of all answers, after decompression. */
  readonly bytes: number;
  /** From the last request to the end of its answer. */
  readonly latencyMs?: number;
  /** Dates of its first and last bar in the answer, when one was taken. */
  readonly first?: IsoDate;
  readonly last?: IsoDate;
  /** Seconds since 1970 that the provider stamped the last bar with. */
  readonly lastStamp?: number;
  readonly rows?: RowCounts;
  readonly exchange?: string;
  /** ISO 4217 code of the prices in the lake. */
  readonly currency?: string;
  /** The provider's code, when it quotes in a minor unit such as GBp. */
  readonly quotedIn?: string;
  /** Why all of its history was fetched again and replaced: a ratio or a new action. */
  readonly restated?: string;
  /** Dates that came without a close. */
  readonly missing?: readonly IsoDate[];
  /** Bars left out because their prices contradict each other. */
  readonly rejected?: number;
  readonly flags?: readonly SeriesFlag[];
  /** From when its history was asked for, where that is later than the start of the run's histories. */
  readonly historyFrom?: IsoDate;
}

/** Of how many tickers of an exchange the lake now has a close, by trading date of the window. */
export interface ExchangeSessions {
  readonly exchange: string;
  /** Tickers of the exchange that answered. */
  readonly tickers: number;
  readonly closes: Readonly<Record<IsoDate, number>>;
}

/** What a load leaves behind in `runs/load/<run id>.json`. The counts add up to the number of tickers. */
export interface LoadManifest extends RunManifest {
  readonly job: 'load';
  readonly counts: Readonly<Partial<Record<TickerStatus, number>> & { total: number }>;
  readonly rows: RowCounts;
  readonly requests: {
    readonly made: number;
    readonly retries: number;
    /** How often the provider's refusals paused all requests, and for how long in all. */
    readonly pauses: number;
    readonly pausedMs: number;
  };
  readonly coverage: {
    readonly required: number;
    /** What the share is of: tickers that were good last time, or all that were asked for. */
    readonly baseline: 'good last time' | 'asked for';
    readonly expected: number;
    readonly good: number;
  };
  readonly sessions: readonly ExchangeSessions[];
  /** Where histories are to begin, and how many tickers do not reach back to it; 0.1.0 did not count them. */
  readonly history?: { readonly start: IsoDate; readonly short: number };
  readonly written: readonly string[];
  /** Of the process that finished the run. */
  readonly usage: { readonly cpuSeconds: number; readonly peakMemoryMB: number };
  readonly tickers: readonly TickerOutcome[];
}
