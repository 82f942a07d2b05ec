import type { StrategyContext } from './context.ts';
import { ReinvestmentStrategy, type ReinvestmentRecipe } from './reinvestment.ts';

/**
 * The strategy of one stock with its dividends reinvested, named `<T> REINV STRATEGY`. It starts at the context's
 * default start date unless told otherwise.
 *
 * @param parameters `exchangeTicker` is the symbol in the lake; the others as in the recipe of `ReinvestmentStrategy`
 */
export function getSingleStockStrategy(
  { exchangeTicker, ...parameters }: { readonly exchangeTicker: string } & Omit<ReinvestmentRecipe, 'ticker'>,
  context: StrategyContext,
): ReinvestmentStrategy {
  return new ReinvestmentStrategy({ ...parameters, ticker: exchangeTicker }, context);
}
