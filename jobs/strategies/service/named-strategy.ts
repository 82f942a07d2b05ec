import type { LevelSeries, Recipe, Strategy, StrategyState } from '../strategy.ts';

/** A strategy under the name that it is kept under, which need not be the one in its recipe. */
export class NamedStrategy implements Strategy {
  readonly name: string;
  readonly #inner: Strategy;

  constructor(name: string, inner: Strategy) {
    this.name = name;
    this.#inner = inner;
  }

  get type(): string {
    return this.#inner.type;
  }

  get typeVersion(): number {
    return this.#inner.typeVersion;
  }

  get recipe(): Recipe {
    return this.#inner.recipe;
  }

  get isBuilt(): boolean {
    return this.#inner.isBuilt;
  }

  async build(): Promise<this> {
    await this.#inner.build();
    return this;
  }

  history(): Promise<LevelSeries> {
    return this.#inner.history();
  }

  state(): StrategyState {
    return this.#inner.state();
  }
}
