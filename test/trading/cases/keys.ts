import { decode, encode } from '@msgpack/msgpack';
import { expect } from '@jest/globals';
import { Account } from '../../../jobs/trading/domain/account.ts';
import { Order } from '../../../jobs/trading/domain/order.ts';
import { Position } from '../../../jobs/trading/domain/position.ts';
import {
  accountState,
  AUD,
  AUDUSD,
  contents,
  event,
  initialized,
  orderAfter,
  START,
  traded,
} from '../../support/trading.ts';
import { BACKENDS, key, listAt, type Case } from './case.ts';

const LARGEST = 2n ** 63n - 1n;

/** Flushing, timestamps, and which keys belong to whom. */
export const keyCases: readonly Case[] = [
  {
    number: 34,
    name: 'flush removes this trader only; with scope database it removes everything',
    backends: BACKENDS,
    async run({ open, store }) {
      const ours = await open();
      const theirs = await open({}, { trader: 'OTHER-000' });
      const foreign = ['somebody:else', key('stream:events')];
      await store.apply([
        { commands: foreign.map((at) => ({ type: 'set', key: at, value: Buffer.from('x') })) },
      ]);
      for (const db of [ours, theirs]) {
        await db.addInstrument(AUDUSD);
        await db.addOrder(orderAfter('O-1', 'OrderSubmitted', 'OrderAccepted'));
        await db.addPosition(new Position(AUDUSD, traded('BUY', '1', '1.0')));
        await db.addAccount(new Account(accountState('1.00')));
        await db.heartbeat(new Date(0));
      }
      await ours.flush();
      expect((await store.scan('trader-TESTER-000:')).toSorted()).toEqual([key('stream:events')]);
      expect(await store.scan('somebody:')).toEqual(['somebody:else']);
      expect((await theirs.loadAll()).orders.size).toBe(1);
      // The database goes on as a new one.
      await ours.addCurrency(AUD);
      expect(new Map(await ours.loadCurrencies())).toEqual(new Map([['AUD', AUD]]));
      await ours.flush({ scope: 'database' });
      expect(await store.scan('')).toEqual([]);
      // In the order of the calls, waited for or not.
      void ours.add('before', Buffer.from('x'));
      void ours.flush();
      void ours.add('after', Buffer.from('x'));
      await ours.sync();
      const again = await open();
      expect([...(await again.load()).keys()]).toEqual(['after']);
      await again.add('later', Buffer.from('x'));
    },
  },
  {
    number: 35,
    name: 'timestamps are exact as text, as integers and as ISO 8601, and all three are read from one list',
    backends: BACKENDS,
    async run({ open, store }) {
      const settings = [{}, { timestampsAsStr: false }, { timestampsAsIso8601: true }] as const;
      const written = [
        ['1763692800123456789', LARGEST.toString()],
        [START, LARGEST],
        ['2025-11-21T02:40:00.123456789Z', '2262-04-11T23:47:16.854775807Z'],
      ];
      const order = new Order(
        initialized('O-1', { tsEvent: START, tsInit: LARGEST, options: { expireTimeNs: null } }),
      );
      const steps = (['OrderSubmitted', 'OrderAccepted'] as const).map((type) =>
        event('O-1', type, { tsEvent: START, tsInit: LARGEST }),
      );
      for (const [index, setting] of settings.entries()) {
        const db = await open(setting);
        if (index === 0) {
          await db.addOrder(order);
        } else {
          order.apply(steps[index - 1]!);
          await db.updateOrder(order);
        }
        const last = decode((await listAt(store, key('orders:O-1'))).at(-1)!, { useBigInt64: true }) as {
          ts_event: unknown;
          ts_init: unknown;
        };
        expect([last.ts_event, last.ts_init]).toEqual(written[index]);
        expect(contents(await db.loadOrder('O-1'))).toEqual(contents(order));
      }
      expect(order.state.options.expireTimeNs).toBeNull();
      // Python packs small integers small; they are bigints here all the same.
      const raw = decode((await listAt(store, key('orders:O-1')))[0]!) as Record<string, unknown>;
      const value = encode({ ...raw, ts_event: 5, ts_init: 5 });
      const at = key('orders:O-5');
      await store.apply([{ commands: [{ type: 'append', key: at, value }] }]);
      expect((await (await open()).loadOrder('O-5'))!.state.tsInit).toBe(5n);
    },
  },
  {
    number: 36,
    name: 'traders never see each other, whatever their names begin with, and ids may have any sign',
    backends: BACKENDS,
    async run({ open, store }) {
      const first = await open({}, { trader: 'T-1' });
      const second = await open({}, { trader: 'T-10' });
      const ids = ['O*', 'O[x]', 'O?', 'O:1:2', 'O%3A', 'O{1}', 'Ö-漢字', 'O\\', ' '];
      for (const id of ids) {
        await first.addOrder(new Order(initialized(id)));
        await first.add(id, Buffer.from(id));
      }
      await second.addOrder(new Order(initialized('mine')));
      expect([...(await first.loadOrders()).keys()].toSorted()).toEqual(ids.toSorted());
      expect([...(await first.load()).keys()].toSorted()).toEqual(ids.toSorted());
      for (const id of ids) expect((await first.loadOrder(id))!.id).toBe(id);
      expect([...(await second.loadOrders()).keys()]).toEqual(['mine']);
      expect((await first.verify()).problems).toEqual([]);
      await first.flush();
      expect((await first.loadOrders()).size).toBe(0);
      expect([...(await second.loadOrders()).keys()]).toEqual(['mine']);
      expect(await store.scan('trader-T-1:')).toEqual([]);
    },
  },
  {
    number: 37,
    name: 'with an instance id in the keys everything works, and instances are apart',
    backends: BACKENDS,
    async run({ open, store }) {
      const settings = { useInstanceId: true };
      const one = await open(settings, { instanceId: 'I-1' });
      const two = await open(settings, { instanceId: 'I-2' });
      const order = orderAfter('O:1', 'OrderSubmitted', 'OrderAccepted');
      await one.addInstrument(AUDUSD);
      await one.addOrder(order, { positionId: 'P:1', clientId: 'C:1' });
      const state = await one.loadAll();
      expect(contents(state.orders.get('O:1'))).toEqual(contents(order));
      expect(state.orderPosition).toEqual(new Map([['O:1', 'P:1']]));
      expect(state.orderClient).toEqual(new Map([['O:1', 'C:1']]));
      expect([...state.instruments.keys()]).toEqual([AUDUSD.id]);
      expect((await two.loadAll()).orders.size).toBe(0);
      expect(await store.scan('trader-TESTER-000:I-1:index:orders_open')).toHaveLength(1);
      await two.addOrder(new Order(initialized('O-2')));
      await one.flush();
      expect((await two.loadOrders()).size).toBe(1);
      await expect(open(settings)).rejects.toThrow(TypeError);
      // Without a prefix the keys begin with the trader.
      const bare = await open({ useTraderPrefix: false });
      await bare.add('k', Buffer.from('v'));
      expect(await store.scan('TESTER-000:general:')).toEqual(['TESTER-000:general:k']);
    },
  },
];
