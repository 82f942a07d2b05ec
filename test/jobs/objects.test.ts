import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { openEnvironment } from '../../jobs/environment/environment.ts';
import { readEnvironment } from '../../jobs/runtime/environment.ts';
import { S3Store } from '../../jobs/lake/s3-store.ts';
import { S3Level } from '../../jobs/store/s3-level.ts';
import { awsClientConfig, awsEndpoint, awsEnvironment, createBucket } from '../support/aws.ts';
import { cacheOver, objectsOf, testClock } from '../support/caches.ts';
import { errorLine, signals } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { listingPage, startFaultProxy } from '../support/fault-proxy.ts';
import { temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();
const value = {
  members: new Map([['2022-01-04', new Set(['a', 'b'])]]),
  levels: Float64Array.of(1, NaN, Infinity),
  at: new Date('2022-01-04T00:00:00Z'),
  big: 2n ** 70n,
  nothing: undefined,
};

/** What a program of the team has stored. */
async function store(url: string): Promise<void> {
  const settings = {
    ...readEnvironment({}),
    objects: { url, organisation: 'default', workspace: 'default' },
  };
  const environment = openEnvironment({ envDate: '2022-01-30', settings });
  await environment.objectService().put('DAX 20220104', value);
  await environment.objectService().put('SPX UNIVERSE 2008', [1]);
  await environment.close();
}

async function storeInS3(bucket: string, organisation: string): Promise<void> {
  const level = new S3Level(new S3Store(bucket, 'team', awsClientConfig), Date.now);
  const { cache } = cacheOver(level, testClock());
  const objects = objectsOf(cache, { organisation, workspace: 'default' });
  await objects.put('DAX 20220104', value);
  await objects.put('SPX UNIVERSE 2008', [1]);
}

describe('objects in a folder', () => {
  const url = `file:${join(folder, 'objects')}`;
  const run = (...args: string[]): ReturnType<typeof signals> =>
    signals(['objects', ...args, '--objects', url], folder);
  beforeAll(() => store(url));

  test('are listed by prefix', async () => {
    expect((await run('ls')).stdout).toBe('DAX 20220104\nSPX UNIVERSE 2008\n');
    expect((await run('ls', 'SPX')).stdout).toBe('SPX UNIVERSE 2008\n');
    expect(await run('ls', 'S%')).toMatchObject({ code: 0, stdout: '' });
  });

  test('are shown as JSON, on stdout or in a file', async () => {
    const expected = {
      members: [['2022-01-04', ['a', 'b']]],
      levels: [1, 'NaN', 'Infinity'],
      at: '2022-01-04T00:00:00.000Z',
      big: String(2n ** 70n),
      nothing: 'undefined',
    };
    expect(JSON.parse((await run('get', 'DAX 20220104')).stdout)).toEqual(expected);
    expect(await run('get', 'DAX 20220104', '--save', 'dax.json')).toMatchObject({ code: 0, stdout: '' });
    expect(JSON.parse(readFileSync(join(folder, 'dax.json'), 'utf8'))).toEqual(expected);
    const missing = await run('get', 'DAX');
    expect([missing.code, errorLine(missing)]).toEqual([1, 'there is no object "DAX"; see "objects ls"']);
  });

  test('are removed, and what was not there is said', async () => {
    const removed = await run('rm', 'DAX', 'DAX 20220104');
    expect(removed).toMatchObject({ code: 1, stdout: 'removed    DAX 20220104\n' });
    expect(errorLine(removed)).toBe('there is no object "DAX"; see "objects ls"');
    expect((await run('ls')).stdout).toBe('SPX UNIVERSE 2008\n');
  });

  test('of another workspace are not there', async () => {
    const env = { SIGNALS_OBJECTS: url, SIGNALS_WORKSPACE: 'other' };
    expect(await signals(['objects', 'ls'], folder, env)).toMatchObject({ code: 0, stdout: '' });
    const refused = await signals(['objects', 'ls'], folder, { ...env, SIGNALS_ORGANISATION: '../A' });
    expect([refused.code, errorLine(refused)]).toEqual([
      2,
      expect.stringMatching(/^SIGNALS_ORGANISATION "\.\.\/A" is not usable/),
    ]);
  });
});

test('are in data/objects where nothing else is said', async () => {
  const own = mkdtempSync(join(folder, 'own-'));
  expect(await signals(['objects', 'ls'], own)).toMatchObject({ code: 0, stdout: '' });
  expect(existsSync(join(own, 'data/objects/objects.db'))).toBe(true);
});

test.each([
  ['http://x', /objects "http:\/\/x" are neither at file:FOLDER nor at s3:/],
  ['file:', /neither at file:FOLDER/],
])('the place %s is refused', async (url, message) => {
  const refused = await signals(['objects', 'ls', '--objects', url], folder);
  expect([refused.code, errorLine(refused)]).toEqual([2, expect.stringMatching(message)]);
});

describeWith('AWS emulator', 'objects in S3', () => {
  test('are shared below the prefix of an organisation, with copies on the disk', async () => {
    const bucket = await createBucket();
    const own = mkdtempSync(join(folder, 's3-'));
    const env = { ...awsEnvironment(), SIGNALS_OBJECTS: `s3://${bucket}/team` };
    for (const organisation of ['default', 'B']) await storeInS3(bucket, organisation);
    expect((await signals(['objects', 'ls'], own, env)).stdout).toBe('DAX 20220104\nSPX UNIVERSE 2008\n');
    expect(await signals(['objects', 'rm', 'SPX UNIVERSE 2008'], own, env)).toMatchObject({ code: 0 });
    expect((await signals(['objects', 'ls'], own, env)).stdout).toBe('DAX 20220104\n');
    const theirs = { ...env, SIGNALS_ORGANISATION: 'B' };
    expect((await signals(['objects', 'ls'], own, theirs)).stdout).toBe('DAX 20220104\nSPX UNIVERSE 2008\n');
    expect(JSON.parse((await signals(['objects', 'get', 'DAX 20220104'], own, env)).stdout)).toMatchObject({
      levels: [1, 'NaN', 'Infinity'],
    });
    expect(readdirSync(join(own, 'data/cache')).join()).toMatch(/^objects-[0-9a-f]{12}\.db/);
  });

  test('are there without a place for copies', async () => {
    const bucket = await createBucket();
    await storeInS3(bucket, 'default');
    const own = mkdtempSync(join(folder, 's3-'));
    mkdirSync(join(own, 'data'));
    writeFileSync(join(own, 'data/cache'), 'a file in the place of the folder');
    const env = { ...awsEnvironment(), SIGNALS_OBJECTS: `s3://${bucket}/team` };
    expect((await signals(['objects', 'ls'], own, env)).stdout).toBe('DAX 20220104\nSPX UNIVERSE 2008\n');
  });

  test('that cannot be reached are a failure of one line', async () => {
    const env = { ...awsEnvironment('http://127.0.0.1:1'), SIGNALS_OBJECTS: 's3://bucket' };
    const failed = await signals(['objects', 'get', 'x'], folder, env);
    expect([failed.code, errorLine(failed)]).toEqual([
      1,
      expect.stringMatching(/^cannot read org\/default\/ws\/default\/objects\/x: .*s3:\/\/bucket/),
    ]);
  });

  test('of which one does not answer while they are listed are a failure of one line, too', async () => {
    const proxy = await startFaultProxy(awsEndpoint);
    proxy.decide = (method, path) =>
      method === 'HEAD' ? { status: path.endsWith('/0000') ? 500 : 200, body: '' } : listingPage(path, 30);
    const env = { ...awsEnvironment(proxy.url), AWS_MAX_ATTEMPTS: '1', SIGNALS_OBJECTS: 's3://bucket' };
    const failed = await signals(['objects', 'ls'], folder, env);
    await proxy.close();
    expect([failed.code, errorLine(failed)]).toEqual([
      1,
      expect.stringMatching(/^cannot read org\/default\/ws\/default\/objects\/0000 in objects/),
    ]);
  });
});
