import type { Strategy } from '../strategy.ts';

/** Why `getStrategyByName` has nothing. */
export interface MissExplanation {
  /**
   * What the strategies of that name differ in from what was asked for; `absent` when there is none of the name,
   * `corrupt` and `expired` when the one asked for is there and not usable.
   */
  readonly differs: 'date' | 'hash' | 'date and hash' | 'absent' | 'corrupt' | 'expired';
  /** Keys of the same name. */
  readonly candidates: readonly string[];
}

/** What users of a strategy service see, whether there is one behind it or not. */
export interface StrategyServiceLike {
  cacheStrategy(strategy: Strategy): Promise<string | undefined>;
  cacheStrategy(strategies: readonly Strategy[]): Promise<string[]>;
  getKeysByPrefix(prefix: string): Promise<string[]>;
  getStrategyByName(name: string): Promise<Strategy | undefined>;
  getStrategyByKey(key: string): Promise<Strategy | undefined>;
  removeStrategyByName(name: string): Promise<boolean | undefined>;
  removeStrategyByKey(key: string): Promise<boolean | undefined>;
  explainMiss(name: string): Promise<MissExplanation | undefined>;
}
