import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { chart, priceRows, TICKERS } from '../fixtures/v0.1.0/market.ts';
import { signals, type Finished } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { ALL_PRICES, readLake } from '../support/lake.ts';
import { symbolOf } from '../support/loader.ts';
import { copyStored, startRecently, STORED_UNIVERSE } from '../support/stored.ts';
import { sendJson, startYahooServer, type YahooServer } from '../support/yahoo-server.ts';

/* A load that version 0.1.0 was killed in goes on by the same command, with what it had staged. */

const folder = temporaryFolder();
let yahoo: YahooServer;
beforeAll(async () => {
  yahoo = await startYahooServer();
});
afterAll(() => yahoo.close());

function load(lake: string, start: string, end: string): Promise<Finished> {
  // Everything that the outcome depends on is as it was, for only then it is the same command.
  const window = ['--start', start, '--end', end, '--universe', STORED_UNIVERSE, '--rate', '0'];
  return signals(['load', '--lake', `file:${lake}`, ...window, '--min-coverage', '0.5'], folder, {
    YAHOO_BASE_URL: yahoo.url,
  });
}

/** What the lake has of each ticker, and what it should have. */
async function prices(lake: string): Promise<unknown[][]> {
  return readLake(
    lake,
    `select ticker, date::varchar, open, high, low, close, volume from ${ALL_PRICES} order by ticker, date`,
  );
}

function expected(window: { start: string; end: string }, split?: string): unknown[][] {
  return TICKERS.toSorted().flatMap((ticker) =>
    priceRows(chart(ticker, window.end, ticker === 'AAA' ? split : undefined), window).map((row) => [
      ticker,
      ...row,
    ]),
  );
}

/** From now on these symbols must not be asked for. */
function refuse(...symbols: string[]): void {
  for (const symbol of symbols)
    yahoo.symbols.set(symbol, (_request, response) => sendJson(response, 500, { not: 'again' }));
}

test('a load killed with answers that were not merged asks for the rest alone', async () => {
  const lake = copyStored('killed-load', folder);
  const window = { start: '2024-01-01', end: '2024-03-01' };
  const runId = startRecently(lake);
  refuse('AAA', '000060.KS');
  for (const ticker of ['BBB', 'LLL.L']) yahoo.symbols.set(ticker, chart(ticker, window.end));
  const from = yahoo.asked.length;
  const { code, stderr, log } = await load(lake, '2024-01-15', window.end);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(`go on with run ${runId}`) });
  expect(log.at(-1)).toMatchObject({ event: 'load.finished', counts: { total: 4, ok: 4 } });
  expect(yahoo.asked.slice(from).map(symbolOf).toSorted()).toEqual(['BBB', 'LLL.L']);
  expect(await prices(lake)).toEqual(expected(window));
  expect(readdirSync(join(lake, 'staging'))).toEqual([]);
  expect(existsSync(join(lake, 'runs/load', `${runId}.json`))).toBe(true);
});

test('a load killed while it merged a split leaves no month on the basis before it', async () => {
  const lake = copyStored('killed-merge', folder);
  const window = { start: '2023-01-01', end: '2024-02-01' };
  // What the fixture is about: before the run goes on, AAA has two bases.
  const before = (await prices(lake)).filter(([ticker]) => ticker === 'AAA');
  const [old, restated] = [expected(window), expected(window, '2024-01-10')];
  expect(before.slice(0, 60)).toEqual(restated.filter(([ticker]) => ticker === 'AAA').slice(0, 60));
  expect(before.slice(-60)).toEqual(
    old.filter(([ticker, date]) => ticker === 'AAA' && (date as string) < '2024').slice(-60),
  );

  const runId = startRecently(lake);
  refuse(...TICKERS);
  const from = yahoo.asked.length;
  const { code, stderr, log } = await load(lake, '2023-12-20', window.end);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(`go on with run ${runId}`) });
  expect(log.at(-1)).toMatchObject({ event: 'load.finished', counts: { total: 4, ok: 4 } });
  expect(yahoo.asked.slice(from)).toEqual([]);
  expect(await prices(lake)).toEqual(restated);
  expect(readdirSync(join(lake, 'staging'))).toEqual([]);
});

test('staging of another command is left alone while it is fresh', async () => {
  const lake = copyStored('killed-load', folder);
  const runId = startRecently(lake);
  for (const ticker of TICKERS) yahoo.symbols.set(ticker, chart(ticker, '2024-03-01'));
  expect(await load(lake, '2024-01-16', '2024-03-01')).toMatchObject({ code: 0 });
  expect(readdirSync(join(lake, 'staging'))).toEqual([runId]);
});
