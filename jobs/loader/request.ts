import type { ObjectStore } from '../lake/object-store.ts';
import type { PriceProvider } from '../market/provider.ts';
import type { UniverseEntry } from '../market/universe.ts';
import type { Clock } from '../runtime/clock.ts';
import type { DateRange } from '../runtime/dates.ts';
import type { DuckDBConnection } from '../runtime/duckdb.ts';
import { StoppedError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Progress } from '../runtime/progress.ts';
import type { Shard } from '../market/universe.ts';

/** What a load is asked for, whatever the source. */
export interface LoadRequest {
  readonly runId: string;
  readonly startedAt: Date;
  readonly tickers: readonly string[];
  /** Trading dates to load. */
  readonly range: DateRange;
  readonly shard: Shard | undefined;
  /** Identifiers to keep beside the prices; `undefined` where the tickers came from the lake or from nowhere else. */
  readonly universe: UniverseToKeep | undefined;
  /** Least share of tickers that must be good, 0..1. */
  readonly minCoverage: number;
  readonly versions: Readonly<Record<string, string>>;
}

export interface UniverseToKeep {
  readonly names: readonly UniverseEntry[];
  /** It stands in for the universe that the lake lacks: one that has come in the meantime stays. */
  readonly isStandIn: boolean;
}

export interface LoadPorts {
  readonly store: ObjectStore;
  readonly db: DuckDBConnection;
  readonly provider: PriceProvider;
  readonly log: Logger;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly sleep: Clock['sleep'];
  /** An existing folder for temporary files. */
  readonly scratch: string;
  now(): Date;
}

/** Throws StoppedError when the run was asked to stop. */
export function stopWhenAsked(signal: AbortSignal): void {
  if (signal.aborted) throw new StoppedError(`stopped by ${String(signal.reason)}; the same command goes on`);
}
