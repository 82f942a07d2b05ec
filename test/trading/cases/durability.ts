import { expect } from '@jest/globals';
import { CacheDatabaseConfig } from '../../../jobs/trading/config.ts';
import { Order } from '../../../jobs/trading/domain/order.ts';
import { Position } from '../../../jobs/trading/domain/position.ts';
import { WrongTypeError } from '../../../jobs/trading/errors.ts';
import { TradingStateDatabase } from '../../../jobs/trading/state-database.ts';
import {
  AUDUSD,
  contents,
  event,
  filled,
  initialized,
  orderAfter,
  traded,
  TRADER,
} from '../../support/trading.ts';
import { BACKENDS, key, listAt, setAt, type Case } from './case.ts';

/** A clock that a test moves. */
function manualSchedule(): {
  schedule: (run: () => void, ms: number) => { cancel(): void };
  readonly waiting: number[];
  fire(): void;
} {
  let pending: { run: () => void; ms: number }[] = [];
  return {
    schedule(run, ms) {
      const item = { run, ms };
      pending.push(item);
      return { cancel: () => void (pending = pending.filter((other) => other !== item)) };
    },
    get waiting() {
      return pending.map(({ ms }) => ms);
    },
    fire() {
      const due = pending;
      pending = [];
      for (const { run } of due) run();
    },
  };
}

