import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDuration } from '../../jobs/store/duration.ts';
import { KeyFormatError } from '../../jobs/store/errors.ts';
import { keyToName, nameToKey, prefixToKey } from '../../jobs/store/names.ts';
import { workspaceFolder } from '../../jobs/store/workspace.ts';

const FOLDER = 'org/A/ws/main/objects/';
const name = fc
  .string({
    unit: fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      fc.constantFrom(...'%._/-| \u00e9e\u0301'),
    ),
    minLength: 1,
    maxLength: 20,
  })
  .filter((text) => !text.includes('\0'));

test('names that anybody reads stay as they are, all other bytes are %XX', () => {
  expect(nameToKey('', 'DAX 20220104')).toBe('DAX 20220104');
  expect(nameToKey('', 'AAPL|2022||é/..')).toBe('AAPL%7C2022%7C%7C%C3%A9%2F..');
  expect(nameToKey('', '..')).toBe('%2E.');
});

test('keys are injective, and come back as the name', () => {
  fc.assert(
    fc.property(name, name, (one, other) => {
      expect(keyToName(FOLDER, nameToKey(FOLDER, one))).toBe(one);
      expect(nameToKey(FOLDER, one) === nameToKey(FOLDER, other)).toBe(one === other);
    }),
    { numRuns: 1000 },
  );
});

test('the key of a prefix is a prefix of the keys of exactly its names', () => {
  fc.assert(
    fc.property(name, name, fc.nat(20), (one, other, cut) => {
      const prefix = [...one].slice(0, cut).join('');
      expect(nameToKey(FOLDER, one).startsWith(prefixToKey(FOLDER, prefix))).toBe(true);
      expect(nameToKey(FOLDER, other).startsWith(prefixToKey(FOLDER, prefix))).toBe(other.startsWith(prefix));
    }),
    { numRuns: 1000 },
  );
});

test.each(['', '100%', '%e9', '%C3', '%2e', 'a/b', 'é'])('the key %j is of no name', (stray) => {
  expect(keyToName(FOLDER, FOLDER + stray)).toBeUndefined();
});

test('no key has a part . or .., and none leaves its folder', () => {
  fc.assert(
    fc.property(name, (one) => {
      const parts = nameToKey(FOLDER, one).split('/');
      expect(parts).toHaveLength(6);
      expect(parts.at(-1)).not.toMatch(/^\.|[^\w %.-]/);
    }),
  );
});

test.each([
  ['', /at least one character/],
  ['a\0b', /NUL/],
  ['\ud800', /half a character/],
  ['x'.repeat(880), /2 bytes too long when encoded/],
  ['é'.repeat(200), /bytes too long when encoded/],
])('the name %j is refused', (wrong, message) => {
  expect(() => nameToKey(FOLDER, wrong)).toThrow(KeyFormatError);
  expect(() => nameToKey(FOLDER, wrong)).toThrow(message);
});

test.each(['', 'a/b', '..', 'é', 'x'.repeat(41)])('the organisation %j is refused', (organisation) => {
  expect(() => workspaceFolder({ organisation, workspace: 'main' }, 'objects')).toThrow(KeyFormatError);
});

test("25 '30d', '12h', '90m', '1.5h', '500ms', '2w' parse; '30', 'd', '-1d', '0s', '1M', '1y' are a RangeError", () => {
  expect(['30d', '12h', '90m', '1.5h', '500ms', '2w', '10 s'].map(parseDuration)).toEqual([
    2_592_000_000, 43_200_000, 5_400_000, 5_400_000, 500, 1_209_600_000, 10_000,
  ]);
  expect([parseDuration(1500), parseDuration(null)]).toEqual([1500, undefined]);
  for (const wrong of ['30', 'd', '-1d', '0s', '1M', '1y', '', 0, -1, NaN, Infinity])
    expect(() => parseDuration(wrong)).toThrow(RangeError);
});
