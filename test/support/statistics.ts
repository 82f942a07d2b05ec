import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { assetType } from '../../jobs/statistics/assets.ts';
import { restrictTo, type PriceSeries } from '../../jobs/statistics/estimators/series.ts';
import { toDay } from '../../jobs/runtime/dates.ts';
import { repository } from './folders.ts';

const folder = join(repository, 'test/reference/statistics');

/** Real closes of equities, ETFs and a coin in 2013; test/reference/README.md says where they come from. */
const table: Record<string, string>[] = parse(readFileSync(join(folder, 'prices.csv')), { columns: true });

/** What numpy, scipy, cvxpy and PyPortfolioOpt make of them: test/reference/statistics_reference.py. */
export const reference: any = JSON.parse(readFileSync(join(folder, 'values.json'), 'utf8'));

export const referenceRows = table;

export function referenceSeries(ticker: string, weekends = true): PriceSeries {
  const rows = table.filter((row) => row[ticker] !== '');
  const series = {
    ticker,
    days: Int32Array.from(rows, ({ date }) => toDay(date!)),
    closes: Float64Array.from(rows, (row) => Number(row[ticker])),
  };
  if (weekends || assetType(ticker) === 'equity') return series;
  return restrictTo(series, referenceSeries('SPY').days);
}

/** Largest difference of two lists of numbers. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  return Math.max(...Array.from(a, (value, index) => Math.abs(value - b[index]!)));
}
