import type { StrategyContext } from './context.ts';

/** A series of levels: one value per business date, ascending. */
export interface LevelSeries {
  /** Days since 1970-01-01, ascending. */
  readonly dates: Int32Array;
  /** Level at the close of that date, same length. */
  readonly levels: Float64Array;
}

/** What a built strategy is made of, without code: enough to have it back in another process. */
export interface StrategyState {
  readonly series: LevelSeries;
  /** Further columns by name, each as long as the series: units, cash, receivable... */
  readonly columns: Readonly<Record<string, Float64Array>>;
}

/** A value of plain data: null, boolean, number, string, arrays and plain objects of them. */
export type Recipe = { readonly [field: string]: RecipeValue };
export type RecipeValue = null | boolean | number | string | readonly RecipeValue[] | Recipe;

export interface Strategy {
  /** What it is cached under, as `AAPL REINV STRATEGY`. */
  readonly name: string;
  /** Name of its class in the registry of strategies, as `ReinvestmentStrategy`, and the version of its mathematics. */
  readonly type: string;
  readonly typeVersion: number;
  /** All parameters that decide its result. */
  readonly recipe: Recipe;
  readonly isBuilt: boolean;
  /** Idempotent; one run for calls at the same time; a failed build is not remembered. */
  build(): Promise<this>;
  /** Builds where that is needed. */
  history(): Promise<LevelSeries>;
  /** Throws NotBuiltError before it is built. */
  state(): StrategyState;
}

/** How a class of strategies is made from a recipe, and from what was persisted. */
export interface StrategyClass {
  readonly type: string;
  readonly typeVersion: number;
  /** Validates the recipe (zod) and throws RecipeError. With a state the strategy is built already. */
  create(recipe: Recipe, context: StrategyContext, state?: StrategyState): Strategy;
}
