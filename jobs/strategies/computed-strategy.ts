import { NotBuiltError } from './errors.ts';
import type { LevelSeries, Recipe, Strategy, StrategyState } from './strategy.ts';

/** A strategy whose state is computed once, by the first call that needs it. */
export abstract class ComputedStrategy implements Strategy {
  abstract readonly name: string;
  abstract readonly type: string;
  abstract readonly typeVersion: number;
  abstract readonly recipe: Recipe;
  #state: StrategyState | undefined;
  #building: Promise<StrategyState> | undefined;

  /** @param state what an earlier build left; with it the strategy is built already */
  constructor(state: StrategyState | undefined) {
    this.#state = state && copy(state);
  }

  get isBuilt(): boolean {
    return this.#state !== undefined;
  }

  async build(): Promise<this> {
    if (this.#state !== undefined) return this;
    this.#building ??= this.compute();
    const building = this.#building;
    try {
      this.#state = await building;
    } finally {
      if (this.#building === building) this.#building = undefined;
    }
    return this;
  }

  async history(): Promise<LevelSeries> {
    await this.build();
    return this.state().series;
  }

  /** A copy: whoever changes the arrays does not change the strategy. */
  state(): StrategyState {
    if (this.#state === undefined) throw new NotBuiltError(this.name);
    return copy(this.#state);
  }

  /** Reads what the recipe needs and works it out. */
  protected abstract compute(): Promise<StrategyState>;
}

function copy({ series, columns }: StrategyState): StrategyState {
  return {
    series: { dates: series.dates.slice(), levels: series.levels.slice() },
    columns: Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.slice()])),
  };
}
