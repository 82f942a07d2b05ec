import { mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { openBackend } from '../../jobs/trading/backend/open-backend.ts';
import { CacheDatabaseConfig } from '../../jobs/trading/config.ts';
import { Account } from '../../jobs/trading/domain/account.ts';
import { Position } from '../../jobs/trading/domain/position.ts';
import { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { errorLine, signals, type Finished } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { temporaryFolder } from '../support/folders.ts';
import { useRedis } from '../support/redis.ts';
import { accountState, AUD, AUDUSD, orderAfter, SYNTHETIC, traded, TRADER } from '../support/trading.ts';

const folder = temporaryFolder();
let url: string;

async function fill(state: string, trader = TRADER): Promise<void> {
  const db = await TradingStateDatabase.open(trader, CacheDatabaseConfig.fromUrl(state));
  await db.addCurrency(AUD);
  await db.addInstrument(AUDUSD);
  await db.addSynthetic(SYNTHETIC);
  await db.addAccount(new Account(accountState('1000.00')));
  await db.addOrder(orderAfter('O-1', 'OrderSubmitted', 'OrderAccepted'));
  await db.addPosition(new Position(AUDUSD, traded('BUY', '1000', '0.80010', '1.60')));
  await db.updateActor({
    id: 'A-1',
    save: () => ({ UserState: Buffer.from('text'), raw: Buffer.from([0xff]) }),
  });
  await db.heartbeat(new Date('2026-11-21T00:00:00.123Z'));
  await db.close();
}

const trading = (...args: string[]): Promise<Finished> =>
  signals(['trading', ...args, '--state', url], folder);

describe('signals trading on SQLite', () => {
  beforeEach(async () => {
    url = `sqlite:${join(mkdtempSync(join(folder, 'case-')), 'state.db')}`;
    await fill(url);
  });

  test('status says how much there is of each trader', async () => {
    await fill(url, 'OTHER-1');
    const { code, stdout } = await trading('status', '--format', 'json');
    expect(code).toBe(0);
    const numbers = { orders: 1, orders_open: 1, orders_inflight: 0, orders_emulated: 0 };
    const row = { layout: 'own', accounts: 1, ...numbers, positions: 1, positions_open: 1 };
    expect(JSON.parse(stdout)).toEqual([
      { trader: 'OTHER-1', ...row, heartbeat: '2026-11-21T00:00:00.123Z' },
      { trader: TRADER, ...row, heartbeat: '2026-11-21T00:00:00.123Z' },
    ]);
    const none = await trading('status', '--trader', 'NOBODY', '--format', 'csv');
    expect(none.stdout).toMatch(/^NOBODY,none,0,0,0,0,0,0,0,$/m);
  });

  test('show prints one thing as JSON, with its events', async () => {
    const show = async (kind: string, id: string): Promise<any> =>
      JSON.parse((await trading('show', kind, id)).stdout);
    const [order, position] = await Promise.all([show('order', 'O-1'), show('position', 'P-1')]);
    expect(order.state).toMatchObject({ client_order_id: 'O-1', status: 'ACCEPTED', quantity: '100000' });
    expect(order.events.map(({ type }: { type: string }) => type)).toEqual([
      'OrderInitialized',
      'OrderSubmitted',
      'OrderAccepted',
    ]);
    expect(order.state.ts_init).toMatch(/^2025-11-21T02:40:00\.123456\d\d\dZ$/);
    expect(position.state).toMatchObject({
      side: 'LONG',
      realized_pnl: '-1.60 USD',
      avg_px_open: '0.80010',
    });
    const things = await Promise.all([
      show('account', 'SIM-000'),
      show('instrument', AUDUSD.id),
      show('synthetic', 'BTC-ETH.SYNTH'),
      show('currency', 'AUD'),
      show('actor', 'A-1'),
    ]);
    expect(things).toMatchObject([
      { state: { balances: [{ total: '1000.00' }] } },
      { raw_symbol: 'AUD/USD', info: AUDUSD.info },
      { formula: SYNTHETIC.formula },
      { iso4217: 36 },
      { UserState: 'text', raw: { base64: '/w==' } },
    ]);
  });

  test('verify finds a problem, tells it, and repairs it', async () => {
    expect(await trading('verify')).toMatchObject({
      code: 0,
      stdout: `verify     trader ${TRADER}: 1 orders, 1 positions, 0 problems\n`,
    });
    const backend = await openBackend(CacheDatabaseConfig.fromUrl(url));
    const key = `trader-${TRADER}:index:orders_open`;
    await backend.apply([{ commands: [{ type: 'removeMember', key, member: 'O-1' }] }]);
    await backend.close();
    const found = await trading('verify');
    expect(found).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/misplaced +orders +O-1 +yes +ACCEPTED/),
    });
    expect(errorLine(found)).toMatch(/^1 problems are left .*--repair/);
    expect(await trading('verify', '--repair')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/1 repaired/),
    });
    expect(await trading('verify')).toMatchObject({ code: 0 });
  });

  test('flush removes a trader, or everything, when it is told so twice', async () => {
    await fill(url, 'OTHER-1');
    const refused = await trading('flush', '--trader', 'OTHER-1');
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    expect(errorLine(refused)).toMatch(
      /removes the state of trader "OTHER-1" in "sqlite:.*" for good; say --yes/,
    );
    expect(await trading('flush', '--trader', 'OTHER-1', '--yes')).toMatchObject({ code: 0 });
    const left = await trading('status', '--format', 'csv');
    expect(left.stdout).toMatch(new RegExp(`\\n${TRADER},own,1,1`));
    expect(left.stdout).not.toContain('OTHER-1');
    // Everything is of all traders, and of none where there is none.
    await fill(url, 'OTHER-1');
    expect(await trading('flush', '--all', '--yes')).toMatchObject({ code: 0 });
    expect((await trading('status', '--format', 'json')).stdout).toBe('[]\n');
    expect(await trading('flush', '--all', '--yes')).toMatchObject({ code: 0 });
  });

  test.each([
    ['an order that is not there', ['show', 'order', 'O-9'], 1, /trader "TESTER-000" has no order "O-9"/],
    ['a strategy that kept nothing', ['show', 'strategy', 'S-9'], 1, /has no strategy "S-9"/],
    [
      'a kind that is not known',
      ['show', 'thing', 'x'],
      2,
      /"thing" is nothing that can be shown; choose order/,
    ],
    ['an id that is not synthetic', ['show', 'synthetic', 'X.Y'], 2, /"X\.Y" is not synthetic/],
    [
      'a trader that is needed',
      ['verify', '--state', 'sqlite:EMPTY'],
      2,
      /--trader is needed: there is none/,
    ],
    [
      'a state that is not there',
      ['status', '--state', 'sqlite:no.db'],
      1,
      /there is no trading state "sqlite:no\.db" yet/,
    ],
    [
      'a state that is no place',
      ['status', '--state', 'ftp://x:secret@y'],
      2,
      /"ftp:\/\/\*\*\*@y" is no place for/,
    ],
    [
      'a server that is not there',
      ['status', '--state', 'redis://127.0.0.1:1'],
      1,
      /cannot reach "redis:.*ECONNREFUSED/,
    ],
  ])('%s is one line', async (_what, args, code, message) => {
    const empty = `${url}.empty`;
    await (await openBackend(CacheDatabaseConfig.fromUrl(empty))).close();
    const given = args.map((arg) => (arg === 'sqlite:EMPTY' ? empty : arg));
    const finished = await signals(
      ['trading', ...given, ...(args.includes('--state') ? [] : ['--state', url])],
      folder,
    );
    expect([finished.code, finished.stdout]).toEqual([code, '']);
    expect(errorLine(finished)).toMatch(message);
  });

  test('TRADING_STATE says where, and nothing is made by looking', async () => {
    const place = mkdtempSync(join(folder, 'empty-'));
    const { code } = await signals(['trading', 'status'], place, { TRADING_STATE: url });
    expect(code).toBe(0);
    const missing = await signals(['trading', 'status'], place, { TRADING_STATE: '' });
    expect(errorLine(missing)).toBe('there is no trading state "sqlite:data/cache/trading.db" yet');
    expect(readdirSync(place)).toEqual([]);
  });
});

describeWith('Redis', 'signals trading on Redis', () => {
  const redis = useRedis();
  test('does the same', async () => {
    url = redis.server().url;
    await fill(url);
    expect((await trading('status', '--format', 'csv')).stdout).toMatch(
      new RegExp(`\\n${TRADER},own,1,1,1,0,0,1,1,`),
    );
    expect(JSON.parse((await trading('show', 'order', 'O-1')).stdout).state.status).toBe('ACCEPTED');
    expect(await trading('verify')).toMatchObject({ code: 0 });
    expect(await trading('flush', '--yes')).toMatchObject({ code: 0 });
    expect((await trading('status', '--format', 'json')).stdout).toBe('[]\n');
  });
});
