import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { CacheDatabaseConfig, type CacheDatabaseSettings } from '../../jobs/trading/config.ts';
import { ConfigError } from '../../jobs/trading/errors.ts';
import { TradingStateDatabase, type DatabaseOptions } from '../../jobs/trading/state-database.ts';
import { errorLine, signals } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startRedis, type RedisServer } from '../support/redis-process.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { orderAfter, TRADER } from '../support/trading.ts';
import { describeWith } from '../support/describe-with.ts';

const folder = temporaryFolder();
const REFUSED = /^"redis:.*" has maxmemory_policy "allkeys-lru" and may evict .*noeviction.*--allow-eviction/;

describeWith('Redis', 'a server that may evict keys', () => {
  let server: RedisServer;
  let admin: ReturnType<typeof createClient>;
  const cleanUp: (() => unknown)[] = [];
  beforeAll(async () => {
    server = await startRedis(mkdtempSync(join(folder, 'redis-')), 'none', '--maxmemory', '8mb');
    admin = createClient({ url: server.url });
    await admin.connect();
  });
  afterAll(async () => {
    await admin?.close();
    await server?.kill();
  });
  beforeEach(() => admin.flushAll());
  afterEach(async () => {
    for (const step of cleanUp.splice(0).toReversed()) await step();
  });

  const setPolicy = (policy: string): Promise<unknown> => admin.configSet('maxmemory-policy', policy);
  const open = async (
    settings: CacheDatabaseSettings = {},
    options: DatabaseOptions = {},
  ): Promise<TradingStateDatabase> => {
    const config = new CacheDatabaseConfig({ type: 'redis', port: server.port, ...settings });
    const db = await TradingStateDatabase.open(TRADER, config, options);
    cleanUp.push(() => db.close().catch(() => {}));
    return db;
  };

  test.each(['noeviction', 'volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl'])(
    'is used under %s, which evicts nothing of ours',
    async (policy) => {
      await setPolicy(policy);
      const db = await open();
      await db.addOrder(orderAfter('O-1', 'OrderSubmitted'));
      expect((await db.loadOrders()).size).toBe(1);
    },
  );

  test.each(['allkeys-lru', 'allkeys-lfu', 'allkeys-random'])('is refused under %s', async (policy) => {
    await setPolicy(policy);
    await expect(open()).rejects.toThrow(ConfigError);
    await expect(open()).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(`maxmemory_policy "${policy}"`),
    });
    const db = await open({ allowEviction: true });
    await db.addOrder(orderAfter('O-1', 'OrderSubmitted'));
  });

  test('is noticed at the next connection when its policy was changed, and used again when it is put right', async () => {
    await setPolicy('noeviction');
    const heard: Error[] = [];
    const db = await open({}, { onWriteError: (error) => heard.push(error) });
    const order = orderAfter('O-1', 'OrderSubmitted');
    await db.addOrder(order);
    await setPolicy('allkeys-lru');
    await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    await expect(db.add('k', Buffer.from('v'))).rejects.toThrow(REFUSED);
    await expect(db.add('k', Buffer.from('v'))).rejects.toThrow(ConfigError);
    expect(heard).toHaveLength(2);
    await setPolicy('noeviction');
    await db.add('k', Buffer.from('v'));
    expect([...(await db.load()).keys()]).toEqual(['k']);
  });

  test('is used with one warning when it does not report its policy', async () => {
    const proxy = await startTcpProxy(server.port);
    cleanUp.push(() => proxy.close());
    proxy.onAnswer = (bytes) =>
      Buffer.from(bytes.toString('latin1').replace('maxmemory_policy:', 'somethingelse_xy:'), 'latin1');
    const lines: [object, string][] = [];
    const log = { warn: (fields: object, message: string) => lines.push([fields, message]), error() {} };
    const db = await open({ port: proxy.port }, { log: log as never });
    await db.add('k', Buffer.from('v'));
    await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    await db.add('k', Buffer.from('w'));
    expect(lines).toEqual([
      [{ event: 'trading.eviction_unknown' }, expect.stringMatching(/does not report its maxmemory_policy/)],
    ]);
  });

  describe('and the commands', () => {
    test('name it with exit code 2, and look at it when they are told to', async () => {
      await setPolicy('allkeys-lru');
      const db = await open({ allowEviction: true });
      await db.addOrder(orderAfter('O-1', 'OrderSubmitted'));
      const status = (state: string, ...args: string[]): ReturnType<typeof signals> =>
        signals(['trading', 'status', '--format', 'csv', '--state', state, ...args], folder);
      const refused = await status(server.url);
      expect([refused.code, refused.stdout]).toEqual([2, '']);
      expect(errorLine(refused)).toMatch(REFUSED);
      for (const found of [
        await status(server.url, '--allow-eviction'),
        await status(`${server.url}?allowEviction=true`),
      ]) {
        expect(found.code).toBe(0);
        expect(found.stdout).toContain(`\n${TRADER},own,0,1,`);
      }
    });
  });
});
