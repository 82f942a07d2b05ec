import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CATALOGUE, columnsOf } from '../../jobs/features/catalogue.ts';
import { FeatureComputer } from '../../jobs/features/compute.ts';
import type { Bars, ColumnSpec } from '../../jobs/features/indicator.ts';
import { mapBars, randomWalk } from '../support/series.ts';

/* What must hold for every column under causal definitions, whatever the indicator. */

const specs = CATALOGUE.flatMap(({ columns }) => columns);
const names = columnsOf('all');

function compute(bars: Bars): Map<string, Float64Array> {
  const computer = new FeatureComputer('all', 'causal', bars.length);
  computer.compute(bars);
  return new Map(
    specs.map(({ name }) => [name, computer.columns[names.indexOf(name)]!.slice(0, bars.length)]),
  );
}

const cut = (bars: Bars, rows: number): Bars => mapBars(bars, (values) => values.slice(0, rows));

/**
 * Bars of every odd kind: flat, without volume, with unknown volume, huge, zero, out of order. Prices are zero or
 * from 1e-8 up, the smallest unit in which anything is quoted.
 */
const oddPrice = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(10, 10.01, 10.02, 11, 9) },
  { weight: 2, arbitrary: fc.double({ min: 1e-8, max: 1e6, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1e-8, 1e9) },
);
const oddVolume = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 100, 1e6) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, 1e15) },
);
const oddBar = fc.oneof(
  fc.record({ open: oddPrice, high: oddPrice, low: oddPrice, close: oddPrice, volume: oddVolume }),
  oddPrice.map((price) => ({ open: price, high: price, low: price, close: price, volume: 0 })),
);
const oddBars = fc.array(oddBar, { minLength: 1, maxLength: 140 }).map((rows): Bars => {
  const take = (name: keyof (typeof rows)[number]): Float64Array =>
    Float64Array.from(rows, (row) => row[name]);
  return {
    length: rows.length,
    ...{
      open: take('open'),
      high: take('high'),
      low: take('low'),
      close: take('close'),
      volume: take('volume'),
    },
  };
});

describe('causal definitions', () => {
  test('the value at t from the first rows is the value from all rows, bit for bit', () => {
    fc.assert(
      fc.property(oddBars, fc.nat(), (bars, chosen) => {
        const rows = 1 + (chosen % bars.length);
        const whole = compute(bars);
        const part = compute(cut(bars, rows));
        for (const { name } of specs)
          expect([name, whole.get(name)!.slice(0, rows)]).toEqual([name, part.get(name)]);
      }),
      { numRuns: 150 },
    );
    const walk = randomWalk(700);
    const whole = compute(walk);
    for (const rows of [1, 2, 27, 100, 333, 699]) {
      const part = compute(cut(walk, rows));
      for (const { name } of specs)
        expect([name, whole.get(name)!.slice(0, rows)]).toEqual([name, part.get(name)]);
    }
  });

  test('no bars whatever throw or give infinity', () => {
    fc.assert(
      fc.property(oddBars, (bars) => {
        for (const [name, values] of compute(bars)) {
          const at = values.findIndex((value) => Math.abs(value) === Number.POSITIVE_INFINITY);
          expect([name, at]).toEqual([name, -1]);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('on ordinary bars a column is NaN during its warm-up and never after it', () => {
    for (const seed of [1, 2, 3]) {
      const computed = compute(randomWalk(500, seed));
      for (const { name, warmUp, isSparse } of specs) {
        const values = computed.get(name)!;
        const missing = [...values.keys()].filter((row) => Number.isNaN(values[row]!));
        expect([name, missing.slice(0, warmUp)]).toEqual([
          name,
          Array.from({ length: warmUp }, (_, row) => row),
        ]);
        if (isSparse !== true) expect([name, missing.length]).toEqual([name, warmUp]);
      }
    }
  });

  test.each([2 ** 10, 2 ** -7])('prices times %d scale each column as it says', (factor) => {
    const bars = randomWalk(400, 7);
    const scaled = mapBars(bars, (values, name) =>
      name === 'volume' ? values : values.map((value) => value * factor),
    );
    const [before, after] = [compute(bars), compute(scaled)];
    for (const { name, priceDegree } of specs) {
      const expected = before.get(name)!.map((value) => value * factor ** priceDegree);
      // A power of two changes no digit; only logarithms round anew.
      if (name === 'others_dlr') expectClose(name, after.get(name)!, expected);
      else expect([name, after.get(name)]).toEqual([name, expected]);
    }
  });

  test('a constant price gives exact zeros where nothing moves', () => {
    const bars = mapBars(randomWalk(200), (values, name) =>
      values.map(() => (name === 'volume' ? 12_345 : 0.1)),
    );
    const computed = compute(bars);
    const still: ColumnSpec['name'][] = [
      'volume_adi',
      'volume_obv',
      'volume_cmf',
      'volume_fi',
      'volume_em',
      'volume_vpt',
      'others_dr',
      'others_dlr',
      'others_cr',
    ];
    for (const name of still) {
      const { warmUp } = specs.find((spec) => spec.name === name)!;
      expect([
        name,
        computed
          .get(name)!
          .slice(warmUp)
          .every((value) => value === 0),
      ]).toEqual([name, true]);
    }
  });
});

function expectClose(name: string, actual: Float64Array, expected: Float64Array): void {
  for (const [row, value] of expected.entries()) {
    if (Number.isNaN(value)) expect([name, row, actual[row]]).toEqual([name, row, Number.NaN]);
    else expect(actual[row]!).toBeCloseTo(value, 9);
  }
}
