import { ABSENT, type Version } from '../lake/object-store.ts';
import { firstLine } from '../runtime/errors.ts';
import { parseDuration, type Duration } from '../store/duration.ts';
import { open, seal, type Envelope, type Meta } from '../store/envelope.ts';
import { CacheUnavailableError, CacheWriteError, ConflictError, IntegrityError } from '../store/errors.ts';
import type { Entry } from '../store/level.ts';
import { keyToName, nameToKey, prefixToKey } from '../store/names.ts';
import { SingleFlight } from '../store/single-flight.ts';
import type { Found, Missing, ReadOptions, TieredCache, Watch } from '../store/tiered-cache.ts';

export interface ObjectServiceOptions {
  /** Called with each use: opens it the first time. */
  readonly cache: () => Promise<TieredCache>;
  /** What the keys of all objects start with. */
  readonly folder: string;
  readonly creator: string;
}

export interface PutOptions {
  /** How long it is there; null (the default) for ever. */
  readonly expires?: Duration;
  /** Only where there is none of the name. */
  readonly ifAbsent?: boolean;
  /** Only while this version is there. */
  readonly ifMatch?: Version;
}

export interface GetOptions extends ReadOptions {
  /** Throw IntegrityError for an object that is there and cannot be trusted, which is else as if there were none. */
  readonly strict?: boolean;
}

export interface GetOrCreateOptions {
  readonly expires?: Duration;
  /** Keep undefined, too. */
  readonly cacheUndefined?: boolean;
}

/** An object with what is known of it. */
export interface ObjectEntry<T> {
  readonly value: T;
  readonly metadata: Meta;
  readonly version: Version;
  /** Where it was found. */
  readonly level: string;
}

/**
 * Values by name, shared by all users of a workspace and kept until they expire or are deleted. Values are plain data
 * and typed arrays; each read gives a new one. Names are any text; NFC and NFD forms are two names.
 */
export class ObjectService {
  readonly #cache: () => Promise<TieredCache>;
  readonly #folder: string;
  readonly #creator: string;
  readonly #creations = new SingleFlight<() => Promise<unknown>>();

  constructor({ cache, folder, creator }: ObjectServiceOptions) {
    this.#cache = cache;
    this.#folder = folder;
    this.#creator = creator;
  }

