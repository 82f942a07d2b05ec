import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../jobs/runtime/clock.ts';
import { DynamoStore } from '../../jobs/statistics/cache/dynamodb-store.ts';
import { createTables } from '../../jobs/statistics/cache/dynamodb-tables.ts';
import { FUNCTION_NAMES, handlerOf, ROUTER_HANDLER } from '../../jobs/statistics/function-names.ts';
import { TreasuryProvider } from '../../jobs/statistics/interest/treasury.ts';
import { createHandler } from '../../lambda/statistics/create-handler.ts';
import { parseEvent } from '../../lambda/statistics/events.ts';
import { toFailure } from '../../lambda/statistics/replies.ts';
import { LakeError, UsageError } from '../../jobs/runtime/errors.ts';
import { StatisticsError } from '../../jobs/statistics/errors.ts';
import { awsEndpoint, awsEnvironment, createBucket } from '../support/aws.ts';
import { loadSample, startScript, type Running } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { dynamoClient, startDynamoProxy, type DynamoProxy } from '../support/dynamodb.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { startTreasury, type TreasuryServer } from '../support/treasury-server.ts';
import { readLake } from '../support/prices.ts';

const folder = temporaryFolder();
const bundle = join(folder, 'dist/lambda/statistics/index.mjs');
const runner = join(repository, 'test/support/lambda-runner.ts');

interface Invocation {
  readonly handler?: string;
  readonly event: unknown;
  readonly remainingMs?: number;
}

interface Outcome {
  readonly answer?: any;
  readonly thrown?: string;
}

/** Runs invocations one after the other in one process, as one instance of a Lambda does. */
async function invoke(invocations: readonly Invocation[], env: Record<string, string>): Promise<Outcome[]> {
  const running: Running = startScript(runner, [bundle], folder, env, 'pipe');
  for (const { handler = ROUTER_HANDLER, ...rest } of invocations)
    running.child.stdin!.write(`${JSON.stringify({ handler, ...rest })}\n`);
  running.child.stdin!.end();
  const { stdout, stderr, code } = await running.finished;
  if (code !== 0) throw new Error(stderr);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('@@'))
    .map((line) => JSON.parse(line.slice(2)));
}

const httpEvent = (more: object): object => ({
  version: '2.0',
  rawPath: '/',
  requestContext: { http: { method: 'POST' } },
  ...more,
});

