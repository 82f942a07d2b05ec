import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { GetObjectTaggingCommand, S3Client } from '@aws-sdk/client-s3';
import { CacheUnavailableError, StoreError } from '../../jobs/store/errors.ts';
import { GuardedLevel } from '../../jobs/store/guarded-level.ts';
import { UNCHANGED, type CacheLevel } from '../../jobs/store/level.ts';
import { MemoryLevel } from '../../jobs/store/memory-level.ts';
import { TTL_TAG } from '../../jobs/store/ttl-class.ts';
import { SqliteLevel } from '../../jobs/store/sqlite-level.ts';
import { cacheLevelContract, copiesContract } from '../contracts/cache-level.ts';
import { awsClientConfig, awsEndpoint, createBucket } from '../support/aws.ts';
import { breakableLevel, newS3Level, newSqliteLevel, s3LevelAt, START_MS } from '../support/caches.ts';
import { startScript } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { listingPage, startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { repository, temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();
const bytes = Buffer.alloc(1000);
const entry = { bytes, expiresAtMs: undefined };

describe('memory', () => {
  cacheLevelContract(async () => new MemoryLevel(2 ** 24));
  copiesContract(async () => new MemoryLevel(2 ** 24));

  test('what was used longest ago makes room, and what is above the limit is not kept', async () => {
    const evicted: string[] = [];
    const level = new MemoryLevel(4000, (key) => evicted.push(key));
    for (const key of ['a', 'b', 'c']) await level.put(key, entry);
    await level.get('a');
    await level.put('d', entry);
    expect(evicted).toEqual(['b']);
    await level.put('large', { ...entry, bytes: Buffer.alloc(5000) });
    expect(await level.get('large')).toBeUndefined();
    expect(await level.get('a')).toBeDefined();
  });
});

describe('SQLite', () => {
  cacheLevelContract(async () => newSqliteLevel(folder));
  copiesContract(async () => newSqliteLevel(folder));
  describe('as copies, with a limit', () => cacheLevelContract(async () => newSqliteLevel(folder, 2 ** 24)));

  test('copies make room for new ones, the oldest first', async () => {
    const level = newSqliteLevel(folder, 2500);
    for (const key of ['a', 'b', 'c']) await level.put(key, entry);
    expect([await level.get('a'), (await level.get('c')) !== undefined]).toEqual([undefined, true]);
    await level.close();
  });

  test('what has expired is removed when the file is opened', async () => {
    const file = join(mkdtempSync(join(folder, 'sweep-')), 'objects.db');
    const first = new SqliteLevel(file, { nowMs: START_MS });
    await first.put('old', { bytes, expiresAtMs: START_MS + 1 });
    await first.put('new', { bytes, expiresAtMs: START_MS + 2 });
    await first.close();
    const second = new SqliteLevel(file, { nowMs: START_MS + 1 });
    expect([await second.get('old'), (await second.get('new')) !== undefined]).toEqual([undefined, true]);
    await second.close();
  });

  test('a file of a later version is refused and left alone', () => {
    const file = join(mkdtempSync(join(folder, 'future-')), 'objects.db');
    const db = new DatabaseSync(file);
    db.exec('pragma user_version = 9');
    db.close();
    expect(() => new SqliteLevel(file, { nowMs: 0 })).toThrow(StoreError);
    expect(() => new SqliteLevel(file, { nowMs: 0 })).toThrow(/newer version \(9\).*update the program/);
  });

  test('a file that is none is named', () => {
    const file = join(folder, 'no.db');
    writeFileSync(file, 'x'.repeat(5000));
    expect(() => new SqliteLevel(file, { nowMs: 0 })).toThrow(
      /cannot open ".*no\.db": file is not a database/,
    );
  });

  test('a process that is killed while it writes leaves whole entries', async () => {
    const file = join(mkdtempSync(join(folder, 'killed-')), 'objects.db');
    for (let round = 0; round < 3; round += 1) {
      const writer = startScript(join(repository, 'test/support/objects-writer.ts'), [file], folder);
      // Killed at whatever it does after so many.
      for await (const line of createInterface({ input: writer.child.stdout! }))
        if (Number(line) >= 5 + 7 * round) writer.child.kill('SIGKILL');
      expect(await writer.finished).toMatchObject({ signal: 'SIGKILL', stderr: '' });
      const level = new SqliteLevel(file, { nowMs: START_MS });
      for await (const { key } of level.list('')) {
        const found = await level.get(key);
        if (found === undefined || found === UNCHANGED) throw new Error(`${key} is listed and not there`);
        // Each is full of one byte, its number.
        expect(found.bytes).toHaveLength(300_000);
        expect(new Set(found.bytes).size).toBe(1);
      }
      await level.close();
    }
  });
});

describeWith('AWS emulator', 'S3', () => {
  let proxy: FaultProxy;
  let bucket: string;
  beforeAll(async () => {
    proxy = await startFaultProxy(awsEndpoint);
    bucket = await createBucket();
  });
  afterAll(() => proxy.close());
  cacheLevelContract(async () => newS3Level(bucket, proxy.url));
  describe('guarded', () => cacheLevelContract(async () => new GuardedLevel(newS3Level(bucket, proxy.url))));

  test('a listing asks for the expiry of an object once', async () => {
    const level = newS3Level(bucket, proxy.url);
    for (const key of ['a', 'b']) await level.put(key, { bytes, expiresAtMs: 1 });
    const heads = (): number => proxy.seen.filter(({ method }) => method === 'HEAD').length;
    const before = heads();
    for (let time = 0; time < 3; time += 1) for await (const _ of level.list(''));
    expect(heads() - before).toBe(2);
    for await (const _ of level.list('', false));
    expect(heads() - before).toBe(2);
  });

  const keysOf = async (level: CacheLevel): Promise<string[]> => {
    const keys: string[] = [];
    for await (const { key } of level.list('')) keys.push(key);
    return keys;
  };

  const HEAD = { status: 200, body: '', headers: { etag: '"e"' } };

  test('a long listing starts to answer before it has seen all', async () => {
    const level = newS3Level(bucket, proxy.url, 1);
    proxy.decide = (method, path) => (method === 'HEAD' ? HEAD : listingPage(path, 1000));
    try {
      for await (const { key } of level.list('')) {
        expect(key).toBe('0000');
        break;
      }
      const pages = proxy.seen.filter(({ path }) => path.includes('continuation-token')).length;
      expect(pages).toBeLessThan(1000);
      proxy.decide = (method, path) => (method === 'HEAD' ? HEAD : listingPage(path, 450));
      expect((await keysOf(level)).map(Number)).toEqual(Array.from({ length: 450 }, (_, index) => index));
    } finally {
      proxy.decide = () => 'pass';
    }
  });

  test('an object that expires has the tag by which the bucket takes it away', async () => {
    const level = s3LevelAt(bucket, 'tagged', proxy.url);
    const tagOf = async (key: string): Promise<string | undefined> => {
      const { TagSet = [] } = await new S3Client(awsClientConfig).send(
        new GetObjectTaggingCommand({ Bucket: bucket, Key: `tagged/${key}` }),
      );
      return TagSet.find(({ Key }) => Key === TTL_TAG)?.Value;
    };
    const days = 86_400_000;
    await level.put('week', { bytes, expiresAtMs: START_MS + 7 * days });
    await level.put('month', { bytes, expiresAtMs: START_MS + 1 + 7 * days });
    await level.put('decade', { bytes, expiresAtMs: START_MS + 3650 * days });
    await level.put('always', { bytes, expiresAtMs: undefined });
    expect(await Promise.all(['week', 'month', 'decade', 'always'].map(tagOf))).toEqual([
      '7',
      '30',
      undefined,
      undefined,
    ]);
    for (const key of ['week', 'month', 'decade', 'always']) await level.delete(key);
  });

  test('who may list a prefix only is refused what is not there, and learns that it is not', async () => {
    const level = newS3Level(bucket, proxy.url, 1);
    await level.put('mine/a', { bytes, expiresAtMs: undefined });
    const denied = {
      status: 403,
      body: '<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>',
    };
    // As S3 answers without the right to list the whole bucket; HEAD and GET alike.
    proxy.decide = (method, path) =>
      ['GET', 'HEAD'].includes(method) && !path.includes('list-type') && !path.includes('mine/a')
        ? denied
        : 'pass';
    try {
      expect(await level.get('mine/b')).toBeUndefined();
      expect(await level.delete('mine/b')).toBeUndefined();
      expect(await level.get('mine/a')).toMatchObject({ bytes: expect.anything() });
      proxy.decide = (method, path) => (method === 'GET' && !path.includes('list-type') ? denied : 'pass');
      await expect(level.get('mine/a')).rejects.toThrow(/cannot read mine\/a in objects/);
    } finally {
      proxy.decide = () => 'pass';
    }
  });

  test('a service that is not there is named', async () => {
    const level = newS3Level(bucket, 'http://127.0.0.1:1', 1);
    await expect(level.get('a')).rejects.toThrow(CacheUnavailableError);
    await expect(level.get('a')).rejects.toThrow(/cannot read a in objects "s3:\/\/test-/);
  });
});

describe('a guarded level', () => {
  cacheLevelContract(async () => new GuardedLevel(new MemoryLevel(2 ** 24)));
  const guard = { timeoutMs: 50, failures: 2, pauseMs: 10_000 };

  test('is not asked while it keeps failing, and tried again after a pause', async () => {
    const realNow = Date.now;
    const inner = breakableLevel(new MemoryLevel(2 ** 20));
    const level = new GuardedLevel(inner, guard);
    inner.failure = new CacheUnavailableError('away');
    for (let time = 0; time < 4; time += 1)
      await expect(level.get('a')).rejects.toThrow(CacheUnavailableError);
    expect(inner.calls).toEqual(['get', 'get']);
    await expect(level.get('a')).rejects.toThrow(/not asked for a while it keeps failing/);
    inner.failure = undefined;
    try {
      Date.now = () => realNow() + guard.pauseMs + 1;
      expect(await level.get('a')).toBeUndefined();
    } finally {
      Date.now = realNow;
    }
  });

  test('a conflict is an answer and no failure', async () => {
    const level = new GuardedLevel(new MemoryLevel(2 ** 20), guard);
    for (let time = 0; time < 5; time += 1)
      await expect(level.put('a', entry, 'no such version')).rejects.toThrow(/another by now/);
    expect(await level.get('a')).toBeUndefined();
  });

  test('is not waited for longer than agreed', async () => {
    const inner = new MemoryLevel(2 ** 20);
    inner.get = () => new Promise(() => {});
    await expect(new GuardedLevel(inner, guard).get('a')).rejects.toThrow(/took too long to answer for a/);
  });
});
