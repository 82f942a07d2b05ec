import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import {
  canonicalSettings,
  compareSettings,
  createSettings,
  describeDifference,
  formatSettings,
  parseSettings,
  settleSettings,
  type FeatureSettings,
} from '../../jobs/features/settings.ts';
import {
  canonicalText,
  fillIn,
  toPresent,
  unknownKeys,
  type KeyHistory,
} from '../../jobs/features/stored-keys.ts';
import { UsageError } from '../../jobs/runtime/errors.ts';
import { repository } from '../support/folders.ts';

const KEY = 'features/volume/_settings.json';
const settings = createSettings({
  ...{ group: 'volume', provider: 'csv', definitions: 'causal', fill: false, lags: 5 },
  ...{ price: 'close', sample: 'weekly', na: 'keep', window: null },
});

describe('stored settings', () => {
  test.each(['volume', 'all', 'momentum_ta', 'trend_live'])(
    'of 0.1.0 are read and keep their text: %s',
    (set) => {
      const file = join(repository, `test/fixtures/v0.1.0/lake/features/${set}/_settings.json`);
      const text = readFileSync(file, 'utf8');
      // What 0.1.0 made fingerprints from.
      expect(canonicalSettings(parseSettings(text, KEY))).toBe(JSON.stringify(JSON.parse(text)));
    },
  );

  test('are read as they are written, and no key is unknown to its own version', () => {
    expect(parseSettings(formatSettings(settings), KEY)).toEqual(settings);
  });

  test('have one text, however the object was put together', () => {
    const shuffled = Object.fromEntries(Object.entries(settings).toReversed()) as FeatureSettings;
    expect(canonicalSettings(shuffled)).toBe(canonicalSettings(settings));
  });

  test('of a newer version are refused, and its keys are named', () => {
    const text = JSON.stringify({ ...settings, horizon: 20, tide: 'high' });
    const read = (): unknown => parseSettings(text, KEY);
    expect(read).toThrow(UsageError);
    expect(read).toThrow(
      'features/volume/_settings.json has "horizon", "tide", which this version does not know: a newer one ' +
        'wrote it; update signals, or choose another --set',
    );
  });

  test.each(['', '[]', 'null', '{}', JSON.stringify({ ...settings, lags: 0 })])('are not %j', (text) => {
    expect(() => parseSettings(text, KEY)).toThrow(
      /^features\/volume\/_settings\.json is not the setting of a feature set; write the set again with --rebuild$/,
    );
  });
});

describe('a command and the set that exists', () => {
  const different = (asked: FeatureSettings, stored = settings): string => {
    const compared = compareSettings(stored, asked);
    return typeof compared === 'string' ? compared : describeDifference('volume', compared.different);
  };

  test('fit, or differ by the catalogue alone, which is a rebuild', () => {
    expect(different({ ...settings })).toBe('same');
    expect(different({ ...settings, catalogue: settings.catalogue + 1 })).toBe('rebuild');
  });

  test('differ in what was asked for, whatever the catalogue', () => {
    expect(different({ ...settings, lags: 6 })).toBe(
      'set "volume" was made with lags 5 (now 6); choose another --set, or replace it with --rebuild',
    );
    expect(different({ ...settings, lags: 6, window: 90, catalogue: settings.catalogue + 1 })).toMatch(
      /^set "volume" was made with lags 5 \(now 6\), window null \(now 90\), catalogue \d+ \(now \d+\); choose/,
    );
  });

  test('differ where a newer version has computed the set, which is not taken back', () => {
    expect(different(settings, { ...settings, catalogue: settings.catalogue + 1 })).toMatch(
      /^set "volume" was made with catalogue \d+ \(now \d+\); update signals, or choose another --set$/,
    );
  });

  test('a new set is made as asked', () => {
    expect(settleSettings(settings, undefined)).toEqual(settings);
    expect(settleSettings(settings, { ...settings, lags: 3 })).toEqual(settings);
  });
});

/* The rules on a history of their own: `sample` is called `frequency` by now, and `basis` has come. */
describe('the history of keys', () => {
  const history: KeyHistory = {
    first: ['group', 'sample', 'catalogue'],
    added: { basis: { before: 'restated', initial: 'as-of' } },
    renamed: { frequency: ['sample'] },
  };
  const first = { group: 'all', sample: 'weekly', catalogue: 1 };

  test('an added key has the value that held before it came, and never the default of new objects', () => {
    const present = { group: 'all', frequency: 'weekly', catalogue: 1, basis: 'restated' };
    expect(toPresent(first, history)).toEqual(present);
    expect(toPresent({ ...first, basis: 'as-of' }, history)).toEqual({ ...present, basis: 'as-of' });
  });

  test('a renamed key is read under both names', () => {
    expect(toPresent({ group: 'all', frequency: 'weekly', catalogue: 1 }, history)).toEqual(
      toPresent(first, history),
    );
  });

  test('neither changes the text that fingerprints are made from', () => {
    expect(canonicalText(toPresent(first, history), history)).toBe(JSON.stringify(first));
    const asOf = { basis: 'as-of', frequency: 'weekly', group: 'all', catalogue: 1 };
    expect(canonicalText(asOf, history)).toBe(JSON.stringify({ ...first, basis: 'as-of' }));
  });

  test('a command that leaves an added key out keeps that of the set, and a new set gets the default', () => {
    const asked = { group: 'all', frequency: 'weekly', catalogue: 1 };
    expect(fillIn(asked, toPresent(first, history), history)).toEqual({ ...asked, basis: 'restated' });
    expect(fillIn(asked, undefined, history)).toEqual({ ...asked, basis: 'as-of' });
    const given = { ...asked, basis: 'as-of' };
    expect(fillIn(given, toPresent(first, history), history)).toEqual(given);
  });

  test('what nobody has written yet is unknown, and so is a key under two names', () => {
    expect(unknownKeys(first, history)).toEqual([]);
    expect(unknownKeys({ ...first, basis: 'as-of' }, history)).toEqual([]);
    expect(unknownKeys({ ...first, frequency: 'daily' }, history)).toEqual(['sample']);
    expect(unknownKeys({ ...first, horizon: 20 }, history)).toEqual(['horizon']);
  });
});
