import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chart, priceRows } from '../fixtures/v0.1.0/market.ts';
import { signals, type Finished } from '../support/command.ts';
import { sampleFolder, temporaryFolder } from '../support/folders.ts';
import { snapshot } from '../support/lake.ts';
import { copyStored, expectedAnswer, STORED_UNIVERSE } from '../support/stored.ts';
import { startYahooServer, type YahooServer } from '../support/yahoo-server.ts';

/* A lake that version 0.1.0 left behind is read, transformed and loaded into as one of the present version. */

const folder = temporaryFolder();
let yahoo: YahooServer;
beforeAll(async () => {
  yahoo = await startYahooServer();
});
afterAll(() => yahoo.close());

const run = (lake: string, command: string, ...args: string[]): Promise<Finished> =>
  signals([command, ...args, '--lake', `file:${lake}`], folder, { YAHOO_BASE_URL: yahoo.url });
const load = (lake: string, start: string, end: string, ...args: string[]): Promise<Finished> =>
  run(lake, 'load', '--start', start, '--end', end, '--universe', STORED_UNIVERSE, '--rate', '0', ...args);

async function query(lake: string, sql: string, ...args: string[]): Promise<any[]> {
  const { code, stdout, stderr } = await run(lake, 'query', sql, '--format', 'json', ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as any[];
}

/** The commands that made the sets. */
const TRANSFORMS: Readonly<Record<string, readonly string[]>> = {
  volume: ['--cmd', 'volume', '--provider', 'csv', '--since', '2012-11-01'],
  all: ['--cmd', 'all', '--lags', '5', '--since', '2024-06-14'],
  momentum_ta: [
    ...['--cmd', 'momentum', '--set', 'momentum_ta', '--definitions', 'ta', '--price', 'adj_close'],
    ...['--lags', '2', '--sample', 'daily', '--na', 'drop', '--since', '2024-06-24'],
  ],
  trend_live: ['--cmd', 'trend', '--as-of', '2024-06-28', '--window', '100', '--lags', '1'],
};
const SETS = Object.keys(TRANSFORMS);

/** What each era of a set was made from. */
function erasOf(lake: string, set: string): Record<string, { fingerprint: string; rows: number }> {
  return JSON.parse(readFileSync(join(lake, 'features', set, '_eras.json'), 'utf8'));
}

const YAHOO_WINDOW = { start: '2024-01-01', end: '2024-07-01' };

describe('reads', () => {
  const lake = copyStored('lake', folder);

  test('prices of Yahoo, the ones restated by a split among them', async () => {
    const rows = await query(
      lake,
      `select ticker, date::varchar as date, open, high, low, close, volume, currency, exchange from raw_data
       where ticker <> 'CONFIRMED' order by ticker, date`,
    );
    const expected = [
      ['000060.KS', 'KRW', 'KSC'],
      ['AAA', 'USD', 'NMS'],
      ['BBB', 'USD', 'NMS'],
      ['LLL.L', 'GBP', 'LSE'],
    ].flatMap(([ticker, currency, exchange]) =>
      priceRows(chart(ticker!, '2024-07-01', ticker === 'AAA' ? '2024-05-15' : undefined), YAHOO_WINDOW).map(
        ([date, open, high, low, close, volume]) => ({
          ...{ ticker, date, open, high, low, close, volume, currency, exchange },
        }),
      ),
    );
    expect(rows).toHaveLength(4 * 129);
    expect(rows).toEqual(expected);
  });

  test('dividends and splits', async () => {
    const rows = await query(
      lake,
      `select ticker, date::varchar as date, dividend, split from raw_data
       where dividend is not null or split is not null order by ticker, date`,
    );
    expect(rows).toEqual([
      { ticker: 'AAA', date: '2024-02-15', dividend: 0.25, split: null },
      { ticker: 'AAA', date: '2024-05-15', dividend: null, split: 2 },
      { ticker: 'LLL.L', date: '2024-03-14', dividend: 0.25, split: null },
    ]);
  });

  test('prices of files', async () => {
    const rows = await query(
      lake,
      `select date::varchar as date, open, high, low, close, adj_close, volume from raw_data
       where ticker = 'IBM' order by date`,
      ...['--provider', 'csv'],
    );
    const lines = readFileSync(join(sampleFolder, 'IBM.csv'), 'utf8').trimEnd().split('\n').slice(1);
    const expected = lines
      .map((line) => line.split(','))
      .filter(([date]) => date! >= '2012-06-01' && date! < '2013-01-01')
      .map(([date, ...figures]) => [date, ...figures.slice(0, 6).map(Number)]);
    expect(rows.map((row) => Object.values(row))).toEqual(expected);
  });

  test('the universe', async () => {
    expect(await query(lake, 'select * from universe order by id')).toEqual([
      { id: '1', numerai_ticker: 'AAA US', bloomberg_ticker: 'AAA US', yahoo: 'AAA' },
      { id: '2', numerai_ticker: 'BBB US', bloomberg_ticker: 'BBB US', yahoo: 'BBB' },
      { id: '3', numerai_ticker: '000060 KS', bloomberg_ticker: '000060 KS', yahoo: '000060.KS' },
      { id: '4', numerai_ticker: 'LLL LN', bloomberg_ticker: 'LLL LN', yahoo: 'LLL.L' },
    ]);
  });

  test.each(SETS)('the features of %s', async (set) => {
    const { stdout } = await run(
      lake,
      ...['query', `select * from features_${set} order by era, ticker limit 3`, '--format', 'csv'],
    );
    expect(stdout).toBe(expectedAnswer(`features_${set}.csv`));
  });

  test('the manifests of its loads', async () => {
    const page = join(folder, 'load.html');
    const { code, stdout } = await run(lake, 'report', 'load', '--out', page);
    expect([code, stdout]).toEqual([
      0,
      // Loads of the whole universe, and the one of files; those of single names are not compared with them.
      expect.stringMatching(
        / 4 runs\nlast run +\S+, done, .*\ncoverage +100\.0.% \(4 of 4\), required 50\.0.%\ntickers +4: 4 with bars\n/,
      ),
    ]);
    expect(readFileSync(page, 'utf8')).not.toContain('left out, damaged or of another version');
  });
});

describe('transforms', () => {
  test.each(SETS)('finds %s up to date by the command that made it', async (set) => {
    const lake = copyStored('lake', folder);
    const before = snapshot(lake, 'features');
    const { code, stdout } = await run(lake, 'transform', ...TRANSFORMS[set]!);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^eras +0 written, all up to date$/m)]);
    expect(snapshot(lake, 'features')).toEqual(before);
  });

  test.each(SETS)('comes to the same features of %s, made from the same', async (set) => {
    const lake = copyStored('lake', folder);
    const stored = erasOf(lake, set);
    const { code } = await run(lake, 'transform', ...TRANSFORMS[set]!, '--reload');
    expect(code).toBe(0);
    const said = (eras: ReturnType<typeof erasOf>): unknown =>
      Object.entries(eras).map(([era, { fingerprint, rows }]) => [era, fingerprint, rows]);
    expect(said(erasOf(lake, set))).toEqual(said(stored));
    const { stdout } = await run(
      lake,
      ...['query', `select * from features_${set} order by era, ticker limit 3`, '--format', 'csv'],
    );
    expect(stdout).toBe(expectedAnswer(`features_${set}.csv`));
  });

  test('adds the eras of prices that came later, and leaves the others', async () => {
    const lake = copyStored('lake', folder);
    const before = snapshot(lake, 'features/all/era=2024-06-28');
    for (const ticker of ['BBB', '000060.KS', 'LLL.L'])
      yahoo.symbols.set(ticker, chart(ticker, '2024-07-15'));
    yahoo.symbols.set('AAA', chart('AAA', '2024-07-15', '2024-05-15'));
    const loaded = await load(lake, '2024-06-20', '2024-07-15');
    expect([loaded.code, loaded.stderr]).toEqual([0, expect.stringContaining('load is done')]);
    const { code, stdout } = await run(lake, 'transform', ...TRANSFORMS['all']!);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^eras +2 written, 2024-07-05 to 2024-07-12$/m),
    ]);
    expect(Object.keys(erasOf(lake, 'all'))).toEqual([
      ...['2024-06-14', '2024-06-21', '2024-06-28', '2024-07-05', '2024-07-12'],
    ]);
    expect(snapshot(lake, 'features/all/era=2024-06-28')).toEqual(before);
  });

  test('refuses another command for a set', async () => {
    const lake = copyStored('lake', folder);
    const before = snapshot(lake, 'features');
    const { code, stderr } = await run(lake, 'transform', ...TRANSFORMS['volume']!, '--lags', '6');
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/set \\"volume\\" was made with lags 5 \(now 6\)/),
    ]);
    expect(snapshot(lake, 'features')).toEqual(before);
  });
});

