import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createClient } from 'redis';
import { MemoryBackend } from '../jobs/trading/backend/memory.ts';
import type { AtomicWrite, StateBackend } from '../jobs/trading/backend/backend.ts';
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
 * Full updates a second (the event and the moves between indexes, checked and acknowledged), one after the other and
 * many at once. Beside it the bare client, which checks nothing and gets its values encoded: with the same commands,
 * and with those of a writer that sends every index with each event. Then loads of orders of four events, with
 * replay. Medians of runs, and of the ratios of neighbouring runs; on a machine that others use, the processor time of
 * this process says more than the rate. Redis runs without persistence, SQLite with both of
 * its settings.
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
  readonly bare?: Bare;
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
          bare: (start, updates, inFlight) =>
            bareSqlite(join(folder, `bare-${synchronous}.db`), synchronous, start, updates, inFlight),
        };
      });
    case 'redis': {
      const { port, url } = redis!;
      const bare: Bare = (start, updates, inFlight) => bareRedis(url, start, updates, inFlight);
      return [{ name: 'redis', settings: { type: 'redis', port }, singles: 5000, bare }];
    }
  }
}

function open({ settings, shared }: Place, flushOnStart: boolean): Promise<TradingStateDatabase> {
  const config = new CacheDatabaseConfig({ ...settings, flushOnStart, maxQueuedWrites: 2 * IN_FLIGHT });
  return TradingStateDatabase.open(TRADER, config, shared === undefined ? {} : { backend: shared });
}

/** How fast, and what it takes of this process; a server is another process. */
interface Rate {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

/** Adds up time and processor time of the parts that count. */
class Stopwatch {
  #seconds = 0;
  #cpuMicroseconds = 0;

  async time(work: () => Promise<void> | void): Promise<void> {
    const [from, cpu] = [performance.now(), process.cpuUsage()];
    await work();
    const { user, system } = process.cpuUsage(cpu);
    this.#seconds += (performance.now() - from) / 1000;
    this.#cpuMicroseconds += user + system;
  }

