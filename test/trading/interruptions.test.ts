import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { CacheDatabaseConfig, type CacheDatabaseSettings } from '../../jobs/trading/config.ts';
import { Account } from '../../jobs/trading/domain/account.ts';
import { decimal } from '../../jobs/trading/domain/decimal.ts';
import { Order } from '../../jobs/trading/domain/order.ts';
import { Position } from '../../jobs/trading/domain/position.ts';
import {
  ConfigError,
  ConflictError,
  NotFoundError,
  QueueFullError,
  UnavailableError,
} from '../../jobs/trading/errors.ts';
import { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { startScript } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { startRedis, type Durability, type RedisServer } from '../support/redis-process.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import {
  accountState,
  AUDUSD,
  contents,
  event,
  initialized,
  orderAfter,
  traded,
  TRADER,
} from '../support/trading.ts';

const folder = temporaryFolder();
const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).toReversed()) await step();
});

async function open(settings: CacheDatabaseSettings): Promise<TradingStateDatabase> {
  const db = await TradingStateDatabase.open(TRADER, new CacheDatabaseConfig(settings));
  cleanUp.push(() => db.close().catch(() => {}));
  return db;
}

async function newServer(durability: Durability): Promise<RedisServer> {
  const server = await startRedis(mkdtempSync(join(folder, 'redis-')), durability);
  cleanUp.push(() => server.kill());
  return server;
}

async function newProxy(port: number): Promise<TcpProxy> {
  const proxy = await startTcpProxy(port);
  cleanUp.push(() => proxy.close());
  return proxy;
}

/** An order goes on for ever by being changed again and again. */
function change(order: Order): void {
  const isPending = order.state.status === 'PENDING_UPDATE';
  const quantity = decimal(String(100_000 + order.events.length));
  order.apply(
    event(order.id, isPending ? 'OrderUpdated' : 'OrderPendingUpdate', isPending ? { quantity } : {}),
  );
}

async function expectStored(db: TradingStateDatabase, orders: readonly Order[]): Promise<void> {
  const loaded = await db.loadOrders();
  expect([...loaded.errors.values()]).toEqual([]);
  expect(loaded.size).toBe(orders.length);
  for (const order of orders) expect(contents(loaded.get(order.id))).toEqual(contents(order));
  expect((await db.verify()).problems).toEqual([]);
}

