import { isDeepStrictEqual } from 'node:util';
import { ABSENT } from '../../lake/object-store.ts';
import type { IsoDate } from '../../runtime/dates.ts';
import { seal } from '../../store/envelope.ts';
import { ConflictError, IntegrityError } from '../../store/errors.ts';
import { keyToName, nameToKey, prefixToKey } from '../../store/names.ts';
import type { Found, Missing, TieredCache } from '../../store/tiered-cache.ts';
import type { StrategyContext } from '../context.ts';
import type { Strategy, StrategyClass } from '../strategy.ts';
import { persist, restore, type PersistedStrategy } from './persisted-strategy.ts';
import { strategyKey } from './strategy-key.ts';
import type { MissExplanation, StrategyServiceLike } from './strategy-service-like.ts';

export interface StrategyServiceOptions {
  readonly cache: TieredCache;
  /** What the keys of all strategies start with. */
  readonly folder: string;
  readonly creator: string;
  readonly envDate: IsoDate;
  /** Of everything else that results depend on. */
  readonly envHash: () => Promise<string>;
  /** What a strategy reads that was built up to a date. */
  readonly contextOf: (envDate: IsoDate) => Promise<StrategyContext>;
  /** Throws UnknownStrategyError. */
  readonly classOf: (type: string) => StrategyClass;
  /** Replace what is under a key with another result; by default the first stays. */
  readonly overwrite?: boolean;
}

/** Built strategies by `NAME|ENVDATE||HASH`, shared by all users of a workspace. */
export class StrategyService implements StrategyServiceLike {
  readonly #options: StrategyServiceOptions;
  readonly #cache: TieredCache;

  constructor(options: StrategyServiceOptions) {
    this.#options = options;
    this.#cache = options.cache;
  }

