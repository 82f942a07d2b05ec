import type { Expectation, Version } from '../lake/object-store.ts';
import { firstLine } from '../runtime/errors.ts';
import { open, type Envelope } from './envelope.ts';
import { CacheUnavailableError, CacheWriteError, ConflictError, IntegrityError } from './errors.ts';
import { CacheEvents, type CacheEventType } from './events.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { UNCHANGED, type CacheLevel, type Entry, type StoredEntry } from './level.ts';
import { SingleFlight } from './single-flight.ts';

export interface TieredCacheOptions {
  /** Fastest first; the last is durable and has the say, the others have copies of what is in it. */
  readonly levels: readonly [...copies: CacheLevel[], durable: CacheLevel];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A copy is served so long without asking the durable level whether it is still what is there. */
  readonly revalidateAfterMs?: number;
  /** A copy is served so long after it was last known to be good while the durable level cannot be asked. */
  readonly graceMs?: number;
  readonly events?: CacheEvents;
}

const DEFAULT_REVALIDATE_AFTER_MS = 60_000;
const DEFAULT_GRACE_MS = 86_400_000;

export interface Found {
  readonly envelope: Envelope;
  /** Of the durable level. */
  readonly version: Version;
  /** Where it was found. */
  readonly level: string;
}

/** Why there is nothing to be had under a key. */
export interface Missing {
  readonly missing: 'absent' | 'expired' | 'corrupt' | 'future';
  /** What is in the way, where something is. */
  readonly version?: Version;
  readonly error?: IntegrityError;
}

export interface ReadOptions {
  /** Ask the durable level in any case. */
  readonly fresh?: boolean;
}

/** Says whether somebody has put or deleted a key since. */
export interface Watch extends Disposable {
  readonly isOutdated: boolean;
}

/**
 * Envelopes in several levels. Reads go from the fastest level to the durable one and fill the faster ones on the way
 * back; writes go to the durable level first, and only what it has taken is copied to the others. What happens
 * to a key in another process is seen when a copy is older than `revalidateAfterMs`.
 */
export class TieredCache {
  readonly events: CacheEvents;
  readonly now: () => number;
  readonly #copies: readonly CacheLevel[];
  readonly #durable: CacheLevel;
  readonly #revalidateAfterMs: number;
  readonly #graceMs: number;
  readonly #reads = new SingleFlight<Found | Missing>();
  readonly #writes = new KeyedQueue();
  readonly #watches = new Map<string, Set<{ isOutdated: boolean }>>();

  constructor({ levels, now, revalidateAfterMs, graceMs, events = new CacheEvents() }: TieredCacheOptions) {
    this.events = events;
    this.now = now;
    this.#copies = levels.slice(0, -1);
    this.#durable = levels.at(-1)!;
    this.#revalidateAfterMs = revalidateAfterMs ?? DEFAULT_REVALIDATE_AFTER_MS;
    this.#graceMs = graceMs ?? DEFAULT_GRACE_MS;
  }

  /**
   * What is there under a key. Throws CacheUnavailableError when the durable level cannot be asked and there is no copy
   * within its grace period.
   */
  read(key: string, { fresh = false }: ReadOptions = {}): Promise<Found | Missing> {
    return fresh ? this.#read(key, true) : this.#reads.run(key, () => this.#read(key, false));
  }