describeWith('Redis', 'case 39: Redis goes away in the middle of a run', () => {
  test('killed and started again: a bounded queue, back-pressure, and then everything once and in order', async () => {
    const LIMIT = 100;
    const server = await newServer('always');
    const db = await open({ type: 'redis', port: server.port, maxQueuedWrites: LIMIT, timeout: 30 });
    const orders = Array.from({ length: 20 }, (_, index) =>
      orderAfter(`O-${index}`, 'OrderSubmitted', 'OrderAccepted'),
    );
    for (const order of orders) await db.addOrder(order);
    const results: Promise<void>[] = [];
    const step = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index += 1) {
        const order = orders[index % orders.length]!;
        await db.ready();
        change(order);
        results.push(db.updateOrder(order));
      }
    };
    await step(300);
    // Some are under way, and there is room for half of the limit.
    await Promise.all(results.slice(0, -20));
    const killed = server.kill();
    await step(LIMIT / 2);
    await killed;
    const more = Array.from({ length: 2 * LIMIT }, (_, index) => db.add(`k${index}`, Buffer.from('x')));
    const refused = await Promise.allSettled(more.slice(LIMIT));
    expect(refused.map((result) => result.status === 'rejected' && result.reason.constructor)).toEqual(
      refused.map(() => QueueFullError),
    );
    const room = db.ready();
    expect(await Promise.race([room.then(() => 'room'), Promise.resolve('no room')])).toBe('no room');
    await server.start();
    await room;
    await step(300);
    await Promise.all(results);
    await expect(db.sync()).rejects.toThrow(QueueFullError);
    await db.sync();
    await expectStored(db, orders);
  });

  test.each([1, 2, 3, 5, 8])('an answer that is lost (number %i) leads to no second event', async (which) => {
    const server = await newServer('none');
    const proxy = await newProxy(server.port);
    const db = await open({ type: 'redis', port: proxy.port });
    const orders = ['O-1', 'O-2'].map((id) => orderAfter(id, 'OrderSubmitted', 'OrderAccepted'));
    for (const order of orders) await db.addOrder(order);
    let answers = 0;
    proxy.onAnswer = (bytes) => {
      answers += 1;
      return answers === which ? 'cut' : bytes;
    };
    for (let round = 0; round < 12; round += 1) {
      const results = orders.flatMap((order) => {
        change(order);
        const update = db.updateOrder(order);
        return [update, db.snapshotOrderState(order)];
      });
      await Promise.all(results);
    }
    expect(answers).toBeGreaterThan(which);
    await expectStored(db, orders);
    const client = await createClient({ url: server.url }).connect();
    cleanUp.push(() => client.close());
    for (const { id } of orders) {
      expect(await client.lLen(`trader-${TRADER}:snapshots:orders:${id}`)).toBe(12);
    }
  });

  test('a connection that breaks at any byte of the requests loses nothing and doubles nothing', async () => {
    const server = await newServer('none');
    const proxy = await newProxy(server.port);
    const db = await open({ type: 'redis', port: proxy.port });
    const orders = Array.from({ length: 3 }, (_, index) =>
      orderAfter(`O-${index}`, 'OrderSubmitted', 'OrderAccepted'),
    );
    for (const order of orders) await db.addOrder(order);
    for (let cut = 1; cut < 6000; cut += 397) {
      proxy.requestBytesLeft = cut;
      const results: Promise<void>[] = [];
      for (let round = 0; round < 4; round += 1) {
        for (const order of orders) {
          change(order);
          results.push(db.updateOrder(order));
        }
      }
      await Promise.all(results);
    }
    await expectStored(db, orders);
  });

  test('a server that stands still is waited for, and then the writes are given up', async () => {
    const server = await newServer('none');
    const db = await open({ type: 'redis', port: server.port, timeout: 0.3 });
    const order = orderAfter('O-1', 'OrderSubmitted');
    await db.addOrder(order);
    server.pause();
    try {
      await expect(db.add('k', Buffer.from('x'))).rejects.toThrow(UnavailableError);
      await expect(db.sync()).rejects.toThrow(/no answer within 300 ms/);
      await expect(db.loadOrders()).rejects.toThrow(UnavailableError);
    } finally {
      server.resume();
    }
    await db.add('k', Buffer.from('y'));
    await expectStored(db, [order]);
  });

  test('a server that has become a replica is not overrun with connections, and used again when it is none', async () => {
    const [server, primary] = [await newServer('none'), await newServer('none')];
    const db = await open({ type: 'redis', port: server.port, timeout: 0.5 });
    const order = orderAfter('O-1', 'OrderSubmitted');
    await db.addOrder(order);
    const client = await createClient({ url: server.url }).connect();
    cleanUp.push(() => client.close());
    const connections = async (): Promise<number> =>
      Number(/total_connections_received:(\d+)/.exec(await client.info('stats'))![1]);
    const before = await connections();
    await client.replicaOf('127.0.0.1', primary.port);
    await expect(db.add('k', Buffer.from('x'))).rejects.toThrow(/READONLY/);
    expect((await connections()) - before).toBeLessThan(20);
    await client.sendCommand(['REPLICAOF', 'NO', 'ONE']);
    await db.addOrder(order);
    await expectStored(db, [order]);
  });

  test('a load after the connection broke makes a new one', async () => {
    const server = await newServer('always');
    const db = await open({ type: 'redis', port: server.port });
    const order = orderAfter('O-1', 'OrderSubmitted');
    await db.addOrder(order);
    await server.kill();
    await server.start();
    await expectStored(db, [order]);
  });
});

