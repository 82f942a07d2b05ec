import { randomUUID } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { awsEndpoint, awsEnvironment, createBucket } from '../support/aws.ts';
import { createAthena } from '../support/athena.ts';
import { errorLine, loadSample, signals, start, type Finished } from '../support/command.ts';
import { sampleFolder, temporaryFolder } from '../support/folders.ts';
import { startSilentProxy } from '../support/silent-proxy.ts';
import { describeWith } from '../support/describe-with.ts';

/*
 * A server that takes a request and does not answer, at each kind of request that the commands send. Every command
 * ends by itself, and within five seconds of SIGTERM, with exit code 1 and one line.
 */

jest.setTimeout(180_000);

/** Of silence; the default is tested in limits.test.ts. */
const SHORT = '2';
const STOPPED_WITHIN_MS = 5_000;

const folder = temporaryFolder();

interface Command {
  readonly args: readonly string[];
  /** @param url of the proxy */
  readonly env: (url: string) => Record<string, string>;
}

type Silence = readonly [operation: string, where: 'answer' | 'body', command: () => Command];

/** Runs a command until the server falls silent, and then to its end. */
async function runIntoSilence(
  target: string,
  [operation, where, command]: Silence,
  env: Record<string, string>,
  onSilence: (pid: number) => void = () => {},
): Promise<Finished> {
  const proxy = await startSilentProxy(target, operation, where);
  try {
    const { args, env: envOf } = command();
    const cwd = mkdtempSync(join(folder, 'case-'));
    const running = start(args, cwd, { ...envOf(proxy.url), ...env });
    const early = await Promise.race([running.finished, proxy.silence]);
    if (early !== undefined) throw new Error(`it never asked for ${operation}: ${early.stderr}`);
    onSilence(running.child.pid!);
    return await running.finished;
  } finally {
    await proxy.close();
  }
}

function expectFailure(finished: Finished, message: RegExp): void {
  expect({ code: finished.code, line: errorLine(finished) }).toEqual({
    code: 1,
    line: expect.stringMatching(message),
  });
}

function testSilences(target: () => string, silences: readonly Silence[]): void {
  test.each(silences)('%s, no %s: the command gives up', async (...silence) => {
    const finished = await runIntoSilence(target(), silence, { SIGNALS_REQUEST_TIMEOUT: SHORT });
    expectFailure(
      finished,
      /^(?!unexpected failure).*(not answered for|silent for|timed out after|no whole)/,
    );
  });

  test.each(silences)('%s, no %s: SIGTERM ends the command', async (...silence) => {
    let killedAt = 0;
    const finished = await runIntoSilence(target(), silence, {}, (pid) => {
      killedAt = Date.now();
      process.kill(pid, 'SIGTERM');
    });
    expectFailure(finished, /stopped|aborted/);
    const said = finished.log.findLast(({ level }) => level === 'error');
    expect(Number(said!['time']) - killedAt).toBeLessThan(STOPPED_WITHIN_MS);
  });
}

