import { max, mean, median, min, sum } from 'd3-array';
import { toDay, type DayNumber, type IsoDate } from '../runtime/dates.ts';
import type { PriceBars } from './context.ts';
import { RecipeError } from './errors.ts';
import { periodOf, type Period } from './schedule.ts';

export type FieldValue = number | string;

/** What is known of a field of one ticker, and from which date on; its numbers are finite. */
export interface Observations {
  /** Days since 1970-01-01, ascending. */
  readonly days: Int32Array;
  readonly values: readonly FieldValue[];
}

/** A field of the caller's: dated values by ticker. A value holds until the next one. */
export type GivenField = Readonly<Record<string, readonly (readonly [IsoDate, FieldValue])[]>>;

export type Aggregation = 'first' | 'last' | 'min' | 'max' | 'mean' | 'median' | 'sum';

/** What becomes of the numbers of a period. */
export const AGGREGATIONS: Readonly<Record<Aggregation, (values: readonly number[]) => number | undefined>> =
  {
    first: (values) => values[0],
    last: (values) => values.at(-1),
    min,
    max,
    mean,
    median,
    sum,
  };

export const PRICE_FIELDS = 'close, volume, dollar_volume, return_N (over N closes)';

/** How a price field is computed; undefined when it is none. Returns are those of closes, without dividends. */
export function priceField(name: string): ((bars: PriceBars) => Observations) | undefined {
  const window = Number(/^return_([1-9]\d{0,4})$/.exec(name)?.[1]);
  if (window > 0) {
    return (bars) => {
      const closes = observe(bars.dates, bars.close);
      const from = closes.values as readonly number[];
      const returns = from.slice(window).map((close, t) => close / from[t]! - 1);
      return observe(closes.days.slice(window), Float64Array.from(returns));
    };
  }
  switch (name) {
    case 'close':
      return ({ dates, close }) => observe(dates, close);
    case 'volume':
      return ({ dates, volume }) => observe(dates, volume);
    case 'dollar_volume':
      return ({ dates, close, volume }) =>
        observe(
          dates,
          close.map((price, t) => price * volume[t]!),
        );
    default:
      return undefined;
  }
}

/** A given field as observations by ticker. Throws RecipeError for two values of a date. */
export function givenObservations(name: string, given: GivenField): Map<string, Observations> {
  return new Map(
    Object.entries(given).map(([ticker, dated]) => {
      const sorted = dated
        .filter(([, value]) => !Number.isNaN(value))
        .toSorted(([a], [b]) => (a < b ? -1 : 1));
      const twice = sorted.find(([date], t) => date === sorted[t - 1]?.[0]);
      if (twice !== undefined) {
        throw new RecipeError(
          `field "${name}" of ${ticker} has two values on ${twice[0]}; give one for each date`,
        );
      }
      const days = Int32Array.from(sorted, ([date]) => toDay(date));
      return [ticker, { days, values: sorted.map(([, value]) => value) }];
    }),
  );
}

/** One value for each period, dated with its last calendar day, so that no one sees it before the period is over. */
export function resample(
  { days, values }: Observations,
  period: Period,
  aggregate: (values: readonly FieldValue[]) => FieldValue,
): Observations {
  const groups = Map.groupBy(values.keys(), (t) => periodOf(days[t]!, period));
  return {
    days: Int32Array.from(groups.keys(), (id) => lastDayOf(id, period)),
    values: [...groups.values()].map((rows) => aggregate(rows.map((t) => values[t]!))),
  };
}

function observe(dates: Int32Array, figures: Float64Array): Observations {
  const rows = Array.from(figures.keys()).filter((t) => Number.isFinite(figures[t]!));
  return { days: Int32Array.from(rows, (t) => dates[t]!), values: rows.map((t) => figures[t]!) };
}

function lastDayOf(id: number, period: Period): DayNumber {
  if (period === 'week') return id;
  const nextMonth = period === 'month' ? id + 1 : (id + 1) * 3;
  const year = String(Math.floor(nextMonth / 12)).padStart(4, '0');
  return toDay(`${year}-${String((nextMonth % 12) + 1).padStart(2, '0')}-01`) - 1;
}