describe('case 39: a SQLite file that another process holds', () => {
  test('is waited for; when that takes too long the writes are given up, and later ones go on', async () => {
    const path = join(folder, `${randomUUID()}.db`);
    const db = await open({ type: 'sqlite', path, timeout: 0.2, maxQueuedWrites: 2 });
    const order = orderAfter('O-1', 'OrderSubmitted');
    await db.addOrder(order);
    const other = new DatabaseSync(path);
    cleanUp.push(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    const waiting = [db.add('a', Buffer.from('x')), db.add('b', Buffer.from('x'))];
    await expect(db.add('c', Buffer.from('x'))).rejects.toThrow(QueueFullError);
    for (const write of waiting) await expect(write).rejects.toThrow(UnavailableError);
    other.exec('ROLLBACK');
    await db.add('d', Buffer.from('x'));
    expect([...(await db.load()).keys()]).toEqual(['d']);
    await expectStored(db, [order]);
  });
});

test('what is written after the first writes have failed is known as its own by the next process', async () => {
  const settings = { type: 'sqlite', path: join(folder, `${randomUUID()}.db`), timeout: 0.2 } as const;
  const db = await open(settings);
  const other = new DatabaseSync(settings.path);
  cleanUp.push(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  await expect(db.add('a', Buffer.from('x'))).rejects.toThrow(UnavailableError);
  other.exec('ROLLBACK');
  const order = orderAfter('O:1', 'OrderSubmitted');
  await expect(db.updateOrder(order)).rejects.toThrow(NotFoundError);
  expect((await db.summary()).layout).toBe('none');
  await db.addOrder(order);
  expect((await db.summary()).layout).toBe('own');
  await db.close().catch(() => {});
  const next = await open(settings);
  await expectStored(next, [order]);
  await next.add('b', Buffer.from('x'));
});

test('several producers that wait for room all find it', async () => {
  const db = await open({ type: 'memory', maxQueuedWrites: 3 });
  const produce = async (name: string): Promise<void> => {
    for (let index = 0; index < 100; index += 1) {
      await db.ready();
      void db.add(`${name}${index}`, Buffer.from('x'));
    }
  };
  await Promise.all(['a', 'b', 'c', 'd', 'e'].map(produce));
  await db.sync();
  expect((await db.load()).size).toBe(500);
  // Room that nobody has taken is there for the next one.
  for (let index = 0; index < 10; index += 1) await db.ready();
});

test('a listener that throws stops no write, and the process hears of it', async () => {
  const { finished } = startScript(join(repository, 'test/support/trading-listener.ts'), [], folder);
  const { code, stdout, stderr } = await finished;
  expect([code, stderr]).toEqual([0, '']);
  const said = JSON.parse(stdout) as string[];
  expect(said.toSorted()).toEqual(
    ['a', 'b', 'rejected NotFoundError', 'uncaught trading.not-found'].toSorted(),
  );
});

describeWith('Redis', 'case 43: an old server', () => {
  test('is a ConfigError when it is connected to', async () => {
    const server = await newServer('none');
    const proxy = await newProxy(server.port);
    // The real server, saying that it is older.
    proxy.onAnswer = (bytes) =>
      Buffer.from(
        bytes
          .toString('latin1')
          .replace(
            /redis_version:(\S+)/,
            (_all, version: string) => `redis_version:${'6.0.16'.padEnd(version.length, '0')}`,
          ),
        'latin1',
      );
    const opening = open({ type: 'redis', port: proxy.port });
    await expect(opening).rejects.toThrow(ConfigError);
    await expect(opening).rejects.toThrow(/is Redis 6\.0\.16; 6\.2 or later is needed/);
  });
});

describe('two writers of one trader', () => {
  test('the one that does not know the other gets a ConflictError, unless sequences are not checked', async () => {
    const path = join(folder, `${randomUUID()}.db`);
    const [one, two, careless] = [
      await open({ type: 'sqlite', path }),
      await open({ type: 'sqlite', path }),
      await open({ type: 'sqlite', path, checkSequence: false }),
    ];
    await one.addOrder(new Order(initialized('O-1')));
    const [mine, theirs, other] = (await Promise.all(
      [one, two, careless].map((db) => db.loadOrder('O-1')),
    )) as [Order, Order, Order];
    mine.apply(event('O-1', 'OrderSubmitted'));
    await one.updateOrder(mine);
    theirs.apply(event('O-1', 'OrderAccepted'));
    await expect(two.updateOrder(theirs)).rejects.toThrow(/has 2 events where 1 were expected/);
    theirs.apply(event('O-1', 'OrderCanceled'));
    await expect(two.updateOrder(theirs)).rejects.toThrow(/ends with another event/);
    expect(contents(await two.loadOrder('O-1'))).toEqual(contents(mine));
    other.apply(event('O-1', 'OrderAccepted'));
    await careless.updateOrder(other);
    expect((await two.loadOrder('O-1'))!.state.status).toBe('ACCEPTED');
    await expect(two.sync()).rejects.toThrow(ConflictError);
  });

  test('the one that begins a new cycle of a position does not replace fills that it has not seen', async () => {
    const path = join(folder, `${randomUUID()}.db`);
    const [one, two] = [await open({ type: 'sqlite', path }), await open({ type: 'sqlite', path })];
    const position = new Position(AUDUSD, traded('BUY', '10', '1.0'));
    await one.addInstrument(AUDUSD);
    await one.addPosition(position);
    for (const turns of [true, false]) {
      const theirs = (await two.loadPosition('P-1'))!;
      position.apply(traded('BUY', '5', '1.1'));
      await one.updatePosition(position);
      if (turns) {
        theirs.apply(traded('SELL', '30', '1.2'));
      } else {
        theirs.apply(traded('SELL', '15', '1.2'));
        theirs.apply(traded('BUY', '1', '1.2'));
      }
      await expect(two.updatePosition(theirs)).rejects.toThrow(/ends with another event/);
      expect(contents(await two.loadPosition('P-1'))).toEqual(contents(position));
    }
    const mine = (await two.loadPosition('P-1'))!;
    mine.apply(traded('SELL', '50', '1.3'));
    await two.updatePosition(mine);
    expect(contents(await one.loadPosition('P-1'))).toEqual(contents(mine));
  });

  test('what begins anew under an id that is taken is a ConflictError, and the log stays as it was', async () => {
    const db = await open({ type: 'sqlite', path: join(folder, `${randomUUID()}.db`) });
    const order = orderAfter('O-1', 'OrderSubmitted', 'OrderAccepted');
    const account = new Account(accountState('1.00'));
    const position = new Position(AUDUSD, traded('BUY', '10', '1.0'));
    await db.addInstrument(AUDUSD);
    await db.addOrder(order);
    await db.addAccount(account);
    await db.addPosition(position);
    const another = new Position(AUDUSD, traded('SELL', '7', '1.1'));
    await expect(db.updatePosition(another)).rejects.toThrow(ConflictError);
    expect(contents(await db.loadPosition('P-1'))).toEqual(contents(position));
    await expect(db.updateOrder(new Order(initialized('O-1')))).rejects.toThrow(ConflictError);
    await expect(db.updateAccount(new Account(accountState('2.00')))).rejects.toThrow(ConflictError);
    expect(contents(await db.loadOrder('O-1'))).toEqual(contents(order));
    expect((await db.loadAccount('SIM-000'))!.events).toEqual(account.events);
    // What is stored already may be said again.
    await db.updateAccount(account);
    await db.updatePosition(position);
  });
});
