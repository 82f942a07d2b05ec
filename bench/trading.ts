import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createClient } from 'redis';
import { MemoryBackend } from '../jobs/trading/backend/memory.ts';
import type { StateBackend } from '../jobs/trading/backend/backend.ts';
import { CacheDatabaseConfig, type CacheDatabaseSettings } from '../jobs/trading/config.ts';
import type { Order } from '../jobs/trading/domain/order.ts';
import { TradingStateDatabase } from '../jobs/trading/state-database.ts';
import { startRedis, type RedisServer } from '../test/support/redis-process.ts';
import { event, filled, orderAfter, TRADER } from '../test/support/trading.ts';
import { median } from './median.ts';

interface Options {
  readonly backend: 'memory' | 'sqlite' | 'redis';
  readonly orders: number;
  readonly runs: number;
}

/** Updates that are under way at once in the batched measurements. */
const IN_FLIGHT = 1000;
const LOADS = [10_000, 100_000];

/**
 * Full updates a second (the event and every index, acknowledged), one after the other and many at once, beside the
 * bare client with the same commands and a value that is encoded already; then loads of orders of four events with
 * replay. Medians of runs, and the median of the ratios of neighbouring runs. Redis runs without persistence; SQLite
 * with both of its settings.
 */
export async function benchTrading({ backend, orders, runs }: Options): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'signals-bench-'));
  const redis = backend === 'redis' ? await startRedis(folder, 'none') : undefined;
  try {
    const result: Record<string, unknown> = { backend, orders, runs, node: process.versions.node };
    for (const place of placesOf(backend, folder, redis)) {
      result[place.name] = {
        single: await beside(place, Math.min(orders, place.singles), 1, runs),
        batched: await beside(place, orders, IN_FLIGHT, runs),
      };
    }
    const [last] = placesOf(backend, folder, redis).slice(-1);
    for (const count of LOADS) result[`load${count}`] = await measureLoad(last!, count, runs);
    return result;
  } finally {
    await redis?.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One backend with one setting. */
interface Place {
  readonly name: string;
  readonly settings: CacheDatabaseSettings;
  /** For memory: what stays when a database is closed. */
  readonly shared?: StateBackend;
  /** Orders of a measurement one by one: fewer where each waits for a disk. */
  readonly singles: number;
  /** The same commands without this project, so many at once: updates a second. */
  readonly bare?: (count: number, inFlight: number) => Promise<number>;
}

function placesOf(backend: Options['backend'], folder: string, redis: RedisServer | undefined): Place[] {
  switch (backend) {
    case 'memory':
      return [
        { name: 'memory', settings: { type: 'memory' }, shared: new MemoryBackend(), singles: Infinity },
      ];
    case 'sqlite':
      return (['NORMAL', 'FULL'] as const).map((synchronous) => {
        const path = join(folder, `${synchronous}.db`);
        return {
          name: `sqlite ${synchronous}`,
          settings: { type: 'sqlite', path, synchronous },
          singles: 5000,
          bare: async (count, inFlight) =>
            bareSqlite(join(folder, `bare-${synchronous}.db`), synchronous, count, inFlight),
        };
      });
    case 'redis': {
      const { port, url } = redis!;
      const bare = (count: number, inFlight: number): Promise<number> => bareRedis(url, count, inFlight);
      return [{ name: 'redis', settings: { type: 'redis', port }, singles: 5000, bare }];
    }
  }
}

function open({ settings, shared }: Place, flushOnStart: boolean): Promise<TradingStateDatabase> {
  const config = new CacheDatabaseConfig({ ...settings, flushOnStart, maxQueuedWrites: 2 * IN_FLIGHT });
  return TradingStateDatabase.open(TRADER, config, shared === undefined ? {} : { backend: shared });
}

/** Four updates of each order: accepted, two of a request, filled in part. */
async function measureUpdates(place: Place, count: number, inFlight: number): Promise<number> {
  const db = await open(place, true);
  const orders = Array.from({ length: count }, (_, index) =>
    orderAfter(`O-20261121-${index}`, 'OrderSubmitted'),
  );
  await eachOf(orders, IN_FLIGHT, (order) => db.addOrder(order));
  let seconds = 0;
  for (const step of ['OrderAccepted', 'OrderPendingUpdate', 'OrderUpdated', 'fill'] as const) {
    for (const { id, apply } of orders.map((order) => ({ id: order.id, apply: order.apply.bind(order) }))) {
      apply(step === 'fill' ? filled(id, '1000', '0.80010') : event(id, step));
    }
    const from = performance.now();
    await eachOf(orders, inFlight, (order) => db.updateOrder(order));
    seconds += (performance.now() - from) / 1000;
  }
  await db.close();
  return (4 * count) / seconds;
}

async function eachOf(
  orders: readonly Order[],
  inFlight: number,
  run: (order: Order) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < orders.length; from += inFlight) {
    await Promise.all(orders.slice(from, from + inFlight).map(run));
  }
}

