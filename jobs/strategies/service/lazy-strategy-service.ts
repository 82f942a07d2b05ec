import type { Strategy } from '../strategy.ts';
import { NoopStrategyService } from './noop-strategy-service.ts';
import type { MissExplanation, StrategyServiceLike } from './strategy-service-like.ts';

/**
 * A strategy service that is made when it is first used, once for all who ask at the same time, and again after a
 * failure. One that is not active is never made; it keeps nothing.
 */
export function lazyStrategyService(
  init: () => Promise<StrategyServiceLike>,
  { active = true }: { readonly active?: boolean } = {},
): StrategyServiceLike {
  return active ? new LazyStrategyService(init) : new NoopStrategyService();
}

class LazyStrategyService implements StrategyServiceLike {
  readonly #init: () => Promise<StrategyServiceLike>;
  #service: Promise<StrategyServiceLike> | undefined;

  constructor(init: () => Promise<StrategyServiceLike>) {
    this.#init = init;
  }

  cacheStrategy(strategy: Strategy): Promise<string | undefined>;
  cacheStrategy(strategies: readonly Strategy[]): Promise<string[]>;
  async cacheStrategy(given: Strategy | readonly Strategy[]): Promise<string | string[] | undefined> {
    return (await this.#get()).cacheStrategy(given as Strategy);
  }

  async getKeysByPrefix(prefix: string): Promise<string[]> {
    return (await this.#get()).getKeysByPrefix(prefix);
  }

  async getStrategyByName(name: string): Promise<Strategy | undefined> {
    return (await this.#get()).getStrategyByName(name);
  }

  async getStrategyByKey(key: string): Promise<Strategy | undefined> {
    return (await this.#get()).getStrategyByKey(key);
  }

  async removeStrategyByName(name: string): Promise<boolean | undefined> {
    return (await this.#get()).removeStrategyByName(name);
  }

  async removeStrategyByKey(key: string): Promise<boolean | undefined> {
    return (await this.#get()).removeStrategyByKey(key);
  }

  async explainMiss(name: string): Promise<MissExplanation | undefined> {
    return (await this.#get()).explainMiss(name);
  }

  #get(): Promise<StrategyServiceLike> {
    this.#service ??= this.#init().catch((error: unknown) => {
      this.#service = undefined;
      throw error;
    });
    return this.#service;
  }
}