  /**
   * Stores a value under a name, in place of what is there, and resolves with its version. Throws NotSerialisableError,
   * ConflictError when a condition does not hold, and CacheWriteError.
   */
  async put(
    name: string,
    value: unknown,
    { expires = null, ifAbsent, ifMatch }: PutOptions = {},
  ): Promise<Version> {
    const key = nameToKey(this.#folder, name);
    const entry = await this.#seal(key, value, parseDuration(expires));
    const cache = await this.#cache();
    this.#creations.forget(key);
    try {
      return (await cache.put(key, entry, ifMatch ?? (ifAbsent === true ? ABSENT : undefined)))!;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      const found = await cache.read(key, { fresh: true });
      // What has expired or is damaged is not there, to whoever asks.
      if (ifMatch === undefined && isReplaceable(found))
        return (await cache.put(key, entry, found.version ?? ABSENT))!;
      cache.events.emit({ type: 'conflict', level: 'durable', key });
      const why = ifMatch === undefined ? 'is there already' : 'is not of that version any more';
      throw new ConflictError(`object "${name}" ${why}; read it again and decide`);
    }
  }

  /** The value; undefined when there is none. Throws CacheUnavailableError. */
  async get<T = unknown>(name: string, options: GetOptions = {}): Promise<T | undefined> {
    return (await this.getEntry<T>(name, options))?.value;
  }

  async getEntry<T = unknown>(
    name: string,
    { strict = false, ...options }: GetOptions = {},
  ): Promise<ObjectEntry<T> | undefined> {
    const key = nameToKey(this.#folder, name);
    const cache = await this.#cache();
    const found = await cache.read(key, options);
    if ('missing' in found) {
      if (strict && found.error !== undefined) throw found.error;
      return undefined;
    }
    try {
      const { envelope, version, level } = found;
      return { value: (await envelope.value()) as T, metadata: envelope.meta, version, level };
    } catch (error) {
      reportCorrupt(cache, key, error);
      if (strict) throw error;
      return undefined;
    }
  }

  /** Whether `get` would have something. */
  async has(name: string): Promise<boolean> {
    const key = nameToKey(this.#folder, name);
    return 'envelope' in (await (await this.#cache()).read(key));
  }

  /** Names that start with `prefix`, by code unit. */
  async keys(prefix = ''): Promise<string[]> {
    const names: string[] = [];
    const start = prefixToKey(this.#folder, prefix);
    for await (const key of (await this.#cache()).list(start)) {
      const name = keyToName(this.#folder, key);
      if (name !== undefined) names.push(name);
    }
    return names.sort();
  }

  /** Whether there was one. Throws CacheWriteError when it cannot be removed now. */
  async delete(name: string): Promise<boolean> {
    const key = nameToKey(this.#folder, name);
    const cache = await this.#cache();
    this.#creations.forget(key);
    return cache.delete(key);
  }

  /**
   * The value, made by `create` where there is none: once for all who ask at the same time in this process, and not
   * stored when the name was deleted or put meanwhile. Where the durable level is away the value is made and not stored.
   */
  async getOrCreate<T>(
    name: string,
    create: () => T | Promise<T>,
    { expires = null, cacheUndefined = false }: GetOrCreateOptions = {},
  ): Promise<T> {
    const key = nameToKey(this.#folder, name);
    const expiresMs = parseDuration(expires);
    const cache = await this.#cache();
    const copy = await this.#creations.run(key, async () => {
      using watch = cache.watch(key);
      const found = await findUsable(cache, key);
      if (typeof found === 'function') return found;
      const value = await create();
      if (value === undefined && !cacheUndefined) return async () => undefined;
      const entry = await this.#seal(key, value, expiresMs);
      if (found === 'replaceable') await tryPut(cache, key, entry, watch);
      return copies(open(key, entry.bytes, true));
    });
    return (await copy()) as T;
  }

  async #seal(key: string, value: unknown, expiresMs: number | undefined): Promise<Entry> {
    const createdAtMs = (await this.#cache()).now();
    const expiresAtMs = expiresMs === undefined ? undefined : createdAtMs + expiresMs;
    const meta = { key, createdAtMs, expiresAtMs: expiresAtMs ?? null, creator: this.#creator, about: {} };
    return { bytes: await seal(meta, value), expiresAtMs };
  }
}

/** How to get copies of the value, or whether one may be stored. */
async function findUsable(
  cache: TieredCache,
  key: string,
): Promise<(() => Promise<unknown>) | 'replaceable' | 'untouchable'> {
  try {
    const found = await cache.read(key);
    if ('missing' in found) return isReplaceable(found) ? 'replaceable' : 'untouchable';
    return copies(found.envelope, await found.envelope.value());
  } catch (error) {
    if (error instanceof CacheUnavailableError) return 'untouchable';
    reportCorrupt(cache, key, error);
    return 'replaceable';
  }
}

async function tryPut(cache: TieredCache, key: string, entry: Entry, watch: Watch): Promise<void> {
  try {
    await cache.put(key, entry, undefined, watch);
  } catch (error) {
    if (!(error instanceof CacheWriteError)) throw error;
    cache.events.emit({ type: 'error', level: 'durable', key, detail: firstLine(error) });
  }
}

/** Throws what is no sign of a damaged object. */
function reportCorrupt(cache: TieredCache, key: string, error: unknown): void {
  if (!(error instanceof IntegrityError)) throw error;
  cache.events.emit({ type: 'corrupt', level: 'durable', key, detail: error.message });
}

/** What a later version of this program has put is left to it. */
function isReplaceable(found: Found | Missing): found is Missing {
  return 'missing' in found && found.missing !== 'future';
}

/** A new copy of the value for each who asks; the first has been made already where it is given. */
function copies(envelope: Envelope, ...made: unknown[]): () => Promise<unknown> {
  return async () => (made.length > 0 ? made.pop() : envelope.value());
}
