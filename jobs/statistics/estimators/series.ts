import { fromDay, type IsoDate } from '../../runtime/dates.ts';
import { StatisticsError } from '../errors.ts';

/** Closes of one ticker, oldest first, one a day. */
export interface PriceSeries {
  readonly ticker: string;
  readonly days: Int32Array;
  /** Per share, split-adjusted; above 0. */
  readonly closes: Float64Array;
}

/** What time passes between two closes: a session each (equities), or calendar days (coins). */
export type TimeUnit = 'sessions' | 'days';

/** Log returns from close to close and the units of time that each spans, of equal length. */
export interface LogReturns {
  readonly values: Float64Array;
  readonly elapsed: Float64Array;
}

/** Fewest returns that a statistic is made of. */
const MIN_RETURNS = 3;

/** Throws StatisticsError naming the first close that is none. */
export function checkSeries({ ticker, days, closes }: PriceSeries): void {
  for (const [index, close] of closes.entries()) checkClose(ticker, fromDay(days[index]!), close);
}

export function checkClose(ticker: string, date: IsoDate, close: number): void {
  if (close > 0 && close < Infinity) return;
  throw new StatisticsError(
    'bad-price',
    `${ticker} has the close ${close} on ${date}; correct it in the lake`,
  );
}

/** The returns of a series. Throws StatisticsError when there are fewer than three. */
export function logReturns(series: PriceSeries, unit: TimeUnit): LogReturns {
  const length = Math.max(0, series.closes.length - 1);
  if (length < MIN_RETURNS) throw tooFew(series.ticker, length);
  const values = new Float64Array(length);
  const elapsed = new Float64Array(length).fill(1);
  for (let index = 0; index < length; index += 1) {
    values[index] = Math.log(series.closes[index + 1]! / series.closes[index]!);
    if (unit === 'days') elapsed[index] = series.days[index + 1]! - series.days[index]!;
  }
  return { values, elapsed };
}

function tooFew(what: string, returns: number): StatisticsError {
  return new StatisticsError(
    'too-few-returns',
    `${what} has ${returns} returns in the window and a statistic needs ${MIN_RETURNS}; choose a longer window`,
  );
}

/** The closes on days that are also in `days`, ascending. */
export function restrictTo(series: PriceSeries, days: Int32Array): PriceSeries {
  const kept = new Int32Array(Math.min(days.length, series.days.length));
  let count = 0;
  for (let own = 0, other = 0; own < series.days.length && other < days.length;) {
    const difference = series.days[own]! - days[other]!;
    if (difference === 0) kept[count++] = own;
    if (difference <= 0) own += 1;
    if (difference >= 0) other += 1;
  }
  return {
    ticker: series.ticker,
    days: Int32Array.from(kept.subarray(0, count), (index) => series.days[index]!),
    closes: Float64Array.from(kept.subarray(0, count), (index) => series.closes[index]!),
  };
}

/** Both series on the days that both have. */
export function align(a: PriceSeries, b: PriceSeries): readonly [PriceSeries, PriceSeries] {
  const first = restrictTo(a, b.days);
  return [first, restrictTo(b, first.days)];
}
