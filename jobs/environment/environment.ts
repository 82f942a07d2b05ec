import { rm } from 'node:fs/promises';
import { holdPrices, type HeldPrices } from '../lake/held-prices.ts';
import { makeLakeScratch } from '../lake/lake-scratch.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { openLake } from '../lake/open-lake.ts';
import { newestDateUpTo } from '../lake/read-months.ts';
import { readPortsOf } from '../lake/read-ports.ts';
import { ObjectService } from '../objects/object-service.ts';
import { parseDate, type IsoDate } from '../runtime/dates.ts';
import { readEnvironment, type Environment } from '../runtime/environment.ts';
import { UsageError } from '../runtime/errors.ts';
import { DEFAULT_LIMITS, type Limits } from '../runtime/limits.ts';
import { userName } from '../runtime/user-name.ts';
import { CacheEvents } from '../store/events.ts';
import { openCache } from '../store/open-cache.ts';
import type { TieredCache } from '../store/tiered-cache.ts';
import { workspaceFolder } from '../store/workspace.ts';
import type { StrategyContext } from '../strategies/context.ts';
import { LakeHistory } from '../strategies/lake-history.ts';
import { strategyClass, typeVersions } from '../strategies/registry.ts';
import { lazyStrategyService } from '../strategies/service/lazy-strategy-service.ts';
import type { StrategyServiceLike } from '../strategies/service/strategy-service-like.ts';
import { StrategyService } from '../strategies/service/strategy-service.ts';
import { environmentHash, lakeSnapshot } from './environment-hash.ts';
import { currentMetadata } from './metadata.ts';

export interface EnvironmentOptions {
  /** Strategies are built up to and with this date and kept under it; nothing later is read. */
  readonly envDate: IsoDate;
  /** Where the lake and the objects are and whose; default: no variable is set. */
  readonly settings?: Pick<Environment, 'lake' | 'objects'>;
  /** Whose prices to read; default as in every command. */
  readonly provider?: string;
  /** False: the strategy service keeps nothing and has nothing. */
  readonly isStrategyServiceActive?: boolean;
  /** Names the state of the prices, in place of the versions of the lake's objects. */
  readonly dataSnapshot?: string;
  readonly creator?: string;
  readonly useCredentialFile?: boolean;
  /** What bounds every wait for a server or a lock; default: those of a process that nothing stops. */
  readonly limits?: Limits;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly events?: CacheEvents;
  /** Replaces what the settings say; closed with the environment. */
  readonly openCache?: () => Promise<TieredCache>;
}

/** Parameters of an environment that change results; they are part of its hash. */
type ParameterName = 'DEFAULT_RS_START_DATE';

/** One analysis as of a date: what it reads, and where what it makes is kept. Everything is opened when first used. */
export interface AnalysisEnvironment {
  readonly envDate: IsoDate;
  readonly events: CacheEvents;
  /** Throws UsageError for a name that is no parameter and a value that does not fit. */
  set(name: ParameterName, value: IsoDate): void;
  get(name: ParameterName): IsoDate | undefined;
  /** 32 hexadecimal digits over everything that results depend on, but for the environment date. */
  hash(): Promise<string>;
  /** The last date that the lake has prices of up to the environment date. Throws UsageError when there is none. */
  dataDate(): Promise<IsoDate>;
  objectService(): ObjectService;
  strategyService(): StrategyServiceLike;
  /** What strategies of this environment read; or those of an earlier date. */
  strategyContext(envDate?: IsoDate): Promise<StrategyContext>;
  close(): Promise<void>;
}

/** Throws UsageError for a date that does not exist. */
export function openEnvironment(options: EnvironmentOptions): AnalysisEnvironment {
  return new LakeEnvironment(options);
}

class LakeEnvironment implements AnalysisEnvironment {
  readonly envDate: IsoDate;
  readonly events: CacheEvents;
  readonly #options: EnvironmentOptions;
  readonly #settings: Pick<Environment, 'lake' | 'objects'>;
  readonly #url: string;
  readonly #folderOf: (kind: 'objects' | 'strategies') => string;
  readonly #creator: string;
  readonly #parameters = new Map<ParameterName, IsoDate>();
  readonly #objects: ObjectService;
  readonly #strategies: StrategyServiceLike;
  #lake: Promise<ObjectStore> | undefined;
  #cache: Promise<TieredCache> | undefined;
  #prices: Promise<HeldPrices | undefined> | undefined;
  /** Where prices are held. */
  #scratch: Promise<string> | undefined;

