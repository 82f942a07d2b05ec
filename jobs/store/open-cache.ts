import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { awsConfig } from '../runtime/aws.ts';
import { firstLine, UsageError } from '../runtime/errors.ts';
import type { Limits } from '../runtime/limits.ts';
import { CacheEvents } from './events.ts';
import { MemoryLevel } from './memory-level.ts';
import { SqliteLevel } from './sqlite-level.ts';
import { TieredCache, type TieredCacheOptions } from './tiered-cache.ts';

const MEMORY_BYTES = 256 * 2 ** 20;
/** Copies of objects in S3 on the disk of this machine. */
const COPIES_BYTES = 2 ** 30;
const COPIES_FOLDER = 'data/cache';
/** To ask a file whether something has changed takes microseconds. */
const LOCAL_REVALIDATE_AFTER_MS = 1000;

export interface OpenCacheOptions extends Pick<TieredCacheOptions, 'now' | 'revalidateAfterMs' | 'graceMs'> {
  readonly events?: CacheEvents;
  readonly memoryBytes?: number;
  /** Folder for copies of what is in S3. */
  readonly copiesFolder?: string;
  /** AWS credentials from data/credential/aws.csv instead of the SDK's default chain. */
  readonly useCredentialFile?: boolean;
  readonly limits?: Limits;
}

/**
 * Opens what is at `file:FOLDER` (memory over an SQLite file), `s3://BUCKET[/PREFIX]` (memory over copies on disk over
 * S3) or `memory:` (this process only). Throws UsageError for anything else.
 */
export async function openCache(url: string, options: OpenCacheOptions): Promise<TieredCache> {
  const { now, events = new CacheEvents(), memoryBytes = MEMORY_BYTES } = options;
  const shared = { events, now, ...pick(options) };
  const onEvict = (key: string): void => events.emit({ type: 'evict', level: 'memory', key });
  if (url === 'memory:')
    return new TieredCache({ ...shared, levels: [new MemoryLevel(memoryBytes, onEvict)] });

  const folder = /^file:(?:\/\/)?(.+)$/.exec(url)?.[1];
  const nowMs = now();
  if (folder !== undefined) {
    return new TieredCache({
      revalidateAfterMs: LOCAL_REVALIDATE_AFTER_MS,
      ...shared,
      levels: [new MemoryLevel(memoryBytes, onEvict), new SqliteLevel(join(folder, 'objects.db'), { nowMs })],
    });
  }
  const s3 = /^s3:\/\/([a-z0-9][a-z0-9.-]+)(?:\/(.*?))?\/*$/.exec(url);
  if (s3 === null)
    throw new UsageError(`objects "${url}" are neither at file:FOLDER nor at s3://BUCKET[/PREFIX]`);
  // The SDK takes a while to load, and objects in a file do not need it.
  const [{ S3Store }, { S3Level }, { GuardedLevel }] = await Promise.all([
    import('../lake/s3-store.ts'),
    import('./s3-level.ts'),
    import('./guarded-level.ts'),
  ]);
  const config = await awsConfig(options.useCredentialFile ?? false, options.limits);
  const store = new S3Store(s3[1]!, s3[2] ?? '', config, 'objects');
  // Two buckets may have the same keys: each has its file of copies.
  const id = createHash('sha256').update(store.url).digest('hex').slice(0, 12);
  const file = join(options.copiesFolder ?? COPIES_FOLDER, `objects-${id}.db`);
  return new TieredCache({
    ...shared,
    levels: [
      new MemoryLevel(memoryBytes, onEvict),
      ...openCopies(file, nowMs, events),
      new GuardedLevel(new S3Level(store, now)),
    ],
  });
}

/** None where the disk has no place for them or their file is damaged: what is in S3 is there without. */
function openCopies(file: string, nowMs: number, events: CacheEvents): SqliteLevel[] {
  try {
    return [new SqliteLevel(file, { maxBytes: COPIES_BYTES, nowMs })];
  } catch (error) {
    events.emit({ type: 'error', level: 'sqlite', key: file, detail: firstLine(error) });
    return [];
  }
}

function pick({ revalidateAfterMs, graceMs }: OpenCacheOptions): Partial<TieredCacheOptions> {
  return {
    ...(revalidateAfterMs === undefined ? {} : { revalidateAfterMs }),
    ...(graceMs === undefined ? {} : { graceMs }),
  };
}
