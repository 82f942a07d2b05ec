import { expect } from '@jest/globals';
import { Account } from '../../../jobs/trading/domain/account.ts';
import type { OrderEvent } from '../../../jobs/trading/domain/order-event.ts';
import { Order } from '../../../jobs/trading/domain/order.ts';
import { Position } from '../../../jobs/trading/domain/position.ts';
import { ConflictError } from '../../../jobs/trading/errors.ts';
import {
  accountState,
  AUDUSD,
  contents,
  event,
  filled,
  initialized,
  orderAfter,
  traded,
} from '../../support/trading.ts';
import { BACKENDS, hashAt, key, listAt, setsWith, type Case } from './case.ts';

function filledOrder(): Order {
  const order = orderAfter('O-1', 'OrderSubmitted', 'OrderAccepted');
  order.apply(filled('O-1', '100000', '0.80010'));
  return order;
}

const replay = (events: readonly OrderEvent[]): Order => Order.replay(events);

/** What adding does where something is stored under the id already. */
export const addingCases: readonly Case[] = [
  {
    number: 46,
    name: 'adding an order again never shortens its log: four events stay four, and their indexes too',
    backends: BACKENDS,
    async run({ open, store }) {
      const db = await open();
      const order = filledOrder();
      await db.addOrder(order, { positionId: 'P-1' });
      const log = await listAt(store, key('orders:O-1'));
      expect(log).toHaveLength(4);
      for (const length of [1, 2, 4]) await db.addOrder(replay(order.events.slice(0, length)));
      expect(await listAt(store, key('orders:O-1'))).toEqual(log);
      expect(await setsWith(store, 'O-1')).toEqual(['orders', 'orders_closed']);
      expect(contents(await db.loadOrder('O-1'))).toEqual(contents(order));
      expect(await hashAt(store, key('index:order_ids'))).toEqual({ 'O-1': 'V-1' });
      // Links say nothing about events: those that are given are written, the others stay.
      await db.addOrder(replay(order.events.slice(0, 1)), { clientId: 'SIM' });
      expect(await hashAt(store, key('index:order_client'))).toEqual({ 'O-1': 'SIM' });
      expect(await hashAt(store, key('index:order_position'))).toEqual({ 'O-1': 'P-1' });
      expect(await listAt(store, key('orders:O-1'))).toEqual(log);
      expect((await db.verify()).problems).toEqual([]);
    },
  },
  {
    number: 47,
    name: 'adding an order whose stored log lags behind appends what is missing and moves its indexes',
    backends: BACKENDS,
    async run({ open, store }) {
      const db = await open();
      const order = filledOrder();
      await db.addOrder(replay(order.events.slice(0, 2)));
      expect(await setsWith(store, 'O-1')).toEqual(['orders', 'orders_inflight']);
      await db.addOrder(order);
      expect(await listAt(store, key('orders:O-1'))).toHaveLength(4);
      expect(await setsWith(store, 'O-1')).toEqual(['orders', 'orders_closed']);
      expect(contents(await db.loadOrder('O-1'))).toEqual(contents(order));
      // Also when the log was written with other timestamps.
      const other = await open({ timestampsAsStr: false });
      await other.addOrder(order);
      expect(contents(await other.loadOrder('O-1'))).toEqual(contents(order));
      expect((await db.verify()).problems).toEqual([]);
    },
  },
  {
    number: 48,
    name: 'adding an order under an id that is taken is a ConflictError, and only `replace` replaces',
    backends: BACKENDS,
    async run({ open, store }) {
      const heard: string[] = [];
      const db = await open({}, { onWriteError: ({ code }) => heard.push(code) });
      const order = filledOrder();
      await db.addOrder(order);
      const log = await listAt(store, key('orders:O-1'));
      const another = new Order(initialized('O-1'));
      const adding = db.addOrder(another, { positionId: 'P-9' });
      await expect(adding).rejects.toThrow(ConflictError);
      await expect(adding).rejects.toThrow(
        /^"trader-TESTER-000:orders:O-1" already exists and its event 0 differs .* pass \{ replace: true \}/,
      );
      // One that begins alike and goes on differently would be acknowledged without being stored.
      const diverging = replay([...order.events.slice(0, 2), event('O-1', 'OrderAccepted')]);
      await expect(db.addOrder(diverging)).rejects.toThrow(/its event 2 differs/);
      expect(heard).toEqual(['trading.conflict', 'trading.conflict']);
      expect(await listAt(store, key('orders:O-1'))).toEqual(log);
      expect(await setsWith(store, 'O-1')).toEqual(['orders', 'orders_closed']);
      expect(await hashAt(store, key('index:order_position'))).toEqual({});
      await db.addOrder(another, { replace: true, positionId: 'P-9' });
      expect(await listAt(store, key('orders:O-1'))).toHaveLength(1);
      expect(await setsWith(store, 'O-1')).toEqual(['orders']);
      expect(await hashAt(store, key('index:order_position'))).toEqual({ 'O-1': 'P-9' });
      expect(contents(await db.loadOrder('O-1'))).toEqual(contents(another));
      // What was deleted may be added as if it had never been there.
      await db.deleteOrder('O-1');
      await db.addOrder(order);
      expect(await listAt(store, key('orders:O-1'))).toEqual(log);
    },
  },
  {
    number: 49,
    name: 'accounts and positions are added under the same rules',
    backends: BACKENDS,
    async run({ open, store }) {
      const db = await open();
      await db.addInstrument(AUDUSD);
      const states = ['1000.00', '1100.00', '1200.00'].map((total) => accountState(total));
      const fills = ['100', '200', '300'].map((quantity) => traded('BUY', quantity, '0.80010'));
      const account = (count: number): Account => Account.replay(states.slice(0, count));
      const position = (count: number): Position => Position.replay(AUDUSD, fills.slice(0, count));
      const lengths = async (): Promise<number[]> => [
        (await listAt(store, key('accounts:SIM-000'))).length,
        (await listAt(store, key('positions:P-1'))).length,
      ];
      for (const [count, stored] of [
        [2, 2],
        [1, 2],
        [3, 3],
        [3, 3],
        [1, 3],
      ] as const) {
        // prettier-ignore
        await db.addAccount(account(count));
        await db.addPosition(position(count));
        expect(await lengths()).toEqual([stored, stored]);
      }
      const [other, opposite] = [
        new Account(accountState('5.00')),
        new Position(AUDUSD, traded('SELL', '7', '0.80010')),
      ];
      await expect(db.addAccount(other)).rejects.toThrow(ConflictError);
      await expect(db.addPosition(opposite)).rejects.toThrow(ConflictError);
      expect((await db.loadAccount('SIM-000'))!.events).toEqual(states);
      expect(contents(await db.loadPosition('P-1'))).toEqual(contents(position(3)));
      await db.addAccount(other, { replace: true });
      await db.addPosition(opposite, { replace: true });
      expect(await lengths()).toEqual([1, 1]);
      expect(contents(await db.loadPosition('P-1'))).toEqual(contents(opposite));
      expect((await db.verify()).problems).toEqual([]);
    },
  },
];