  constructor(options: EnvironmentOptions) {
    const { settings = readEnvironment({}), isStrategyServiceActive = true } = options;
    const metadata = currentMetadata();
    this.envDate = parseDate(options.envDate, 'envDate');
    this.events = options.events ?? new CacheEvents();
    this.#options = options;
    this.#settings = settings;
    this.#url = metadata.url ?? settings.objects.url;
    const { organisation, workspace } = settings.objects;
    this.#folderOf = (kind) =>
      workspaceFolder({ organisation, workspace: metadata.workspace ?? workspace }, kind);
    this.#creator = options.creator ?? userName();
    this.#objects = new ObjectService({
      cache: () => this.#openCache(),
      folder: this.#folderOf('objects'),
      creator: this.#creator,
    });
    this.#strategies = lazyStrategyService(() => this.#openStrategyService(), {
      active: isStrategyServiceActive,
    });
  }

  set(name: ParameterName, value: IsoDate): void {
    if (name !== 'DEFAULT_RS_START_DATE')
      throw new UsageError(`"${String(name)}" is no parameter; there is DEFAULT_RS_START_DATE`);
    this.#parameters.set(name, parseDate(value, name));
  }

  get(name: ParameterName): IsoDate | undefined {
    return this.#parameters.get(name);
  }

  async hash(): Promise<string> {
    return environmentHash({
      settings: Object.fromEntries(this.#parameters),
      typeVersions: typeVersions(),
      dataSnapshot: this.#options.dataSnapshot ?? lakeSnapshot(await this.#findPrices(), this.envDate),
    });
  }

  async dataDate(): Promise<IsoDate> {
    const lake = await this.#openLake();
    const prices = await this.#findPrices();
    const newest = prices && (await newestDateUpTo(prices, prices, this.envDate));
    if (newest === undefined)
      throw new UsageError(`lake "${lake.url}" has no prices up to ${this.envDate}; load some`);
    return newest;
  }

  objectService(): ObjectService {
    return this.#objects;
  }

  strategyService(): StrategyServiceLike {
    return this.#strategies;
  }

  async strategyContext(envDate = this.envDate): Promise<StrategyContext> {
    const start = this.#parameters.get('DEFAULT_RS_START_DATE');
    // What keeps the lake from being opened is told here, and not by the first strategy that reads.
    await this.#openLake();
    return {
      envDate,
      prices: new LakeHistory(() => this.#findPrices(), envDate),
      ...(start === undefined ? {} : { defaultStartDate: start }),
    };
  }

  async close(): Promise<void> {
    const cache = this.#cache;
    this.#cache = undefined;
    await (await cache)?.close();
    const scratch = this.#scratch;
    this.#scratch = undefined;
    this.#prices = undefined;
    if (scratch !== undefined) await rm(await scratch, { recursive: true, force: true });
  }

  #openScratch(): Promise<string> {
    this.#scratch ??= this.#openLake().then((lake) => makeLakeScratch(lake, 'analysis'));
    return this.#scratch;
  }

  async #openStrategyService(): Promise<StrategyServiceLike> {
    return new StrategyService({
      cache: await this.#openCache(),
      folder: this.#folderOf('strategies'),
      creator: this.#creator,
      envDate: this.envDate,
      envHash: () => this.hash(),
      contextOf: (envDate) => this.strategyContext(envDate),
      classOf: strategyClass,
    });
  }

  #openLake(): Promise<ObjectStore> {
    this.#lake ??= openLake(
      this.#settings.lake,
      this.#options.useCredentialFile ?? false,
      this.#options.limits,
    ).catch((error: unknown) => {
      this.#lake = undefined;
      throw error;
    });
    return this.#lake;
  }

  #openCache(): Promise<TieredCache> {
    const { openCache: open, useCredentialFile = false, limits, now = Date.now } = this.#options;
    const options = {
      now,
      events: this.events,
      useCredentialFile,
      ...(limits === undefined ? {} : { limits }),
    };
    this.#cache ??= (open?.() ?? openCache(this.#url, options)).catch((error: unknown) => {
      this.#cache = undefined;
      throw error;
    });
    return this.#cache;
  }

  /**
   * One state of the prices for all that the environment reads: what is built of prices that a load has replaced
   * meanwhile is not kept under the hash of the new ones. A lake without prices is looked at again.
   */
  #findPrices(): Promise<HeldPrices | undefined> {
    this.#prices ??= this.#holdPrices();
    return this.#prices;
  }

  async #holdPrices(): Promise<HeldPrices | undefined> {
    let found: HeldPrices | undefined;
    try {
      const lake = await this.#openLake();
      const { cutOff: signal } = this.#options.limits ?? DEFAULT_LIMITS;
      const ports = readPortsOf(lake, { signal, now: () => new Date() });
      found = await holdPrices(lake, this.#options.provider, ports, () => this.#openScratch());
      return found;
    } finally {
      if (found === undefined) this.#prices = undefined;
    }
  }
}
