import { fromDay, type DayNumber, type IsoDate } from '../../runtime/dates.ts';
import { StatisticsError } from '../errors.ts';

/** A payment per share, on its ex-date. */
export interface Dividend {
  readonly day: DayNumber;
  readonly amount: number;
}

/** What a stream of dividends that goes on as it did is worth. */
export interface DividendValue {
  /** In the currency of the dividends, at the date of valuation. */
  readonly value: number;
  /** Change of the amount in a year. */
  readonly growth: number;
  /** Years between payments. */
  readonly period: number;
  readonly next: IsoDate;
  readonly payments: number;
}

const DAYS_PER_YEAR = 365;
const MIN_PAYMENTS = 3;

/**
 * Discounted dividend model: amounts go on along their least-squares line, payments at their mean distance, from the
 * first one due on or after `today`. Terms (alpha + beta t) / (1 + rate)^t are summed in closed form, for ever where
 * dividends grow, else up to the last that is above 0.
 *
 * @param rate of discount a year, above 0
 */
export function discountDividends(
  ticker: string,
  dividends: readonly Dividend[],
  today: DayNumber,
  rate: number,
): DividendValue {
  const first = dividends[0];
  if (first === undefined || dividends.length < MIN_PAYMENTS) {
    throw new StatisticsError(
      'too-few-dividends',
      `${ticker} has ${dividends.length} dividends in the window and the model needs ${MIN_PAYMENTS}; choose a longer one`,
    );
  }
  const times = dividends.map(({ day }) => (day - first.day) / DAYS_PER_YEAR);
  const { alpha, beta } = fitLine(
    times,
    dividends.map(({ amount }) => amount),
  );
  const period = times.at(-1)! / (times.length - 1);
  const now = (today - first.day) / DAYS_PER_YEAR;
  const overdue = Math.max(0, Math.ceil((now - times.at(-1)!) / period));
  const wait = times.at(-1)! + overdue * period - now;

  const step = (1 + rate) ** -period;
  const start = alpha + beta * (now + wait);
  const slope = beta * period;
  const terms = slope < 0 ? Math.max(0, Math.ceil(start / -slope)) : Infinity;
  return {
    value: (1 + rate) ** -wait * sumOfTerms(start, slope, step, terms),
    growth: beta,
    period,
    next: fromDay(Math.round(today + wait * DAYS_PER_YEAR)),
    payments: dividends.length,
  };
}

/** Sum of (start + slope i) step^i for i from 0 up to before `terms`, for 0 < step < 1. */
function sumOfTerms(start: number, slope: number, step: number, terms: number): number {
  const rest = 1 - step;
  const tail = Number.isFinite(terms) ? step ** terms : 0;
  const carried = tail === 0 ? 0 : (terms - 1) * tail * step - terms * tail;
  return (start * (1 - tail)) / rest + (slope * (step + carried)) / rest ** 2;
}

function fitLine(x: readonly number[], y: readonly number[]): { alpha: number; beta: number } {
  const meanX = x.reduce((sum, value) => sum + value, 0) / x.length;
  const meanY = y.reduce((sum, value) => sum + value, 0) / y.length;
  let [cross, squares] = [0, 0];
  for (const [index, value] of x.entries()) {
    cross += (value - meanX) * (y[index]! - meanY);
    squares += (value - meanX) ** 2;
  }
  const beta = cross / squares;
  return { alpha: meanY - beta * meanX, beta };
}
