import { describe, expect, test } from '@jest/globals';
import { columnsOf } from '../../jobs/features/catalogue.ts';
import { FeatureComputer } from '../../jobs/features/compute.ts';
import type { Bars, Definition } from '../../jobs/features/indicator.ts';

/* Where `causal` differs from `ta` on purpose: worked by hand. */

function compute(definition: Definition, rows: readonly (readonly number[])[]): (name: string) => number[] {
  const take = (index: number): Float64Array => Float64Array.from(rows, (row) => row[index]!);
  const bars: Bars = {
    length: rows.length,
    ...{ open: take(0), high: take(1), low: take(2), close: take(3), volume: take(4) },
  };
  const computer = new FeatureComputer('all', definition, rows.length);
  computer.compute(bars);
  return (name) => [...computer.columns[columnsOf('all').indexOf(name)]!];
}

// open, high, low, close, volume
const up = [10, 12, 10, 11, 100];
const flat = [11, 11, 11, 11, 50];
const jump = [13, 13, 13, 14, 70];

describe('where causal differs from ta', () => {
  test('on-balance volume counts the first day and unchanged closes as nothing', () => {
    expect(compute('causal', [up, flat, jump])('volume_obv')).toEqual([0, 0, 70]);
    expect(compute('ta', [up, flat, jump])('volume_obv')).toEqual([100, 150, 220]);
  });

  test('a bar without range that closes outside of it adds nothing to accumulation/distribution', () => {
    expect(compute('causal', [up, jump, up])('volume_adi')).toEqual([0, 0, 0]);
    expect(compute('ta', [up, jump, up])('volume_adi')[1]).toBe(Number.POSITIVE_INFINITY);
  });

  test('ease of movement has no value on a day without volume', () => {
    const silent = [12, 14, 11, 12, 0];
    expect(compute('causal', [up, silent])('volume_em')).toEqual([Number.NaN, Number.NaN]);
    expect(compute('ta', [up, silent])('volume_em')[1]).toBe(Number.POSITIVE_INFINITY);
  });

  test('windows without volume have no money flow and no average price', () => {
    const rows = Array.from({ length: 25 }, () => [10, 12, 10, 11, 0]);
    const causal = compute('causal', rows);
    expect(causal('volume_cmf').every(Number.isNaN)).toBe(true);
    expect(causal('volume_vwap').every(Number.isNaN)).toBe(true);
  });

  test('fill carries forward and then takes the value of the column', () => {
    const silent = [12, 14, 11, 12, 0];
    expect(compute('ta-fill', [up, silent, up])('volume_em')[1]).toBe(0);
    expect(compute('ta-fill', [up])('volume_mfi')).toEqual([50]);
  });
});
