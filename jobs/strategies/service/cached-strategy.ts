import { env } from '../../environment/current.ts';
import { firstLine, UsageError } from '../../runtime/errors.ts';
import { StoreError } from '../../store/errors.ts';
import type { CacheEvents } from '../../store/events.ts';
import type { LevelSeries, Strategy } from '../strategy.ts';
import { NamedStrategy } from './named-strategy.ts';
import type { StrategyServiceLike } from './strategy-service-like.ts';

/** What cached strategies need of an environment. */
export interface StrategyCachingEnvironment {
  strategyService(): StrategyServiceLike;
  /** Told what the caches could not do: a strategy is had without them. */
  readonly events: CacheEvents;
}

/**
 * The factory with its strategy kept under `name`. Where there is one it is returned; otherwise the factory's, which is
 * stored when its first `build()` or `history()` has succeeded. A cache that fails is an event and nothing else.
 *
 * @param environment default: the one that `init` has made
 */
export function cachedStrategy(
  name: string,
  factory: () => Strategy | Promise<Strategy>,
  environment: () => StrategyCachingEnvironment = env,
): () => Promise<Strategy> {
  return async () => {
    const current = environment();
    const [service, { events }] = [current.strategyService(), current];
    try {
      const found = await service.getStrategyByName(name);
      if (found !== undefined) return found;
    } catch (error) {
      reportFailure(events, name, error);
    }
    return new CachingStrategy(name, await factory(), service, events);
  };
}

export interface CreateStrategyOptions<Raw extends { readonly ticker: string }> {
  readonly rawData: Raw;
  /** Makes the strategy of the data. */
  readonly create: (rawData: Raw) => Strategy | Promise<Strategy>;
  /** False: neither read nor written. */
  readonly useCache?: boolean;
  /** What the name has after the ticker, `STRATEGY` by default. */
  readonly sector?: string;
}

/** A strategy of raw data, kept as `TICKER STRATEGY` or `TICKER SECTOR`. */
export async function createStrategyAndCache<Raw extends { readonly ticker: string }>(
  { rawData, create, useCache = true, sector = 'STRATEGY' }: CreateStrategyOptions<Raw>,
  environment: () => StrategyCachingEnvironment = env,
): Promise<Strategy> {
  if (!useCache) return create(rawData);
  if (!rawData.ticker) throw new UsageError('the raw data have no ticker; give one, or useCache: false');
  return cachedStrategy(`${rawData.ticker} ${sector}`, () => create(rawData), environment)();
}

/** A strategy that stores itself once it is built. */
class CachingStrategy extends NamedStrategy {
  readonly #service: StrategyServiceLike;
  readonly #events: CacheEvents;
  #storing: Promise<boolean> | undefined;

  constructor(name: string, inner: Strategy, service: StrategyServiceLike, events: CacheEvents) {
    super(name, inner);
    this.#service = service;
    this.#events = events;
  }

  override async build(): Promise<this> {
    await super.build();
    await this.#storeOnce();
    return this;
  }

  override async history(): Promise<LevelSeries> {
    const series = await super.history();
    await this.#storeOnce();
    return series;
  }

  async #storeOnce(): Promise<void> {
    this.#storing ??= this.#service.cacheStrategy(this).then(
      () => true,
      (error: unknown) => {
        reportFailure(this.#events, this.name, error);
        return false;
      },
    );
    // Tried again with the next call.
    if (!(await this.#storing)) this.#storing = undefined;
  }
}

/** Makes an event of a failure of the caches. Throws any other, such as a class of strategies that is not known. */
export function reportFailure(events: CacheEvents, key: string, error: unknown): void {
  if (!(error instanceof StoreError)) throw error;
  events.emit({ type: 'error', level: 'durable', key, detail: firstLine(error) });
}