describeWith('AWS emulator', 'AWS falls silent at', () => {
  const name = `silence-${randomUUID().slice(0, 8)}`;
  const local = `file:${join(folder, 'lake')}`;
  let bucket: string;
  const load = ['load', '--source', 'csv', '--path', sampleFolder, '--start', '2012-12-01'];
  const transform = ['transform', '--cmd', 'other', '--lags', '1'];

  beforeAll(async () => {
    bucket = await createBucket();
    await createAthena(name);
    const lake = ['--lake', `s3://${bucket}`];
    for (const args of [load, transform]) {
      expect(await signals([...args, ...lake], folder, awsEnvironment())).toMatchObject({ code: 0 });
    }
    await loadSample(local, { start: '2012-01-01', end: '2013-01-01' }, folder);
    expect(await signals(['cache', 'provision'], folder, dynamo(awsEndpoint))).toMatchObject({ code: 0 });
  });

  const onLake =
    (...args: readonly string[]): (() => Command) =>
    () => ({ args: [...args, '--lake', `s3://${bucket}`], env: awsEnvironment });
  const athena =
    (...args: readonly string[]): (() => Command) =>
    () => ({
      args,
      env: (url) => ({
        ...awsEnvironment(url),
        SIGNALS_LAKE: `s3://${bucket}`,
        SIGNALS_DATABASE: name,
        SIGNALS_WORKGROUP: name,
        SIGNALS_CRAWLER: `${name}-crawler`,
      }),
    });
  const dynamo = (url: string): Record<string, string> => ({
    ...awsEnvironment(url),
    CACHE_MODE: 'dynamodb',
    CACHE_PROVISION: 'never',
    TABLE_PREFIX: `${name}-`,
    SIGNALS_LAKE: local,
  });
  const cached =
    (...args: readonly string[]): (() => Command) =>
    () => ({ args, env: dynamo });
  const objects: Command = {
    args: ['objects', 'rm', 'X'],
    env: (url) => ({ ...awsEnvironment(url), SIGNALS_OBJECTS: `s3://${bucket}/objects` }),
  };
  const count = 'select count(*) from raw_data';
  const year = ['--start', '2012-01-01', '--end', '2013-01-01', '--risk-free', '0.01'];

  testSilences(
    () => awsEndpoint,
    [
      ['ListObjectsV2', 'answer', onLake('query', count)],
      ['GetObject', 'answer', onLake('query', count)],
      ['GetObject', 'body', onLake('query', count)],
      ['PutObject', 'answer', onLake(...load)],
      ['PutObject', 'answer', onLake(...transform, '--set', 'another')],
      ['DeleteObject', 'answer', onLake(...load)],
      ['HeadObject', 'answer', () => objects],
      ['StartQueryExecution', 'answer', athena('query', 'select 1')],
      ['GetQueryExecution', 'answer', athena('query', 'select 1')],
      ['GetQueryResults', 'answer', athena('query', 'select 1')],
      ['GetCrawler', 'answer', athena(...transform, '--reload')],
      ['StartCrawler', 'answer', athena(...transform, '--reload')],
      ['DescribeTable', 'answer', cached('cache', 'status')],
      ['Query', 'answer', cached('stats', 'profile', 'SPY', ...year)],
      ['BatchWriteItem', 'answer', cached('stats', 'profile', 'SPY', ...year)],
    ],
  );
});

describe('a provider falls silent:', () => {
  const universe = join(folder, 'universe.csv');
  beforeAll(async () => {
    writeFileSync(universe, 'id,numerai_ticker,bloomberg_ticker,yahoo\nAAPL US,AAPL US,AAPL US,AAPL\n');
    await loadSample(`file:${join(folder, 'own')}`, { start: '2012-01-01', end: '2013-01-01' }, folder);
  });
  const yahoo: Command = {
    args: ['load', '--universe', universe, '--lake', `file:${join(folder, 'new')}`],
    env: (url) => ({ YAHOO_BASE_URL: url }),
  };
  const numerai: Command = {
    args: ['universe', 'refresh', '--universe', universe],
    env: (url) => ({ NUMERAI_BASE_URL: url, NUMERAI_API_KEY: 'PUBLIC$SECRET' }),
  };
  const treasury: Command = {
    args: ['stats', 'profile', 'SPY', '--start', '2012-01-01', '--end', '2013-01-01'],
    env: (url) => ({ TREASURY_BASE_URL: url, SIGNALS_LAKE: `file:${join(folder, 'own')}` }),
  };
  testSilences(
    () => 'http://127.0.0.1:9',
    [
      ['GET', 'answer', () => yahoo],
      ['POST', 'answer', () => numerai],
      ['GET', 'answer', () => treasury],
    ],
  );
});

describe('a Redis server takes connections and says nothing:', () => {
  const sockets: Socket[] = [];
  let server: Server;
  let url: string;
  beforeAll(async () => {
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}/0`;
  });
  afterAll(() => {
    server.close();
    // Nobody reads from them, so that nobody would learn of their end.
    for (const socket of sockets) socket.destroy();
  });

  test('the command gives up', async () => {
    const finished = await signals(['trading', 'status', '--state', url], folder);
    expectFailure(finished, /^cannot reach "redis:/);
  });

  test('SIGTERM ends the command', async () => {
    const running = start(['trading', 'status', '--state', url], folder);
    await new Promise((resolve) => server.once('connection', resolve));
    const killedAt = Date.now();
    running.child.kill('SIGTERM');
    const finished = await running.finished;
    expectFailure(finished, /^stopped by SIGTERM/);
    expect(Number(finished.log.at(-1)!['time']) - killedAt).toBeLessThan(STOPPED_WITHIN_MS);
  });
});