test('a load remembers what 0.1.0 learnt of the listings', async () => {
  const lake = copyStored('lake', folder);
  yahoo.symbols.delete('GONE');
  for (const ticker of ['SUSPECT', 'CONFIRMED']) yahoo.symbols.set(ticker, chart(ticker, '2024-07-08'));
  const names = ['SUSPECT', 'CONFIRMED', 'GONE'].flatMap((ticker) => ['--ticker', ticker]);
  const { code } = await load(lake, '2024-06-01', '2024-07-08', ...names);
  // Of three names one is good.
  expect(code).toBe(3);
  const runs = readdirSync(join(lake, 'runs/load')).toSorted();
  const manifest = JSON.parse(readFileSync(join(lake, 'runs/load', runs.at(-1)!), 'utf8'));
  expect(manifest.tickers.map(({ ticker, status }: any) => [ticker, status])).toEqual([
    ['CONFIRMED', 'ok'],
    ['GONE', 'not-found'],
    ['SUSPECT', 'quarantined'],
  ]);
  expect(manifest.tickers[0].rows).toEqual({ new: 5, changed: 0, unchanged: 20, removed: 0 });
  const { listings } = JSON.parse(readFileSync(join(lake, 'listings/provider=yahoo/listings.json'), 'utf8'));
  expect(listings.CONFIRMED).toMatchObject({ confirmed: ['2024-06-20'], first: '2024-06-03', rows: 25 });
  expect(listings.SUSPECT.suspect.days[0]).toBe('2026-11-30');
  expect(listings.AAA).toMatchObject({ name: 'AAA Limited', first: '2024-01-02', rows: 129, isGood: true });
});
