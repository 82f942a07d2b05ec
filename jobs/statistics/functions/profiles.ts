import { z } from 'zod';
import { fromDay, type IsoDate } from '../../runtime/dates.ts';
import { assetType, PERIODS_PER_YEAR } from '../assets.ts';
import { movingAverage } from '../estimators/moving-averages.ts';
import { logReturns, type PriceSeries } from '../estimators/series.ts';
import { define, each, mapValues, pricesOf } from './definition.ts';
import { common, tickers } from './fields.ts';

const MOVING_AVERAGES = [20, 60, 100];

export const profile = define({
  description: 'annual return, volatility, Sharpe ratio, beta and cost of equity',
  input: z.strictObject({ ...common, tickers: tickers(1) }),
  async run(statistics, input) {
    const found = await each(input.tickers, (name) => statistics.profile(name));
    return {
      riskFree: await statistics.riskFree(),
      prices: pricesOf(found),
      result: mapValues(found, (one) => ({
        annual_return: one.annualReturn,
        annual_volatility: one.annualVolatility,
        sharpe_ratio: one.sharpeRatio,
        asset_beta: one.assetBeta,
        equity_cost: one.equityCost,
      })),
    };
  },
});

export const correlation = define({
  description: 'matrix of correlations',
  input: z.strictObject({ ...common, tickers: tickers(2) }),
  async run(statistics, input) {
    const found = await each(input.tickers, (name) => statistics.own(name, statistics.weekends));
    const { rows } = await statistics.correlations();
    return { prices: pricesOf(found), result: { correlation_matrix: rows } };
  },
});

export const movingAverages = define({
  description: 'mean annual log return over the last 20, 60 and 100 returns',
  input: z.strictObject({ ...common, tickers: tickers(1).max(1) }),
  async run(statistics, input) {
    const name = input.tickers[0]!;
    const series = await statistics.series(name);
    const type = assetType(name);
    const returns = logReturns(series, type === 'crypto' ? 'days' : 'sessions');
    const averages = MOVING_AVERAGES.map((length) =>
      movingAverage(returns, length, input.method, PERIODS_PER_YEAR[type]),
    );
    const rows = Array.from(returns.values, (_, index) => [
      fromDay(series.days[index + 1]!),
      Object.fromEntries(
        MOVING_AVERAGES.map((length, which) => {
          const value = averages[which]![index]!;
          return [`MA_${length}`, Number.isNaN(value) ? null : value];
        }),
      ),
    ]);
    return {
      prices: { [name]: closesOf(series) },
      result: Object.fromEntries(rows),
    };
  },
});

export const returns = define({
  description: 'daily log returns',
  input: z.strictObject({ ...common, tickers: tickers(1) }),
  async run(statistics, input) {
    const found = await each(input.tickers, async (name) => {
      const series = await statistics.series(name);
      const { values } = logReturns(series, 'sessions');
      return { series, values };
    });
    return {
      prices: mapValues(found, ({ series }) => closesOf(series)),
      result: mapValues(found, ({ series, values }) =>
        Object.fromEntries(Array.from(values, (value, index) => [fromDay(series.days[index + 1]!), value])),
      ),
    };
  },
});

function closesOf({ days }: PriceSeries): { rows: number; first: IsoDate; last: IsoDate } {
  return { rows: days.length, first: fromDay(days[0]!), last: fromDay(days.at(-1)!) };
}
