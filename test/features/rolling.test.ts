import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { rollingMax, rollingMin } from '../../jobs/features/extremes.ts';
import { ema, ewm, rollingMean, rollingSum } from '../../jobs/features/rolling.ts';

const values = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: -1000, max: 1000 }) },
    { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY) },
  ),
  { maxLength: 60 },
);
const window = fc.integer({ min: 2, max: 12 });

function plain(
  x: readonly number[],
  w: number,
  minPeriods: number,
  combine: (members: number[]) => number,
): number[] {
  return x.map((_, t) => {
    const members = x.slice(Math.max(0, t - w + 1), t + 1).filter(Number.isFinite);
    return members.length < minPeriods ? Number.NaN : combine(members);
  });
}

function run(kernel: typeof rollingSum, x: readonly number[], w: number, minPeriods: number): number[] {
  const out = new Float64Array(x.length);
  kernel(Float64Array.from(x), x.length, w, minPeriods, out, new Float64Array(w));
  return [...out];
}

const sum = (members: number[]): number => members.reduce((a, b) => a + b, 0);

describe('windows', () => {
  test.each([
    ['rollingSum', rollingSum, sum],
    [
      'rollingMean',
      rollingMean,
      (members: number[]) => (members.length === 0 ? Number.NaN : sum(members) / members.length),
    ],
    [
      'rollingMax',
      rollingMax,
      (members: number[]) => (members.length === 0 ? Number.NaN : Math.max(...members)),
    ],
    [
      'rollingMin',
      rollingMin,
      (members: number[]) => (members.length === 0 ? Number.NaN : Math.min(...members)),
    ],
  ] as const)('%s is what a plain loop over the window gives', (_name, kernel, combine) => {
    fc.assert(
      fc.property(values, window, fc.nat({ max: 12 }), (x, w, minPeriods) => {
        // Whole numbers: sums are exact in any order. -0 and 0 are one value here.
        const actual = run(kernel, x, w, minPeriods).map((value) => value + 0);
        expect(actual).toEqual(plain(x, w, minPeriods, combine).map((value) => value + 0));
      }),
    );
  });

  test('a window of one repeated value has exactly that mean', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 2, max: 30 }), (cents, w) => {
        const x = [7e15, ...Array.from({ length: 2 * w }, () => cents / 100)];
        expect(new Set(run(rollingMean, x, w, w).slice(w))).toEqual(new Set([cents / 100]));
      }),
    );
  });

  test('what has left the window leaves nothing behind', () => {
    const x = [1e17, 0.3, ...Array.from({ length: 8 }, () => 0)];
    expect(run(rollingSum, x, 3, 3).slice(4)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe('exponential averages', () => {
  const average = (x: readonly number[], alpha: number, minPeriods: number): number[] => {
    const out = new Float64Array(x.length);
    ewm(Float64Array.from(x), x.length, alpha, minPeriods, out);
    return [...out];
  };

  test('start at the first value and move by alpha', () => {
    expect(average([Number.NaN, 8, 4, 4], 0.5, 1)).toEqual([Number.NaN, 8, 6, 5]);
  });

  test('weigh a value after a gap as pandas does with ignore_na=False', () => {
    // pandas 1.5.3: Series([1, nan, 3]).ewm(alpha=0.5, adjust=False).mean() -> 1.0, 1.0, 2.333...
    expect(average([1, Number.NaN, 3], 0.5, 1)).toEqual([1, 1, (0.25 * 1 + 0.5 * 3) / 0.75]);
  });

  test('have no value before the periods they need', () => {
    expect(average([1, 1, Number.NaN, 1], 0.3, 3)).toEqual([Number.NaN, Number.NaN, Number.NaN, 1]);
  });

  test('of a constant are the constant', () => {
    const out = new Float64Array(100);
    ema(new Float64Array(100).fill(0.1), 100, 13, 13, out);
    expect(out.slice(12).every((value) => value === 0.1)).toBe(true);
  });
});
