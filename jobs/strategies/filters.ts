import { bisectLeft, bisectRight } from 'd3-array';
import { z } from 'zod';
import type { DayNumber } from '../runtime/dates.ts';
import { RecipeError } from './errors.ts';
import {
  AGGREGATIONS,
  resample,
  type Aggregation,
  type FieldValue,
  type Observations,
} from './observations.ts';

const FREQUENCIES = { daily: undefined, weekly: 'week', monthly: 'month', quarterly: 'quarter' } as const;

const common = {
  field: z.string().min(1),
  /** `daily` takes observations as they are; else each period that is over counts as one. */
  frequency: z.enum(Object.keys(FREQUENCIES) as (keyof typeof FREQUENCIES)[]).default('daily'),
  /** What a period's observations become; its last one by default. */
  agg: z.enum(Object.keys(AGGREGATIONS) as Aggregation[]).default('last'),
  /** Calendar days after its date until a value is known. */
  reportingLagDays: z.int().min(0).default(0),
};

const scalar = z.union([z.number(), z.string()]);

const OPS = 'top, bottom, >, >=, <, <=, ==, in, notIn, minDataSize';

/** One condition on one field; `add` of EquityUniverseFilter says what each means. */
export const filterSchema = z
  .discriminatedUnion(
    'op',
    [
      z.strictObject({
        ...common,
        op: z.enum(['top', 'bottom']),
        value: z.number().positive(),
        percent: z.boolean().default(false),
      }),
      z.strictObject({ ...common, op: z.enum(['>', '>=', '<', '<=']), value: z.number() }),
      z.strictObject({ ...common, op: z.literal('=='), value: scalar }),
      z.strictObject({ ...common, op: z.enum(['in', 'notIn']), value: z.array(scalar).min(1) }),
      z.strictObject({
        ...common,
        op: z.literal('minDataSize'),
        value: z.tuple([z.int().min(1), z.number().positive().max(1)]),
      }),
    ],
    { error: `is no operation; choose ${OPS}` },
  )
  .superRefine((filter, check) => {
    const refuse = (field: string, message: string): void =>
      check.addIssue({ code: 'custom', path: [field], message });
    if (filter.frequency === 'daily' && filter.agg !== 'last')
      refuse('agg', 'goes with a frequency of weekly, monthly or quarterly');
    if (filter.op !== 'top' && filter.op !== 'bottom') return;
    if (filter.percent && filter.value > 100) refuse('value', 'is more than 100 percent');
    if (!filter.percent && !Number.isInteger(filter.value)) refuse('value', 'is no number of names');
  });

export type Filter = z.output<typeof filterSchema>;

/** Observations of each ticker at the frequency of a filter. */
export function atFrequency(
  { field, frequency, agg }: Filter,
  observations: ReadonlyMap<string, Observations>,
): ReadonlyMap<string, Observations> {
  const period = FREQUENCIES[frequency];
  if (period === undefined) return observations;
  const aggregate = (values: readonly FieldValue[]): FieldValue => {
    if (agg === 'first') return values[0]!;
    if (agg === 'last') return values.at(-1)!;
    return AGGREGATIONS[agg](values.map((value) => numberOf(field, value)))!;
  };
  return new Map([...observations].map(([ticker, own]) => [ticker, resample(own, period, aggregate)]));
}

/**
 * Which candidates pass a filter on a day, sorted. The value of each is its last one known by then; one without any
 * does not pass.
 *
 * @param observations of each ticker, at the filter's frequency
 * @param universe tickers whose dates make the calendar that `minDataSize` counts in
 */
export function passing(
  filter: Filter,
  candidates: readonly string[],
  day: DayNumber,
  observations: ReadonlyMap<string, Observations>,
  universe: readonly string[],
): string[] {
  const known = day - filter.reportingLagDays;
  const latest = candidates.flatMap((ticker) => {
    const { days, values } = observations.get(ticker) ?? { days: [], values: [] };
    const count = bisectRight(days, known);
    return count === 0 ? [] : [{ ticker, value: values[count - 1]! }];
  });
  const { field } = filter;
  switch (filter.op) {
    case 'top':
    case 'bottom': {
      const { value: amount, percent, op } = filter;
      const sign = op === 'top' ? -1 : 1;
      const keep = percent ? Math.ceil((latest.length * amount) / 100) : amount;
      return latest
        .map(({ ticker, value }) => ({ ticker, rank: sign * numberOf(field, value) }))
        .toSorted((a, b) => a.rank - b.rank || (a.ticker < b.ticker ? -1 : 1))
        .slice(0, keep)
        .map(({ ticker }) => ticker)
        .toSorted();
    }
    case 'minDataSize': {
      const [size, share] = filter.value;
      const since = lastDays(universe, observations, known, size).at(-size) ?? -Infinity;
      return latest
        .filter(({ ticker }) => {
          const { days } = observations.get(ticker)!;
          return bisectRight(days, known) - bisectLeft(days, since) >= share * size;
        })
        .map(({ ticker }) => ticker)
        .toSorted();
    }
    default:
      return latest
        .filter(({ value }) => isMet(filter, value))
        .map(({ ticker }) => ticker)
        .toSorted();
  }
}

function isMet(
  filter: Exclude<Filter, { op: 'top' | 'bottom' | 'minDataSize' }>,
  value: FieldValue,
): boolean {
  const { field } = filter;
  switch (filter.op) {
    case '>':
      return numberOf(field, value) > filter.value;
    case '>=':
      return numberOf(field, value) >= filter.value;
    case '<':
      return numberOf(field, value) < filter.value;
    case '<=':
      return numberOf(field, value) <= filter.value;
    case '==':
      return value === filter.value;
    case 'in':
      return filter.value.includes(value);
    case 'notIn':
      return !filter.value.includes(value);
  }
}

/** Days on which any of the tickers was observed, ascending: at least the last `count` of them. */
function lastDays(
  tickers: readonly string[],
  observations: ReadonlyMap<string, Observations>,
  until: DayNumber,
  count: number,
): Int32Array {
  const found = new Set<number>();
  for (const ticker of tickers) {
    const days = observations.get(ticker)?.days ?? new Int32Array();
    const end = bisectRight(days, until);
    // A day among the last of all is among the last of each that has it.
    for (const day of days.subarray(Math.max(0, end - count), end)) found.add(day);
  }
  return Int32Array.from(found).sort();
}

function numberOf(field: string, value: FieldValue): number {
  if (typeof value === 'number') return value;
  throw new RecipeError(
    `field "${field}" has the text "${value}" where a number is needed; use ==, in or notIn`,
  );
}
