import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from '@jest/globals';
import { CacheDatabaseConfig, type CacheDatabaseSettings } from '../../jobs/trading/config.ts';
import { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { startScript } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { startRedis, type Durability } from '../support/redis-process.ts';
import { TRADER } from '../support/trading.ts';

const folder = temporaryFolder();

/** Runs a trader until so much is acknowledged, kills it, and says what was acknowledged: events by order. */
async function killedWriter(
  settings: CacheDatabaseSettings,
  lines: number,
  beforeKill: () => Promise<void> = async () => {},
): Promise<Map<string, number>> {
  const script = join(repository, 'test/support/trading-writer.ts');
  const { child, finished } = startScript(script, [JSON.stringify(settings)], folder);
  const acknowledged = new Map<string, number>();
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout! })) {
    const [id, count] = line.split(' ');
    acknowledged.set(id!, Math.max(acknowledged.get(id!) ?? 0, Number(count)));
    seen += 1;
    if (seen === lines) {
      await beforeKill();
      child.kill('SIGKILL');
    }
  }
  const { signal, stderr } = await finished;
  expect([signal, stderr]).toEqual(['SIGKILL', '']);
  return acknowledged;
}

async function reopened(settings: CacheDatabaseSettings): Promise<TradingStateDatabase> {
  return TradingStateDatabase.open(TRADER, new CacheDatabaseConfig(settings));
}

async function expectAll(db: TradingStateDatabase, acknowledged: ReadonlyMap<string, number>): Promise<void> {
  const orders = await db.loadOrders();
  expect(orders.errors.size).toBe(0);
  for (const [id, count] of acknowledged) {
    // One more may have been written, and its acknowledgement lost with the process.
    expect(orders.get(id)!.events.length - count).toBeGreaterThanOrEqual(0);
    expect(orders.get(id)!.events.length - count).toBeLessThanOrEqual(1);
  }
  expect((await db.verify()).problems).toEqual([]);
}

test('a disk that is full fails a write whole, and a SQLite file has every event that was acknowledged', async () => {
  const settings = { type: 'sqlite', path: join(folder, 'full.db'), synchronous: 'NORMAL' } as const;
  const script = join(repository, 'test/support/trading-writer.ts');
  // No file may grow beyond a megabyte; a pipe is not a file.
  const limited = [
    '-c',
    'ulimit -f 1024; exec "$0" "$@"',
    process.execPath,
    script,
    JSON.stringify(settings),
  ];
  const { status, stdout, stderr } = spawnSync('bash', limited, { cwd: folder, encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr).toMatch(/BackendError: "sqlite:.*full\.db": (disk I\/O error|database or disk is full)/);
  const acknowledged = new Map<string, number>();
  for (const line of stdout.trim().split('\n')) {
    const [id, count] = line.split(' ');
    acknowledged.set(id!, Math.max(acknowledged.get(id!) ?? 0, Number(count)));
  }
  expect(acknowledged.size).toBe(20);
  const db = await reopened(settings);
  await expectAll(db, acknowledged);
  await db.add('k', Buffer.from('v'));
  await db.close();
});

describe('case 40: the writer is killed', () => {
  test.each(['FULL', 'NORMAL'] as const)(
    'SQLite with synchronous %s has every event that was acknowledged',
    async (synchronous) => {
      const settings = { type: 'sqlite', path: join(folder, `${synchronous}.db`), synchronous } as const;
      const acknowledged = await killedWriter(settings, 3000);
      expect(acknowledged.size).toBe(20);
      const db = await reopened(settings);
      await expectAll(db, acknowledged);
      await db.close();
    },
  );
});

describeWith('Redis', 'case 40: the writer and Redis are killed', () => {
  const run = async (
    durability: Durability,
    check: (db: TradingStateDatabase, acknowledged: ReadonlyMap<string, number>) => Promise<void>,
  ): Promise<void> => {
    const server = await startRedis(mkdtempSync(join(folder, 'redis-')), durability);
    try {
      const settings = { type: 'redis', port: server.port } as const;
      const acknowledged = await killedWriter(settings, 3000, () => server.kill());
      await server.start();
      const db = await reopened(settings);
      await check(db, acknowledged);
      await db.close();
    } finally {
      await server.kill();
    }
  };

  test('with a log that is always flushed every event that was acknowledged is there', async () => {
    await run('always', expectAll);
  });

  test('with a log that is flushed every second each list is a valid beginning, and indexes agree', async () => {
    await run('everysec', async (db, acknowledged) => {
      const orders = await db.loadOrders();
      expect(orders.errors.size).toBe(0);
      for (const { id, events } of orders.values()) {
        expect(events.length).toBeLessThanOrEqual(acknowledged.get(id)! + 1);
      }
      await db.verify({ repair: true });
      expect((await db.verify()).problems).toEqual([]);
    });
  });
});
