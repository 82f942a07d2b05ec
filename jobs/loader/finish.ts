import { writeManifest } from '../lake/manifest.ts';
import type { RowCounts } from '../lake/merge-prices.ts';
import { readUniverseTable, saveUniverse } from '../lake/universe-table.ts';
import { utcDate } from '../runtime/dates.ts';
import { CoverageError, firstLine, StoppedError } from '../runtime/errors.ts';
import { measureUsage } from '../runtime/usage.ts';
import { isCovered, type Coverage } from './coverage.ts';
import { TICKER_STATUSES, type LoadManifest, type TickerOutcome } from './outcome.ts';
import type { LoadPorts, LoadRequest } from './request.ts';

/** How a load ended. */
export interface FinishedLoad {
  readonly manifest: LoadManifest;
  readonly manifestKey: string;
  /** What ended it before it was done, or CoverageError; to be thrown when everything has been said. */
  readonly failure: unknown;
}

/** What a load has done so far, also when it fails. */
export type LoadRecord = Pick<LoadManifest, 'tickers' | 'written' | 'sessions' | 'requests' | 'history'>;

/**
 * Runs a load to its end and accounts for it: the manifest is written however the run ends, the universe is kept
 * when it ended well, and too little coverage is a failure after everything else is done.
 */
export async function finishLoad(
  request: LoadRequest,
  ports: LoadPorts,
  load: () => Promise<Coverage>,
  record: () => LoadRecord,
): Promise<FinishedLoad> {
  const { store, log, now } = ports;
  let failure: unknown;
  let coverage: Coverage | undefined;
  try {
    coverage = await load();
    const { universe } = request;
    if (universe !== undefined) {
      const { db, scratch } = ports;
      const isLate = universe.isStandIn && (await readUniverseTable(store, db, scratch)) !== undefined;
      if (!isLate) await saveUniverse(store, db, universe.names, utcDate(request.startedAt), scratch);
    }
    assertCoverage(coverage, record().tickers);
  } catch (error) {
    failure = error;
  }
  const { tickers, ...rest } = record();
  const manifest: LoadManifest = {
    job: 'load',
    runId: request.runId,
    startedAt: request.startedAt.toISOString(),
    finishedAt: now().toISOString(),
    status: failure === undefined ? 'done' : failure instanceof StoppedError ? 'stopped' : 'failed',
    ...(failure === undefined ? {} : { failure: firstLine(failure) }),
    arguments: {
      provider: ports.provider.name,
      ...request.range,
      minCoverage: request.minCoverage,
      ...(request.shard === undefined ? {} : { shard: `${request.shard.index}/${request.shard.count}` }),
    },
    versions: request.versions,
    counts: countStatuses(tickers),
    rows: sumRows(tickers),
    coverage: coverage ?? {
      required: request.minCoverage,
      baseline: 'asked for',
      expected: tickers.length,
      good: tickers.filter(({ status }) => status === 'ok').length,
    },
    ...rest,
    written: [...rest.written].toSorted(),
    usage: measureUsage(),
    tickers: tickers.toSorted((a, b) => (a.ticker < b.ticker ? -1 : 1)),
  };
  let manifestKey = '';
  try {
    manifestKey = await writeManifest(store, manifest);
  } catch (error) {
    // What made the run fail may keep its manifest from being written too; the first failure is the one to tell.
    failure ??= error;
  }
  const { rows, counts } = manifest;
  log.info(
    { event: 'load.finished', status: manifest.status, rows, counts, written: manifest.written.length },
    `load is ${manifest.status}`,
  );
  return { manifest, manifestKey, failure };
}

/** How many tickers ended in each way; the counts add up to `total`. */
export function countStatuses(tickers: readonly TickerOutcome[]): LoadManifest['counts'] {
  const counts = TICKER_STATUSES.map(
    (status) => [status, tickers.filter((outcome) => outcome.status === status).length] as const,
  );
  return { total: tickers.length, ...Object.fromEntries(counts.filter(([, count]) => count > 0)) };
}

export function sumRows(tickers: readonly TickerOutcome[]): RowCounts {
  const total: RowCounts = { new: 0, changed: 0, unchanged: 0, removed: 0 };
  for (const { rows } of tickers) {
    for (const outcome of ['new', 'changed', 'unchanged', 'removed'] as const) {
      total[outcome] += rows?.[outcome] ?? 0;
    }
  }
  return total;
}

/** Throws CoverageError when too few of the expected tickers are good. */
export function assertCoverage(coverage: Coverage, tickers: readonly TickerOutcome[]): void {
  if (isCovered(coverage)) return;
  const { good, expected, baseline, required } = coverage;
  const first = tickers.find(({ status }) => status !== 'ok' && status !== 'empty' && status !== 'delisted');
  throw new CoverageError(
    `${good} of ${expected} tickers ${baseline} are good, --min-coverage asks for ${required}; what was fetched is kept` +
      (first === undefined ? '' : `; first failure: ${first.ticker} ${first.status}, ${first.reason}`),
  );
}
