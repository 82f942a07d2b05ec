import { randomUUID } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { HeadObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { awsClientConfig, awsEnvironment, createBucket } from '../support/aws.ts';
import { createAthena, seedAthena, startUnloadingAthena } from '../support/athena.ts';
import { errorLine, signals, start, type Finished } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { sampleFolder, temporaryFolder } from '../support/folders.ts';

/* The jobs as they run on AWS: a lake in S3, prices through crawler and Athena, queries in Athena. */

describeWith('AWS emulator', 'on AWS', () => {
  const folder = temporaryFolder();
  const name = `jobs-${randomUUID().slice(0, 8)}`;
  let bucket: string;
  let athena: FaultProxy & { readonly unloads: string[] };
  let environment: Record<string, string>;

  beforeAll(async () => {
    bucket = await createBucket();
    await createAthena(name);
    athena = await startUnloadingAthena(bucket, '', folder);
    environment = {
      ...awsEnvironment(athena.url),
      SIGNALS_LAKE: `s3://${bucket}`,
      SIGNALS_DATABASE: name,
      SIGNALS_WORKGROUP: name,
      SIGNALS_CRAWLER: `${name}-crawler`,
    };
    const load = ['load', '--source', 'csv', '--path', sampleFolder, '--start', '2012-06-01'];
    expect(await signals(load, folder, environment)).toMatchObject({ code: 0 });
  });
  afterAll(() => athena.close());

  const transform = (...args: string[]): Promise<Finished> =>
    signals(['transform', '--cmd', 'other', '--lags', '2', ...args], folder, environment);
  const keys = async (prefix: string): Promise<string[]> => {
    const { Contents = [] } = await new S3Client(awsClientConfig).send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }),
    );
    return Contents.map(({ Key }) => Key!);
  };

  test('transform --reload crawls, unloads, sorts what comes unordered, and leaves nothing in staging', async () => {
    const done = await transform('--reload');
    expect(done).toMatchObject({ code: 0 });
    expect(done.log.map(({ event }) => event)).toEqual([
      'transform.started',
      'transform.crawl',
      'transform.unload',
      'transform.planned',
      'transform.done',
    ]);
    expect(athena.unloads).toEqual([
      expect.stringMatching(
        /^unload \(select ticker, date, open, high, low, close, adj_close, volume from raw_data where provider = 'csv'\) to 's3:\/\/[^/]+\/staging\/[^/]+\/prices\/'/,
      ),
    ]);
    expect((await keys('features/other/era=')).length).toBeGreaterThan(25);
    expect(await keys('staging/')).toEqual([]);
  });

  test('what Athena unloads is what the lake has: neither way finds an era to write that the other wrote', async () => {
    expect((await transform()).stdout).toMatch(/eras {7}0 written/);
    expect((await transform('--reload')).stdout).toMatch(/eras {7}0 written/);
  });

  test('a window unloads the months and days of it only', async () => {
    athena.unloads.length = 0;
    await transform('--reload', '--window', '6000', '--set', 'near');
    expect(athena.unloads[0]).toMatch(
      / where provider = 'csv' and month >= '\d{4}-\d\d' and date >= date '\d{4}-\d\d-\d\d'\) to /,
    );
    expect((await keys('features/near/era=')).length).toBeGreaterThan(0);
  });

  test('prices that Athena does not know yet are a failure that says so', async () => {
    const { unloads } = athena;
    const decide = athena.decide;
    athena.decide = () => 'pass';
    const done = await transform('--reload');
    athena.decide = decide;
    expect(done.code).toBe(1);
    expect(errorLine(done)).toMatch(
      /Athena has no prices of csv .* the crawler has not added their partitions/,
    );
    expect(unloads).toBe(athena.unloads);
  });

  test('a failed crawl is exit code 1 and one line', async () => {
    const done = await signals(['transform', '--cmd', 'other', '--lags', '2', '--reload'], folder, {
      ...environment,
      SIGNALS_CRAWLER: 'no-such-crawler',
    });
    expect(done.code).toBe(1);
    expect(errorLine(done)).toMatch(/^crawler "no-such-crawler" cannot be run: /);
  });

  test('query asks Athena, and prints what it says', async () => {
    await seedAthena({ columns: [['n', 'bigint']], rows: [['1460']] });
    const done = await signals(
      ['query', 'select count(*) as n from raw_data', '--format', 'json'],
      folder,
      environment,
    );
    expect(done).toMatchObject({ code: 0, stdout: '[{"n":1460}]\n' });
  });

  test('a named query is rendered for the set of the lake and sent to Athena', async () => {
    await seedAthena({ columns: [['era', 'date']], rows: [['2012-12-28']] });
    let sent = '';
    const decide = athena.decide;
    athena.decide = (method, path, request) => {
      if (request.target === 'AmazonAthena.StartQueryExecution') {
        sent = (JSON.parse(request.body.toString()) as { QueryString: string }).QueryString;
      }
      return decide(method, path, request);
    };
    const done = await signals(
      ['query', '--name', 'coverage', '--set', 'other', '--format', 'csv'],
      folder,
      environment,
    );
    athena.decide = decide;
    expect(done).toMatchObject({ code: 0, stdout: 'era\n2012-12-28\n' });
    expect(sent).toMatch(/from features_other/);
  });

  test('another lake than that of the environment is read without Athena', async () => {
    const local = `file:${join(folder, 'lake')}`;
    const load = [
      'load',
      '--source',
      'csv',
      '--path',
      sampleFolder,
      '--start',
      '2012-12-01',
      '--lake',
      local,
    ];
    expect(await signals(load, folder, environment)).toMatchObject({ code: 0 });
    const sql = 'select count(*) as n from raw_data';
    const done = await signals(['query', sql, '--format', 'json', '--lake', local], folder, environment);
    expect(done.stdout).toMatch(/^\[\{"n":\d+\}\]/);
  });

  test('--provider goes with DuckDB only', async () => {
    const done = await signals(['query', 'select 1', '--provider', 'csv'], folder, environment);
    expect(done.code).toBe(2);
    expect(errorLine(done)).toMatch(/--provider is not for Athena/);
  });

  test('a load that dies between reading a month and writing it leaves the old object, and the next one finishes its merge', async () => {
    const s3 = new S3Client(awsClientConfig);
    const Key = 'raw_data/provider=csv/month=2012-12/prices.parquet';
    const before = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key }));
    const changed = mkdtempSync(join(folder, 'changed-'));
    const bars = 'date,open,high,low,close,adj_close,volume\n2012-12-03,1,1,1,1,1,1\n';
    writeFileSync(join(changed, 'NEW.csv'), bars);
    const load = [
      'load',
      '--source',
      'csv',
      '--path',
      changed,
      '--start',
      '2012-12-01',
      '--end',
      '2013-01-01',
    ];
    const decide = athena.decide;
    const running = start(load, folder, environment);
    const seen: string[] = [];
    athena.decide = (method, path) => {
      if (!decodeURIComponent(path).includes('month=2012-12')) return 'pass';
      seen.push(method);
      if (method !== 'PUT') return 'pass';
      running.child.kill('SIGKILL');
      return { status: 500, body: '' };
    };
    const done = await running.finished;
    athena.decide = decide;
    expect(done).toMatchObject({ signal: 'SIGKILL' });
    expect(seen.slice(0, 2)).toEqual(['GET', 'PUT']);
    const after = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key }));
    expect([after.ETag, after.LastModified]).toEqual([before.ETag, before.LastModified]);
    expect(await signals(load, folder, environment)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('0 new, 0 changed, 1 unchanged'),
    });
    const finished = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key }));
    expect(finished.ETag).not.toBe(before.ETag);
  });

  test('SIGTERM during a query cancels it and exits 1', async () => {
    const operations: string[] = [];
    const decide = athena.decide;
    const running = start(['query', 'select 1'], folder, environment);
    athena.decide = (_method, _path, { target = '' }) => {
      operations.push(target.replace('AmazonAthena.', ''));
      if (target !== 'AmazonAthena.GetQueryExecution') return 'pass';
      running.child.kill('SIGTERM');
      const Status = { State: 'RUNNING' };
      return { status: 200, body: JSON.stringify({ QueryExecution: { QueryExecutionId: 'x', Status } }) };
    };
    const done = await running.finished;
    athena.decide = decide;
    expect(done.code).toBe(1);
    expect(errorLine(done)).toMatch(/^stopped by SIGTERM/);
    expect(operations.at(-1)).toBe('StopQueryExecution');
  });
});
