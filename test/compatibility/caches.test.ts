import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openEnvironment, type AnalysisEnvironment } from '../../jobs/environment/environment.ts';
import { readEnvironment } from '../../jobs/runtime/environment.ts';
import { OBJECTS } from '../fixtures/v0.1.0/objects.ts';
import { QUESTIONS } from '../fixtures/v0.1.0/questions.ts';
import { signals, type Finished } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { copyStored, expectedAnswer } from '../support/stored.ts';
import { startTreasury, type TreasuryServer } from '../support/treasury-server.ts';

const folder = temporaryFolder();
let treasury: TreasuryServer;
beforeAll(async () => {
  treasury = await startTreasury();
});
afterAll(() => treasury.close());

describe('the statistics cache', () => {
  const LAKE = 'file:/tmp/signals-0.1.0/lake';
  const ask = (cache: string, args: readonly string[], lake = LAKE): Promise<Finished> =>
    signals(['stats', ...args, '--json', '--lake', lake], folder, {
      SQLITE_FILE: join(cache, 'statistics.db'),
      TREASURY_BASE_URL: treasury.url,
    });
  const totals = ({ log }: Finished): unknown =>
    log.find(({ event }) => event === 'stats.answered')?.['cache'];
  // Of prices and rates nothing is counted: they are asked for where they are not in the cache.
  const HITS: Readonly<Record<string, number>> = { profile: 2, correlation: 6, returns: 0, interest: 0 };

  test.each(Object.entries(QUESTIONS))('answers %s without the lake and the Treasury', async (name, args) => {
    const cache = copyStored('statistics', folder);
    const asked = treasury.requests.length;
    const answered = await ask(cache, args);
    expect(answered).toMatchObject({ code: 0 });
    expect(JSON.parse(answered.stdout)).toEqual(JSON.parse(expectedAnswer(`stats-${name}.json`)));
    expect(totals(answered)).toEqual({ hits: HITS[name], misses: 0 });
    expect(treasury.requests.slice(asked)).toEqual([]);
  });

  test('goes on: a longer window reads what the cache lacks and keeps it', async () => {
    const cache = copyStored('statistics', folder);
    const lake = `file:${copyStored('lake', folder)}`;
    // The copy of the lake is at another place, and prices of another lake do not count.
    const db = new DatabaseSync(join(cache, 'statistics.db'));
    for (const table of ['prices', 'profile', 'correlations']) {
      db.prepare(`update ${table} set source = ? where source = ?`).run(`${lake}|csv`, `${LAKE}|csv`);
    }
    db.close();
    const longer = [
      'profile',
      'AAPL',
      'IBM',
      '--provider',
      'csv',
      '--start',
      '2012-06-15',
      '--end',
      '2012-11-01',
    ];
    const first = await ask(cache, longer, lake);
    expect(first).toMatchObject({ code: 0 });
    // The rates of the year are in the cache of 0.1.0, and not in a new one.
    treasury.days = { '2012-10-31': { '10YEAR': 1.72 } };
    const anew = await ask(join(folder, 'new'), longer, lake);
    expect(JSON.parse(first.stdout)).toEqual(JSON.parse(anew.stdout));
    const again = await ask(cache, longer, lake);
    expect([totals(again), again.stdout]).toEqual([expect.objectContaining({ misses: 0 }), first.stdout]);
  });
});

describe('the objects folder', () => {
  let objects: string;
  const run = (...args: string[]): Promise<Finished> =>
    signals([...args, '--objects', `file:${objects}`], folder);

  async function withEnvironment<T>(work: (environment: AnalysisEnvironment) => Promise<T>): Promise<T> {
    const settings = {
      ...readEnvironment({}),
      objects: { url: `file:${objects}`, organisation: 'default', workspace: 'default' },
    };
    const environment = openEnvironment({ envDate: '2012-12-31', settings });
    try {
      return await work(environment);
    } finally {
      await environment.close();
    }
  }

  beforeAll(() => {
    objects = copyStored('objects', folder);
  });

  test('gives every object back as it was put', async () => {
    await withEnvironment(async (environment) => {
      const service = environment.objectService();
      expect(await service.keys()).toEqual(Object.keys(OBJECTS).toSorted());
      for (const [name, value] of Object.entries(OBJECTS)) {
        const entry = await service.getEntry(name, { strict: true });
        expect(entry!.value).toEqual(value);
        expect(entry!.metadata).toMatchObject({ creator: 'version 0.1.0', expiresAtMs: null });
      }
    });
  });

  test('takes new objects, replaces and removes old ones', async () => {
    await withEnvironment(async (environment) => {
      const service = environment.objectService();
      const old = await service.getEntry('an old one');
      await service.put('an old one', [2], { ifMatch: old!.version });
      await service.put('a new one', { of: 'the present version' });
    });
    expect((await run('objects', 'get', 'an old one')).stdout).toBe('[\n  2\n]\n');
    expect((await run('objects', 'rm', 'an old one')).code).toBe(0);
    expect((await run('objects', 'ls', 'a')).stdout).toBe('a long list / with a % in its name\na new one\n');
  });

  test('shows and removes its strategies', async () => {
    const keys = (await run('strategy', 'ls')).stdout.trimEnd().split('\n');
    expect(keys.map((key) => key.split('|')[0])).toEqual(['AAPL REINV STRATEGY', 'SPY WITHOUT DIVIDENDS']);
    for (const [index, name] of ['aapl', 'spy'].entries()) {
      const { code, stdout } = await run('strategy', 'show', keys[index]!, '--format', 'csv');
      expect(code).toBe(0);
      expect(stdout).toBe(expectedAnswer(`strategy-${name}.csv`));
    }
    expect((await run('strategy', 'rm', keys[1]!)).stdout).toBe(`removed    ${keys[1]}\n`);
    expect((await run('strategy', 'ls')).stdout).toBe(`${keys[0]}\n`);
  });

  test('keeps a strategy of the present version beside them, with the same history', async () => {
    const lake = ['--lake', `file:${copyStored('lake', folder)}`, '--provider', 'csv'];
    const built = await run('strategy', 'build', 'AAPL', '--env-date', '2012-12-31', ...lake);
    // Its key names the state of the lake, of which this is a copy.
    const key = /^built +(.*)$/m.exec(built.stdout)![1]!;
    expect((await run('strategy', 'ls', 'AAPL')).stdout.trimEnd().split('\n')).toContain(key);
    const { stdout } = await run('strategy', 'show', key, '--format', 'csv');
    expect(stdout).toBe(expectedAnswer('strategy-aapl.csv'));
  });
});
