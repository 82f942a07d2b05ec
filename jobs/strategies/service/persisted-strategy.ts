import { types } from 'node:util';
import { z } from 'zod';
import { IntegrityError } from '../../store/errors.ts';
import type { StrategyContext } from '../context.ts';
import { NotBuiltError, UnknownStrategyError } from '../errors.ts';
import type { Recipe, RecipeValue, Strategy, StrategyClass } from '../strategy.ts';
import { NamedStrategy } from './named-strategy.ts';

const float64s = z.custom<Float64Array>((value) => types.isFloat64Array(value));
const recipeValue: z.ZodType<RecipeValue> = z.lazy(() =>
  z.union([z.null(), z.boolean(), z.number(), z.string(), z.array(recipeValue), recipe]),
);
const recipe: z.ZodType<Recipe> = z.lazy(() => z.record(z.string(), recipeValue));

const schema = z.strictObject({
  name: z.string(),
  type: z.string(),
  typeVersion: z.int(),
  recipe,
  /** Null is a strategy that was not built, which nobody can use. */
  state: z
    .strictObject({
      series: z.strictObject({
        dates: z.custom<Int32Array>((value) => types.isInt32Array(value)),
        levels: float64s,
      }),
      columns: z.record(z.string(), float64s),
    })
    .nullable(),
});

/** What is kept of a strategy: what it was made from and what came out, and no code. */
export type PersistedStrategy = z.infer<typeof schema>;

/** Throws NotBuiltError, and UnknownStrategyError for what `restore` would refuse. */
export function persist(strategy: Strategy, classOf: (type: string) => StrategyClass): PersistedStrategy {
  const { name, type, typeVersion } = strategy;
  if (!strategy.isBuilt) throw new NotBuiltError(name);
  classFor(strategy, classOf);
  return { name, type, typeVersion, recipe: strategy.recipe, state: strategy.state() };
}

/**
 * A built strategy of what was kept of it, under the name it was kept under. Throws IntegrityError for another shape of data, NotBuiltError, and
 * UnknownStrategyError for a class, or a version of it, that this program does not have.
 */
export function restore(
  stored: unknown,
  classOf: (type: string) => StrategyClass,
  context: StrategyContext,
): Strategy {
  const parsed = schema.safeParse(stored);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new IntegrityError('corrupt', `a strategy is not readable: ${path.join('.')}: ${message}`);
  }
  const { name, state } = parsed.data;
  if (state === null) throw new NotBuiltError(name);
  const strategy = classFor(parsed.data, classOf).create(parsed.data.recipe, context, state);
  return strategy.name === name ? strategy : new NamedStrategy(name, strategy);
}

function classFor(
  { name, type, typeVersion }: Pick<Strategy, 'name' | 'type' | 'typeVersion'>,
  classOf: (type: string) => StrategyClass,
): StrategyClass {
  const found = classOf(type);
  if (found.typeVersion === typeVersion) return found;
  throw new UnknownStrategyError(
    `strategy "${name}" was built by version ${typeVersion} of ${type}, this program has ${found.typeVersion}; build it again`,
  );
}
