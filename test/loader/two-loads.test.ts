import { mkdtempSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { IsoDate } from '../../jobs/runtime/dates.ts';
import { openDuckDB, type DuckDBConnection } from '../../jobs/runtime/duckdb.ts';
import { at, stock } from '../support/charts.ts';
import { start, type Finished, type Running } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { differingMonths } from '../support/lake-states.ts';
import {
  chartBody,
  sendJson,
  startYahooServer,
  within,
  type PlayedChart,
  type YahooServer,
} from '../support/yahoo-server.ts';

/*
 * Two loads of the same names, one fetched before a split and one after it. Each asks for HELD last, and merges once
 * that is answered: the order of the answers is the order of the merges.
 */
const folder = temporaryFolder();
let server: YahooServer;
let db: DuckDBConnection;
beforeAll(async () => {
  db = await openDuckDB(folder);
  server = await startYahooServer();
});
afterAll(async () => {
  await server.close();
  db.closeSync();
});

const START: IsoDate = '2023-11-01';
const wave = (index: number): number => 64 + Math.sin(index / 5);
const calm = (symbol: string, end: IsoDate): PlayedChart => stock(symbol, START, end, wave);
function splitOn(date: IsoDate, symbol: string, end: IsoDate): PlayedChart {
  const chart = stock(symbol, START, end, (index) => wave(index) / 4);
  return { ...chart, splits: [{ at: at(`${date}T14:30:00Z`), numerator: 4, denominator: 1 }] };
}

/** A load whose fetch is over but for HELD. */
interface HeldLoad {
  finish(): Promise<Finished>;
}

const names = ['CALM', 'SPLIT'];
let universe: string;
beforeEach(() => {
  universe = join(mkdtempSync(join(folder, 'case-')), 'universe.csv');
  const lines = [...names, 'HELD'].map((name) => `${name},,,${name}`);
  writeFileSync(universe, ['id,numerai_ticker,bloomberg_ticker,yahoo', ...lines, ''].join('\n'));
});

function load(lake: string, window: readonly [IsoDate, IsoDate]): Running {
  const [from, end] = window;
  const args = ['load', '--start', from, '--end', end, '--universe', universe, '--timeout', '300'];
  const env = { YAHOO_BASE_URL: server.url, YAHOO_RATE: '0' };
  return start([...args, '--lake', `file:${lake}`], folder, env);
}

/** Makes the server answer all names, HELD at once. */
function play(charts: readonly PlayedChart[]): void {
  for (const chart of charts) server.symbols.set(chart.symbol, chart);
}

/**
 * Starts a load and resolves once nothing but HELD is left to answer.
 *
 * @param answers how many that takes: a restated name is asked for twice
 */
async function hold(
  lake: string,
  window: readonly [IsoDate, IsoDate],
  charts: readonly PlayedChart[],
  answers: number,
): Promise<HeldLoad> {
  const sendWithin = (chart: PlayedChart, url: string, response: ServerResponse): void =>
    sendJson(response, 200, chartBody(within(chart, new URL(url, 'http://x'))));
  const { promise: waiting, resolve: wait } = Promise.withResolvers<() => void>();
  const { promise: answered, resolve: finish } = Promise.withResolvers<void>();
  let left = answers;
  for (const chart of charts) {
    server.symbols.set(chart.symbol, ({ url }, response) => {
      const send = (): void => sendWithin(chart, url!, response);
      if (chart.symbol === 'HELD') return wait(send);
      response.once('finish', () => {
        left -= 1;
        if (left === 0) finish();
      });
      send();
    });
  }
  const running = load(lake, window);
  const [send] = await Promise.all([waiting, answered]);
  return {
    finish() {
      send();
      return running.finished;
    },
  };
}

const SPLIT_ON = '2024-03-19';
const OLD = ['2024-03-05', '2024-03-19'] as const;
const NEW = ['2024-03-09', '2024-03-23'] as const;
const LATER = ['2024-03-12', '2024-03-26'] as const;
const before = (end: IsoDate): PlayedChart[] => [...names, 'HELD'].map((name) => calm(name, end));
const after = (end: IsoDate): PlayedChart[] => [
  calm('CALM', end),
  splitOn(SPLIT_ON, 'SPLIT', end),
  calm('HELD', end),
];

/** A lake that was loaded up to before the split. */
async function loadedLake(): Promise<string> {
  const lake = join(mkdtempSync(join(folder, 'case-')), 'lake');
  play(before('2024-03-16'));
  expect(await load(lake, [START, '2024-03-16']).finished).toMatchObject({ code: 0 });
  return lake;
}

/** Months in which a lake is not as one that was loaded at once, up to a date. */
async function wrongMonths(lake: string, end: IsoDate): Promise<string[]> {
  const quiet = join(mkdtempSync(join(folder, 'case-')), 'lake');
  play(after(end));
  expect(await load(quiet, [START, end]).finished).toMatchObject({ code: 0 });
  return differingMonths(db, 'yahoo', lake, quiet);
}

describe('one load fetched before a split, one after it', () => {
  test('the one of before merges last: it asks anew and keeps the new basis', async () => {
    const lake = await loadedLake();
    const old = await hold(lake, OLD, before('2024-03-19'), 2);
    play(after('2024-03-23'));
    expect(await load(lake, NEW).finished).toMatchObject({ code: 0 });
    expect(await old.finish()).toMatchObject({ code: 0 });
    expect(await wrongMonths(lake, '2024-03-23')).toEqual([]);
  });

  test('the one of before merges first: the one of after restates its rows as well', async () => {
    const lake = await loadedLake();
    const old = await hold(lake, OLD, before('2024-03-19'), 2);
    const young = await hold(lake, NEW, after('2024-03-23'), 3);
    expect(await old.finish()).toMatchObject({ code: 0 });
    expect(await young.finish()).toMatchObject({ code: 0 });
    expect(await wrongMonths(lake, '2024-03-23')).toEqual([]);
  });
});

test.each([
  ['the one with more dates merges last', false],
  ['the one with more dates merges first', true],
])('two loads that restate the same name lose no row of each other: %s', async (_name, isLaterFirst) => {
  const lake = await loadedLake();
  const young = await hold(lake, NEW, after('2024-03-23'), 3);
  const later = await hold(lake, LATER, after('2024-03-26'), 3);
  for (const held of isLaterFirst ? [later, young] : [young, later]) {
    expect(await held.finish()).toMatchObject({ code: 0 });
  }
  expect(await wrongMonths(lake, '2024-03-26')).toEqual([]);
});