/** What an update of an accepted order writes, with an event of the usual size. */
const VALUE = Buffer.alloc(380, 'x');
const PREFIX = `trader-${TRADER}:`;
const UNSET = ['orders_closed', 'orders_emulated', 'orders_inflight'];

async function bareRedis(url: string, count: number, inFlight: number): Promise<number> {
  const client = await createClient({ url }).connect();
  await client.flushAll();
  const ids = Array.from({ length: count }, (_, index) => `O-20261121-${index}`);
  await Promise.all(ids.map((id) => client.rPush(`${PREFIX}orders:${id}`, VALUE)));
  const update = async (id: string): Promise<void> => {
    const multi = client.multi().rPushX(`${PREFIX}orders:${id}`, VALUE).sAdd(`${PREFIX}index:orders`, id);
    multi.sAdd(`${PREFIX}index:orders_open`, id);
    for (const name of UNSET) multi.sRem(`${PREFIX}index:${name}`, id);
    await multi.hSet(`${PREFIX}index:order_ids`, id, 'V-1').exec();
  };
  const from = performance.now();
  for (let at = 0; at < count; at += inFlight) await Promise.all(ids.slice(at, at + inFlight).map(update));
  const seconds = (performance.now() - from) / 1000;
  await client.close();
  return count / seconds;
}

function bareSqlite(path: string, synchronous: string, count: number, inFlight: number): number {
  for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous};
    CREATE TABLE lists (key TEXT, position INTEGER, value BLOB, PRIMARY KEY (key, position)) WITHOUT ROWID;
    CREATE TABLE sets (key TEXT, member TEXT, PRIMARY KEY (key, member)) WITHOUT ROWID;
    CREATE TABLE hashes (key TEXT, field TEXT, value BLOB, PRIMARY KEY (key, field)) WITHOUT ROWID;`);
  const append = db.prepare(
    'INSERT INTO lists SELECT ?1, coalesce(max(position) + 1, 0), ?2 FROM lists WHERE key = ?1',
  );
  const add = db.prepare('INSERT OR IGNORE INTO sets VALUES (?, ?)');
  const remove = db.prepare('DELETE FROM sets WHERE key = ? AND member = ?');
  const set = db.prepare(
    'INSERT INTO hashes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  );
  const ids = Array.from({ length: count }, (_, index) => `O-20261121-${index}`);
  const venueId = Buffer.from('V-1');
  db.exec('BEGIN');
  for (const id of ids) append.run(`${PREFIX}orders:${id}`, VALUE);
  db.exec('COMMIT');
  const from = performance.now();
  for (let at = 0; at < count; at += inFlight) {
    db.exec('BEGIN IMMEDIATE');
    for (const id of ids.slice(at, at + inFlight)) {
      append.run(`${PREFIX}orders:${id}`, VALUE);
      for (const name of ['orders', 'orders_open']) add.run(`${PREFIX}index:${name}`, id);
      for (const name of UNSET) remove.run(`${PREFIX}index:${name}`, id);
      set.run(`${PREFIX}index:order_ids`, id, venueId);
    }
    db.exec('COMMIT');
  }
  const seconds = (performance.now() - from) / 1000;
  db.close();
  return count / seconds;
}

async function measureLoad(place: Place, count: number, runs: number): Promise<unknown> {
  const writer = await open(place, true);
  for (let from = 0; from < count; from += IN_FLIGHT) {
    const orders = Array.from({ length: IN_FLIGHT }, (_, index) => {
      const order = orderAfter(`O-20261121-${from + index}`, 'OrderSubmitted', 'OrderAccepted');
      order.apply(filled(order.id, '1000', '0.80010'));
      return order;
    });
    await Promise.all(orders.map((order) => writer.addOrder(order)));
  }
  await writer.close();
  const before = process.memoryUsage().rss;
  const seconds: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const db = await open(place, false);
    const from = performance.now();
    const { size } = await db.loadOrders();
    seconds.push((performance.now() - from) / 1000);
    if (size !== count) throw new Error(`${size} orders of ${count} were loaded`);
    await db.close();
  }
  const rss = process.memoryUsage().rss;
  const toMB = (bytes: number): number => Math.round(bytes / 1e6);
  return {
    seconds: Math.round(median(seconds) * 1000) / 1000,
    rssMB: toMB(rss),
    rssGrowthMB: toMB(rss - before),
  };
}

/** Ours and the bare client take turns, so that a machine that is busy for a while is busy for both. */
async function beside(place: Place, count: number, inFlight: number, runs: number): Promise<unknown> {
  const ours: number[] = [];
  const bare: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    ours.push(await measureUpdates(place, count, inFlight));
    if (place.bare !== undefined) bare.push(await place.bare(count, inFlight));
  }
  if (bare.length === 0) return { perSecond: Math.round(median(ours)) };
  return {
    perSecond: Math.round(median(ours)),
    barePerSecond: Math.round(median(bare)),
    ratio: Math.round(100 * median(ours.map((rate, run) => rate / bare[run]!))) / 100,
  };
}
