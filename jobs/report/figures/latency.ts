import { ascending, descending, quantileSorted } from 'd3-array';
import type { FetchScope, TickerOutcome } from '../../loader/outcome.ts';
import { SCOPE_NAMES } from '../statuses.ts';

export interface LatencyQuantiles {
  readonly answers: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Latencies in milliseconds, of the last request of each ticker. */
export interface LatencyFigures {
  readonly all: LatencyQuantiles;
  readonly scopes: readonly (LatencyQuantiles & { readonly scope: FetchScope })[];
  /** Half-open ranges `[from, to)` without a gap; their counts add up to the answers. */
  readonly bins: readonly { readonly from: number; readonly to: number; readonly answers: number }[];
  readonly slowest: readonly { readonly ticker: string; readonly latencyMs: number }[];
}

const SLOWEST = 10;

/** `undefined` where no ticker has a latency. */
export function latencyFigures(tickers: readonly TickerOutcome[]): LatencyFigures | undefined {
  const timed = tickers.filter((outcome) => outcome.latencyMs !== undefined) as readonly (TickerOutcome & {
    latencyMs: number;
  })[];
  if (timed.length === 0) return undefined;
  const quantilesOf = (outcomes: typeof timed): LatencyQuantiles =>
    quantiles(outcomes.map(({ latencyMs }) => latencyMs).sort(ascending));
  const all = quantilesOf(timed);
  return {
    all,
    scopes: SCOPE_NAMES.flatMap((scope) => {
      const own = timed.filter((outcome) => outcome.scope === scope);
      return own.length === 0 ? [] : [{ scope, ...quantilesOf(own) }];
    }),
    bins: countBins(timed.map(({ latencyMs }) => latencyMs)),
    slowest: timed
      .toSorted((a, b) => descending(a.latencyMs, b.latencyMs))
      .slice(0, SLOWEST)
      .map(({ ticker, latencyMs }) => ({ ticker, latencyMs })),
  };
}

/** Quantiles by linear interpolation (type 7 of Hyndman and Fan, 1996), as R, NumPy and Excel have them. */
function quantiles(sorted: number[]): LatencyQuantiles {
  const at = (share: number): number => quantileSorted(sorted, share)!;
  return { answers: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

// Latencies span decades: each bin is about twice as wide as the one before.
const EDGES = [0, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, Infinity];

function countBins(latencies: readonly number[]): LatencyFigures['bins'] {
  const bins = EDGES.slice(1).map((to, index) => {
    const from = EDGES[index]!;
    return { from, to, answers: latencies.filter((ms) => ms >= from && ms < to).length };
  });
  const first = bins.findIndex(({ answers }) => answers > 0);
  const last = bins.findLastIndex(({ answers }) => answers > 0);
  return bins.slice(first, last + 1);
}
