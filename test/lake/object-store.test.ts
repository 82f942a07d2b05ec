import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import { ABSENT, ConflictError } from '../../jobs/lake/object-store.ts';
import { S3Store } from '../../jobs/lake/s3-store.ts';
import { LakeError, StoppedError } from '../../jobs/runtime/errors.ts';
import { objectStoreContract } from '../contracts/object-store.ts';
import { awsClientConfig, awsEndpoint, createBucket } from '../support/aws.ts';
import { describeWith } from '../support/describe-with.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { otherFileSystem, temporaryFolder } from '../support/folders.ts';
import { testWhere } from '../support/test-where.ts';

const body = Buffer.from('content');

describe('a lake in a folder', () => {
  const folder = temporaryFolder();
  const newRoot = (): string => mkdtempSync(join(folder, 'lake-'));
  objectStoreContract(async () => new LocalStore(newRoot()));

  test('leaves nothing behind in staging, whether a put succeeds or conflicts', async () => {
    const root = newRoot();
    const store = new LocalStore(root);
    await store.put('a', body);
    await expect(store.put('a', Buffer.from('other'), ABSENT)).rejects.toThrow(ConflictError);
    expect(readdirSync(join(root, 'staging'))).toEqual([]);
  });

  test('delete with a version deletes that version only', async () => {
    const store = new LocalStore(newRoot());
    const first = await store.put('a', body);
    const second = await store.put('a', Buffer.from('other'));
    await expect(store.delete('a', first)).rejects.toThrow(ConflictError);
    expect(await store.get('a')).toBeDefined();
    await store.delete('a', second);
    expect(await store.get('a')).toBeUndefined();
    await store.delete('a', second);
  });

  test('says what cannot be written and where', async () => {
    const root = newRoot();
    writeFileSync(join(root, 'file'), '');
    const store = new LocalStore(join(root, 'file'));
    await expect(store.put('a/b', body)).rejects.toThrow(/cannot write a\/b in lake "file:.*file"/);
  });

  testWhere(
    existsSync('/proc/self') ? undefined : '/proc',
    'fails at once where no folder can be made, although its parent exists',
    async () => {
      const store = new LocalStore('/proc/no-such-lake/x');
      await expect(store.put('a', body)).rejects.toThrow(/^cannot write a in lake "file:.*": ENOENT/);
    },
  );

  const elsewhere = otherFileSystem(folder);
  testWhere(
    elsewhere === undefined ? 'a second file system' : undefined,
    'copies whole objects to another file system, where no link leads',
    async () => {
      const target = mkdtempSync(join(elsewhere!, 'signals-test-'));
      try {
        const store = new LocalStore(newRoot());
        const bodies = [0, 1, 65_536, 3_000_000].map((bytes) => randomBytes(bytes));
        for (const [nth, content] of bodies.entries()) {
          const file = join(target, String(nth));
          const version = await store.put(`a/${nth}`, content);
          expect(await store.copy(`a/${nth}`, version, file)).toBe(true);
          expect(Buffer.compare(readFileSync(file), content)).toBe(0);
          expect(await store.copy(`a/${nth}`, `${version}0`, `${file}-other`)).toBe(false);
          expect(existsSync(`${file}-other`)).toBe(false);
        }
      } finally {
        rmSync(target, { recursive: true, force: true });
      }
    },
  );

  describe('while another process holds its lock', () => {
    function hold(): { root: string; release: () => void } {
      const root = newRoot();
      const other = new DatabaseSync(join(root, '.lock'));
      other.exec('begin exclusive');
      return { root, release: () => other.close() };
    }

    test('leaves the event loop free, and writes when the lock is released', async () => {
      const { root, release } = hold();
      const order: string[] = [];
      const written = new LocalStore(root).put('a', body).then(() => order.push('written'));
      while (readdirSync(root, { recursive: true }).length < 3) await nextTurn();
      // A blocked event loop would have no turn before the wait of a minute is over.
      for (let turn = 0; turn < 100; turn += 1) await nextTurn();
      order.push('turns');
      release();
      await written;
      expect(order).toEqual(['turns', 'written']);
    });

    test('stops waiting when the process has to end', async () => {
      const { root, release } = hold();
      const cutOff = new AbortController();
      const written = new LocalStore(root, { cutOff: cutOff.signal }).put('a', body);
      cutOff.abort();
      await expect(written).rejects.toThrow(StoppedError);
      expect(readdirSync(join(root, 'staging'))).toEqual([]);
      release();
    });
  });

  test('lists what is there and not what is gone; what cannot be looked at is a failure that names it', async () => {
    const root = newRoot();
    const keysOf = async (): Promise<string[]> => {
      const keys: string[] = [];
      for await (const { key } of new LocalStore(root).list('')) keys.push(key);
      return keys;
    };
    writeFileSync(join(root, 'a'), '');
    symlinkSync('nowhere', join(root, 'gone'));
    expect(await keysOf()).toEqual(['a']);
    symlinkSync('itself', join(root, 'itself'));
    await expect(keysOf()).rejects.toThrow(LakeError);
    await expect(keysOf()).rejects.toThrow(/^cannot list itself in lake "file:.*": ELOOP/);
  });

  test('ignores hidden files such as its own lock', async () => {
    const root = newRoot();
    mkdirSync(join(root, '.hidden'));
    writeFileSync(join(root, '.hidden/x'), '');
    chmodSync(root, 0o755);
    const store = new LocalStore(root);
    await store.put('a', body);
    const keys: string[] = [];
    for await (const { key } of store.list('')) keys.push(key);
    expect(keys).toEqual(['a']);
  });
});

