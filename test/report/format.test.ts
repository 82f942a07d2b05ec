import { expect, test } from '@jest/globals';
import {
  formatBytes,
  formatChange,
  formatCount,
  formatDuration,
  formatInstant,
  formatShare,
  plural,
} from '../../jobs/report/format.ts';

/** With ordinary spaces instead of the narrow ones. */
const plain = (text: string): string => text.replaceAll('\u202f', ' ');

test.each([
  [1, 1, '100.0 %'],
  [0.99999, 1, '99.9 %'],
  [0.57, 0, '57 %'],
  [0.29, 1, '29.0 %'],
  [0, 1, '0.0 %'],
  [1.05, 1, '105.0 %'],
])('a share of %d with %d decimals is cut to %s', (share, digits, text) => {
  expect(plain(formatShare(share, digits))).toBe(text);
});

test.each([
  [0, '0 ms'],
  [999.4, '999 ms'],
  [999.6, '1 s'],
  [1500, '1.5 s'],
  [59_940, '59.9 s'],
  [59_970, '1 min 0 s'],
  [61_000, '1 min 1 s'],
  [119_600, '2 min 0 s'],
  [3_599_000, '59 min 59 s'],
  [3_599_900, '1 h 0 min'],
  [3_600_000, '1 h 0 min'],
  [9_000_000, '2 h 30 min'],
])('%d ms is %s', (ms, text) => {
  expect(plain(formatDuration(ms))).toBe(text);
});

test('counts, changes, sizes and instants', () => {
  expect([formatCount(1_234_567), formatChange(0), formatChange(1200), formatChange(-3)]).toEqual([
    '1,234,567',
    '±0',
    '+1,200',
    '−3',
  ]);
  expect([plain(formatBytes(6600)), plain(formatBytes(69_700_000))]).toEqual(['6.6 kB', '69.7 MB']);
  expect([plural(1, 'run'), plural(2, 'run'), plural(0, 'day')]).toEqual(['1 run', '2 runs', '0 days']);
  expect(formatInstant('2026-11-20T23:00:05.123Z')).toBe('2026-11-20 23:00 UTC');
});
