import { manifestFolder } from '../lake/layout.ts';
import { writeManifest } from '../lake/manifest.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import type { DateRange } from '../runtime/dates.ts';
import { MarketError } from '../runtime/errors.ts';
import { createRunId } from '../runtime/run-id.ts';
import { assertCoverage, countStatuses, sumRows, type FinishedLoad } from './finish.ts';
import { parseManifest } from './manifest-schema.ts';
import type { ExchangeSessions, LoadManifest } from './outcome.ts';

export interface MergeRequest {
  readonly count: number;
  readonly provider: string;
  /** For the merged manifest. */
  readonly range: DateRange;
  /** Only shards of this window; `undefined`: of any. */
  readonly window: DateRange | undefined;
  readonly minCoverage: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** Older shards belong to an earlier load of the same window. */
const SHARDS_OF_HOURS = 24;

/**
 * Puts the manifests of the latest run of each shard together into one, which decides whether the load as a whole
 * was good enough. Throws MarketError naming the shards that have left none within a day.
 */
export async function mergeShards(
  request: MergeRequest,
  store: ObjectStore,
  now: Date,
): Promise<FinishedLoad> {
  const latest = await latestOfEachShard(request, store, now);
  const shards = Array.from({ length: request.count }, (_, index) => `${index + 1}/${request.count}`);
  const lacking = shards.filter((shard) => !latest.has(shard));
  if (lacking.length > 0) {
    throw new MarketError(
      `shard ${lacking.join(', ')} of the load of ${request.range.start} up to before ${request.range.end} ` +
        `has left no manifest within ${SHARDS_OF_HOURS} hours; load it, then merge again`,
    );
  }
  const manifests = shards.map((shard) => latest.get(shard)!);
  const tickers = manifests
    .flatMap((manifest) => manifest.tickers)
    .toSorted((a, b) => (a.ticker < b.ticker ? -1 : 1));
  const sum = (pick: (manifest: LoadManifest) => number): number =>
    manifests.reduce((total, manifest) => total + pick(manifest), 0);
  const coverage: LoadManifest['coverage'] = {
    required: request.minCoverage,
    baseline: manifests.every((manifest) => manifest.coverage.baseline === 'good last time')
      ? 'good last time'
      : 'asked for',
    expected: sum((manifest) => manifest.coverage.expected),
    good: sum((manifest) => manifest.coverage.good),
  };
  let failure: unknown;
  try {
    assertCoverage(coverage, tickers);
  } catch (error) {
    failure = error;
  }
  const manifest: LoadManifest = {
    job: 'load',
    runId: createRunId(now),
    startedAt: manifests.map(({ startedAt }) => startedAt).toSorted()[0]!,
    finishedAt: now.toISOString(),
    status: failure === undefined ? 'done' : 'failed',
    ...(failure === undefined ? {} : { failure: (failure as Error).message }),
    arguments: {
      provider: request.provider,
      ...request.range,
      minCoverage: request.minCoverage,
      mergedRuns: manifests.map(({ runId }) => runId),
    },
    versions: request.versions,
    counts: countStatuses(tickers),
    rows: sumRows(tickers),
    requests: {
      made: sum(({ requests }) => requests.made),
      retries: sum(({ requests }) => requests.retries),
      pauses: sum(({ requests }) => requests.pauses),
      pausedMs: sum(({ requests }) => requests.pausedMs),
    },
    coverage,
    sessions: addSessions(manifests.flatMap(({ sessions }) => sessions)),
    ...addHistories(manifests.flatMap(({ history }) => history ?? [])),
    usage: {
      cpuSeconds: sum(({ usage }) => usage.cpuSeconds),
      peakMemoryMB: Math.max(...manifests.map(({ usage }) => usage.peakMemoryMB)),
    },
    written: [...new Set(manifests.flatMap(({ written }) => written))].toSorted(),
    tickers,
  };
  return { manifest, manifestKey: await writeManifest(store, manifest), failure };
}

async function latestOfEachShard(
  { count, provider, window }: MergeRequest,
  store: ObjectStore,
  now: Date,
): Promise<Map<string, LoadManifest>> {
  const latest = new Map<string, LoadManifest>();
  // Keys begin with the time of the start: the last one of a shard is its latest.
  for await (const { key, modifiedAt } of store.list(manifestFolder('load'))) {
    if (now.getTime() - modifiedAt.getTime() > SHARDS_OF_HOURS * 3_600_000) continue;
    const object = await store.get(key);
    if (object === undefined) continue;
    const manifest = parseManifest(object.body);
    if (typeof manifest === 'string') continue;
    const { shard, ...asked } = manifest.arguments;
    const isOurs =
      asked['provider'] === provider &&
      (window === undefined || (asked['start'] === window.start && asked['end'] === window.end)) &&
      typeof shard === 'string' &&
      shard.endsWith(`/${count}`);
    if (isOurs) latest.set(shard, manifest);
  }
  return latest;
}

/** Shards of one load agree on where histories begin, unless the lake changed between them. */
function addHistories(
  histories: readonly NonNullable<LoadManifest['history']>[],
): Pick<LoadManifest, 'history'> {
  const start = histories.map((history) => history.start).toSorted()[0];
  if (start === undefined) return {};
  return { history: { start, short: histories.reduce((total, { short }) => total + short, 0) } };
}

/** Counts of the same exchange and date of several shards, added up. */
function addSessions(sessions: readonly ExchangeSessions[]): ExchangeSessions[] {
  return [...Map.groupBy(sessions, ({ exchange }) => exchange)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([exchange, parts]) => {
      const closes: Record<string, number> = {};
      for (const [date, count] of parts.flatMap((part) => Object.entries(part.closes))) {
        closes[date] = (closes[date] ?? 0) + count;
      }
      return { exchange, tickers: parts.reduce((total, part) => total + part.tickers, 0), closes };
    });
}
