import { z } from 'zod';
import type { DateRange } from '../../runtime/dates.ts';
import { StatisticsError } from '../errors.ts';
import { MATURITIES, MATURITY_NAMES, toRate, type Maturity } from '../interest/yields.ts';
import { define, each } from './definition.ts';
import { date, window } from './fields.ts';

export const interest = define({
  description: 'par yields of the US Treasury in percent, as published',
  input: z.strictObject({ ...window, maturities: z.array(z.enum(MATURITY_NAMES)).min(1) }),
  async run(statistics, { maturities }) {
    const found = await each(maturities, async (maturity) => {
      const rows = await statistics.rates.yields(maturity, statistics.request.window);
      return Object.fromEntries(rows.map(({ date: day, percent }) => [day, percent]));
    });
    if ([...found.values()].every((rows) => Object.keys(rows).length === 0))
      throw missingYields(maturities.join(', '), statistics.request.window);
    return { result: Object.fromEntries(found) };
  },
});

export const yieldCurve = define({
  description: 'the par yield curve of a day as annual shares',
  input: z.strictObject({
    date: date.optional(),
    convention: z.enum(['as-published', 'effective', 'continuous']).default('as-published'),
  }),
  async run(statistics, { convention }) {
    const { window: range } = statistics.request;
    const curves = await each(MATURITY_NAMES, (maturity) => statistics.rates.yields(maturity, range));
    const days = [...curves.values()].flatMap((rows) =>
      rows.filter(({ percent }) => percent !== null).map((row) => row.date),
    );
    const newest = days.toSorted().at(-1);
    if (newest === undefined) throw missingYields('any maturity', range);
    const points = [...curves].map(([maturity, rows]): [Maturity, number | null] => {
      const percent = rows.find((row) => row.date === newest)?.percent ?? null;
      return [maturity, percent === null ? null : toRate(percent, convention)];
    });
    return {
      result: {
        date: newest,
        convention,
        yields: Object.fromEntries(points.toSorted(([a], [b]) => MATURITIES[a] - MATURITIES[b])),
      },
    };
  },
});

function missingYields(what: string, { start, end }: DateRange): StatisticsError {
  return new StatisticsError(
    'missing-yields',
    `there are no yields of ${what} from ${start} up to before ${end}`,
  );
}
