import { decode } from '@msgpack/msgpack';
import { expect } from '@jest/globals';
import { decimal } from '../../../jobs/trading/domain/decimal.ts';
import { Order } from '../../../jobs/trading/domain/order.ts';
import {
  CorruptStateError,
  DuplicateFillError,
  InvalidTransitionError,
  NotFoundError,
} from '../../../jobs/trading/errors.ts';
import { contents, event, filled, initialized, orderAfter, type Happening } from '../../support/trading.ts';
import { BACKENDS, hashAt, key, listAt, setAt, setsWith, type Case, type Context } from './case.ts';

/** Adds an order and lets things happen to it one by one, each written. */
async function live({ open }: Context, ...types: Happening[]): Promise<{ order: Order; update: Update }> {
  const db = await open();
  const order = new Order(initialized('O-1'));
  await db.addOrder(order);
  const update: Update = async (next) => {
    order.apply(next);
    await db.updateOrder(order);
  };
  for (const type of types) await update(event('O-1', type));
  return { order, update };
}

type Update = (next: ReturnType<typeof event> | ReturnType<typeof filled>) => Promise<void>;

/** Orders: logs, indexes, and what they refuse. */
export const orderCases: readonly Case[] = [
  {
    number: 7,
    name: 'orders of every type come back as they were',
    backends: BACKENDS,
    async run({ open }) {
      const db = await open();
      expect(await db.loadOrder('O-1')).toBeUndefined();
      const price = decimal('0.80010');
      const triggerPrice = decimal('0.80000');
      const orders = [
        new Order(initialized('O-1', { orderType: 'MARKET', execAlgorithmParams: { horizonSecs: 20.5 } })),
        new Order(
          initialized('O-2', { orderType: 'LIMIT', options: { price, expireTimeNs: 1763692800123456789n } }),
        ),
        new Order(
          initialized('O-3', { orderType: 'STOP_MARKET', options: { triggerPrice, triggerType: 'BID_ASK' } }),
        ),
        new Order(
          initialized('O-4', {
            orderType: 'STOP_LIMIT',
            options: { price, triggerPrice, triggerType: 'DEFAULT' },
            linkedOrderIds: ['O-3', 'O-2'],
            tags: ['ENTRY', 'a,b'],
          }),
        ),
      ];
      for (const order of orders) await db.addOrder(order);
      for (const order of orders) expect(contents(await db.loadOrder(order.id))).toEqual(contents(order));
      expect((await db.loadOrder('O-4'))!.state.options).toMatchObject({ price, triggerPrice });
      expect((await db.loadOrder('O-1'))!.state.execAlgorithmParams).toEqual({ horizonSecs: 20.5 });
      expect([...(await db.loadOrders()).keys()].toSorted()).toEqual(['O-1', 'O-2', 'O-3', 'O-4']);
    },
  },
  {
    number: 8,
    name: 'a new order is a list of one OrderInitialized, and in the set of orders',
    backends: BACKENDS,
    async run({ open, store }) {
      const db = await open();
      await db.addOrder(new Order(initialized('O-1')));
      const log = await listAt(store, key('orders:O-1'));
      expect(log).toHaveLength(1);
      expect(decode(log[0]!)).toMatchObject({ type: 'OrderInitialized', client_order_id: 'O-1' });
      expect(await setAt(store, key('index:orders'))).toEqual(['O-1']);
    },
  },
  {
    number: 9,
    name: 'position and client of an order are in the hashes of the index',
    backends: BACKENDS,
    async run({ open, store }) {
      const db = await open();
      expect(await db.loadIndexOrderPosition()).toEqual(new Map());
      expect(await db.loadIndexOrderClient()).toEqual(new Map());
      await db.addOrder(new Order(initialized('O-1')), { positionId: 'P-1', clientId: 'SIM' });
      await db.indexOrderPosition('O-2', 'P-2');
      expect(await hashAt(store, key('index:order_position'))).toEqual({ 'O-1': 'P-1', 'O-2': 'P-2' });
      expect(await hashAt(store, key('index:order_client'))).toEqual({ 'O-1': 'SIM' });
      expect(await db.loadIndexOrderPosition()).toEqual(new Map([['O-1', 'P-1'], ['O-2', 'P-2']])); // prettier-ignore
      expect(await db.loadIndexOrderClient()).toEqual(new Map([['O-1', 'SIM']]));
    },
  },
  {
    number: 10,
    name: 'an emulated order is in orders_emulated until it is released',
    backends: BACKENDS,
    async run({ open, store }) {
      const db = await open();
      const order = new Order(initialized('O-1', { orderType: 'LIMIT', emulationTrigger: 'BID_ASK' }));
      await db.addOrder(order);
      expect(await setsWith(store, 'O-1')).toEqual(['orders', 'orders_emulated']);
      for (const type of ['OrderEmulated', 'OrderReleased'] as const) {
        order.apply(event('O-1', type));
        await db.updateOrder(order);
        const emulated = type === 'OrderEmulated' ? ['orders_emulated'] : [];
        expect(await setsWith(store, 'O-1')).toEqual(['orders', ...emulated]);
      }
    },
  },
  {
    number: 11,
    name: 'a submitted order is in flight, neither open nor closed',
    backends: BACKENDS,
    async run(context) {
      await live(context, 'OrderSubmitted');
      expect(await setsWith(context.store, 'O-1')).toEqual(['orders', 'orders_inflight']);
    },
  },
  {
    number: 12,
    name: 'an accepted order is open, not in flight, and its venue order id is indexed',
    backends: BACKENDS,
    async run(context) {
      await live(context, 'OrderSubmitted', 'OrderAccepted');
      expect(await setsWith(context.store, 'O-1')).toEqual(['orders', 'orders_open']);
      expect(await hashAt(context.store, key('index:order_ids'))).toEqual({ 'O-1': 'V-1' });
      const db = await context.open();
      expect(await db.loadIndexVenueOrderIds()).toEqual(new Map([['O-1', 'V-1']]));
      await db.indexVenueOrderId('O-1', 'V-2');
      expect(await db.loadIndexVenueOrderIds()).toEqual(new Map([['O-1', 'V-2']]));
    },
  },
  {
    number: 13,
    name: 'a partly filled order is open, a filled one closed',
    backends: BACKENDS,
    async run(context) {
      const { order, update } = await live(context, 'OrderSubmitted', 'OrderAccepted');
      await update(filled('O-1', '40000', '0.80010'));
      expect(order.state.status).toBe('PARTIALLY_FILLED');
      expect(await setsWith(context.store, 'O-1')).toEqual(['orders', 'orders_open']);
      await update(filled('O-1', '60000', '0.80020'));
      expect(order.state).toMatchObject({ status: 'FILLED', avgPx: decimal('0.80016') });
      expect(await setsWith(context.store, 'O-1')).toEqual(['orders', 'orders_closed']);
    },
  },
  {
    number: 14,
    name: 'a fill that comes after the cancel fills the order, which stays closed',
    backends: BACKENDS,
    async run(context) {
      const { order, update } = await live(context, 'OrderSubmitted', 'OrderAccepted', 'OrderCanceled');
      expect(await setsWith(context.store, 'O-1')).toEqual(['orders', 'orders_closed']);
      await update(filled('O-1', '100000', '0.80010'));
      expect(order.state.status).toBe('FILLED');
      expect(await setsWith(context.store, 'O-1')).toEqual(['orders', 'orders_closed']);
    },
  },
  {
    number: 15,
    name: 'a cancel under way is open and in flight; rejected, the order is accepted again',
    backends: BACKENDS,
    async run(context) {
      const { order, update } = await live(context, 'OrderSubmitted', 'OrderAccepted', 'OrderPendingCancel');
      expect(await setsWith(context.store, 'O-1')).toEqual(['orders', 'orders_open', 'orders_inflight']);
      await update(event('O-1', 'OrderCancelRejected'));
      expect(order.state.status).toBe('ACCEPTED');
      expect(await setsWith(context.store, 'O-1')).toEqual(['orders', 'orders_open']);
    },
  },
  {
    number: 16,
    name: 'an update leads back to the status before, with the new quantity and price; what is left is never negative',
    backends: BACKENDS,
    async run(context) {
      const { order, update } = await live(context, 'OrderSubmitted', 'OrderAccepted');
      await update(filled('O-1', '40000', '0.80010'));
      await update(event('O-1', 'OrderPendingUpdate'));
      await update(event('O-1', 'OrderUpdated', { quantity: decimal('120000'), price: decimal('0.80100') }));
      expect(order.state).toMatchObject({
        status: 'PARTIALLY_FILLED',
        quantity: decimal('120000'),
        leavesQty: decimal('80000'),
      });
      expect(order.state.options.price).toEqual(decimal('0.80100'));
      await update(event('O-1', 'OrderUpdated', { quantity: decimal('30000') }));
      expect(order.state).toMatchObject({ leavesQty: decimal('0'), overfillQty: decimal('10000') });
      expect(contents(await (await context.open()).loadOrder('O-1'))).toEqual(contents(order));
    },
  },
  {
    number: 17,
    name: 'an update of an order that was never added is a NotFoundError, and leaves nothing behind',
    backends: BACKENDS,
    async run({ open, store }) {
      const heard: string[] = [];
      const db = await open({}, { onWriteError: (error) => heard.push(error.name) });
      await db.heartbeat(new Date(0));
      const before = (await store.scan('')).toSorted();
      const order = orderAfter('O-1', 'OrderSubmitted', 'OrderAccepted');
      // The promise may be left alone: the failure comes to light all the same.
      void db.updateOrder(order);
      await expect(db.sync()).rejects.toThrow(NotFoundError);
      await expect(db.updateOrder(order)).rejects.toThrow(/"trader-TESTER-000:orders:O-1" does not exist/);
      expect(heard).toEqual(['NotFoundError', 'NotFoundError']);
      expect((await store.scan('')).toSorted()).toEqual(before);
    },
  },
  {
    number: 18,
    name: 'an update appends the last event and nothing else; every prefix of the log is the order as it was then',
    backends: BACKENDS,
    async run({ open, store }) {
      const db = await open();
      const order = new Order(initialized('O-1'));
      await db.addOrder(order);
      const steps = [
        event('O-1', 'OrderSubmitted'),
        event('O-1', 'OrderAccepted'),
        filled('O-1', '10000', '0.80010'),
        event('O-1', 'OrderPendingCancel'),
        event('O-1', 'OrderCanceled'),
      ];
      for (const [index, step] of steps.entries()) {
        order.apply(step);
        await db.updateOrder(order);
        expect(await listAt(store, key('orders:O-1'))).toHaveLength(index + 2);
        expect(contents(await db.loadOrder('O-1'))).toEqual(contents(order));
      }
      // Saying it again changes nothing.
      await db.updateOrder(order);
      expect(await listAt(store, key('orders:O-1'))).toHaveLength(6);
    },
  },
  {
    number: 19,
    name: 'an order that was transformed comes back with its new type',
    backends: BACKENDS,
    async run({ open }) {
      const db = await open();
      const changes = [
        ['LIMIT', 'MARKET'],
        ['STOP_MARKET', 'LIMIT'],
      ] as const;
      for (const [from, to] of changes) {
        const order = new Order(initialized(from, { orderType: from, emulationTrigger: 'BID_ASK' }));
        await db.addOrder(order);
        const steps = [
          event(from, 'OrderEmulated'),
          initialized(from, { orderType: to, options: { price: decimal('1.5') } }),
          event(from, 'OrderReleased'),
          event(from, 'OrderSubmitted'),
        ];
        for (const step of steps) {
          order.apply(step);
          await db.updateOrder(order);
        }
        const loaded = (await db.loadOrder(from))!;
        expect(loaded.state).toMatchObject({ orderType: to, status: 'SUBMITTED' });
        expect(contents(loaded)).toEqual(contents(order));
      }
    },
  },
  {
    number: 20,
    name: 'a log with the same event twice is a CorruptStateError',
    backends: BACKENDS,
    async run(context) {
      await live(context, 'OrderSubmitted', 'OrderAccepted');
      const at = key('orders:O-1');
      const log = await listAt(context.store, at);
      await context.store.apply([{ commands: [{ type: 'append', key: at, value: log.at(-1)! }] }]);
      const db = await context.open();
      await expect(db.loadOrder('O-1')).rejects.toThrow(CorruptStateError);
      await expect(db.loadOrder('O-1')).rejects.toThrow(/order "O-1" has event ".*" twice/);
    },
  },
  {
    number: 21,
    name: 'a log that cannot be read is reported by name, and the other orders load',
    backends: BACKENDS,
    async run({ open, store }) {
      const db = await open();
      for (const id of ['O-1', 'O-2', 'O-3']) await db.addOrder(new Order(initialized(id)));
      const value = Buffer.from([0xc1, 0xff]);
      await store.apply([{ commands: [{ type: 'append', key: key('orders:O-2'), value }] }]);
      const orders = await db.loadOrders();
      expect([...orders.keys()].toSorted()).toEqual(['O-1', 'O-3']);
      expect([...orders.errors.keys()]).toEqual(['O-2']);
      expect(orders.errors.get('O-2')).toBeInstanceOf(CorruptStateError);
      await expect(db.loadOrder('O-2')).rejects.toThrow(/event 1 of order "O-2" cannot be read/);
      // A log that is gone is not passed over in silence.
      await store.apply([{ commands: [{ type: 'delete', key: key('orders:O-3') }] }]);
      const { errors } = await db.loadOrders();
      expect([...errors.keys()].toSorted()).toEqual(['O-2', 'O-3']);
      expect(errors.get('O-3')).toBeInstanceOf(NotFoundError);
      expect(errors.get('O-3')!.message).toMatch(/"trader-TESTER-000:orders:O-3" does not exist, but is in/);
      expect(await db.loadOrder('O-3')).toBeUndefined();
    },
  },
  {
    number: 22,
    name: 'an event that is refused leaves the order and its log as they were',
    backends: BACKENDS,
    async run(context) {
      const { order, update } = await live(context, 'OrderSubmitted', 'OrderAccepted');
      const first = filled('O-1', '10000', '0.80010', { tradeId: 'E-1' });
      await update(first);
      const before = contents(order);
      const log = await listAt(context.store, key('orders:O-1'));
      const refused = [
        [event('O-2', 'OrderCanceled'), RangeError],
        [event('O-1', 'OrderCanceled', { venueOrderId: 'V-9' }), RangeError],
        [event('O-1', 'OrderAccepted'), InvalidTransitionError],
        [filled('O-1', '20000', '0.80020', { tradeId: 'E-1' }), DuplicateFillError],
        [filled('O-1', '0', '0.80020'), RangeError],
        [filled('O-1', '1', '0.80020', { orderSide: 'SELL' }), RangeError],
      ] as const;
      for (const [step, error] of refused) {
        expect(() => order.apply(step)).toThrow(error);
        expect(contents(order)).toEqual(before);
      }
      await update(filled('O-1', '90000', '0.80010'));
      expect(() => order.apply(event('O-1', 'OrderAccepted'))).toThrow(InvalidTransitionError);
      expect(await listAt(context.store, key('orders:O-1'))).toHaveLength(log.length + 1);
    },
  },
  {
    number: 23,
    name: 'more filled than ordered is noted, and nothing is left',
    backends: BACKENDS,
    async run(context) {
      const { order, update } = await live(context, 'OrderSubmitted', 'OrderAccepted');
      await update(filled('O-1', '100001', '0.80010'));
      expect(order.state).toMatchObject({
        status: 'FILLED',
        leavesQty: decimal('0'),
        overfillQty: decimal('1'),
      });
      expect(contents(await (await context.open()).loadOrder('O-1'))).toEqual(contents(order));
    },
  },
];