  /**
   * Throws CacheWriteError when the durable level does not take it, and ConflictError when something else than what is
   * expected is there. Resolves with undefined when the watch given is outdated: nothing is written then.
   */
  async put(key: string, entry: Entry, expected?: Expectation, watch?: Watch): Promise<Version | undefined> {
    return this.#writes.run(key, async () => {
      if (watch?.isOutdated === true) return undefined;
      this.#outdate(key);
      const version = await this.#durable.put(key, entry, expected).catch((error: unknown) => {
        if (error instanceof ConflictError) throw error;
        throw new CacheWriteError(`cannot store ${key}: ${firstLine(error)}`, error);
      });
      this.#outdate(key);
      this.#emit('write', this.#durable, key);
      await this.#fill(key, { ...entry, version }, this.#copies);
      return version;
    });
  }

  /** Whether there was something that had not expired. Throws CacheWriteError when that cannot be done now. */
  async delete(key: string): Promise<boolean> {
    this.#outdate(key);
    return this.#writes.run(key, async () => {
      const removed = await this.#durable.delete(key).catch((error: unknown) => {
        throw new CacheWriteError(`cannot delete ${key}: ${firstLine(error)}`, error);
      });
      this.#outdate(key);
      this.#emit('delete', this.#durable, key);
      await this.#drop(key);
      return removed !== undefined && !this.#isExpired(removed);
    });
  }

  /** Keys that start with `prefix`, in order. Throws CacheUnavailableError. */
  async *list(prefix: string, mayExpire = true): AsyncIterable<string> {
    for await (const entry of this.#durable.list(prefix, mayExpire))
      if (!this.#isExpired(entry)) yield entry.key;
  }

  watch(key: string): Watch {
    const watches = this.#watches.get(key) ?? new Set();
    this.#watches.set(key, watches);
    const watch = {
      isOutdated: false,
      [Symbol.dispose]: () => {
        watches.delete(watch);
        if (watches.size === 0 && this.#watches.get(key) === watches) this.#watches.delete(key);
      },
    };
    watches.add(watch);
    return watch;
  }

  async close(): Promise<void> {
    for (const level of [...this.#copies, this.#durable]) await level.close();
  }

  async #read(key: string, fresh: boolean): Promise<Found | Missing> {
    using watch = this.watch(key);
    const copy = await this.#newestCopy(key);
    if (copy !== undefined && !fresh && isBelow(copy.ageMs, this.#revalidateAfterMs)) {
      this.#emit('hit', copy.level, key);
      await this.#fill(key, copy.entry, this.#copies.slice(0, this.#copies.indexOf(copy.level)), watch);
      return copy.found;
    }
    const askedAtMs = this.now();
    let stored: StoredEntry | typeof UNCHANGED | undefined;
    try {
      stored = await this.#durable.get(key, copy?.found.version);
    } catch (error) {
      if (copy === undefined || !isBelow(copy.ageMs, this.#graceMs)) {
        this.#emit('error', this.#durable, key, firstLine(error));
        throw new CacheUnavailableError(`cannot read ${key}: ${firstLine(error)}`, error);
      }
      this.#emit('grace', copy.level, key, firstLine(error));
      return copy.found;
    }
    if (stored === UNCHANGED) {
      this.#emit('revalidate', this.#durable, key);
      await this.#fill(key, copy!.entry, this.#copies, watch, askedAtMs);
      return copy!.found;
    }
    const result = this.#judge(key, stored, this.#durable);
    if ('missing' in result) {
      if (!watch.isOutdated) await this.#drop(key);
    } else {
      await this.#fill(key, stored!, this.#copies, watch, askedAtMs);
    }
    return result;
  }

  /** The copy that was known to be good last; those that have expired or are damaged are removed. */
  async #newestCopy(key: string): Promise<Copy | undefined> {
    let newest: Copy | undefined;
    for (const level of this.#copies) {
      const entry = await this.#attempt(level, key, () => level.get(key));
      if (entry === undefined || entry === UNCHANGED || entry.origin === undefined) continue;
      const { version, checkedAtMs } = entry.origin;
      const result = this.#judge(key, { ...entry, version }, level);
      if ('missing' in result) {
        await this.#attempt(level, key, () => level.delete(key));
        continue;
      }
      const ageMs = this.now() - checkedAtMs;
      const copy = { found: result, entry: { ...entry, version }, level, ageMs, checkedAtMs };
      if (newest === undefined || copy.checkedAtMs > newest.checkedAtMs) newest = copy;
      if (isBelow(ageMs, this.#revalidateAfterMs)) break;
    }
    return newest;
  }

  #judge(key: string, stored: StoredEntry | undefined, level: CacheLevel): Found | Missing {
    if (stored === undefined) {
      this.#emit('miss', level, key);
      return { missing: 'absent' };
    }
    const { version } = stored;
    try {
      // What is in memory was looked at when it came there.
      const envelope = open(key, stored.bytes, level.name === 'memory' && level !== this.#durable);
      if (this.#isExpired({ expiresAtMs: envelope.meta.expiresAtMs ?? undefined })) {
        this.#emit('expire', level, key);
        return { missing: 'expired', version };
      }
      if (level === this.#durable) this.#emit('hit', level, key);
      return { envelope, version, level: level.name };
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      this.#emit('corrupt', level, key, error.message);
      return { missing: error.fault, version, error };
    }
  }

  /** Copies an entry of the durable level; a copy that cannot be made is no failure. */
  async #fill(
    key: string,
    { bytes, expiresAtMs, version, origin }: StoredEntry,
    levels: readonly CacheLevel[],
    watch?: Watch,
    checkedAtMs = origin?.checkedAtMs ?? this.now(),
  ): Promise<void> {
    // The slowest first: the fastest is what the next read looks at.
    for (const level of levels.toReversed()) {
      if (watch?.isOutdated === true) return;
      const copy: Entry = { bytes, expiresAtMs, origin: { version, checkedAtMs } };
      await this.#attempt(level, key, () => level.put(key, copy));
      this.#emit('fill', level, key);
    }
  }

  async #drop(key: string): Promise<void> {
    for (const level of this.#copies) await this.#attempt(level, key, () => level.delete(key));
  }

  async #attempt<T>(level: CacheLevel, key: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#emit('error', level, key, firstLine(error));
      return undefined;
    }
  }

  #outdate(key: string): void {
    this.#reads.forget(key);
    for (const watch of this.#watches.get(key) ?? []) watch.isOutdated = true;
  }

  #isExpired({ expiresAtMs }: { readonly expiresAtMs: number | undefined }): boolean {
    return expiresAtMs !== undefined && this.now() >= expiresAtMs;
  }

  #emit(type: CacheEventType, level: CacheLevel, key: string, detail?: string): void {
    this.events.emit({ type, level: level.name, key, ...(detail === undefined ? {} : { detail }) });
  }
}

interface Copy {
  readonly found: Found;
  readonly entry: StoredEntry;
  readonly level: CacheLevel;
  /** Since it was last known to be what the durable level has. */
  readonly ageMs: number;
  readonly checkedAtMs: number;
}

/** A time that lies in the future was taken by another clock, and says nothing. */
function isBelow(ageMs: number, limitMs: number): boolean {
  return ageMs >= 0 && ageMs < limitMs;
}