/** Buffering, restarts, bad input. The cases 39, 40, 42 and 43 have files of their own. */
export const durabilityCases: readonly Case[] = [
  {
    number: 38,
    name: 'buffered writes go out in order, after the interval without any further write, and by sync and close',
    backends: BACKENDS,
    async run({ open, store }) {
      const clock = manualSchedule();
      const db = await open({ bufferIntervalMs: 100 }, { schedule: clock.schedule });
      const order = new Order(initialized('O-1'));
      const written = [db.addOrder(order)];
      for (const type of ['OrderSubmitted', 'OrderAccepted'] as const) {
        order.apply(event('O-1', type));
        written.push(db.updateOrder(order));
      }
      expect(clock.waiting).toEqual([100]);
      expect(await listAt(store, key('orders:O-1'))).toEqual([]);
      clock.fire();
      await Promise.all(written);
      expect(await listAt(store, key('orders:O-1'))).toHaveLength(3);
      expect(clock.waiting).toEqual([]);
      const types = ['OrderPendingCancel', 'OrderCancelRejected'] as const;
      for (const [index, finish] of [() => db.sync(), () => db.close()].entries()) {
        order.apply(event('O-1', types[index]!));
        void db.updateOrder(order);
        expect(clock.waiting).toEqual([100]);
        await finish();
        expect(clock.waiting).toEqual([]);
        expect(await listAt(store, key('orders:O-1'))).toHaveLength(4 + index);
      }
      expect(contents(await (await open()).loadOrder('O-1'))).toEqual(contents(order));
    },
  },
  {
    number: 41,
    name: 'after a restart everything is as before, for 10,000 orders; a flush on start never shows what was there',
    backends: BACKENDS,
    async run({ open }) {
      const before = await open();
      await before.addInstrument(AUDUSD);
      await before.addPosition(new Position(AUDUSD, traded('BUY', '1000', '0.80010')));
      const orders = Array.from({ length: 10_000 }, (_, index) => {
        const order = orderAfter(`O-${index}`, 'OrderSubmitted', 'OrderAccepted');
        order.apply(filled(order.id, '1000', '0.80010'));
        return order;
      });
      for (const order of orders) {
        void before.addOrder(order, { positionId: 'P-1' });
        await before.ready();
      }
      await before.close();
      const after = await open();
      const loaded = await after.loadAll();
      expect(loaded.orders.size).toBe(10_000);
      for (const order of orders) {
        if (order.id.endsWith('77')) expect(contents(loaded.orders.get(order.id))).toEqual(contents(order));
      }
      const statuses = new Set([...loaded.orders.values()].map(({ state }) => state.status));
      expect(statuses).toEqual(new Set(['PARTIALLY_FILLED']));
      expect(loaded.orderPosition.size).toBe(10_000);
      const flushed = await open({ flushOnStart: true });
      expect((await flushed.loadAll()).orders.size).toBe(0);
      expect((await flushed.summary()).sizes['orders']).toBe(0);
    },
  },
  {
    number: 44,
    name: 'a configuration of another type, and null in place of anything, is a TypeError',
    backends: BACKENDS,
    async run({ open }) {
      const config = { settings: { type: 'memory' } } as unknown as CacheDatabaseConfig;
      await expect(TradingStateDatabase.open(TRADER, config)).rejects.toThrow(TypeError);
      await expect(TradingStateDatabase.open(null as never, new CacheDatabaseConfig())).rejects.toThrow(
        TypeError,
      );
      const db = await open();
      const nothing = null as never;
      const changes: (() => unknown)[] = [
        () => db.add(nothing, Buffer.from('')),
        () => db.add('k', nothing),
        () => db.addCurrency(nothing),
        () => db.addInstrument(nothing),
        () => db.addSynthetic(nothing),
        () => db.addAccount(nothing),
        () => db.addOrder(nothing),
        () => db.addPosition(nothing),
        () => db.updateAccount(nothing),
        () => db.updateOrder(nothing),
        () => db.updatePosition(nothing),
        () => db.updateActor(nothing),
        () => db.updateStrategy(nothing),
        () => db.deleteOrder(nothing),
        () => db.deletePosition(nothing),
        () => db.deleteActor(nothing),
        () => db.deleteStrategy(nothing),
        () => db.indexOrderPosition('O-1', nothing),
        () => db.indexVenueOrderId(nothing, 'V-1'),
        () => db.snapshotOrderState(nothing),
        () => db.snapshotPositionState(nothing, 1n),
        () => db.heartbeat(nothing),
      ];
      for (const change of changes) expect(change).toThrow(TypeError);
      const loads = [
        db.loadCurrency(nothing),
        db.loadInstrument(nothing),
        db.loadSynthetic(nothing),
        db.loadAccount(nothing),
        db.loadOrder(nothing),
        db.loadPosition(nothing),
        db.loadActor(nothing),
        db.loadStrategy(nothing),
      ];
      for (const load of loads) await expect(load).rejects.toThrow(TypeError);
      expect((await db.summary()).layout).toBe('none');
    },
  },
  {
    number: 45,
    name: 'a key of another type is a typed error, and nothing of the write happens',
    backends: ['memory', 'redis'],
    async run({ open, store }) {
      const db = await open();
      const good = orderAfter('O-1', 'OrderSubmitted');
      await db.addOrder(good);
      const value = Buffer.from('x');
      await store.apply([
        {
          commands: [
            { type: 'set', key: key('orders:O-2'), value },
            { type: 'addMember', key: key('index:orders'), member: 'O-2' },
            { type: 'delete', key: key('index:orders_closed') },
            { type: 'set', key: key('index:orders_closed'), value },
            { type: 'addMember', key: key('instruments:X.Y'), member: 'x' },
          ],
        },
      ]);
      await expect(db.loadOrder('O-2')).rejects.toThrow(WrongTypeError);
      await expect(db.loadInstrument('X.Y')).rejects.toThrow(/holds a set, not a string/);
      const orders = await db.loadOrders();
      expect([[...orders.keys()], [...orders.errors.keys()]]).toEqual([['O-1'], ['O-2']]);
      // Its index of closed orders is spoiled: the whole update is refused, its event too.
      good.apply(event('O-1', 'OrderRejected'));
      await expect(db.updateOrder(good)).rejects.toThrow(WrongTypeError);
      expect(await listAt(store, key('orders:O-1'))).toHaveLength(2);
      expect(await setAt(store, key('index:orders_inflight'))).toEqual(['O-1']);
    },
  },
];
