import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Command } from '../../jobs/trading/backend/backend.ts';
import { MemoryBackend } from '../../jobs/trading/backend/memory.ts';
import { CacheDatabaseConfig } from '../../jobs/trading/config.ts';
import { Position } from '../../jobs/trading/domain/position.ts';
import { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { AUD, AUDUSD, contents, event, orderAfter, traded, TRADER } from '../support/trading.ts';
import { key, listAt } from './cases/case.ts';

/* Every kind of damage, on top of a state that is whole. */

let store: MemoryBackend;
let db: TradingStateDatabase;
beforeEach(async () => {
  store = new MemoryBackend();
  db = await TradingStateDatabase.open(TRADER, new CacheDatabaseConfig({ type: 'memory' }), {
    backend: store,
  });
  await db.addCurrency(AUD);
  await db.addInstrument(AUDUSD);
  await db.addOrder(orderAfter('O-1', 'OrderSubmitted', 'OrderAccepted'), { positionId: 'P-1' });
  await db.addPosition(new Position(AUDUSD, traded('BUY', '1000', '0.80010')));
});

const damage = (...commands: Command[]): Promise<unknown> => store.apply([{ commands }]);
const problems = async (): Promise<string[]> =>
  (await db.verify()).problems.map(({ kind, collection, id }) => `${kind} ${collection} ${id}`);

async function expectRepaired(): Promise<void> {
  const before = contents(await db.loadOrder('O-1').catch(() => undefined));
  const { problems: found, repaired } = await db.verify({ repair: true });
  expect(repaired).toBe(found.filter(({ isRepairable }) => isRepairable).length);
  expect(await problems()).toEqual([]);
  if (before !== undefined) expect(contents(await db.loadOrder('O-1'))).toEqual(before);
}

describe('verify', () => {
  test('finds nothing where nothing is wrong, and changes nothing', async () => {
    const report = await db.verify({ repair: true });
    expect(report).toEqual({ orders: 1, positions: 1, problems: [], repaired: 0 });
  });

  const set = (name: string): string => key(`index:${name}`);
  test.each<[string, string, Command]>([
    [
      'an order that is no longer in the set of orders',
      'unindexed orders O-1',
      { type: 'removeMember', key: set('orders'), member: 'O-1' },
    ],
    [
      'an order in a set it does not belong into',
      'misplaced orders O-1',
      { type: 'addMember', key: set('orders_closed'), member: 'O-1' },
    ],
    [
      'an order that is missing in a set',
      'misplaced orders O-1',
      { type: 'removeMember', key: set('orders_open'), member: 'O-1' },
    ],
    [
      'a venue order id that is missing',
      'misplaced orders O-1',
      { type: 'removeField', key: set('order_ids'), field: 'O-1' },
    ],
    [
      'an id in a set without an order',
      'ghost orders O-9',
      { type: 'addMember', key: set('orders_open'), member: 'O-9' },
    ],
    [
      'an id in a hash without an order',
      'ghost orders O-9',
      { type: 'setField', key: set('order_client'), field: 'O-9', value: Buffer.from('C') },
    ],
    [
      'a position that is no longer in the set of positions',
      'unindexed positions P-1',
      { type: 'removeMember', key: set('positions'), member: 'P-1' },
    ],
    [
      'a position in a set it does not belong into',
      'misplaced positions P-1',
      { type: 'addMember', key: set('positions_closed'), member: 'P-1' },
    ],
    [
      'an id in a set without a position',
      'ghost positions P-9',
      { type: 'addMember', key: set('positions'), member: 'P-9' },
    ],
    [
      'a currency that is not in the index',
      'unindexed currencies AUD',
      { type: 'delete', key: set('currencies') },
    ],
    [
      'a currency in the index that is not stored',
      'ghost currencies AUD',
      { type: 'delete', key: key('currencies:AUD') },
    ],
  ])('finds and repairs %s', async (_what, problem, command) => {
    await damage(command);
    expect(await problems()).toEqual([problem]);
    await expectRepaired();
    for (const { errors } of [await db.loadOrders(), await db.loadPositions(), await db.loadCurrencies()]) {
      expect([...errors]).toEqual([]);
    }
  });

  test('what is changed meanwhile is neither taken for damage nor undone', async () => {
    for (let turns = 0; turns < 60; turns += 1) {
      const order = (await db.loadOrder('O-1'))!;
      const verified = db.verify({ repair: true });
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      order.apply(event('O-1', turns % 2 === 0 ? 'OrderPendingCancel' : 'OrderCancelRejected'));
      const updated = db.updateOrder(order);
      expect((await verified).problems).toEqual([]);
      await updated;
      expect(await problems()).toEqual([]);
    }
  });

  test('removes events that are in a log twice, and fills of cycles that have ended', async () => {
    const at = key('orders:O-1');
    const log = await listAt(store, at);
    await damage({ type: 'append', key: at, value: log[1]! }, { type: 'append', key: at, value: log[2]! });
    const other = new Position(AUDUSD, { ...traded('SELL', '5', '1.0'), positionId: 'P-2' });
    await db.addPosition(other);
    const cycles = [traded('BUY', '5', '1.1'), traded('BUY', '7', '1.2')].map((fill) => ({
      ...fill,
      positionId: 'P-2',
    }));
    for (const fill of cycles) {
      const scratch = new Position(AUDUSD, fill);
      const spare = new MemoryBackend();
      const aside = await TradingStateDatabase.open(TRADER, new CacheDatabaseConfig({ type: 'memory' }), {
        backend: spare,
      });
      await aside.addPosition(scratch);
      const [value] = await listAt(spare, key('positions:P-2'));
      await damage({ type: 'append', key: key('positions:P-2'), value: value! });
      other.apply(fill);
    }
    expect(await problems()).toEqual(['repeated orders O-1', 'repeated positions P-2']);
    await expectRepaired();
    expect(await listAt(store, at)).toHaveLength(3);
    expect(await listAt(store, key('positions:P-2'))).toHaveLength(1);
    expect(contents(await db.loadPosition('P-2'))).toEqual(contents(other));
    const order = (await db.loadOrder('O-1'))!;
    order.apply(event('O-1', 'OrderCanceled'));
    await db.updateOrder(order);
  });

  test('reports what cannot be read or rebuilt, and leaves it alone', async () => {
    await damage(
      { type: 'append', key: key('orders:O-1'), value: Buffer.from([0xc1]) },
      { type: 'set', key: key('positions:P-3'), value: Buffer.from('x') },
      { type: 'set', key: key('currencies:AUD'), value: Buffer.from('x') },
      { type: 'delete', key: key('instruments:AUD/USD.SIM') },
      { type: 'removeMember', key: set('instruments'), member: AUDUSD.id },
    );
    const found = [
      'unreadable orders O-1',
      'incomplete positions P-1',
      'unreadable positions P-3',
      'unreadable currencies AUD',
    ];
    expect((await problems()).toSorted()).toEqual(found.toSorted());
    const { repaired } = await db.verify({ repair: true });
    expect(repaired).toBe(0);
    expect((await problems()).toSorted()).toEqual(found.toSorted());
    expect(await listAt(store, key('orders:O-1'))).toHaveLength(4);
  });
});
