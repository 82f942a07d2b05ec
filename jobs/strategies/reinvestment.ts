import { z } from 'zod';
import type { IsoDate } from '../runtime/dates.ts';
import type { StrategyContext } from './context.ts';
import { ComputedStrategy } from './computed-strategy.ts';
import { NoPricesError } from './errors.ts';
import { holdingOf } from './holding.ts';
import { isoDate, parseRecipe, resolveStart } from './parse-recipe.ts';
import { reinvestDividends } from './reinvestment-kernel.ts';
import type { StrategyClass, StrategyState } from './strategy.ts';

const TYPE = 'ReinvestmentStrategy';
const TYPE_VERSION = 1;

const schema = z
  .strictObject({
    /** Symbol in the lake. */
    ticker: z.string().min(1),
    /** Made of the ticker by default. */
    name: z.string().min(1).optional(),
    /** First date on which it may be bought; null for its first price. The context's default when left out. */
    start: isoDate.nullable().optional(),
    /** Dividends buy units at the close of the ex-date or of the payment date, or are kept as cash. */
    mode: z.enum(['exClose', 'payDate', 'none']).default('exClose'),
    /** With `payDate`: payment dates by ex-date, and after how many business dates all others are paid. */
    payDates: z.record(isoDate, isoDate).default({}),
    payLag: z.int().min(0).nullable().default(null),
    /** Share of what is bought that buying it costs: 0.001 is 10 basis points. */
    cost: z.number().min(0).default(0),
    /** Share of each dividend that is withheld. */
    withholding: z.number().min(0).max(1).default(0),
    /** Paid for the first units, costs included. */
    initialCash: z.number().positive().default(1000),
    /** Whether units are counted in shares after all splits so far, or in shares of their day. */
    basis: z.enum(['adjusted', 'raw']).default('adjusted'),
  })
  .superRefine(({ mode, payDates, payLag }, check) => {
    const late = Object.entries(payDates).find(([exDate, payDate]) => payDate < exDate);
    if (late !== undefined)
      check.addIssue({ code: 'custom', path: ['payDates', late[0]], message: 'is before its ex-date' });
    const hasDates = payLag !== null || Object.keys(payDates).length > 0;
    if (mode === 'payDate' && !hasDates)
      check.addIssue({ code: 'custom', path: ['payLag'], message: 'give payLag or payDates with payDate' });
    if (mode !== 'payDate' && hasDates)
      check.addIssue({ code: 'custom', path: ['mode'], message: 'payLag and payDates go with payDate only' });
  });

/** What a caller may leave out has a default. */
export type ReinvestmentRecipe = z.input<typeof schema>;

type Parsed = z.output<typeof schema>;
type CompleteRecipe = Omit<Parsed, 'name' | 'start'> & {
  readonly name: string;
  readonly start: IsoDate | null;
};

/**
 * One stock, bought at its first close and held, with its dividends put back into it. Its further columns are those
 * of `ReinvestmentFigures`. Costs and withholding are shares of what they are taken from.
 */
export class ReinvestmentStrategy extends ComputedStrategy {
  readonly name: string;
  readonly type = TYPE;
  readonly typeVersion = TYPE_VERSION;
  /** Complete: nothing in it is left to a default. */
  readonly recipe: CompleteRecipe;
  readonly #context: StrategyContext;

  /** Throws RecipeError when the recipe is not as described or starts after the environment date. */
  constructor(recipe: ReinvestmentRecipe, context: StrategyContext, state?: StrategyState) {
    super(state);
    const parsed = parseRecipe(schema, recipe, TYPE);
    const start = resolveStart(parsed.start, context, TYPE);
    this.name = parsed.name ?? `${parsed.ticker} REINV STRATEGY`;
    this.recipe = { ...parsed, name: this.name, start };
    this.#context = context;
  }

  protected override async compute(): Promise<StrategyState> {
    const { ticker, start, mode, payDates, payLag, basis, cost, withholding, initialCash } = this.recipe;
    const { prices, envDate } = this.#context;
    const bars = (await prices.read([ticker], { start: start ?? undefined, end: envDate })).get(ticker);
    const payment = mode === 'payDate' ? { dates: payDates, lag: payLag } : 'exDate';
    const bought = bars && holdingOf(ticker, bars, basis, payment);
    if (bought === undefined) {
      throw new NoPricesError(
        `ticker "${ticker}" has no close ${start === null ? '' : `from ${start} `}up to ${envDate} in the lake; ` +
          'load it, or check its name and the dates',
      );
    }
    const { levels, ...columns } = reinvestDividends(bought.holding, {
      initialCash,
      cost,
      withholding,
      reinvest: mode !== 'none',
    });
    return { series: { dates: bought.dates.slice(), levels }, columns };
  }
}

export const reinvestmentClass: StrategyClass = {
  type: TYPE,
  typeVersion: TYPE_VERSION,
  create: (recipe, context, state) =>
    new ReinvestmentStrategy(parseRecipe(schema, recipe, TYPE), context, state),
};
