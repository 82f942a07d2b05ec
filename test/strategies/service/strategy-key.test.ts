import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromDay } from '../../../jobs/runtime/dates.ts';
import { KeyFormatError } from '../../../jobs/store/errors.ts';
import { strategyKey } from '../../../jobs/strategies/service/strategy-key.ts';

const HASH = '41160d054edf7f0960015019d902b27e';
const SEED = `AAPL REINV STRATEGY|2022-01-30T00:00:00+00:00||${HASH}`;
const PARTS = { name: 'AAPL REINV STRATEGY', envDate: '2022-01-30', dataTag: '', envHash: HASH };

test('1 generate gives the documented string', () => {
  expect(strategyKey.generate({ name: 'AAPL REINV STRATEGY', envDate: '2022-01-30', envHash: HASH })).toBe(
    SEED,
  );
});

test('2 parse of the documented string gives its four parts, and generate of them the string', () => {
  expect(strategyKey.parse(SEED)).toEqual(PARTS);
  expect(strategyKey.generate(strategyKey.parse(SEED))).toBe(SEED);
});

test('3 a name A|B||C round-trips', () => {
  const parts = { ...PARTS, name: 'A|B||C' };
  expect(strategyKey.parse(strategyKey.generate(parts))).toEqual(parts);
});

test('4 a name that is itself a whole key round-trips', () => {
  const parts = { ...PARTS, name: SEED };
  expect(strategyKey.parse(strategyKey.generate(parts))).toEqual(parts);
});

describe('5 what is no key is a KeyFormatError', () => {
  test.each([
    'x|y',
    '',
    SEED.slice(0, -1),
    SEED.replace('2022-01-30', '2022-02-30'),
    SEED.replace('+00:00', '+01:00'),
    SEED.replace('AAPL REINV STRATEGY', ''),
    SEED.toUpperCase(),
  ])('%j', (key) => {
    expect(() => strategyKey.parse(key)).toThrow(KeyFormatError);
    expect(strategyKey.isKey(key) && key !== SEED.replace('2022-01-30', '2022-02-30')).toBe(false);
  });

  test('nor can one be made of parts that would not come back', () => {
    for (const wrong of [{ name: '' }, { envDate: '2022-1-30' }, { envHash: 'abc' }, { dataTag: 'a|b' }])
      expect(() => strategyKey.generate({ ...PARTS, ...wrong })).toThrow(KeyFormatError);
  });
});

test('generate and parse are inverse for any name', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', minLength: 1 }),
      fc.integer({ min: -700_000, max: 2_900_000 }).map(fromDay),
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 }),
      (name, envDate, envHash) => {
        const parts = { name, envDate, dataTag: '', envHash };
        expect(strategyKey.parse(strategyKey.generate(parts))).toEqual(parts);
      },
    ),
  );
});
