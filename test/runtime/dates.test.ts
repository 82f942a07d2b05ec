import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { addDays, fromDay, parseDate, toDay } from '../../jobs/runtime/dates.ts';
import { UsageError } from '../../jobs/runtime/errors.ts';

describe('parseDate', () => {
  test.each([
    ['2017-01-31', '2017-01-31'],
    ['221014', '2022-10-14'],
    ['240229', '2024-02-29'],
  ])('reads %s', (text, date) => expect(parseDate(text, '--start')).toBe(date));

  test.each([
    '2017-02-30',
    '230229',
    '2017-13-01',
    '2017-1-1',
    'yesterday',
    '',
    '20170101',
    '2017-01-01T00:00',
  ])('refuses "%s" naming the option and the value', (text) => {
    expect(() => parseDate(text, '--start')).toThrow(UsageError);
    expect(() => parseDate(text, '--start')).toThrow(`--start "${text}"`);
  });
});

test('day numbers and dates are one to one, and a day more is the next date', () => {
  fc.assert(
    fc.property(fc.integer({ min: -50_000, max: 100_000 }), (day) => {
      const date = fromDay(day);
      expect(toDay(date)).toBe(day);
      expect(addDays(date, 1)).toBe(fromDay(day + 1));
      expect(addDays(date, 1) > date).toBe(true);
    }),
  );
});
