import { z } from 'zod';
import { fromDay, toDay, type IsoDate } from '../runtime/dates.ts';
import { rollBasket } from './basket-kernel.ts';
import { ComputedStrategy } from './computed-strategy.ts';
import type { StrategyContext } from './context.ts';
import { BadPriceError, NoPricesError, RecipeError } from './errors.ts';
import { isoDate, parseRecipe, resolveStart } from './parse-recipe.ts';
import { scheduledIndexes } from './schedule.ts';
import type { LevelSeries, Recipe, Strategy, StrategyClass, StrategyState } from './strategy.ts';

const TYPE = 'RollingBasket';
const TYPE_VERSION = 1;

/** How far from 1 the sum of weights may be: what rounding leaves of it. */
const WEIGHTS_TOLERANCE = 1e-12;

const termsSchema = z
  .strictObject({
    name: z.string().min(1),
    /** Of each component, in their order; they sum to 1. */
    weights: z.array(z.number()).min(1),
    /** When it is brought back to its weights. */
    schedule: z
      .union([
        z.literal('never'),
        z.array(isoDate),
        z.strictObject({ firstOf: z.enum(['week', 'month', 'quarter']) }),
      ])
      .default('never'),
    /** Allows negative weights. */
    allowShort: z.boolean().default(false),
    /** Share of what is bought or sold that trading costs, from the first rebalance on. */
    cost: z.number().min(0).lt(1).default(0),
    /** Level on the first date. */
    initialCash: z.number().positive().default(1000),
    /** First date; null for the first that all components have. The context's default when left out. */
    start: isoDate.nullable().optional(),
  })
  .superRefine(({ weights, allowShort }, check) => {
    const sum = weights.reduce((total, weight) => total + weight, 0);
    if (!(Math.abs(sum - 1) <= WEIGHTS_TOLERANCE))
      check.addIssue({ code: 'custom', path: ['weights'], message: `sums to ${sum}, it has to sum to 1` });
    const short = weights.findIndex((weight) => weight < 0);
    if (short !== -1 && !allowShort) {
      const message = 'is a short; set allowShort where that is meant';
      check.addIssue({ code: 'custom', path: ['weights', short], message });
    }
  });

const componentSchema = z.strictObject({
  type: z.string(),
  /** Left out where any version of it will do. */
  typeVersion: z.int().optional(),
  recipe: z.record(z.string(), z.json()),
});

/** What a caller may leave out has a default. */
export type BasketTerms = z.input<typeof termsSchema>;

type CompleteTerms = Omit<z.output<typeof termsSchema>, 'start'> & { readonly start: IsoDate | null };

/**
 * Strategies held by weight and rebalanced on a schedule, on the dates that all of them have. It ends with the first
 * of them that ends. Its further columns are the units of each component, named `units COMPONENT`.
 */
export class RollingBasket extends ComputedStrategy {
  readonly name: string;
  readonly type = TYPE;
  readonly typeVersion = TYPE_VERSION;
  /** Complete, with the recipe of each component in it. */
  readonly recipe: Recipe;
  readonly #components: readonly Strategy[];
  readonly #terms: CompleteTerms;
  readonly #context: StrategyContext;

  /** Throws RecipeError when the terms are not as described or do not fit the components. */
  constructor(
    components: readonly Strategy[],
    terms: BasketTerms,
    context: StrategyContext,
    state?: StrategyState,
  ) {
    super(state);
    const parsed = parseRecipe(termsSchema, terms, TYPE);
    const { name, weights } = parsed;
    if (components.length !== weights.length) {
      throw new RecipeError(
        `${TYPE} "${name}" has ${components.length} components and ${weights.length} weights; give one for each`,
      );
    }
    const repeated = components.find(
      (one, i) => components.findIndex((other) => other.name === one.name) < i,
    );
    if (repeated !== undefined) {
      throw new RecipeError(
        `${TYPE} "${name}" has two components named "${repeated.name}"; give them names of their own`,
      );
    }
    const start = resolveStart(parsed.start, context, TYPE);
    this.name = name;
    this.#components = components;
    this.#terms = { ...parsed, start };
    this.#context = context;
    const parts = components.map(({ type, typeVersion, recipe }) => ({ type, typeVersion, recipe }));
    this.recipe = { ...this.#terms, components: parts };
  }

  protected override async compute(): Promise<StrategyState> {
    const { weights, schedule, cost, initialCash, start } = this.#terms;
    const histories = await Promise.all(this.#components.map((component) => component.history()));
    const dates = commonDates(histories, start, this.#context.envDate);
    if (dates.length === 0) {
      throw new NoPricesError(
        `${TYPE} "${this.name}" has no date ${start === null ? '' : `from ${start} `}up to ` +
          `${this.#context.envDate} that all of its components have; check their dates`,
      );
    }
    const levels = histories.map((history) => levelsOn(history, dates));
    for (const [i, values] of levels.entries())
      this.#checkLevels(`component "${this.#components[i]!.name}"`, dates, values);
    const rebalances = scheduledIndexes(schedule, dates);
    const weightsArray = Float64Array.from(weights);
    const basket = rollBasket({ levels, weights: weightsArray, rebalances, initialCash, cost });
    this.#checkLevels('the basket', dates, basket.levels);
    const columns = this.#components.map(({ name }, i) => [`units ${name}`, basket.units[i]!] as const);
    return { series: { dates, levels: basket.levels }, columns: Object.fromEntries(columns) };
  }

  #checkLevels(what: string, dates: Int32Array, levels: Float64Array): void {
    const bad = levels.findIndex((level) => !(level > 0 && level < Infinity));
    if (bad === -1) return;
    throw new BadPriceError(
      `${what} of ${TYPE} "${this.name}" has the level ${levels[bad]} on ${fromDay(dates[bad]!)}, and weights ` +
        'mean something only above 0; choose other weights, or dates without it',
    );
  }
}

/** The class of baskets whose components are made by the classes that `classOf` finds. */
export function rollingBasketClass(classOf: (type: string) => StrategyClass): StrategyClass {
  return {
    type: TYPE,
    typeVersion: TYPE_VERSION,
    create(recipe, context, state) {
      const { components: given, ...terms } = recipe;
      const list = parseRecipe(z.array(componentSchema), given, `components of ${TYPE}`);
      const components = list.map(({ type, typeVersion, recipe: own }, i) => {
        const found = classOf(type);
        if (typeVersion !== undefined && typeVersion !== found.typeVersion) {
          throw new RecipeError(
            `component ${i} of ${TYPE} is of version ${typeVersion} of ${type}, which is ${found.typeVersion} ` +
              'by now; build the basket again',
          );
        }
        return found.create(own, context);
      });
      return new RollingBasket(components, parseRecipe(termsSchema, terms, TYPE), context, state);
    },
  };
}

function commonDates(histories: readonly LevelSeries[], start: IsoDate | null, end: IsoDate): Int32Array {
  const [first, ...others] = histories.map(({ dates }) => dates);
  const sets = others.map((dates) => new Set(dates));
  const from = start === null ? -Infinity : toDay(start);
  const to = toDay(end);
  return first!.filter((day) => day >= from && day <= to && sets.every((days) => days.has(day)));
}

/** @param dates some of the history's */
function levelsOn({ dates: own, levels }: LevelSeries, dates: Int32Array): Float64Array {
  const result = new Float64Array(dates.length);
  let row = 0;
  for (const [t, day] of dates.entries()) {
    while (own[row]! < day) row += 1;
    result[t] = levels[row]!;
  }
  return result;
}
