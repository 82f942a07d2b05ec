import { decode } from '@msgpack/msgpack';
import { expect } from '@jest/globals';
import { money } from '../../../jobs/trading/domain/money.ts';
import { Order } from '../../../jobs/trading/domain/order.ts';
import { Position } from '../../../jobs/trading/domain/position.ts';
import { AUDUSD, event, initialized, orderAfter, START, traded } from '../../support/trading.ts';
import { BACKENDS, hashAt, key, listAt, setAt, setsWith, textAt, type Case } from './case.ts';

const saving = (
  id: string,
  state: Record<string, unknown>,
): { id: string; save(): Record<string, unknown> } => ({
  id,
  save: () => state,
});

/** Actors, strategies, deletions, snapshots, heartbeats. */
export const componentCases: readonly Case[] = [
  {
    number: 29,
    name: 'actors and strategies keep what they saved last, and nothing of before',
    backends: BACKENDS,
    async run({ open }) {
      const db = await open();
      expect(await db.loadActor('A-1')).toEqual({});
      expect(await db.loadStrategy('S-1')).toEqual({});
      await db.updateActor(saving('A-1', { A: 1, B: 'two' }));
      expect(await db.loadActor('A-1')).toEqual({ A: 1, B: 'two' });
      await db.updateActor(saving('A-1', { B: 'three' }));
      expect(await db.loadActor('A-1')).toEqual({ B: 'three' });
      await db.updateStrategy(saving('S-1', { UserState: Buffer.from('1') }));
      const { UserState } = await db.loadStrategy('S-1');
      expect(Buffer.from(UserState as Uint8Array).toString()).toBe('1');
      await db.deleteActor('A-1');
      await db.deleteStrategy('S-1');
      expect(await db.loadActor('A-1')).toEqual({});
      expect(await db.loadStrategy('S-1')).toEqual({});
      // What would come back as something else is refused at once.
      const refused: [object, RegExp][] = [
        [{ f: () => 1 }, /state of "A-1" cannot be stored: .*function/i],
        [{ a: [{ b: new Map([[1, 2]]) }] }, /it\.a\.0\.b is a Map/],
        [{ a: Float64Array.of(1.5) }, /it\.a is a Float64Array/],
        [{ a: 2n ** 64n }, /it\.a has more than 64 bits/],
        [[1], /it is no map/],
      ];
      for (const [state, message] of refused) {
        const save = (): Promise<void> => db.updateActor(saving('A-1', state as Record<string, unknown>));
        expect(save).toThrow(TypeError);
        expect(save).toThrow(message);
      }
      const whole = { n: 2n ** 64n - 1n, m: -(2n ** 63n), at: new Date(5), list: [null, 'x', { y: 1.5 }] };
      await db.updateActor(saving('A-1', whole));
      expect(await db.loadActor('A-1')).toEqual(whole);
    },
  },
  {
    number: 30,
    name: 'deleting an order removes its log and all eight indexes, also a second time',
    backends: BACKENDS,
    async run({ open, store }) {
      const db = await open();
      const order = new Order(initialized('O-1', { emulationTrigger: 'BID_ASK' }));
      await db.addOrder(order, { positionId: 'P-1', clientId: 'SIM' });
      for (const type of [
        'OrderReleased',
        'OrderSubmitted',
        'OrderAccepted',
        'OrderPendingCancel',
      ] as const) {
        order.apply(event('O-1', type));
        await db.updateOrder(order);
      }
      expect(await setsWith(store, 'O-1')).toEqual(['orders', 'orders_open', 'orders_inflight']);
      for (let time = 0; time < 2; time += 1) {
        await db.deleteOrder('O-1');
        expect(await listAt(store, key('orders:O-1'))).toEqual([]);
        expect(await setsWith(store, 'O-1')).toEqual([]);
        for (const name of ['order_ids', 'order_position', 'order_client']) {
          expect(await hashAt(store, key(`index:${name}`))).toEqual({});
        }
      }
      expect(await db.loadOrder('O-1')).toBeUndefined();
    },
  },
  {
    number: 31,
    name: 'deleting a position removes its log and its indexes, also a second time',
    backends: BACKENDS,
    async run({ open, store }) {
      const db = await open();
      await db.addInstrument(AUDUSD);
      await db.addPosition(new Position(AUDUSD, traded('BUY', '1', '1.0')));
      for (let time = 0; time < 2; time += 1) {
        await db.deletePosition('P-1');
        expect(await listAt(store, key('positions:P-1'))).toEqual([]);
        for (const name of ['positions', 'positions_open', 'positions_closed']) {
          expect(await setAt(store, key(`index:${name}`))).toEqual([]);
        }
      }
      expect(await db.loadPosition('P-1')).toBeUndefined();
    },
  },
  {
    number: 32,
    name: 'snapshots are a history with exact times, which no load reads',
    backends: BACKENDS,
    async run({ open, store }) {
      const db = await open();
      await db.addInstrument(AUDUSD);
      const order = orderAfter('O-1', 'OrderSubmitted');
      const position = new Position(AUDUSD, traded('BUY', '1000', '0.80010'));
      await db.snapshotOrderState(order);
      await db.snapshotOrderState(order);
      await db.snapshotPositionState(position, START);
      await db.snapshotPositionState(position, START, money('12.50 USD'));
      const ofOrder = await listAt(store, key('snapshots:orders:O-1'));
      const ofPosition = await listAt(store, key('snapshots:positions:P-1'));
      expect([ofOrder.length, ofPosition.length]).toEqual([2, 2]);
      expect(decode(ofOrder[0]!)).toMatchObject({ client_order_id: 'O-1', status: 'SUBMITTED' });
      const [without, withPnl] = ofPosition.map((bytes) => decode(bytes) as Record<string, unknown>);
      expect(without).toMatchObject({ position_id: 'P-1', ts_snapshot: '1763692800123456789', side: 'LONG' });
      expect(without).not.toHaveProperty('unrealized_pnl');
      expect(withPnl).toMatchObject({ unrealized_pnl: '12.50 USD' });
      expect(await db.loadPosition('P-1')).toBeUndefined();
      expect(new Map(await db.loadOrders())).toEqual(new Map());
      // Clocks differ: the end can come before the beginning. A length of time is no date, whatever dates look like.
      const iso = await open({ timestampsAsIso8601: true });
      position.apply({ ...traded('SELL', '1000', '0.80020'), tsEvent: position.state.tsOpened - 5n });
      await iso.snapshotPositionState(position, START);
      const ended = decode((await listAt(store, key('snapshots:positions:P-1'))).at(-1)!, {
        useBigInt64: true,
      });
      expect(ended).toMatchObject({ duration_ns: -5n, ts_snapshot: '2025-11-21T02:40:00.123456789Z' });
    },
  },
  {
    number: 33,
    name: 'the last heartbeat is kept as ISO 8601',
    backends: BACKENDS,
    async run({ open, store }) {
      const db = await open();
      expect(await db.lastHeartbeat()).toBeUndefined();
      await db.heartbeat(new Date('2026-11-21T00:00:00.000Z'));
      await db.heartbeat(new Date('2026-11-21T00:00:00.123Z'));
      expect(await textAt(store, key('health:heartbeat'))).toBe('2026-11-21T00:00:00.123Z');
      expect(await db.lastHeartbeat()).toEqual(new Date('2026-11-21T00:00:00.123Z'));
      await store.apply([
        { commands: [{ type: 'set', key: key('health:heartbeat'), value: Buffer.from('never') }] },
      ]);
      await expect(db.lastHeartbeat()).rejects.toThrow(/the heartbeat "never" is no time/);
    },
  },
];
