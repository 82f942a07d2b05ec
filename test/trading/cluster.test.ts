import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CacheDatabaseConfig, type CacheDatabaseSettings } from '../../jobs/trading/config.ts';
import { ConfigError } from '../../jobs/trading/errors.ts';
import { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { signals } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startRedisCluster, type RedisCluster } from '../support/redis-cluster.ts';
import { AUDUSD, event, filled, orderAfter, TRADER } from '../support/trading.ts';

const folder = temporaryFolder();

/* What a serverless cache on AWS asks of its clients: keys of one script in one slot, a user with few rights, TLS. */
describeWith('Redis', 'a cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster(folder);
  }, 30_000);
  afterAll(() => cluster?.server.kill());

  const open = (settings: CacheDatabaseSettings = {}): Promise<TradingStateDatabase> => {
    const { server, user: username, password } = cluster;
    const place = { type: 'redis', port: server.port, username, password, useHashTag: true } as const;
    return TradingStateDatabase.open(TRADER, new CacheDatabaseConfig({ ...place, ...settings }));
  };

  test('refuses keys of different slots, and the error says what to set', async () => {
    const db = await open({ useHashTag: false });
    const order = orderAfter('O-1', 'OrderSubmitted');
    await expect(db.addOrder(order)).rejects.toThrow(
      /is a cluster; set useHashTag to keep the keys together/,
    );
    await expect(db.sync()).rejects.toThrow(ConfigError);
    expect((await db.loadOrders()).size).toBe(0);
    await db.close();
  });

  test('with a hash tag takes every kind of write, loads, verifies and flushes', async () => {
    const db = await open();
    const orders = Array.from({ length: 100 }, (_, index) => orderAfter(`O-${index}`, 'OrderSubmitted'));
    await db.addInstrument(AUDUSD);
    await Promise.all(orders.map((order) => db.addOrder(order, { positionId: 'P-1', clientId: 'C-1' })));
    for (const order of orders) order.apply(event(order.id, 'OrderAccepted'));
    await Promise.all(orders.map((order) => db.updateOrder(order)));
    for (const order of orders) order.apply(filled(order.id, '1000', '0.80010'));
    await Promise.all(orders.map((order) => db.updateOrder(order)));
    await db.snapshotOrderState(orders[0]!);
    await db.updateActor({ id: 'A-1', save: () => ({ state: Buffer.from('x') }) });
    await db.heartbeat(new Date('2026-11-21T00:00:00Z'));
    await db.deleteOrder('O-99');
    await db.close();

    const again = await open();
    const loaded = await again.loadAll();
    expect([...loaded.orders.keys()].toSorted()).toEqual(
      orders
        .slice(0, 99)
        .map(({ id }) => id)
        .toSorted(),
    );
    expect(loaded.orders.get('O-7')!.state).toEqual(orders[7]!.state);
    expect(loaded.instruments.get(AUDUSD.id)).toEqual(AUDUSD);
    expect((await again.verify()).problems).toEqual([]);
    await again.flush();
    expect((await again.loadOrders()).size).toBe(0);
    await again.close();
  });

  test('the rights of its user do not reach to other keys or to everything', async () => {
    const db = await open();
    await expect(db.flush({ scope: 'database' })).rejects.toThrow(/NOPERM.*flushdb/i);
    await expect(db.close()).rejects.toThrow(/NOPERM.*flushdb/i);
    const other = open({ useTraderPrefix: false });
    await expect(other).rejects.toThrow(/refuses these credentials: NOPERM/);
  });

  describe('over TLS, with the password in a variable of its own', () => {
    const status = (variables: Record<string, string>, ...args: string[]): ReturnType<typeof signals> => {
      const { user, tlsPort, certificate } = cluster;
      return signals(['trading', 'status', '--trader', TRADER, '--format', 'json', ...args], folder, {
        TRADING_STATE: `rediss://${user}@localhost:${tlsPort}?useHashTag=true`,
        NODE_EXTRA_CA_CERTS: certificate,
        ...variables,
      });
    };

    test('the command finds the state', async () => {
      const db = await open();
      await db.addOrder(orderAfter('O-1', 'OrderSubmitted'));
      await db.close();
      const { code, stdout, stderr } = await status({ TRADING_STATE_PASSWORD: cluster.password });
      expect([code, stderr]).toEqual([0, '']);
      expect(JSON.parse(stdout)).toMatchObject([{ trader: TRADER, layout: 'own', orders: 1 }]);
    });

    test('a wrong password is said, and not shown; another place does not get it', async () => {
      const wrong = await status({ TRADING_STATE_PASSWORD: 'not-the-one' });
      expect(wrong.code).toBe(2);
      expect(wrong.stderr).toMatch(/refuses these credentials/);
      expect(wrong.stderr).not.toContain('not-the-one');
      const { user, tlsPort } = cluster;
      const elsewhere = `rediss://${user}@127.0.0.1:${tlsPort}?useHashTag=true`;
      const other = await status({ TRADING_STATE_PASSWORD: cluster.password }, '--state', elsewhere);
      expect(other.code).toBe(2);
      expect(other.stderr).toMatch(/NOAUTH/);
    });

    test('a certificate that nobody vouches for is refused', async () => {
      const { code, stderr } = await status({
        TRADING_STATE_PASSWORD: cluster.password,
        NODE_EXTRA_CA_CERTS: '',
      });
      expect(code).toBe(1);
      expect(stderr).toMatch(/self-signed certificate/);
    });
  });
});
