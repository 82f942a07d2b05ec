import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { errorLine, signals, type Finished } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { snapshot } from '../support/lake.ts';
import { copyStored } from '../support/stored.ts';

/* What the command that made a set does where another version has written its setting. */

const folder = temporaryFolder();
const COMMAND = ['--cmd', 'trend', '--as-of', '2024-06-28', '--window', '100', '--lags', '1'];
const FILE = 'features/trend_live/_settings.json';

/** A lake whose set `trend_live` has a setting with these changes. */
function lakeWith(changes: object): string {
  const lake = copyStored('lake', folder);
  const file = join(lake, FILE);
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...changes }));
  return lake;
}

const transform = (lake: string, ...args: string[]): Promise<Finished> =>
  signals(['transform', ...COMMAND, ...args, '--lake', `file:${lake}`], folder);

test('a set of an older catalogue is computed anew', async () => {
  const lake = lakeWith({ catalogue: 0 });
  const { code, stdout } = await transform(lake);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^eras +1 written, 2024-06-28 to 2024-06-28$/m)]);
  expect(JSON.parse(readFileSync(join(lake, FILE), 'utf8'))).toMatchObject({ catalogue: 1, window: 100 });
  expect((await transform(lake)).stdout).toMatch(/0 written, all up to date/);
});

test('some tickers of it alone are not', async () => {
  const lake = lakeWith({ catalogue: 0 });
  const before = snapshot(lake, 'features');
  const refused = await transform(lake, '--ticker', 'AAA');
  expect([refused.code, errorLine(refused)]).toEqual([
    2,
    expect.stringMatching(
      /^set "trend_live" was made with catalogue 0 \(now 1\); transform it once without --ticker/,
    ),
  ]);
  expect(snapshot(lake, 'features')).toEqual(before);
});

test.each([
  [
    { catalogue: 2 },
    /^set "trend_live" was made with catalogue 2 \(now 1\); update signals, or choose another --set$/,
  ],
  [
    { horizon: 20 },
    /^features\/trend_live\/_settings\.json has "horizon", which this version does not know: a newer one wrote it;/,
  ],
])('a set of a newer version, with %j, is left alone', async (changes, message) => {
  const lake = lakeWith(changes);
  const before = snapshot(lake, 'features');
  const refused = await transform(lake);
  expect([refused.code, errorLine(refused)]).toEqual([2, expect.stringMatching(message)]);
  expect(snapshot(lake, 'features')).toEqual(before);
});
