import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { AthenaEngine } from '../../jobs/query/athena-engine.ts';
import { StoppedError } from '../../jobs/runtime/errors.ts';
import type { Waiting } from '../../jobs/runtime/poll.ts';
import { awsClientConfig, awsEndpoint } from '../support/aws.ts';
import { createAthena, seedAthena } from '../support/athena.ts';
import { describeWith } from '../support/describe-with.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';

/* The engine against the emulator over HTTP, which does not run SQL: answers are seeded or played by the proxy. */

describeWith('AWS emulator', 'Athena', () => {
  const name = `athena-${randomUUID().slice(0, 8)}`;
  let proxy: FaultProxy;
  let stopper: AbortController;
  let waits: number[];
  let operations: string[];
  let play: (operation: string) => string | undefined;

  beforeAll(async () => {
    proxy = await startFaultProxy(awsEndpoint);
    await createAthena(name);
  });
  afterAll(() => proxy.close());
  beforeEach(() => {
    stopper = new AbortController();
    waits = [];
    operations = [];
    play = () => undefined;
    proxy.decide = (_method, _path, { target = '' }) => {
      const operation = target.replace('AmazonAthena.', '');
      operations.push(operation);
      const body = play(operation);
      if (body === undefined) return 'pass';
      return { status: body.includes('"__type"') ? 400 : 200, body };
    };
  });

  function open(workgroup = name): AthenaEngine {
    const waiting: Waiting = {
      signal: stopper.signal,
      sleep: async (ms, signal) => {
        waits.push(ms);
        signal.throwIfAborted();
      },
    };
    const names = { database: name, workgroup, crawler: `${name}-crawler` };
    return new AthenaEngine(names, { ...awsClientConfig, endpoint: proxy.url } as object, waiting);
  }

  const state = (State: string, StateChangeReason?: string): string =>
    JSON.stringify({
      QueryExecution: { QueryExecutionId: 'x', StatementType: 'DML', Status: { State, StateChangeReason } },
    });

  test('gives values their types and leaves the names of the columns out', async () => {
    await seedAthena({
      columns: [
        ['ticker', 'varchar'],
        ['date', 'date'],
        ['close', 'double'],
        ['num', 'bigint'],
        ['big', 'bigint'],
        ['share', 'float'],
        ['ok', 'boolean'],
        ['odd', 'double'],
      ],
      rows: [
        ['AAPL', '2012-12-31', '532.1729', '42', '9007199254740993', '0.5', 'true', 'NaN'],
        ['', null, null, null, null, null, 'false', '-Infinity'],
      ],
    });
    const { columns, rows } = await open().run('select * from raw_data');
    expect(columns.map(({ type }) => type).join()).toBe(
      'varchar,date,double,bigint,bigint,float,boolean,double',
    );
    expect(rows).toEqual([
      ['AAPL', '2012-12-31', 532.1729, 42, '9007199254740993', 0.5, true, 'NaN'],
      ['', null, null, null, null, null, false, '-Infinity'],
    ]);
  });

  test('reads an answer of several pages', async () => {
    const metadata = { ColumnInfo: [{ Name: 'n', Type: 'integer' }] };
    const page = (values: string[], NextToken?: string): string =>
      JSON.stringify({
        ResultSet: {
          ResultSetMetadata: metadata,
          Rows: values.map((VarCharValue) => ({ Data: [{ VarCharValue }] })),
        },
        NextToken,
      });
    const pages = [page(['n', '1', '2'], 'next'), page(['3', '4'], 'last'), page(['5'])];
    play = (operation) => (operation === 'GetQueryResults' ? pages.shift() : undefined);
    expect((await open().run('select n from t')).rows).toEqual([[1], [2], [3], [4], [5]]);
  });

  test('waits longer and longer, up to five seconds', async () => {
    let asked = 0;
    play = (operation) => {
      if (operation !== 'GetQueryExecution') return undefined;
      asked += 1;
      return asked <= 12 ? state(asked < 3 ? 'QUEUED' : 'RUNNING') : state('SUCCEEDED');
    };
    await open().run('select 1');
    expect(waits[0]).toBe(250);
    expect(waits.at(-1)).toBe(5000);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(operations).not.toContain('StopQueryExecution');
  });

  test('says in one line why a query failed', async () => {
    play = (operation) =>
      operation === 'GetQueryExecution' ? state('FAILED', 'SYNTAX_ERROR: line 1:8\nmore') : undefined;
    await expect(open().run('select oops')).rejects.toThrow(
      /^the query failed in Athena: SYNTAX_ERROR: line 1:8 \(query [-0-9a-f]+\)$/,
    );
  });

  test('says that a query was cancelled, by the limit of the workgroup for instance', async () => {
    play = (operation) =>
      operation === 'GetQueryExecution' ? state('CANCELLED', 'Bytes scanned limit was exceeded') : undefined;
    await expect(open().run('select 1')).rejects.toThrow(/was cancelled in Athena: Bytes scanned limit/);
  });

  test('cancels the query when it is told to stop', async () => {
    play = (operation) => {
      if (operation === 'GetQueryExecution') stopper.abort('SIGTERM');
      return operation === 'GetQueryExecution' ? state('RUNNING') : undefined;
    };
    await expect(open().run('select 1')).rejects.toThrow(StoppedError);
    expect(operations).toEqual(['StartQueryExecution', 'GetQueryExecution', 'StopQueryExecution']);
  });

  test('cancels a query that does not end', async () => {
    play = (operation) => (operation === 'GetQueryExecution' ? state('RUNNING') : undefined);
    await expect(open().run('select 1')).rejects.toThrow(/did not end in time and was cancelled/);
    expect(operations.at(-1)).toBe('StopQueryExecution');
  });

  test('tries again when too many queries are waiting', async () => {
    const refusal = '{"__type": "TooManyRequestsException", "Message": "You have exceeded the limit"}';
    let refusals = 2;
    play = (operation) => (operation === 'StartQueryExecution' && refusals-- > 0 ? refusal : undefined);
    await seedAthena({ columns: [['n', 'integer']], rows: [['1']] });
    expect((await open().run('select 1 as n')).rows).toEqual([[1]]);
    expect(operations.filter((operation) => operation === 'StartQueryExecution')).toHaveLength(3);
  });

  test('names the workgroup that is not there', async () => {
    await expect(open('no-such-group').run('select 1')).rejects.toThrow(
      /^Athena \(workgroup "no-such-group"\) cannot be asked: .*WorkGroup/,
    );
  });

  describe('unload', () => {
    test('writes the answer as Parquet below a place that is given', async () => {
      let statement = '';
      const pass = proxy.decide;
      proxy.decide = (method, path, request) => {
        if (request.target === 'AmazonAthena.StartQueryExecution') {
          statement = JSON.parse(request.body.toString()).QueryString;
        }
        return pass(method, path, request);
      };
      await open().unload("select a from t where b = 'x'", 's3://bucket/staging/run/');
      expect(statement).toBe(
        "unload (select a from t where b = 'x') to 's3://bucket/staging/run/' with (format = 'PARQUET', compression = 'ZSTD')",
      );
    });
  });
});
