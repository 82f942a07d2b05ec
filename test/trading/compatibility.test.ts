import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Command, StateBackend } from '../../jobs/trading/backend/backend.ts';
import { MemoryBackend } from '../../jobs/trading/backend/memory.ts';
import { openBackend } from '../../jobs/trading/backend/open-backend.ts';
import { CacheDatabaseConfig } from '../../jobs/trading/config.ts';
import { Account } from '../../jobs/trading/domain/account.ts';
import { decimal, formatDecimal, round } from '../../jobs/trading/domain/decimal.ts';
import { formatMoney } from '../../jobs/trading/domain/money.ts';
import { Order } from '../../jobs/trading/domain/order.ts';
import { Position } from '../../jobs/trading/domain/position.ts';
import { ConfigError } from '../../jobs/trading/errors.ts';
import { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { describeWith } from '../support/describe-with.ts';
import { venvProgram } from '../support/venv.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { useRedis } from '../support/redis.ts';
import {
  accountState,
  AUD,
  AUDUSD,
  contents,
  event,
  filled,
  initialized,
  SYNTHETIC,
  traded,
  TRADER,
} from '../support/trading.ts';

const LAYOUTS = ['nautilus', 'nautilus-1.178'] as const;
const START = 1763692800123456789n;
const folder = temporaryFolder();

/** What test/reference/trading_reference.py has written: Redis commands with their values in base64. */
function reference(layout: string): Command[] {
  const text = readFileSync(join(repository, `test/reference/trading/${layout}.json`), 'utf8');
  return (JSON.parse(text) as [string, string, ...string[]][]).flatMap(
    ([name, key, ...values]): Command[] => {
      const bytes = values.map((value) => Buffer.from(value, 'base64'));
      switch (name) {
        case 'SET':
          return [{ type: 'set', key, value: bytes[0]! }];
        case 'RPUSH':
          return bytes.map((value) => ({ type: 'append', key, value }));
        case 'SADD':
          return bytes.map((member) => ({ type: 'addMember', key, member: member.toString() }));
        case 'HSET':
          return [{ type: 'setField', key, field: bytes[0]!.toString(), value: bytes[1]! }];
        default:
          throw new Error(`${name} is not among the commands of the reference`);
      }
    },
  );
}

function readsWhatNautilusWrote(connect: () => Promise<StateBackend>): void {
  test.each(LAYOUTS)('reads what NautilusTrader wrote, layout %s', async (layout) => {
    const backend = await connect();
    await backend.apply([{ commands: reference(layout) }]);
    const db = await TradingStateDatabase.open(TRADER, new CacheDatabaseConfig(), { backend });
    expect([...(await db.load()).entries()].map(([key, value]) => [key, value.length])).toEqual([
      ['a:b', 256],
    ]);
    expect(Object.fromEntries(await db.loadCurrencies())).toEqual({
      AUD,
      BTC: { code: 'BTC', precision: 8, iso4217: 0, name: 'Bitcoin', currencyType: 'CRYPTO' },
    });
    expect(await db.loadCurrency('AUD')).toEqual(AUD);

    const state = await db.loadAll();
    for (const part of [state.instruments, state.accounts, state.orders, state.positions]) {
      expect([...part.errors]).toEqual([]);
    }
    expect(state.instruments.get('AUD/USD.SIM')).toMatchObject({
      settlementCurrency: 'USD',
      takerFee: decimal('0.00002'),
      info: { venue: 'simulated' },
      tsInit: START,
    });
    expect(state.instruments.get('BTC/USD:BTC.BITMEX')).toMatchObject({
      isInverse: true,
      settlementCurrency: 'BTC',
    });
    expect(state.instruments.get('AAPL.XNAS')).toMatchObject({
      quoteCurrency: 'USD',
      details: { isin: 'US0378331005' },
    });
    expect(Object.fromEntries(state.synthetics)).toEqual({
      'BTC-ETH.SYNTH': { ...SYNTHETIC, tsEvent: START, tsInit: START },
    });
    const account = state.accounts.get('SIM-000')!;
    expect(account.events).toHaveLength(2);
    expect(account.state.balances).toEqual([
      { currency: 'USD', total: decimal('1234.50'), locked: decimal('0.00'), free: decimal('1234.50') },
    ]);

    const [filledOrder, changed, emulated, denied] = ['O-1', 'O-2', 'O-3', 'O-4'].map((id) =>
      state.orders.get(id)!,
    );
    expect(filledOrder!.state).toMatchObject({
      status: 'FILLED',
      avgPx: decimal('0.80016'),
      venueOrderId: 'V-O-1',
      execAlgorithmParams: { horizon_secs: 20 },
      commissions: [{ amount: decimal('3.20'), currency: 'USD' }],
    });
    // One log, three forms of timestamps.
    expect(filledOrder!.events.map(({ tsEvent }) => tsEvent - START)).toEqual([10n, 11n, 12n, 13n, 14n]);
    expect(filledOrder!.events[0]).toMatchObject({ tags: ['ENTRY', 'LONG'] });
    expect(changed!.state).toMatchObject({ status: 'ACCEPTED', quantity: decimal('90000') });
    expect(changed!.state.options).toMatchObject({
      price: decimal('0.79990'),
      triggerPrice: decimal('0.80010'),
      expireTimeNs: START + 999n,
    });
    expect(changed!.events[0]).toMatchObject({ linkedOrderIds: ['O-3', 'O-4'], timeInForce: 'GTD' });
    expect([emulated!.isEmulated, denied!.state.status]).toEqual([true, 'DENIED']);

    const pnl = (id: string, digits: number): string =>
      formatDecimal(round(state.positions.get(id)!.state.realizedPnl.amount, digits));
    expect(pnl('P-1', 2)).toBe('41.80');
    // 5000 * (1 / 10000 - 1 / 12500) BTC less two commissions
    expect(pnl('P-2', 8)).toBe('0.09999800');
    expect(state.orderPosition).toEqual(new Map([['O-1', 'P-1']]));
    expect(state.orderClient).toEqual(new Map([['O-1', 'SIM']]));
    expect(Object.fromEntries(await db.loadIndexVenueOrderIds())).toEqual({ 'O-1': 'V-O-1', 'O-2': 'V-O-2' });
    expect(await db.loadActor('A-1')).toEqual({ A: expect.anything() });
    expect([...((await db.loadStrategy('S-001'))['UserState'] as Uint8Array)]).toEqual([0, 255]);
    expect(await db.lastHeartbeat()).toEqual(new Date('2026-11-21T00:00:00.123Z'));
    expect((await db.verify()).problems).toEqual([]);

    // Its own layout would not be read by NautilusTrader: it writes nothing until it is told which one to keep.
    await expect(db.heartbeat(new Date(0))).rejects.toThrow(ConfigError);
    // Nor would that of another release be.
    const other = new CacheDatabaseConfig({ layout: LAYOUTS.find((name) => name !== layout)! });
    const mixed = await TradingStateDatabase.open(TRADER, other, { backend });
    expect((await mixed.loadAll()).orders.size).toBe(4);
    await expect(mixed.heartbeat(new Date(0))).rejects.toThrow(/choose the layout of that release/);
    const config = new CacheDatabaseConfig({ layout });
    const same = await TradingStateDatabase.open(TRADER, config, { backend });
    changed!.apply(event('O-2', 'OrderCanceled', { venueOrderId: 'V-O-2' }));
    await same.updateOrder(changed!);
    expect(contents(await db.loadOrder('O-2'))).toEqual(contents(changed));
    expect((await same.verify()).problems).toEqual([]);
    await db.flush();
    expect(await backend.scan('')).toEqual([]);
    await db.heartbeat(new Date(0));
    await backend.close();
  });
}

describe('case 42: memory', () => {
  readsWhatNautilusWrote(async () => new MemoryBackend());
});

describe('case 42: SQLite', () => {
  readsWhatNautilusWrote(() =>
    openBackend(new CacheDatabaseConfig({ path: join(folder, `${randomUUID()}.db`), synchronous: 'NORMAL' })),
  );
});

describeWith('Redis', 'case 42: Redis', () => {
  const redis = useRedis();
  readsWhatNautilusWrote(async () => {
    const backend = await openBackend(new CacheDatabaseConfig({ type: 'redis', port: redis.server().port }));
    await backend.clear();
    return backend;
  });

  test('keys of the own layout are not written over in another one', async () => {
    const settings = { type: 'redis', port: redis.server().port } as const;
    const own = await TradingStateDatabase.open('OWN-1', new CacheDatabaseConfig(settings));
    await own.addCurrency(AUD);
    const other = await TradingStateDatabase.open(
      'OWN-1',
      new CacheDatabaseConfig({ ...settings, layout: 'nautilus' }),
    );
    expect(await other.loadCurrency('AUD')).toEqual(AUD);
    await expect(other.addCurrency(AUD)).rejects.toThrow(
      /has the layout "own", and cannot be written as "nautilus"/,
    );
    await other.close().catch(() => {});
    await own.close();
  });
});

describeWith('Python', 'what Python reads with plain redis-py', () => {
  describeWith('Redis', 'of keys', () => {
    const redis = useRedis();
    test.each(LAYOUTS)('in the layout %s', async (layout) => {
      const config = new CacheDatabaseConfig({
        type: 'redis',
        port: redis.server().port,
        layout,
        flushOnStart: true,
        timestampsAsStr: layout !== 'nautilus',
      });
      const db = await TradingStateDatabase.open(TRADER, config);
      await db.addCurrency(AUD);
      await db.addInstrument(AUDUSD);
      await db.addAccount(new Account(accountState('1000.00')));
      const order = new Order(
        initialized('O:1', {
          tags: ['A', 'B'],
          linkedOrderIds: ['O-2'],
          options: { price: decimal('0.80') },
        }),
      );
      await db.addOrder(order, { positionId: 'P-1', clientId: 'SIM' });
      for (const next of [event('O:1', 'OrderAccepted'), filled('O:1', '100000', '0.80010')]) {
        order.apply(next);
        await db.updateOrder(order);
      }
      await db.addPosition(new Position(AUDUSD, traded('BUY', '100000', '0.80010', '1.60')));
      await db.updateActor({ id: 'A-1', save: () => ({ A: Buffer.from('1') }) });
      await db.heartbeat(new Date('2026-11-21T00:00:00.123Z'));
      await db.close();

      const script = join(repository, 'test/reference/trading_read.py');
      const printed = execFileSync(venvProgram('python'), [script, String(redis.server().port)], {
        encoding: 'utf8',
      });
      const found = JSON.parse(printed) as Record<string, any>;
      const key = (rest: string): string => `trader-TESTER-000:${rest}`;
      const isOld = layout === 'nautilus-1.178';
      const nested = (value: unknown): unknown => (isOld ? JSON.stringify(value) : value);
      const stamp = (value: bigint): unknown => (isOld ? value.toString() : Number(value));

      const currency = { precision: 2, iso4217: 36, name: 'Australian dollar', currency_type: 'FIAT' };
      expect(found[key('currencies:AUD')]).toEqual(
        isOld ? { ...currency, precision: '2', iso4217: '36' } : currency,
      );
      expect(found[key('instruments:AUD/USD.SIM')]).toMatchObject({
        type: 'CurrencyPair',
        price_increment: '0.00001',
        max_notional: '50000000.00 USD',
        tick_scheme_name: 'FOREX_5DECIMAL',
        info: nested(AUDUSD.info),
      });
      const balance = { currency: 'USD', total: '1000.00', locked: '0.00', free: '1000.00' };
      expect(found[key('accounts:SIM-000')]).toEqual([
        expect.objectContaining({ type: 'AccountState', base_currency: 'USD', balances: nested([balance]) }),
      ]);
      expect(found[key('orders:O:1')]).toEqual([
        expect.objectContaining({
          type: 'OrderInitialized',
          quantity: '100000',
          tags: isOld ? 'A,B' : ['A', 'B'],
          linked_order_ids: isOld ? 'O-2' : ['O-2'],
          ts_init: stamp(order.state.tsInit),
        }),
        expect.objectContaining({ type: 'OrderAccepted', venue_order_id: 'V-1' }),
        expect.objectContaining({ type: 'OrderFilled', last_px: '0.80010', last_qty: '100000' }),
      ]);
      const options = found[key('orders:O:1')][0].options;
      expect(isOld ? JSON.parse(options) : options).toMatchObject({ price: '0.80', expire_time_ns: null });
      expect(found[key('positions:P-1')]).toEqual([
        expect.objectContaining({ commission: formatMoney({ amount: decimal('1.60'), currency: 'USD' }) }),
      ]);
      const colon = isOld ? ':' : '';
      expect(found[key(`index:order_ids${colon}`)]).toEqual(isOld ? { 'O:1': 'V-1' } : ['O:1']);
      expect(found[key(`index:order_position${colon}`)]).toEqual({ 'O:1': 'P-1' });
      expect(found[key(`index:order_client${colon}`)]).toEqual({ 'O:1': 'SIM' });
      expect(found[key('index:orders_closed')]).toEqual(['O:1']);
      expect(found[key('index:positions_open')]).toEqual(['P-1']);
      expect(found[key('actors:A-1:state')]).toEqual({ A: '1' });
      expect(found[key('health:heartbeat')]).toBe('2026-11-21T00:00:00.123Z');
      // Nothing that NautilusTrader does not know.
      const known =
        /^trader-TESTER-000:(currencies|instruments|accounts|orders|positions|actors|index|health):/;
      expect(Object.keys(found).filter((name) => !known.test(name))).toEqual([]);
      expect(
        Object.keys(found).filter((name) => /index:(currencies|instruments|accounts)/.test(name)),
      ).toEqual([]);
    });
  });
});