describeWith('AWS emulator', 'the Lambdas, bundled as deployed', () => {
  let treasury: TreasuryServer;
  let dynamo: DynamoProxy;
  let lake: string;
  let env: Record<string, string>;
  const WINDOW = { start: '2012-02-01', end: '2012-04-01' };
  beforeAll(async () => {
    const build = startScript(join(repository, 'build.ts'), [join(folder, 'dist')], repository);
    treasury = await startTreasury();
    treasury.days = { '2012-03-30': { '10YEAR': 2.23 } };
    dynamo = await startDynamoProxy(awsEndpoint);
    lake = `s3://${await createBucket()}`;
    await loadSample(lake, WINDOW, folder, awsEnvironment());
    await createTables(dynamoClient(awsEndpoint), 'lambda-', { mode: 'PAY_PER_REQUEST' });
    expect((await build.finished).code).toBe(0);
    env = {
      ...awsEnvironment(),
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.url,
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      CACHE_MODE: 'dynamodb',
      TABLE_PREFIX: 'lambda-',
      SIGNALS_LAKE: lake,
      TREASURY_BASE_URL: treasury.url,
    };
  });
  afterAll(async () => {
    await treasury.close();
    await dynamo.close();
  });
  beforeEach(() => {
    dynamo.intervene = () => undefined;
    dynamo.operations.length = 0;
  });

  test('answer the three kinds of events, with what the answer was computed from', async () => {
    const input = { tickers: ['AAPL', 'IBM'], ...WINDOW };
    const [direct, posted, got, scheduled, warm] = await invoke(
      [
        { event: { function: 'profile', ...input } },
        {
          event: httpEvent({
            body: Buffer.from(JSON.stringify({ function: 'profile', ...input })).toString('base64'),
            isBase64Encoded: true,
          }),
        },
        {
          event: httpEvent({
            rawPath: '/prod/correlation',
            queryStringParameters: { tickers: 'AAPL,IBM', ...WINDOW, method: 'likelihood', riskFree: '0.02' },
          }),
        },
        {
          event: {
            source: 'aws.scheduler',
            'detail-type': 'Scheduled Event',
            detail: { function: 'optimize', ...input },
          },
        },
        { event: { source: 'aws.scheduler', 'detail-type': 'Scheduled Event', detail: {} } },
      ],
      env,
    );
    expect(direct!.answer).toMatchObject({
      ok: true,
      status: 200,
      function: 'profile',
      version: '$LATEST',
      window: WINDOW,
      method: 'moments',
      weekends: false,
      marketProxy: 'SPY',
      riskFree: { maturity: 'TEN_YEAR', date: '2012-03-30', rate: 0.0223 },
      prices: { AAPL: { rows: 42, first: '2012-02-01', last: '2012-03-30' } },
      cache: { misses: 5 },
      warnings: [],
    });
    expect(Object.keys(direct!.answer.result.AAPL)).toEqual([
      'annual_return',
      'annual_volatility',
      'sharpe_ratio',
      'asset_beta',
      'equity_cost',
    ]);
    expect(posted!.answer).toMatchObject({
      statusCode: 200,
      headers: { 'content-type': 'application/json' },
    });
    const body = JSON.parse(posted!.answer.body);
    expect(body.result).toEqual(direct!.answer.result);
    expect(body.cache).toEqual({ hits: 2, misses: 0 });
    expect(JSON.parse(got!.answer.body)).toMatchObject({ function: 'correlation', method: 'likelihood' });
    expect(scheduled!.answer).toMatchObject({ ok: true, result: { portfolio_return: expect.any(Number) } });
    expect(warm!.answer).toEqual({ ok: true, status: 200, warm: true });
    expect(new Set(dynamo.operations)).toEqual(new Set(['GetItem', 'Query', 'BatchWriteItem', 'UpdateItem']));
  });

  test('each function has a handler, and the router keeps to what it is allowed', async () => {
    const tickers = ['AAPL', 'IBM'];
    const inputs: Record<string, object> = {
      'moving-averages': { tickers: ['AAPL'], ...WINDOW },
      ddm: { tickers: ['IBM'], ...WINDOW, discount: 0.1 },
      interest: { maturities: ['TEN_YEAR'], ...WINDOW },
      'yield-curve': { date: '2012-04-01' },
    };
    const outcomes = await invoke(
      FUNCTION_NAMES.map((name) => ({
        handler: handlerOf(name),
        event: inputs[name] ?? { tickers, ...WINDOW },
      })),
      env,
    );
    // Two months have too few dividends.
    expect(outcomes.map(({ answer }) => answer.code ?? answer.function)).toEqual(
      FUNCTION_NAMES.map((name) => (name === 'ddm' ? 'too-few-dividends' : name)),
    );
    const [refused, taken] = await invoke(
      [
        { event: { function: 'profile', tickers, ...WINDOW } },
        { event: { function: 'var', tickers, ...WINDOW } },
      ],
      { ...env, STATISTICS_ALLOWED: 'var, cvar' },
    );
    expect(refused!.answer).toMatchObject({
      status: 400,
      message: 'function "profile" is not one of var, cvar',
    });
    expect(taken!.answer).toMatchObject({ status: 200, function: 'var' });
    const [fixed] = await invoke([{ event: { tickers, ...WINDOW } }], {
      ...env,
      STATISTICS_FUNCTION: 'cvar',
    });
    expect(fixed!.answer).toMatchObject({ status: 200, function: 'cvar' });
  });

  test('say what is wrong, with a status and a code', async () => {
    const [input, body, ticker, target, scheduled, none, time] = await invoke(
      [
        { event: { function: 'profile', tickers: [], ...WINDOW } },
        { event: httpEvent({ body: '{' }) },
        { event: { function: 'var', tickers: ['NOPE'], ...WINDOW } },
        {
          event: httpEvent({
            body: JSON.stringify({
              function: 'optimize',
              tickers: ['AAPL', 'IBM'],
              ...WINDOW,
              objective: 'target-return',
              target: 1e6,
            }),
          }),
        },
        {
          event: {
            source: 'aws.scheduler',
            'detail-type': 'x',
            detail: { function: 'var', tickers: ['NOPE'], ...WINDOW },
          },
        },
        { event: 'hello' },
        {
          event: { function: 'interest', maturities: ['ONE_YEAR'], start: '2010-01-01', end: '2010-02-01' },
          remainingMs: 1,
        },
      ],
      env,
    );
    expect(input!.answer).toEqual({
      ok: false,
      status: 400,
      code: 'usage',
      message: expect.stringMatching(/^tickers: /),
    });
    expect(body!.answer).toMatchObject({
      statusCode: 400,
      body: expect.stringContaining('the body is not JSON'),
    });
    expect(ticker!.answer).toMatchObject({ status: 422, code: 'unknown-ticker' });
    expect(target!.answer).toMatchObject({
      statusCode: 422,
      body: expect.stringContaining('infeasible-target'),
    });
    expect(scheduled!.thrown).toMatch(/no closes of NOPE/);
    expect(none!.answer).toMatchObject({ status: 400, message: 'the event is not a JSON object' });
    expect(time!.answer).toMatchObject({ status: 424 });
  });

  test('make no table: without one they say so', async () => {
    const [missing] = await invoke([{ event: { function: 'var', tickers: ['AAPL'], ...WINDOW } }], {
      ...env,
      TABLE_PREFIX: 'absent-',
    });
    expect(missing!.answer).toMatchObject({
      status: 424,
      code: 'cache',
      message: expect.stringMatching(/absent-.*provision/),
    });
    expect(dynamo.operations).not.toContain('CreateTable');
  });

  test('a throttled cache is 429', async () => {
    dynamo.intervene = () => ({
      status: 400,
      body: { __type: 'com.amazonaws.dynamodb.v20120810#ThrottlingException', message: 'slow down' },
    });
    const [throttled] = await invoke([{ event: { function: 'var', tickers: ['AAPL'], ...WINDOW } }], {
      ...env,
      AWS_MAX_ATTEMPTS: '1',
    });
    expect(throttled!.answer).toMatchObject({ status: 429, code: 'cache-throttled' });
  });
});

