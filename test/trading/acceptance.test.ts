import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import type { StateBackend } from '../../jobs/trading/backend/backend.ts';
import { MemoryBackend } from '../../jobs/trading/backend/memory.ts';
import { openBackend } from '../../jobs/trading/backend/open-backend.ts';
import { CacheDatabaseConfig } from '../../jobs/trading/config.ts';
import { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { describeWith } from '../support/describe-with.ts';
import { temporaryFolder } from '../support/folders.ts';
import { useRedis } from '../support/redis.ts';
import { TRADER } from '../support/trading.ts';
import { addingCases } from './cases/adding.ts';
import { BACKENDS, type BackendName, type Case, type Context } from './cases/case.ts';
import { componentCases } from './cases/components.ts';
import { durabilityCases } from './cases/durability.ts';
import { entityCases } from './cases/entities.ts';
import { keyCases } from './cases/keys.ts';
import { orderCases } from './cases/orders.ts';
import { positionCases } from './cases/positions.ts';

/*
 * The acceptance cases of the state database, each on every backend that it applies to. Which these are is in the case
 * itself, and once more here, where a case that is left out shows:
 *
 * | cases        | memory | SQLite | Redis | where                                             |
 * | ------------ | ------ | ------ | ----- | ------------------------------------------------- |
 * | 1-38, 41, 44 | yes    | yes    | yes   | cases/                                            |
 * | 46-49        | yes    | yes    | yes   | cases/                                            |
 * | 39           |        | yes    | yes   | interruptions.test.ts                             |
 * | 40           |        | yes    | yes   | crashes.test.ts                                   |
 * | 42           | yes    | yes    | yes   | compatibility.test.ts                             |
 * | 43           |        |        | yes   | interruptions.test.ts                             |
 * | 45           | yes    |        | yes   | cases/; SQLite has a table for each type          |
 */
const CASES: readonly Case[] = [
  ...entityCases,
  ...orderCases,
  ...positionCases,
  ...componentCases,
  ...keyCases,
  ...durabilityCases,
  ...addingCases,
];
const ELSEWHERE = [39, 40, 42, 43];

test('every case is here or in the file that the table names', () => {
  const numbers = [...CASES.map(({ number }) => number), ...ELSEWHERE].toSorted((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: 49 }, (_, index) => index + 1));
  for (const { number, backends } of CASES) {
    expect([number, backends]).toEqual([number, number === 45 ? ['memory', 'redis'] : BACKENDS]);
  }
});

function runCases(
  backend: BackendName,
  connect: () => Promise<{ settings: object; store: StateBackend }>,
): void {
  let context: Context;
  let opened: TradingStateDatabase[];
  let store: StateBackend;
  beforeEach(async () => {
    const place = await connect();
    store = place.store;
    opened = [];
    context = {
      backend,
      store,
      async open(settings = {}, { trader = TRADER, ...options } = {}) {
        const config = new CacheDatabaseConfig({ type: backend, ...place.settings, ...settings });
        // What is in memory is only there for those who share it.
        const shared = backend === 'memory' ? { backend: store } : {};
        const db = await TradingStateDatabase.open(trader, config, { ...shared, ...options });
        opened.push(db);
        return db;
      },
    };
  });
  afterEach(async () => {
    for (const db of opened) await db.close().catch(() => {});
    await store.close();
  });
  for (const { number, name, backends, run } of CASES) {
    if (backends.includes(backend)) test(`case ${number}: ${name}`, () => run(context));
  }
}

describe('memory', () => {
  runCases('memory', async () => ({ settings: {}, store: new MemoryBackend() }));
});

describe('SQLite', () => {
  const folder = temporaryFolder();
  runCases('sqlite', async () => {
    const settings = { path: join(folder, `${randomUUID()}.db`), synchronous: 'NORMAL' as const };
    return { settings, store: await openBackend(new CacheDatabaseConfig({ type: 'sqlite', ...settings })) };
  });
});

describeWith('Redis', 'Redis', () => {
  const redis = useRedis();
  runCases('redis', async () => {
    const { port } = redis.server();
    const store = await openBackend(new CacheDatabaseConfig({ type: 'redis', port }));
    await store.clear();
    return { settings: { port }, store };
  });
  // Under a policy such as volatile-lru, which is accepted, a full server evicts what has an expiry. Runs before the next
  // case clears the server.
  afterEach(async () => {
    const client = await createClient({ url: redis.server().url }).connect();
    const keys = await client.keys('*');
    const expiries = await Promise.all(keys.map(async (key) => [key, await client.pTTL(key)]));
    await client.close();
    expect(expiries).toEqual(keys.map((key) => [key, -1]));
  });
});
