import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { LoadManifest } from '../../jobs/loader/outcome.ts';
import { start, type Running } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { ALL_PRICES, readLake } from '../support/lake.ts';
import { stock } from '../support/charts.ts';
import { symbolOf } from '../support/loader.ts';
import { randomNumbers } from '../support/series.ts';
import { chartBody, sendJson, startYahooServer, type YahooServer } from '../support/yahoo-server.ts';

/*
 * 5,000 tickers against a server that fails a fifth of all requests, each one for a reason of its own that depends on
 * the ticker and the number of the request only: a run that is repeated meets the same weather.
 */
const TICKERS = 5000;
const GONE = 50;
const FAILURES = 0.2;
const symbols = Array.from({ length: TICKERS }, (_, index) => `T${String(index).padStart(4, '0')}`);
const isGone = (symbol: string): boolean => Number(symbol.slice(1)) % (TICKERS / GONE) === 7;

const folder = temporaryFolder();
let server: YahooServer;
let attempts = new Map<string, number>();
let onRequest = (): void => {};

beforeAll(async () => {
  server = await startYahooServer();
  for (const symbol of symbols) {
    server.symbols.set(symbol, (request, response) => {
      onRequest();
      const attempt = (attempts.get(symbol) ?? 0) + 1;
      attempts.set(symbol, attempt);
      const failure = failureOf(symbol, attempt);
      if (failure !== undefined) failure(response);
      else if (isGone(symbol)) sendJson(response, 404, gone);
      else sendJson(response, 200, chartOf(symbolOf(request.url!)));
    });
  }
});
afterAll(() => server.close());
beforeEach(() => {
  attempts = new Map();
  onRequest = () => {};
});

const gone = { chart: { result: null, error: { code: 'Not Found', description: 'No data found' } } };

function chartOf(symbol: string): ReturnType<typeof chartBody> {
  const base = 10 + Number(symbol.slice(1)) / 100;
  return chartBody(stock(symbol, '2024-03-11', '2024-03-23', (index) => base + index / 100));
}

const FAULTS: readonly ((response: ServerResponse) => void)[] = [
  (response) => void response.writeHead(429).end('Too Many Requests\r\n'),
  (response) => void response.writeHead(429, { 'retry-after': '0' }).end('Edge: Too Many Requests'),
  (response) => void response.writeHead(500).end('{}'),
  (response) => void response.socket!.resetAndDestroy(),
  (response) => void response.end(JSON.stringify(chartOf('T0000')).slice(0, 200)),
  // Headers and the beginning of a body, and then nothing.
  (response) => void response.writeHead(200).write('{"chart":'),
];

function failureOf(symbol: string, attempt: number): ((response: ServerResponse) => void) | undefined {
  const dice = createHash('sha256').update(`${symbol} ${attempt}`).digest();
  if (dice.readUInt32BE() / 2 ** 32 >= FAILURES) return undefined;
  return FAULTS[dice.readUInt32BE(4) % FAULTS.length];
}

function load(lake: string): Running {
  const universe = join(folder, 'universe.csv');
  const lines = symbols.map((symbol) => `${symbol} US,${symbol} US,${symbol} US,${symbol}`);
  writeFileSync(universe, ['id,numerai_ticker,bloomberg_ticker,yahoo', ...lines, ''].join('\n'));
  const patience = [
    '--rate',
    '0',
    '--in-flight',
    '24',
    '--timeout',
    // Longer than a busy machine keeps a process waiting: that would be more weather than is played.
    '3',
    '--backoff',
    '0.005',
    '--attempts',
    '9',
  ];
  const window = ['--start', '2024-03-11', '--end', '2024-03-23', '--min-coverage', '0.9'];
  return start(['load', '--universe', universe, ...window, ...patience, '--lake', `file:${lake}`], folder, {
    YAHOO_BASE_URL: server.url,
    LOG_LEVEL: 'error',
  });
}

const newLake = (): string => {
  const lake = join(mkdtempSync(join(folder, 'case-')), 'lake');
  mkdirSync(lake);
  return lake;
};
const manifestOf = (lake: string): LoadManifest => {
  const names = readdirSync(join(lake, 'runs/load')).toSorted();
  return JSON.parse(readFileSync(join(lake, 'runs/load', names.at(-1)!), 'utf8'));
};
const allRows = `select * exclude (fetched_at) from ${ALL_PRICES} order by ticker, date`;

describe('a fifth of all answers fail', () => {
  let undisturbed: unknown[][];

  test('in one run every ticker ends with an outcome, and none that is good is missing', async () => {
    const lake = newLake();
    const finished = await load(lake).finished;
    expect(finished).toMatchObject({ code: 0, stderr: '' });
    const manifest = manifestOf(lake);
    expect(manifest.counts).toEqual({ total: TICKERS, ok: TICKERS - GONE, 'not-found': GONE });
    expect(manifest.tickers.map(({ ticker }) => ticker)).toEqual(symbols);
    expect(manifest.requests.made).toBeGreaterThan(TICKERS / (1 - FAILURES / 2));
    undisturbed = await readLake(lake, allRows);
    expect(undisturbed).toHaveLength((TICKERS - GONE) * 10);
    expect(new Set(undisturbed.map(([ticker]) => ticker)).size).toBe(TICKERS - GONE);
  });

  test('killed at 20 random moments and started again: the lake is that of an undisturbed run', async () => {
    const random = randomNumbers(20261121);
    const lake = newLake();
    let kills = 0;
    for (let round = 0; round < 20; round += 1) {
      // Some moments are counted in requests, some in changes of files, which is what a merge consists of.
      const counted = random() < 0.6 ? 'requests' : 'files';
      let left = counted === 'requests' ? 20 + Math.floor(random() * 700) : 1 + Math.floor(random() * 60);
      const running = load(lake);
      const countDown = (): void => {
        left -= 1;
        if (left === 0) running.child.kill('SIGKILL');
      };
      if (counted === 'requests') onRequest = countDown;
      const watcher = watch(lake, { recursive: true }, () => {
        if (counted === 'files') countDown();
      });
      const { signal } = await running.finished;
      watcher.close();
      onRequest = () => {};
      if (signal === 'SIGKILL') kills += 1;
    }
    expect(kills).toBeGreaterThan(10);
    expect(await load(lake).finished).toMatchObject({ code: 0 });
    expect(await readLake(lake, allRows)).toEqual(undisturbed);
    expect(manifestOf(lake).counts).toEqual({ total: TICKERS, ok: TICKERS - GONE, 'not-found': GONE });
    expect(readdirSync(join(lake, 'staging')).filter((name) => !name.startsWith('put-'))).toEqual([]);
  });
});
