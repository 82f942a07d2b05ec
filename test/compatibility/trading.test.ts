import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Command, StateBackend } from '../../jobs/trading/backend/backend.ts';
import { MemoryBackend } from '../../jobs/trading/backend/memory.ts';
import { openBackend } from '../../jobs/trading/backend/open-backend.ts';
import { CacheDatabaseConfig, type CacheDatabaseSettings } from '../../jobs/trading/config.ts';
import { Order } from '../../jobs/trading/domain/order.ts';
import { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { readTrading } from '../fixtures/v0.1.0/read-trading.ts';
import { temporaryFolder } from '../support/folders.ts';
import { useRedis } from '../support/redis.ts';
import { copyStored, expectedAnswer, storedKeys } from '../support/stored.ts';
import { accountState, contents, event, initialized, traded, TRADER } from '../support/trading.ts';
import { describeWith } from '../support/describe-with.ts';

/* The state of a trader of version 0.1.0 is read, its logs are continued, and more is written beside them. */

const folder = temporaryFolder();
const LAYOUTS = ['own', 'nautilus', 'nautilus-1.178'] as const;

/** Events that no other event of the fixture is the same as. */
const later = (number: number): { eventId: string } => ({
  eventId: `00000000-0000-4000-9000-${String(number).padStart(12, '0')}`,
});

async function readContinueWrite(
  connect: () => Promise<TradingStateDatabase>,
  expected: string,
): Promise<void> {
  const db = await connect();
  const said: any = await readTrading(db);
  expect(said).toEqual(JSON.parse(expectedAnswer(expected)));
  expect(said.errors).toEqual([]);
  expect(said.orders['O-1'].state).toMatchObject({
    status: 'FILLED',
    filled_qty: '100000',
    avg_px: '0.80016',
  });
  expect(said.positions['P-1'].state).toMatchObject({ side: 'SHORT', signed_qty: '-500' });
  expect((await db.verify()).problems).toEqual([]);

  const order = (await db.loadOrder('O-2'))!;
  expect(order.state.status).toBe('ACCEPTED');
  order.apply(event('O-2', 'OrderCanceled', later(1)));
  await db.updateOrder(order);
  const position = (await db.loadPosition('P-1'))!;
  position.apply(tradedLater('BUY', '200', '0.80000', 2));
  await db.updatePosition(position);
  const account = (await db.loadAccount('SIM-000'))!;
  account.apply({ ...accountState('999.00'), ...later(3) });
  await db.updateAccount(account);
  const fresh = new Order(initialized('O-9', later(4)));
  await db.addOrder(fresh);
  await db.deleteOrder('O-4');
  await db.close();

  const again = await connect();
  const now: any = await readTrading(again);
  expect(Object.keys(now.orders)).toEqual(['O-1', 'O-2', 'O-3', 'O-5', 'O-9']);
  for (const untouched of ['O-1', 'O-3', 'O-5'])
    expect(now.orders[untouched]).toEqual(said.orders[untouched]);
  expect(contents(await again.loadOrder('O-2'))).toEqual(contents(order));
  expect(contents(await again.loadPosition('P-1'))).toEqual(contents(position));
  expect(contents(await again.loadOrder('O-9'))).toEqual(contents(fresh));
  expect((await again.loadAccount('SIM-000'))!.events).toHaveLength(3);
  expect((await again.verify()).problems).toEqual([]);
  await again.close();
}

function tradedLater(
  side: 'BUY' | 'SELL',
  qty: string,
  px: string,
  number: number,
): ReturnType<typeof traded> {
  return { ...traded(side, qty, px), ...later(number), tradeId: `E-later-${number}` };
}

/** The commands that make the keys of a dump. */
function restore(layout: string): Command[] {
  const bytes = (text: unknown): Buffer => Buffer.from(String(text), 'base64');
  return Object.entries(storedKeys(layout)).flatMap(([key, [type, value]]): Command[] => {
    switch (type) {
      case 'string':
        return [{ type: 'set', key, value: bytes(value) }];
      case 'list':
        return (value as string[]).map((item) => ({ type: 'append', key, value: bytes(item) }));
      case 'set':
        return (value as string[]).map((item) => ({
          type: 'addMember',
          key,
          member: bytes(item).toString(),
        }));
      case 'hash':
        return Object.entries(value as object).map(([field, item]) => ({
          ...{ type: 'setField', key, field, value: bytes(item) },
        }));
      default:
        throw new Error(`${key} is a ${type}`);
    }
  });
}

async function fill(backend: StateBackend, layout: string): Promise<void> {
  await backend.clear();
  expect(await backend.apply([{ commands: restore(layout) }])).toEqual([undefined]);
}

test('a trading state in SQLite', async () => {
  const path = join(copyStored('trading', folder), 'trading.db');
  const config = new CacheDatabaseConfig({ type: 'sqlite', path, mustExist: true });
  await readContinueWrite(() => TradingStateDatabase.open(TRADER, config), 'trading-sqlite.json');
});

test.each(LAYOUTS)('the keys of the layout %s, in memory', async (layout) => {
  const backend = new MemoryBackend();
  await fill(backend, layout);
  const config = new CacheDatabaseConfig({ type: 'memory', layout });
  await readContinueWrite(
    () => TradingStateDatabase.open(TRADER, config, { backend }),
    `trading-${layout}.json`,
  );
});

describeWith('Redis', 'in Redis', () => {
  const redis = useRedis();
  test.each(LAYOUTS)('the keys of the layout %s', async (layout) => {
    const settings: CacheDatabaseSettings = { type: 'redis', port: redis.server().port, layout };
    const config = new CacheDatabaseConfig(settings);
    const backend = await openBackend(config);
    await fill(backend, layout);
    await backend.close();
    await readContinueWrite(() => TradingStateDatabase.open(TRADER, config), `trading-${layout}.json`);
  });
});
