import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { COMPARABLE } from '../../jobs/features/second-opinion.ts';
import { verify } from '../../jobs/features/verify.ts';
import { errorLine, signals } from '../support/command.ts';
import { sampleFolder, temporaryFolder } from '../support/folders.ts';
import { mapBars, randomWalk } from '../support/series.ts';

const folder = temporaryFolder();
const lake = `file:${join(folder, 'lake')}`;

beforeAll(async () => {
  const args = ['load', '--source', 'csv', '--path', sampleFolder, '--start', '1990-01-01', '--lake', lake];
  expect(await signals(args, folder)).toMatchObject({ code: 0 });
});

describe('signals verify', () => {
  test.each(['SPY', 'AAPL', 'GORO', 'IEF'])('finds every comparable column of %s equal', async (ticker) => {
    const { code, stdout } = await signals(['verify', '--ticker', ticker, '--lake', lake], folder);
    expect(stdout).not.toMatch(/differs/);
    expect(stdout.match(/ equal /g)!.length).toBeGreaterThanOrEqual(COMPARABLE.length - 1);
    expect(code).toBe(0);
  });

  test('takes the identifiers of the universe', async () => {
    const finished = await signals(['verify', '--ticker', 'AAPL US', '--lake', lake], folder);
    expect(finished).toMatchObject({ code: 0, stdout: expect.stringMatching(/^verify +AAPL, 2517 bars/) });
  });

  test('names a ticker that the lake does not have', async () => {
    const finished = await signals(['verify', '--ticker', 'NOPE', '--lake', lake], folder);
    expect(finished.code).toBe(1);
    expect(errorLine(finished)).toMatch(/has no prices of ticker "NOPE"/);
  });
});

test('a column that is computed otherwise is found out', () => {
  const bars = randomWalk(600);
  // Ours sees one close more than theirs: everything that depends on the close must differ.
  const bent = mapBars(bars, (values, name) =>
    name === 'close' ? values.map((value, t) => (t === 500 ? value * 1.01 : value)) : values,
  );
  const sma = COMPARABLE.find(({ column }) => column === 'trend_sma_fast')!;
  expect(verify(bars).find(({ column }) => column === 'trend_sma_fast')!.verdict).toBe('equal');
  expect([...sma.opinion(bent)].slice(500, 512)).not.toEqual([...sma.opinion(bars)].slice(500, 512));
});
