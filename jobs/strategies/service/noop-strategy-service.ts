import type { Strategy } from '../strategy.ts';
import type { StrategyServiceLike } from './strategy-service-like.ts';

/** Keeps nothing and has nothing: no list has an entry, everything else is undefined. Never throws. */
export class NoopStrategyService implements StrategyServiceLike {
  cacheStrategy(strategy: Strategy): Promise<undefined>;
  cacheStrategy(strategies: readonly Strategy[]): Promise<string[]>;
  async cacheStrategy(given: Strategy | readonly Strategy[]): Promise<string[] | undefined> {
    return Array.isArray(given) ? [] : undefined;
  }

  async getKeysByPrefix(): Promise<string[]> {
    return [];
  }

  async getStrategyByName(): Promise<undefined> {
    return undefined;
  }

  async getStrategyByKey(): Promise<undefined> {
    return undefined;
  }

  async removeStrategyByName(): Promise<undefined> {
    return undefined;
  }

  async removeStrategyByKey(): Promise<undefined> {
    return undefined;
  }

  async explainMiss(): Promise<undefined> {
    return undefined;
  }
}
