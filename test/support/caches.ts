import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { S3Store } from '../../jobs/lake/s3-store.ts';
import { ObjectService } from '../../jobs/objects/object-service.ts';
import { CacheEvents, type CacheEvent } from '../../jobs/store/events.ts';
import type { CacheLevel } from '../../jobs/store/level.ts';
import { MemoryLevel } from '../../jobs/store/memory-level.ts';
import { S3Level } from '../../jobs/store/s3-level.ts';
import { SqliteLevel } from '../../jobs/store/sqlite-level.ts';
import { TieredCache, type TieredCacheOptions } from '../../jobs/store/tiered-cache.ts';
import { workspaceFolder, type Workspace } from '../../jobs/store/workspace.ts';
import { awsClientConfig } from './aws.ts';

export const START_MS = Date.parse('2022-01-30T12:00:00Z');
export const DAY_MS = 86_400_000;
export const TEAM: Workspace = { organisation: 'A', workspace: 'main' };

/** A clock that stands still until it is set. */
export interface TestClock {
  ms: number;
  readonly now: () => number;
}

export function testClock(): TestClock {
  const clock = { ms: START_MS, now: () => clock.ms };
  return clock;
}

/** A cache with what has happened in it. */
export interface TestCache {
  readonly cache: TieredCache;
  readonly memory: MemoryLevel;
  readonly events: readonly CacheEvent[];
  /** How often something happened, in whatever level. */
  count(type: CacheEvent['type']): number;
}

/** Memory over a durable level, as a process has it. */
export function cacheOver(
  durable: CacheLevel,
  clock: TestClock,
  options: Partial<TieredCacheOptions> & { memoryBytes?: number; between?: readonly CacheLevel[] } = {},
): TestCache {
  const { memoryBytes = 2 ** 28, between = [], ...others } = options;
  const events: CacheEvent[] = [];
  const listener = new CacheEvents((event) => events.push(event));
  const memory = new MemoryLevel(memoryBytes, (key) =>
    listener.emit({ type: 'evict', level: 'memory', key }),
  );
  const cache = new TieredCache({
    levels: [memory, ...between, durable],
    now: clock.now,
    events: listener,
    ...others,
  });
  return {
    cache,
    memory,
    events,
    count: (type) => events.filter((event) => event.type === type).length,
  };
}

export function objectsOf(
  cache: TieredCache,
  workspace: Workspace = TEAM,
  creator = 'tester',
): ObjectService {
  return new ObjectService({
    cache: async () => cache,
    folder: workspaceFolder(workspace, 'objects'),
    creator,
  });
}

export function newSqliteLevel(folder: string, maxBytes?: number): SqliteLevel {
  const file = join(mkdtempSync(join(folder, 'level-')), 'objects.db');
  return new SqliteLevel(file, { nowMs: START_MS, ...(maxBytes === undefined ? {} : { maxBytes }) });
}

let prefixes = 0;

/** A level below a prefix of its own. */
export function newS3Level(bucket: string, endpoint: string, maxAttempts = 3): S3Level {
  prefixes += 1;
  return s3LevelAt(bucket, `p${prefixes}`, endpoint, maxAttempts);
}

export function s3LevelAt(bucket: string, prefix: string, endpoint: string, maxAttempts = 3): S3Level {
  const store = new S3Store(bucket, prefix, { ...awsClientConfig, endpoint, maxAttempts }, 'objects');
  return new S3Level(store, () => START_MS);
}

/** A level whose every operation can be changed, for what only a service that is away does. */
export function breakableLevel(
  level: CacheLevel,
): CacheLevel & { failure: Error | undefined; calls: string[] } {
  const run = <T>(name: string, work: () => Promise<T>): Promise<T> => {
    breakable.calls.push(name);
    return breakable.failure === undefined ? work() : Promise.reject(breakable.failure);
  };
  const breakable: CacheLevel & { failure: Error | undefined; calls: string[] } = {
    name: level.name,
    failure: undefined,
    calls: [],
    get: (key, unless) => run('get', () => level.get(key, unless)),
    put: (key, entry, expected) => run('put', () => level.put(key, entry, expected)),
    delete: (key) => run('delete', () => level.delete(key)),
    list: (prefix, mayExpire) => level.list(prefix, mayExpire),
    close: () => level.close(),
  };
  return breakable;
}
