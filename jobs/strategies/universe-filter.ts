import { z } from 'zod';
import { toDay, type IsoDate } from '../runtime/dates.ts';
import type { PriceBars, StrategyContext } from './context.ts';
import { NoPricesError, RecipeError } from './errors.ts';
import { atFrequency, filterSchema, passing, type Filter } from './filters.ts';
import type { IndexMembers } from './index-members.ts';
import {
  givenObservations,
  PRICE_FIELDS,
  priceField,
  type GivenField,
  type Observations,
} from './observations.ts';
import { isoDate, parseRecipe } from './parse-recipe.ts';

const TYPE = 'EquityUniverseFilter';

export interface UniverseFilterOptions {
  readonly context: StrategyContext;
  readonly members: IndexMembers;
  /** Each filter sees what those added before it have left; otherwise each sees the whole index. */
  readonly useAddOrder?: boolean;
  /** Fields besides those of prices, by name. */
  readonly fields?: Readonly<Record<string, GivenField>>;
  /** First date of prices that are read; all by default. */
  readonly pricesFrom?: IsoDate;
}

type FilterInput = z.input<typeof filterSchema>;
type Op = FilterInput['op'];
/** Conditions that an operation can be of. */
type ConditionOf<O extends Op, F = FilterInput> = F extends { op: Op }
  ? O extends F['op']
    ? F
    : never
  : never;
type ValueOf<O extends Op> = ConditionOf<O>['value'];
type OptionsOf<O extends Op> = Omit<ConditionOf<O>, 'field' | 'op' | 'value'>;

/** What is done with the tickers of an index, one after another. */
type Step = { readonly exclude: ReadonlySet<string> } | { readonly filter: Filter };

/** What is known for a step: nothing where tickers are excluded by name. */
type Known = ReadonlyMap<string, Observations>;

const givenSchema = z.record(
  z.string(),
  z.record(z.string(), z.array(z.tuple([isoDate, z.union([z.number(), z.nan(), z.string()])]))),
);

/**
 * Chooses tickers from the members of an index, as of dates. Fields are those of prices in the lake (`close`,
 * `volume`, `dollar_volume`, `return_N`) and those given by the caller. `close` and `volume` are on the lake's basis,
 * after splits that came after the date, too: a limit on them knows the future, one on the others does not.
 */
export class EquityUniverseFilter {
  readonly #index: string;
  readonly #options: UniverseFilterOptions;
  readonly #given: ReadonlyMap<string, Known>;
  readonly #steps: Step[] = [];

  /** Throws RecipeError when a given field is not as described, or has the name of one of prices. */
  constructor(index: string, options: UniverseFilterOptions) {
    const fields = parseRecipe(givenSchema, options.fields ?? {}, `fields of ${TYPE}`);
    const taken = Object.keys(fields).find((name) => priceField(name) !== undefined);
    if (taken !== undefined)
      throw new RecipeError(`field "${taken}" is one of prices; give yours another name`);
    this.#index = index;
    this.#options = options;
    this.#given = new Map(
      Object.entries(fields).map(([name, given]) => [name, givenObservations(name, given)]),
    );
  }

  /**
   * Keeps tickers whose value passes; of several fields the value of each has to. The value is the last one on or
   * before the date, less `reportingLagDays`; a ticker without one does not pass.
   *
   * - `top`, `bottom`: the `value` highest or lowest, or that share of those with a value, rounded up, with `percent`;
   *   equal ones in the order of their tickers
   * - `>`, `>=`, `<`, `<=`: against a number; `==`: against a number or a text
   * - `in`, `notIn`: whether it is one of a list
   * - `minDataSize` with `[n, share]`: there are values on at least `share` of the last `n` dates that the index has
   *
   * Throws RecipeError for an operation, a value or a field that there is not.
   */
  add<O extends Op>(
    field: string | readonly string[],
    op: O,
    value: ValueOf<O>,
    options?: OptionsOf<O>,
  ): this {
    const names = typeof field === 'string' ? [field] : field;
    const filters = names.map((name) => {
      if (priceField(name) === undefined && !this.#given.has(name)) {
        const known = [PRICE_FIELDS, ...this.#given.keys()].join(', ');
        throw new RecipeError(`field "${name}" is not known; choose ${known}`);
      }
      return parseRecipe(filterSchema, { ...options, field: name, op, value }, `a filter of ${TYPE}`);
    });
    this.#steps.push(...filters.map((filter) => ({ filter })));
    return this;
  }

  /** Leaves tickers out, at this place in the order of filters. */
  exclude(tickers: readonly string[]): this {
    this.#steps.push({ exclude: new Set(tickers) });
    return this;
  }

  /**
   * The tickers that pass on each date, sorted. Throws RecipeError for a date after the environment date or an
   * unknown index, NoPricesError when prices are needed and the lake has none of any member.
   */
  async apply(dates: IsoDate | readonly IsoDate[]): Promise<Map<IsoDate, string[]>> {
    const { context, members, useAddOrder = false } = this.#options;
    const list = parseRecipe(z.array(isoDate).min(1), [dates].flat(), `dates of ${TYPE}`).toSorted();
    const last = list.at(-1)!;
    if (last > context.envDate) {
      throw new RecipeError(
        `date ${last} of ${TYPE} is after the environment date ${context.envDate}; choose an earlier one`,
      );
    }
    const universes = new Map(list.map((date) => [date, members.on(this.#index, date)]));
    const known = await this.#known([...new Set([...universes.values()].flat())].toSorted(), last);
    return new Map(
      [...universes].map(([date, universe]) => {
        const passes = (step: Step, at: number, candidates: readonly string[]): string[] =>
          'exclude' in step
            ? candidates.filter((ticker) => !step.exclude.has(ticker))
            : passing(step.filter, candidates, toDay(date), known[at]!, universe);
        if (useAddOrder)
          return [date, this.#steps.reduce((left, step, at) => passes(step, at, left), universe)];
        const kept = this.#steps.map((step, at) => new Set(passes(step, at, universe)));
        return [date, universe.filter((ticker) => kept.every((tickers) => tickers.has(ticker)))];
      }),
    );
  }

  /** What each step needs to know of the tickers up to and with a date, at its frequency. */
  async #known(tickers: readonly string[], end: IsoDate): Promise<Known[]> {
    const { context, pricesFrom } = this.#options;
    const fields = this.#steps.flatMap((step) => ('filter' in step ? [step.filter.field] : []));
    const needsPrices = tickers.length > 0 && fields.some((field) => !this.#given.has(field));
    const prices: ReadonlyMap<string, PriceBars> = needsPrices
      ? await context.prices.read(tickers, { start: pricesFrom, end })
      : new Map();
    if (needsPrices && prices.size === 0) {
      throw new NoPricesError(
        `no member of "${this.#index}" has prices up to ${end} in the lake; load them, or choose later dates`,
      );
    }
    return this.#steps.map((step) => {
      if ('exclude' in step) return new Map();
      const { filter } = step;
      const given = this.#given.get(filter.field);
      if (given !== undefined) return atFrequency(filter, given);
      const observe = priceField(filter.field)!;
      return atFrequency(filter, new Map([...prices].map(([ticker, bars]) => [ticker, observe(bars)])));
    });
  }
}
