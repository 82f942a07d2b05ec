import { SignalsError } from '../runtime/errors.ts';

/** A strategy was asked for what it only has when it is built. */
export class NotBuiltError extends SignalsError {
  constructor(name: string) {
    super('not-built', `strategy "${name}" is not built; call build() or history() on it first`);
  }
}

/** The parameters of a strategy or of a filter cannot be what is meant. */
export class RecipeError extends SignalsError {
  constructor(message: string, cause?: unknown) {
    super('recipe', message, { cause, exitCode: 2 });
  }
}

/** A recipe is of a class that is not in the registry, or of another version of it. */
export class UnknownStrategyError extends SignalsError {
  constructor(message: string) {
    super('unknown-strategy', message);
  }
}

/** The lake has no prices that the strategy could be built from. */
export class NoPricesError extends SignalsError {
  constructor(message: string) {
    super('no-prices', message);
  }
}

/** The lake or a component has a figure that no level can be computed from. */
export class BadPriceError extends SignalsError {
  constructor(message: string) {
    super('bad-price', message);
  }
}
