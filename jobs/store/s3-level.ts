import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import {
  ConflictError as ObjectConflict,
  type Expectation,
  type ObjectInfo,
  type Version,
} from '../lake/object-store.ts';
import { UNCHANGED as UNCHANGED_OBJECT, type Metadata, type S3Store } from '../lake/s3-store.ts';
import { firstLine } from '../runtime/errors.ts';
import { CacheUnavailableError, ConflictError } from './errors.ts';
import { TTL_TAG, ttlDays } from './ttl-class.ts';
import { UNCHANGED, type CacheLevel, type Entry, type ListedEntry, type StoredEntry } from './level.ts';

/** Metadata of an object: listing does not read what is inside. */
const EXPIRY = 'expires-at-ms';
/** S3 answers a listing without metadata: so many are asked for at once, and remembered by version. */
const CONCURRENT_HEADS = 16;
const REMEMBERED = 10_000;
/** A listing is answered in parts: all of a large workspace takes longer than anybody waits for one answer. */
const LISTED_AT_ONCE = 200;

/** Bytes in objects of a bucket, shared by whoever may read it. */
export class S3Level implements CacheLevel {
  readonly name = 's3';
  readonly #store: S3Store;
  readonly #now: () => number;
  readonly #expiries = new LRUCache<string, { readonly expiresAtMs: number | undefined }>({
    max: REMEMBERED,
  });

  /** @param now milliseconds since 1970 */
  constructor(store: S3Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  async get(key: string, unless?: Version): Promise<StoredEntry | typeof UNCHANGED | undefined> {
    const found = await this.#attempt(() => this.#store.getIfChanged(key, unless));
    if (found === UNCHANGED_OBJECT) return UNCHANGED;
    return found && { bytes: found.body, expiresAtMs: expiryOf(found.metadata), version: found.version };
  }

  async put(key: string, { bytes, expiresAtMs }: Entry, expected?: Expectation): Promise<Version> {
    const metadata: Metadata = expiresAtMs === undefined ? {} : { [EXPIRY]: String(expiresAtMs) };
    const days = expiresAtMs === undefined ? undefined : ttlDays(expiresAtMs - this.#now());
    const tags: Metadata = days === undefined ? {} : { [TTL_TAG]: String(days) };
    return this.#attempt(() => this.#store.put(key, bytes, expected, { metadata, tags }));
  }

  async delete(key: string): Promise<ListedEntry | undefined> {
    return this.#attempt(async () => {
      const metadata = await this.#store.head(key);
      if (metadata === undefined) return undefined;
      await this.#store.delete(key);
      return { key, expiresAtMs: expiryOf(metadata) };
    });
  }

  async *list(prefix: string, mayExpire = true): AsyncIterable<ListedEntry> {
    const objects = this.#store.list(prefix)[Symbol.asyncIterator]();
    for (;;) {
      const entries = await this.#attempt(() => this.#nextEntries(objects, mayExpire));
      if (entries === undefined) return;
      yield* entries;
    }
  }

  async close(): Promise<void> {
    this.#store.close();
  }

  /** Undefined after the last. */
  async #nextEntries(
    objects: AsyncIterator<ObjectInfo>,
    mayExpire: boolean,
  ): Promise<ListedEntry[] | undefined> {
    const found: ObjectInfo[] = [];
    while (found.length < LISTED_AT_ONCE) {
      const next = await objects.next();
      if (next.done === true) break;
      found.push(next.value);
    }
    if (found.length === 0) return undefined;
    if (!mayExpire) return found.map(({ key }) => ({ key, expiresAtMs: undefined }));
    const limit = pLimit(CONCURRENT_HEADS);
    const entries = await Promise.all(
      found.map(({ key, version }) => limit(() => this.#describe(key, version))),
    );
    return entries.filter((entry) => entry !== undefined);
  }

  async #describe(key: string, version: Version): Promise<ListedEntry | undefined> {
    const id = `${version} ${key}`;
    const known = this.#expiries.get(id);
    if (known !== undefined) return { key, ...known };
    const metadata = await this.#store.head(key);
    if (metadata === undefined) return undefined;
    const expiresAtMs = expiryOf(metadata);
    this.#expiries.set(id, { expiresAtMs });
    return { key, expiresAtMs };
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ObjectConflict) throw new ConflictError(error.message);
      if (error instanceof CacheUnavailableError) throw error;
      throw new CacheUnavailableError(firstLine(error), error);
    }
  }
}

function expiryOf(metadata: Metadata): number | undefined {
  const text = metadata[EXPIRY];
  return text === undefined ? undefined : Number(text);
}
