import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { systemClock } from '../jobs/runtime/clock.ts';
import { SqliteStore } from '../jobs/statistics/cache/sqlite-store.ts';
import {
  correlationByPercentiles,
  correlationFromSummary,
} from '../jobs/statistics/estimators/correlation.ts';
import { estimate, METHODS } from '../jobs/statistics/estimators/estimate.ts';
import type { LogReturns } from '../jobs/statistics/estimators/series.ts';
import { summarizePair } from '../jobs/statistics/estimators/summary.ts';
import { answer } from '../jobs/statistics/functions.ts';
import { TreasuryProvider } from '../jobs/statistics/interest/treasury.ts';
import { cornerPortfolios } from '../jobs/statistics/portfolio/frontier.ts';
import { createMarket } from '../jobs/statistics/portfolio/market.ts';
import type { StatisticsParts } from '../jobs/statistics/statistics.ts';
import { randomNumbers, randomWalk } from '../test/support/series.ts';
import { startTreasury } from '../test/support/treasury-server.ts';
import { generateLake } from './generated-lake.ts';
import { median } from './median.ts';
import { readLake } from '../test/support/prices.ts';

const ROOT = join(import.meta.dirname, '..');
const DAYS = 520;
const RETURNS = 2520;
const ASSETS = 50;
const REPEATS = 9;
const SIGNAL = new AbortController().signal;

/**
 * Milliseconds of a profile from the cache, from cached prices and from the lake; of estimators and of a frontier; size
 * and cold start of the Lambda bundle. The lake has `tickers` names of two years.
 */