  /**
   * Stores built strategies under the date and hash of the environment, and resolves with their keys. Throws
   * NotBuiltError when one is not built and UnknownStrategyError when one could not be had back, both before any is
   * stored, and CacheWriteError.
   */
  cacheStrategy(strategy: Strategy): Promise<string>;
  cacheStrategy(strategies: readonly Strategy[]): Promise<string[]>;
  async cacheStrategy(given: Strategy | readonly Strategy[]): Promise<string | string[]> {
    const strategies = isList(given) ? given : [given];
    const { envDate } = this.#options;
    const envHash = await this.#options.envHash();
    const persisted = strategies.map((strategy) => ({
      key: strategyKey.generate({ name: strategy.name, envDate, envHash }),
      content: persist(strategy, this.#options.classOf),
    }));
    const sealed = await Promise.all(
      persisted.map(async ({ key, content }) => ({ key, content, bytes: await this.#seal(key, content) })),
    );
    for (const { key, content, bytes } of sealed) await this.#store(key, content, bytes);
    const keys = sealed.map(({ key }) => key);
    return isList(given) ? keys : keys[0]!;
  }

  /** All keys that start with `prefix`, of whatever date and hash, by code unit. */
  async getKeysByPrefix(prefix: string): Promise<string[]> {
    const { folder } = this.#options;
    const keys: string[] = [];
    for await (const place of this.#cache.list(prefixToKey(folder, prefix), false)) {
      const key = keyToName(folder, place);
      if (key !== undefined && strategyKey.isKey(key)) keys.push(key);
    }
    return keys.sort();
  }

  /** The strategy of that name with the date and hash of the environment. */
  async getStrategyByName(name: string): Promise<Strategy | undefined> {
    return this.getStrategyByKey(await this.#keyOf(name));
  }

  /**
   * Throws KeyFormatError, NotBuiltError for one that was stored unbuilt, UnknownStrategyError for a class that this
   * program does not have, and CacheUnavailableError.
   */
  async getStrategyByKey(key: string): Promise<Strategy | undefined> {
    const { envDate } = strategyKey.parse(key);
    const content = await this.#load(key);
    if (content === undefined) return undefined;
    try {
      return restore(content, this.#options.classOf, await this.#options.contextOf(envDate));
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      this.#reportCorrupt(key, error);
      return undefined;
    }
  }

  /** Whether there was one. */
  async removeStrategyByName(name: string): Promise<boolean> {
    return this.removeStrategyByKey(await this.#keyOf(name));
  }

  async removeStrategyByKey(key: string): Promise<boolean> {
    strategyKey.parse(key);
    return this.#cache.delete(this.#place(key));
  }

  /** Why there is no strategy of that name for this environment; undefined when there is one. Throws as getting it does. */
  async explainMiss(name: string): Promise<MissExplanation | undefined> {
    const own = await this.#keyOf(name);
    const { envDate, envHash } = strategyKey.parse(own);
    const found = await this.#read(own);
    if ('envelope' in found && (await this.getStrategyByKey(own)) !== undefined) return undefined;
    const keys = await this.getKeysByPrefix(`${name}|`);
    const candidates = keys.filter((key) => strategyKey.parse(key).name === name);
    const others = candidates.filter((key) => key !== own).map(strategyKey.parse);
    const differs = ((): MissExplanation['differs'] => {
      if ('envelope' in found) return 'corrupt';
      if (found.missing !== 'absent') return found.missing === 'expired' ? 'expired' : 'corrupt';
      if (others.some((other) => other.envDate === envDate)) return 'hash';
      if (others.some((other) => other.envHash === envHash)) return 'date';
      return others.length > 0 ? 'date and hash' : 'absent';
    })();
    return { differs, candidates };
  }

  async #store(key: string, content: PersistedStrategy, bytes: Uint8Array): Promise<void> {
    const place = this.#place(key);
    const entry = { bytes, expiresAtMs: undefined };
    try {
      await this.#cache.put(place, entry, this.#options.overwrite === true ? undefined : ABSENT);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      const found = await this.#cache.read(place, { fresh: true });
      if ('missing' in found) {
        // What a later version of this program has put is left to it.
        if (found.missing !== 'future') await this.#cache.put(place, entry, found.version ?? ABSENT);
      } else if (!isDeepStrictEqual(await found.envelope.value().catch(() => undefined), content)) {
        this.#cache.events.emit({
          type: 'conflict',
          level: 'durable',
          key: place,
          detail: 'another result is there already, and stays',
        });
      }
    }
  }

  async #load(key: string): Promise<unknown> {
    const found = await this.#read(key);
    if ('missing' in found) return undefined;
    try {
      return await found.envelope.value();
    } catch (error) {
      this.#reportCorrupt(key, error);
      return undefined;
    }
  }

  #read(key: string): Promise<Found | Missing> {
    return this.#cache.read(this.#place(key));
  }

  #place(key: string): string {
    return nameToKey(this.#options.folder, key);
  }

  async #keyOf(name: string): Promise<string> {
    const { envDate, envHash } = this.#options;
    return strategyKey.generate({ name, envDate, envHash: await envHash() });
  }

  #seal(key: string, content: PersistedStrategy): Promise<Uint8Array> {
    const { envDate, envHash } = strategyKey.parse(key);
    const { name, type } = content;
    return seal(
      {
        key: this.#place(key),
        createdAtMs: this.#cache.now(),
        expiresAtMs: null,
        creator: this.#options.creator,
        about: { name, type, envDate, envHash },
      },
      content,
    );
  }

  /** Throws what is no sign of damage. */
  #reportCorrupt(key: string, error: unknown): void {
    if (!(error instanceof IntegrityError)) throw error;
    const detail = error.message;
    this.#cache.events.emit({ type: 'corrupt', level: 'durable', key: this.#place(key), detail });
  }
}

function isList(given: Strategy | readonly Strategy[]): given is readonly Strategy[] {
  return Array.isArray(given);
}
