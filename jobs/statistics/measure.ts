import { fromDay } from '../runtime/dates.ts';
import { assetType, PERIODS_PER_YEAR } from './assets.ts';
import type { OwnProfile, PairProfile } from './cache/statistic-items.ts';
import { StatisticsError } from './errors.ts';
import { correlationByPercentiles, correlationFromSummary } from './estimators/correlation.ts';
import { estimate, type Method } from './estimators/estimate.ts';
import { align, logReturns, type PriceSeries, type TimeUnit } from './estimators/series.ts';
import { summarize, summarizePair } from './estimators/summary.ts';

/** Time passes in days where all are coins, else in sessions. */
export function unitOf(...tickers: string[]): TimeUnit {
  return tickers.every((ticker) => assetType(ticker) === 'crypto') ? 'days' : 'sessions';
}

/** Return and volatility of a series. Throws StatisticsError for one that is too short or does not move. */
export function measureOwn(series: PriceSeries, method: Method): OwnProfile {
  const { ticker, days, closes } = series;
  const returns = logReturns(series, unitOf(ticker));
  const { annualReturn, annualVolatility } = estimate(returns, method, PERIODS_PER_YEAR[assetType(ticker)]);
  if (annualVolatility === 0) {
    throw new StatisticsError(
      'no-variation',
      `${ticker} has no volatility by ${method} in the window; choose a longer window or another method`,
    );
  }
  return {
    annualReturn,
    annualVolatility,
    summary: summarize(returns),
    first: { date: fromDay(days[0]!), close: closes[0]! },
    last: { date: fromDay(days.at(-1)!), close: closes.at(-1)! },
  };
}

/** Correlation of two series on the days that both have. Throws StatisticsError like `measureOwn`. */
export function measurePair(a: PriceSeries, b: PriceSeries, method: Method): PairProfile {
  const [one, two] = align(a, b);
  const unit = unitOf(a.ticker, b.ticker);
  const what = { ticker: `the pair ${a.ticker} and ${b.ticker}` };
  const [first, second] = [logReturns({ ...one, ...what }, unit), logReturns({ ...two, ...what }, unit)];
  const summary = summarizePair(first, second);
  const pearson = correlationFromSummary(summary, [a.ticker, b.ticker]);
  const at = (index: number) => ({
    date: fromDay(one.days.at(index)!),
    closes: [one.closes.at(index)!, two.closes.at(index)!] as const,
  });
  return {
    correlation: method === 'percentiles' ? correlationByPercentiles(first, second, pearson) : pearson,
    summary,
    first: at(0),
    last: at(-1),
  };
}