export async function benchStatistics(tickers: number): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'signals-bench-'));
  try {
    return {
      node: process.versions.node,
      repeats: REPEATS,
      profile: await benchProfile(folder, tickers),
      estimators: benchEstimators(),
      frontier: benchFrontier(),
      lambda: await benchLambda(folder),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchProfile(folder: string, tickers: number): Promise<unknown> {
  const lake = join(folder, 'lake');
  const rows = await generateLake(lake, tickers, DAYS);
  const treasury = await startTreasury();
  treasury.days = { '2026-08-31': { '10YEAR': 4.0 }, '2026-10-30': { '10YEAR': 4.1 } };
  const store = new SqliteStore(join(folder, 'statistics.db'));
  const parts: StatisticsParts = {
    store,
    prices: readLake(lake),
    rates: new TreasuryProvider({ baseUrl: treasury.url, timeoutMs: 10_000, clock: systemClock }),
    marketProxy: name(0),
    maturity: 'TEN_YEAR',
    now: () => new Date('2026-10-31T12:00:00Z'),
  };
  const ask = async (ticker: string, method: string, end = '2026-09-01'): Promise<number> => {
    const input = { tickers: [ticker], start: '2025-01-01', end, method };
    const startedAt = performance.now();
    await answer(parts, 'profile', input, SIGNAL);
    return performance.now() - startedAt;
  };
  await ask(name(1), 'moments');
  const [fromLake, fromPrices, unsettled, hits]: number[][] = [[], [], [], []];
  for (let index = 0; index < REPEATS; index += 1) {
    const ticker = name(2 + index);
    fromLake!.push(await ask(ticker, 'moments'));
    fromPrices!.push(await ask(ticker, 'likelihood'));
    unsettled!.push(await ask(ticker, 'moments', '2026-10-31'));
  }
  for (let index = 0; index < 100 * REPEATS; index += 1)
    hits!.push(await ask(name(2 + (index % REPEATS)), 'moments'));
  await store.close();
  await treasury.close();
  const sorted = hits!.toSorted((a, b) => a - b);
  return {
    lakeRows: rows,
    months: 20,
    missFromLakeMs: round(median(fromLake!)),
    missFromCachedPricesMs: round(median(fromPrices!)),
    missWithNewestDaysFromLakeMs: round(median(unsettled!)),
    hitSqliteMs: round(median(hits!)),
    hitSqliteMs99: round(sorted[Math.floor(0.99 * sorted.length)]!),
  };
}

function benchEstimators(): unknown {
  const [a, b] = [1, 2].map((seed) => returnsOf(seed)) as [LogReturns, LogReturns];
  const pearson = correlationFromSummary(summarizePair(a, b), ['a', 'b']);
  return {
    returns: RETURNS,
    ...Object.fromEntries(METHODS.map((method) => [`${method}Ms`, time(() => estimate(a, method, 252))])),
    correlationMs: time(() => correlationFromSummary(summarizePair(a, b), ['a', 'b'])),
    correlationByPercentilesMs: time(() => correlationByPercentiles(a, b, pearson)),
  };
}

function benchFrontier(): unknown {
  const random = randomNumbers(5);
  const loads = Array.from({ length: ASSETS }, () => [random() - 0.5, random() - 0.5, random() - 0.5]);
  const covariance = loads.map((x, i) =>
    loads.map((y, j) => 0.04 * x.reduce((sum, value, k) => sum + value * y[k]!, 0) + (i === j ? 0.02 : 0)),
  );
  const volatilities = covariance.map((row, i) => Math.sqrt(row[i]!));
  const correlation = covariance.map((row, i) =>
    row.map((value, j) => value / volatilities[i]! / volatilities[j]!),
  );
  const returns = loads.map(() => 0.3 * random());
  const market = createMarket(returns, volatilities, correlation, { lower: 0, upper: 1 });
  return {
    assets: ASSETS,
    corners: cornerPortfolios(market).length,
    frontierMs: time(() => cornerPortfolios(market)),
  };
}

/** Starts the bundle as Lambda does: a new process, one invocation that warms it up. */
async function benchLambda(folder: string): Promise<unknown> {
  const dist = join(folder, 'dist');
  execFileSync(process.execPath, [join(ROOT, 'build.ts'), dist], { cwd: ROOT, stdio: 'ignore' });
  const bundle = join(dist, 'lambda/statistics/index.mjs');
  const code = readFileSync(bundle);
  const event = { source: 'bench', 'detail-type': 'warm-up', detail: {} };
  const starts = Array.from({ length: REPEATS }, () => {
    const { stdout } = spawnSync(process.execPath, [join(ROOT, 'test/support/lambda-runner.ts'), bundle], {
      cwd: folder,
      env: {
        ...process.env,
        CACHE_MODE: 'dynamodb',
        CACHE_PROVISION: 'never',
        AWS_REGION: 'eu-west-1',
        SIGNALS_LAKE: 's3://bucket',
      },
      input: `${JSON.stringify({ handler: 'index.router', event })}\n`,
      encoding: 'utf8',
    });
    return JSON.parse(
      stdout
        .split('\n')
        .find((line) => line.startsWith('@@'))!
        .slice(2),
    ) as {
      loadMs: number;
      ms: number;
    };
  });
  return {
    bundleBytes: code.length,
    gzipBytes: gzipSync(code).length,
    loadMs: round(median(starts.map(({ loadMs }) => loadMs))),
    firstInvocationMs: round(median(starts.map(({ ms }) => ms))),
  };
}

function returnsOf(seed: number): LogReturns {
  const { close } = randomWalk(RETURNS + 1, seed);
  const values = Float64Array.from({ length: RETURNS }, (_, index) =>
    Math.log(close[index + 1]! / close[index]!),
  );
  return { values, elapsed: new Float64Array(RETURNS).fill(1) };
}

function time(work: () => unknown): number {
  for (let warmUp = 0; warmUp < 3; warmUp += 1) work();
  return round(
    median(
      Array.from({ length: REPEATS }, () => {
        const startedAt = performance.now();
        work();
        return performance.now() - startedAt;
      }),
    ),
  );
}

function name(index: number): string {
  return `T${String(index).padStart(5, '0')}`;
}

function round(ms: number): number {
  return Number(ms.toPrecision(3));
}