  rate(updates: number): Rate {
    return { perSecond: updates / this.#seconds, cpuMicroseconds: this.#cpuMicroseconds / updates };
  }
}

/** Four updates of each order, told apart from what comes before: accepted, a change and its answer, a fill. */
async function measureUpdates(place: Place, count: number, inFlight: number): Promise<Rate> {
  const db = await open(place, true);
  const orders = Array.from({ length: count }, (_, index) =>
    orderAfter(`O-20261121-${index}`, 'OrderSubmitted'),
  );
  await eachOf(orders, IN_FLIGHT, (order) => db.addOrder(order));
  const stopwatch = new Stopwatch();
  for (const step of ['OrderAccepted', 'OrderPendingUpdate', 'OrderUpdated', 'fill'] as const) {
    for (const order of orders) {
      order.apply(step === 'fill' ? filled(order.id, '1000', '0.80010') : event(order.id, step));
    }
    await stopwatch.time(() => eachOf(orders, inFlight, (order) => db.updateOrder(order)));
  }
  await db.close();
  return stopwatch.rate(4 * count);
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

/** The bare clients: the same commands, with values that are encoded already. */
type Bare = (
  start: readonly AtomicWrite[],
  updates: readonly AtomicWrite[],
  inFlight: number,
) => Promise<Rate>;

/** What the orders of a measurement write, as commands; without a check of sequences every index each time. */
async function recordWrites(
  count: number,
  checkSequence: boolean,
): Promise<{ start: AtomicWrite[]; updates: AtomicWrite[] }> {
  const memory = new MemoryBackend();
  const writes: AtomicWrite[] = [];
  const recorder: StateBackend = {
    url: memory.url,
    async apply(some) {
      writes.push(...some);
      return some.map(() => undefined);
    },
    read: (requests) => memory.read(requests),
    scan: (prefix) => memory.scan(prefix),
    clear: () => memory.clear(),
    ready: () => memory.ready(),
    close: () => memory.close(),
  };
  const settings = { type: 'memory', checkSequence } as const;
  const place = { name: 'recorder', settings, shared: recorder, singles: count };
  await measureUpdates(place, count, IN_FLIGHT);
  return {
    start: writes.filter((write) => !isUpdate(write)).map(toCommands),
    updates: writes.filter(isUpdate),
  };
}

function isUpdate({ guard }: AtomicWrite): boolean {
  return guard !== undefined && guard.type !== 'begins';
}

/** What is added, as commands alone: the bare clients know no guards. */
function toCommands({ guard, commands }: AtomicWrite): AtomicWrite {
  if (guard?.type !== 'begins') return { commands };
  const { key, events } = guard;
  return { commands: [...events.map(({ value }) => ({ type: 'append' as const, key, value })), ...commands] };
}

async function bareRedis(
  url: string,
  start: readonly AtomicWrite[],
  updates: readonly AtomicWrite[],
  inFlight: number,
): Promise<Rate> {
  const client = await createClient({ url }).connect();
  await client.flushAll();
  const run = async ({ commands }: AtomicWrite): Promise<void> => {
    const multi = client.multi();
    for (const command of commands) {
      const { key } = command;
      if (command.type === 'append') multi.rPush(key, command.value as Buffer);
      else if (command.type === 'addMember') multi.sAdd(key, command.member);
      else if (command.type === 'removeMember') multi.sRem(key, command.member);
      else if (command.type === 'setField') multi.hSet(key, command.field, command.value as Buffer);
    }
    await multi.exec();
  };
  await Promise.all(start.map(run));
  const stopwatch = new Stopwatch();
  await stopwatch.time(async () => {
    for (let at = 0; at < updates.length; at += inFlight) {
      await Promise.all(updates.slice(at, at + inFlight).map(run));
    }
  });
  await client.close();
  return stopwatch.rate(updates.length);
}

async function bareSqlite(
  path: string,
  synchronous: string,
  start: readonly AtomicWrite[],
  updates: readonly AtomicWrite[],
  inFlight: number,
): Promise<Rate> {
  for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous};
    CREATE TABLE lists (key TEXT, position INTEGER, value BLOB, PRIMARY KEY (key, position)) WITHOUT ROWID;
    CREATE TABLE sets (key TEXT, member TEXT, PRIMARY KEY (key, member)) WITHOUT ROWID;
    CREATE TABLE hashes (key TEXT, field TEXT, value BLOB, PRIMARY KEY (key, field)) WITHOUT ROWID;`);
  const append = db.prepare(
    'INSERT INTO lists VALUES (?1, (SELECT coalesce(max(position) + 1, 0) FROM lists WHERE key = ?1), ?2)',
  );
  const add = db.prepare('INSERT OR IGNORE INTO sets VALUES (?, ?)');
  const remove = db.prepare('DELETE FROM sets WHERE key = ? AND member = ?');
  const set = db.prepare(
    'INSERT INTO hashes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  );
  const run = (writes: readonly AtomicWrite[]): void => {
    db.exec('BEGIN IMMEDIATE');
    for (const command of writes.flatMap(({ commands }) => commands)) {
      if (command.type === 'append') append.run(command.key, command.value);
      else if (command.type === 'addMember') add.run(command.key, command.member);
      else if (command.type === 'removeMember') remove.run(command.key, command.member);
      else if (command.type === 'setField') set.run(command.key, command.field, command.value);
    }
    db.exec('COMMIT');
  };
  run(start);
  const stopwatch = new Stopwatch();
  await stopwatch.time(() => {
    for (let at = 0; at < updates.length; at += inFlight) run(updates.slice(at, at + inFlight));
  });
  db.close();
  return stopwatch.rate(updates.length);
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
  const moves = await recordWrites(count, true);
  const every = await recordWrites(count, false);
  const rates: { ours: Rate; moves?: Rate; every?: Rate }[] = [];
  for (let run = 0; run < runs; run += 1) {
    const ours = await measureUpdates(place, count, inFlight);
    const { bare } = place;
    if (bare === undefined) rates.push({ ours });
    else {
      rates.push({
        ours,
        moves: await bare(moves.start, moves.updates, inFlight),
        every: await bare(every.start, every.updates, inFlight),
      });
    }
  }
  const middle = (pick: (rate: (typeof rates)[number]) => number): number => median(rates.map(pick));
  const share = (ratio: number): number => Math.round(100 * ratio) / 100;
  const describe = (which: 'ours' | 'moves' | 'every'): Rate => ({
    perSecond: Math.round(middle((rate) => rate[which]!.perSecond)),
    cpuMicroseconds: Math.round(10 * middle((rate) => rate[which]!.cpuMicroseconds)) / 10,
  });
  if (place.bare === undefined) return describe('ours');
  return {
    ...describe('ours'),
    bareSameCommands: describe('moves'),
    ratioSameCommands: share(middle(({ ours, moves: bare }) => ours.perSecond / bare!.perSecond)),
    bareEveryIndex: describe('every'),
    ratioEveryIndex: share(middle(({ ours, every: bare }) => ours.perSecond / bare!.perSecond)),
  };
}
