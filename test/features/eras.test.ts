import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { erasOfRows, liveEraOfRows, NO_ERA, weekOf } from '../../jobs/features/eras.ts';
import { fromDay, toDay } from '../../jobs/runtime/dates.ts';

const day = toDay;

function eras(dates: readonly string[], sample: 'weekly' | 'daily'): (string | undefined)[] {
  const out = new Int32Array(dates.length);
  erasOfRows(Int32Array.from(dates, day), dates.length, sample, out);
  return [...out].map((era) => (era === NO_ERA ? undefined : fromDay(era)));
}

test('a week ends on the Friday on or after each of its days, six days at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: -5000, max: 40_000 }), (number) => {
      const friday = weekOf(number);
      expect(new Date(friday * 86_400_000).getUTCDay()).toBe(5);
      expect(friday - number).toBeGreaterThanOrEqual(0);
      expect(friday - number).toBeLessThanOrEqual(6);
    }),
  );
});

describe('weekly eras', () => {
  test('take the last trading day of a week', () => {
    // 2012-04-06 was Good Friday: the week's last day is Thursday.
    expect(eras(['2012-03-29', '2012-03-30', '2012-04-04', '2012-04-05', '2012-04-09'], 'weekly')).toEqual([
      undefined,
      '2012-03-30',
      undefined,
      '2012-04-06',
      '2012-04-13',
    ]);
  });

  test('count Saturday and Sunday to the Friday that follows', () => {
    expect(eras(['2024-03-01', '2024-03-02', '2024-03-03'], 'weekly')).toEqual([
      '2024-03-01',
      undefined,
      '2024-03-08',
    ]);
  });
});

test('daily eras take every row', () => {
  expect(eras(['2024-03-01', '2024-03-04'], 'daily')).toEqual(['2024-03-01', '2024-03-04']);
});

describe('a live era', () => {
  const live = (dates: readonly string[], asOf: string): number[] => {
    const out = new Int32Array(dates.length);
    liveEraOfRows(Int32Array.from(dates, day), dates.length, day(asOf), out);
    return [...out].flatMap((era, row) => (era === NO_ERA ? [] : [row]));
  };

  test('takes the last row on or before its date', () => {
    expect(live(['2024-03-01', '2024-03-04', '2024-03-06'], '2024-03-05')).toEqual([1]);
    expect(live(['2024-03-01', '2024-03-04', '2024-03-06'], '2024-03-06')).toEqual([2]);
  });

  test('takes no row that is older than five days', () => {
    expect(live(['2024-03-01'], '2024-03-06')).toEqual([0]);
    expect(live(['2024-03-01'], '2024-03-07')).toEqual([]);
    expect(live(['2024-03-08'], '2024-03-07')).toEqual([]);
  });
});