describeWith('AWS emulator', 'a lake in S3', () => {
  let proxy: FaultProxy;
  let bucket: string;
  let opened = 0;
  beforeAll(async () => {
    proxy = await startFaultProxy(awsEndpoint);
    bucket = await createBucket();
  });
  afterAll(() => proxy.close());
  const open = (): S3Store => {
    opened += 1;
    return new S3Store(bucket, `lake-${opened}`, { ...awsClientConfig, endpoint: proxy.url, maxAttempts: 3 });
  };
  objectStoreContract(async () => open());

  test('a write whose acknowledgement was lost is recognised as its own', async () => {
    const store = open();
    let puts = 0;
    proxy.decide = (method) => {
      if (method !== 'PUT') return 'pass';
      puts += 1;
      return puts === 1 ? 'lose-answer' : 'pass';
    };
    const version = await store.put('a', body, ABSENT);
    proxy.decide = () => 'pass';
    expect(puts).toBeGreaterThan(1);
    expect(await store.get('a')).toEqual({ body: Buffer.from(body), version });
  });

  test('a write that meets another conditional write under way (409) is a conflict', async () => {
    const store = open();
    const answer = '<Error><Code>ConditionalRequestConflict</Code><Message>try again</Message></Error>';
    proxy.decide = (method) => (method === 'PUT' ? { status: 409, body: answer } : 'pass');
    await expect(store.put('a', body, ABSENT)).rejects.toThrow(ConflictError);
    proxy.decide = () => 'pass';
  });

  describe('behind a proxy that answers each request with a web page and status 200', () => {
    const page = { status: 200, body: '<html><body>Log in to this network</body></html>' };
    const noEtag = /the answer has no (ETag|IsTruncated); is the endpoint an S3 server\?$/;
    let store: S3Store;
    beforeAll(() => {
      store = open();
      proxy.decide = () => page;
    });
    afterAll(() => {
      proxy.decide = () => 'pass';
    });

    test('nothing counts as written', async () => {
      await expect(store.put('a', body)).rejects.toThrow(noEtag);
      await expect(store.put('a', body, ABSENT)).rejects.toThrow(noEtag);
    });

    test('nothing counts as read, or as absent', async () => {
      await expect(store.get('a')).rejects.toThrow(noEtag);
      await expect(store.getIfChanged('a', '"version"')).rejects.toThrow(noEtag);
      await expect(store.head('a')).rejects.toThrow(noEtag);
      await expect(async () => {
        for await (const { key } of store.list('')) expect(key).toBeUndefined();
      }).rejects.toThrow(noEtag);
    });
  });

  test('says which object of which lake failed', async () => {
    const store = new S3Store('no-such-bucket', 'x', { ...awsClientConfig, maxAttempts: 1 });
    await expect(store.put('a', body)).rejects.toThrow(/cannot write a in lake "s3:\/\/no-such-bucket\/x"/);
  });
});
