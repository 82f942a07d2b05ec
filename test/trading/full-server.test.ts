import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { CacheDatabaseConfig, type CacheDatabaseSettings } from '../../jobs/trading/config.ts';
import { Account } from '../../jobs/trading/domain/account.ts';
import { Order } from '../../jobs/trading/domain/order.ts';
import { Position } from '../../jobs/trading/domain/position.ts';
import { BackendError } from '../../jobs/trading/errors.ts';
import { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startRedis, type RedisServer } from '../support/redis-process.ts';
import {
  accountState,
  AUD,
  AUDUSD,
  contents,
  event,
  filled,
  initialized,
  orderAfter,
  SYNTHETIC,
  traded,
  TRADER,
} from '../support/trading.ts';
import { describeWith } from '../support/describe-with.ts';

const folder = temporaryFolder();

/* A real server under `noeviction` whose memory is used up, and later is not. */
describeWith('Redis', 'a full server', () => {
  let server: RedisServer;
  let admin: ReturnType<typeof createClient>;
  let cleanUp: (() => unknown)[];
  beforeEach(async () => {
    const limits = ['--maxmemory', '0', '--maxmemory-policy', 'noeviction'];
    server = await startRedis(mkdtempSync(join(folder, 'redis-')), 'none', ...limits);
    admin = createClient({ url: server.url });
    await admin.connect();
    cleanUp = [() => server.kill(), () => admin.close()];
  });
  afterEach(async () => {
    for (const step of cleanUp.toReversed()) await step();
  });

  const open = async (
    settings: CacheDatabaseSettings = {},
    onWriteError?: (error: Error) => void,
  ): Promise<TradingStateDatabase> => {
    const config = new CacheDatabaseConfig({ type: 'redis', port: server.port, ...settings });
    const db = await TradingStateDatabase.open(TRADER, config, onWriteError ? { onWriteError } : {});
    cleanUp.push(() => db.close().catch(() => {}));
    return db;
  };
  const fill = (): Promise<unknown> => admin.configSet('maxmemory', '1');
  const free = (): Promise<unknown> => admin.configSet('maxmemory', '0');
  const dump = async (): Promise<Record<string, string | null>> => {
    const keys = (await admin.keys('*')).toSorted();
    return Object.fromEntries(
      await Promise.all(keys.map(async (key) => [key, String(await admin.dump(key))])),
    );
  };

  /** Everything that makes the state larger, by name. */
  function growing(db: TradingStateDatabase, order: Order, account: Account, position: Position) {
    const turned = Position.replay(AUDUSD, position.events);
    turned.apply(traded('SELL', '150', '0.80010'));
    const closed = Position.replay(AUDUSD, [...position.events, traded('SELL', '100', '0.80010')]);
    const changed = Order.replay([...order.events, event('O-1', 'OrderAccepted')]);
    const later = Account.replay([...account.events, accountState('7.00')]);
    const component = (id: string) => ({ id, save: () => ({ kept: 'x', more: Buffer.from('y') }) });
    return {
      add: () => db.add('k', Buffer.from('v')),
      addAgain: () => db.add('general', Buffer.from('v2')),
      addCurrency: () => db.addCurrency(AUD),
      addInstrument: () => db.addInstrument(AUDUSD),
      addSynthetic: () => db.addSynthetic(SYNTHETIC),
      addAccount: () => db.addAccount(new Account(accountState('5.00', 'SIM-001'))),
      addOrder: () => db.addOrder(new Order(initialized('O-2')), { positionId: 'P-1', clientId: 'SIM' }),
      addPosition: () =>
        db.addPosition(new Position(AUDUSD, { ...traded('BUY', '10', '0.8'), positionId: 'P-2' })),
      addLongerOrder: () => db.addOrder(changed),
      linkOrder: () => db.addOrder(new Order(order.events[0] as never), { clientId: 'SIM' }),
      replaceAccount: () => db.addAccount(new Account(accountState('5.00')), { replace: true }),
      replaceOrder: () => db.addOrder(new Order(initialized('O-1')), { replace: true }),
      replacePosition: () => db.addPosition(turned, { replace: true }),
      updateAccount: () => db.updateAccount(later),
      updateOrder: () => db.updateOrder(changed),
      updatePosition: () => db.updatePosition(closed),
      newCycle: () => db.updatePosition(turned),
      updateActor: () => db.updateActor(component('A-1')),
      updateStrategy: () => db.updateStrategy(component('S-1')),
      indexOrderPosition: () => db.indexOrderPosition('O-1', 'P-9'),
      indexVenueOrderId: () => db.indexVenueOrderId('O-1', 'V-9'),
      snapshotOrderState: () => db.snapshotOrderState(order),
      snapshotPositionState: () => db.snapshotPositionState(position, 1n),
      heartbeat: () => db.heartbeat(new Date(0)),
    };
  }

  test.each(['own', 'nautilus', 'nautilus-1.178'] as const)(
    'refuses every write that grows in the layout %s, whole and by itself, and still removes',
    async (layout) => {
      const heard: Error[] = [];
      const db = await open({ layout }, (error) => heard.push(error));
      const order = orderAfter('O-1', 'OrderSubmitted');
      const account = new Account(accountState('1.00'));
      const position = new Position(AUDUSD, traded('BUY', '100', '0.80010'));
      await db.addInstrument(AUDUSD);
      await db.addCurrency(AUD);
      await db.addAccount(account);
      await db.addOrder(order);
      await db.addOrder(new Order(initialized('O-8')));
      await db.addPosition(position);
      await db.add('general', Buffer.from('v'));
      await db.updateActor({ id: 'A-1', save: () => ({ old: 'x' }) });
      const writes = growing(db, order, account, position);
      const methods = Object.getOwnPropertyNames(TradingStateDatabase.prototype);
      const unknown = methods.filter(
        (name) => /^(add|update|index|snapshot|heartbeat)/.test(name) && !(name in writes),
      );
      expect(unknown).toEqual([]);
      const before = await dump();

      await fill();
      for (const [name, write] of Object.entries(writes)) {
        const error = await write().then(
          () => 'taken',
          (reason: unknown) => reason,
        );
        expect([name, error]).toEqual([name, expect.any(BackendError)]);
        expect(String(error)).toMatch(/is full and refused a write \(OOM\); free memory or raise maxmemory/);
      }
      expect(heard).toHaveLength(Object.keys(writes).length);
      expect(await dump()).toEqual(before);

      // In one call with removals, which a full server takes: each is answered for itself, in its place.
      const mixed = await Promise.allSettled([
        db.updateOrder(order),
        db.deleteOrder('O-8'),
        writes.addOrder(),
        db.deleteActor('A-1'),
        writes.updateOrder(),
        writes.replaceOrder(),
        db.addOrder(order),
      ]);
      const taken = ['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'rejected', 'rejected'];
      expect(mixed.slice(0, -1).map(({ status }) => status)).toEqual(taken);
      expect((await db.loadOrders()).size).toBe(1);
      expect(contents(await db.loadOrder('O-1'))).toEqual(contents(order));
      expect((await db.verify()).problems).toEqual([]);
      await expect(db.sync()).rejects.toThrow(BackendError);

      await free();
      for (const write of Object.values(writes)) await write().catch(() => {});
      await db.addOrder(new Order(initialized('O-3')));
      expect((await db.loadOrders()).size).toBe(3);
      expect((await db.verify()).problems).toEqual([]);
    },
  );

  test('a trader goes on after memory was freed, with the events that were refused', async () => {
    const heard: Error[] = [];
    const db = await open({}, (error) => heard.push(error));
    const order = orderAfter('O-1', 'OrderSubmitted');
    await db.addOrder(order);
    await fill();
    order.apply(event('O-1', 'OrderAccepted'));
    await expect(db.updateOrder(order)).rejects.toThrow(/OOM/);
    order.apply(filled('O-1', '100000', '0.80010'));
    await free();
    // A log without a hole: the next event waits until the order is added again.
    await expect(db.updateOrder(order)).rejects.toThrow(/has 2 events where 3 were expected/);
    await db.addOrder(order);
    expect(contents(await db.loadOrder('O-1'))).toEqual(contents(order));
    expect(heard).toHaveLength(2);
    expect((await db.verify()).problems).toEqual([]);
  });

  test('filled by new orders, takes none by halves and refuses none of those it has taken without a word', async () => {
    const db = await open({ maxQueuedWrites: 100_000 });
    const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))![1]);
    await admin.configSet('maxmemory', String(used + 2_000_000));
    const taken: Order[] = [];
    let refused = 0;
    for (let batch = 0; batch < 200 && refused === 0; batch += 1) {
      const orders = Array.from({ length: 64 }, (_, index) => new Order(initialized(`O-${batch}-${index}`)));
      const results = await Promise.allSettled(orders.map((order) => db.addOrder(order)));
      for (const [index, { status }] of results.entries()) {
        if (status === 'fulfilled') taken.push(orders[index]!);
        else refused += 1;
      }
    }
    expect(taken.length).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(0);
    const loaded = await db.loadOrders();
    expect([...loaded.keys()].toSorted()).toEqual(taken.map(({ id }) => id).toSorted());
    expect((await db.verify()).problems).toEqual([]);
    await free();
    for (const order of taken.slice(0, 10)) {
      order.apply(event(order.id, 'OrderSubmitted'));
      await db.updateOrder(order);
    }
  });
});