describe('events and failures', () => {
  test('a query is typed by its fields', () => {
    const query = {
      tickers: '0700.HK,AAPL',
      steps: '5',
      weekends: 'true',
      market: '0050',
      start: '2026-01-02',
    };
    expect(parseEvent(httpEvent({ rawPath: '/frontier/', queryStringParameters: query }))).toEqual({
      kind: 'http',
      name: 'frontier',
      input: { tickers: ['0700.HK', 'AAPL'], steps: 5, weekends: true, market: '0050', start: '2026-01-02' },
    });
  });

  test('a table that does not answer is a time-out before Lambda ends the invocation', async () => {
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const store = new DynamoStore(dynamoClient(url), '', systemClock, new AbortController().signal);
    const handler = createHandler(
      ['var'],
      async () => ({
        store,
        prices: readLake(join(folder, 'empty')),
        rates: new TreasuryProvider({ baseUrl: url, timeoutMs: 1000, clock: systemClock }),
        marketProxy: 'SPY',
        maturity: 'TEN_YEAR',
        now: () => new Date('2026-10-05T12:00:00Z'),
      }),
      () => {},
    );
    const context = { awsRequestId: '1', functionVersion: '1', getRemainingTimeInMillis: () => 510 };
    expect(await handler({ tickers: ['AAPL'] }, context)).toMatchObject({ status: 424, code: 'time-out' });
    await store.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test.each<[string, number, Error]>([
    ['usage', 400, new UsageError('x')],
    ['lake', 424, new LakeError('x')],
    ['rates-unavailable', 424, new StatisticsError('rates-unavailable', 'x')],
    ['cache', 424, new StatisticsError('cache', 'x')],
    ['cache-throttled', 429, new StatisticsError('cache-throttled', 'x')],
    ['no-excess-return', 422, new StatisticsError('no-excess-return', 'x')],
    ['time-out', 424, new DOMException('x', 'TimeoutError')],
    ['unexpected', 500, new TypeError('a secret path')],
  ])('%s is status %s', (code, status, error) => {
    const failure = toFailure(error);
    expect(failure).toMatchObject({ ok: false, status, code });
    expect(failure.message).not.toContain('secret');
  });
});
