import { z } from 'zod';
import { toDay } from '../../runtime/dates.ts';
import { UsageError } from '../../runtime/errors.ts';
import { discountDividends } from '../estimators/dividends.ts';
import { define, each } from './definition.ts';
import { common, tickers } from './fields.ts';

/** Dividends need years. */
const DEFAULT_DIVIDEND_DAYS = 5 * 365;

export const dividendValue = define({
  description: 'discounted dividend model: the value of the dividends to come',
  input: z.strictObject({ ...common, tickers: tickers(1), discount: z.number().gt(0).lt(10).optional() }),
  defaultDays: DEFAULT_DIVIDEND_DAYS,
  async run(statistics, input) {
    const today = toDay(statistics.request.window.end) - 1;
    const found = await each(input.tickers, async (name) => {
      const rows = await statistics.rows(name);
      const dividends = rows
        .filter(({ dividend }) => dividend !== null && dividend > 0)
        .map((row) => ({ day: toDay(row.date), amount: row.dividend! }));
      const rate = input.discount ?? (await statistics.profile(name)).equityCost;
      if (!(rate > 0)) {
        throw new UsageError(
          `the cost of equity of ${name} is ${rate}, which discounts nothing; give --discount`,
        );
      }
      const { value, growth, period, next, payments } = discountDividends(name, dividends, today, rate);
      return {
        discount_dividend: value,
        discount_rate: rate,
        growth_per_year: growth,
        years_between_payments: period,
        next_payment: next,
        payments,
      };
    });
    return {
      ...(input.discount === undefined ? { riskFree: await statistics.riskFree() } : {}),
      result: Object.fromEntries(found),
    };
  },
});
