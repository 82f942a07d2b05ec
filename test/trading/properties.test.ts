import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AtomicWrite, Outcome, StateBackend } from '../../jobs/trading/backend/backend.ts';
import { MemoryBackend } from '../../jobs/trading/backend/memory.ts';
import { openBackend } from '../../jobs/trading/backend/open-backend.ts';
import { Codec } from '../../jobs/trading/codec/codec.ts';
import { CacheDatabaseConfig } from '../../jobs/trading/config.ts';
import {
  add,
  compare,
  decimal,
  divide,
  formatDecimal,
  multiply,
  negate,
  subtract,
  ZERO,
} from '../../jobs/trading/domain/decimal.ts';
import { formatIso, parseNanoseconds } from '../../jobs/trading/domain/nanoseconds.ts';
import { Order } from '../../jobs/trading/domain/order.ts';
import { Position } from '../../jobs/trading/domain/position.ts';
import { decodeId, encodeId } from '../../jobs/trading/keys.ts';
import { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { describeWith } from '../support/describe-with.ts';
import { temporaryFolder } from '../support/folders.ts';
import { useRedis } from '../support/redis.ts';
import { newBook, storeBook, take, traces, type Book } from '../support/trading-traces.ts';
import { AUDUSD, contents, initialized, traded, TRADER } from '../support/trading.ts';

const folder = temporaryFolder();

const decimals = fc
  .record({ units: fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), scale: fc.nat(20) })
  .map((value) => decimal(formatDecimal(value)));

describe('decimals', () => {
  test('come back from their text, sign, zeros and all', () => {
    fc.assert(
      fc.property(decimals, (a) => {
        expect(decimal(formatDecimal(a))).toEqual(a);
      }),
    );
  });

  test('follow the laws of arithmetic exactly', () => {
    fc.assert(
      fc.property(decimals, decimals, decimals, (a, b, c) => {
        expect(compare(subtract(add(a, b), b), a)).toBe(0);
        expect(compare(multiply(a, add(b, c)), add(multiply(a, b), multiply(a, c)))).toBe(0);
        expect(compare(a, b)).toBe(-compare(b, a) + 0);
      }),
    );
  });

  test('a quotient is the nearest number with 18 digits', () => {
    const half = decimal('0.0000000000000000005');
    fc.assert(
      fc.property(decimals, decimals, (a, b) => {
        fc.pre(b.units !== 0n);
        const rest = subtract(a, multiply(divide(a, b), b));
        const size = rest.units < 0n ? negate(rest) : rest;
        const bound = multiply(b.units < 0n ? negate(b) : b, half);
        expect(compare(size, bound)).toBeLessThanOrEqual(0);
      }),
    );
  });
});

test('timestamps come back from integers, digits and ISO 8601', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (ns) => {
      expect([parseNanoseconds(ns), parseNanoseconds(String(ns)), parseNanoseconds(formatIso(ns))]).toEqual([
        ns,
        ns,
        ns,
      ]);
    }),
  );
});

test('ids come back from keys, and never hold what separates or matches keys', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (id) => {
      expect(encodeId(id)).not.toMatch(/[:*?[\]{}\\]/);
      expect(decodeId(encodeId(id))).toBe(id);
    }),
  );
});

test('a list without texts is empty, also where texts are joined with commas', () => {
  for (const nestedAsJson of [false, true]) {
    const codec = new Codec({ timestamps: 'text', nestedAsJson });
    const first = initialized('O-1', { tags: [], linkedOrderIds: null });
    expect(codec.decode('order', codec.encode('order', first), 'O-1')).toEqual(first);
  }
});

describe('orders', () => {
  test('the log is all there is: an order rebuilt from it is the same, and what is refused leaves no trace', () => {
    const formats = [
      { timestamps: 'text', nestedAsJson: false },
      { timestamps: 'integer', nestedAsJson: false },
      { timestamps: 'iso8601', nestedAsJson: true },
    ] as const;
    const codecs = formats.map((format) => new Codec(format));
    let refused = 0;
    fc.assert(
      fc.property(traces, (steps) => {
        const book = newBook();
        for (const step of steps) if (!take(step, book)) refused += 1;
        for (const order of book.orders) {
          for (const codec of codecs) {
            const events = order.events.map((item) =>
              codec.decode('order', codec.encode('order', item), order.id),
            );
            expect(events).toEqual(order.events);
            expect(contents(Order.replay(events))).toEqual(contents(order));
          }
        }
      }),
    );
    expect(refused).toBeGreaterThan(100);
  });

  test('filled and left are never negative and make up the quantity', () => {
    fc.assert(
      fc.property(traces, (steps) => {
        const book = newBook();
        for (const step of steps) {
          take(step, book);
          const { quantity, filledQty, leavesQty, overfillQty } = book.orders[step.who]!.state;
          expect(compare(add(filledQty, leavesQty), add(quantity, overfillQty))).toBe(0);
          expect(leavesQty.units >= 0n && overfillQty.units >= 0n).toBe(true);
        }
      }),
    );
  });
});

describe('positions', () => {
  const fills = fc.array(
    fc.record({
      isBuy: fc.boolean(),
      qty: fc.integer({ min: 1, max: 999 }),
      px: fc.integer({ min: 1, max: 99_999 }),
    }),
    { minLength: 1, maxLength: 40 },
  );

  test('over all cycles the profit of a position that ends flat is exactly the money that came in', () => {
    fc.assert(
      fc.property(fills, (trades) => {
        let cash = ZERO;
        let net = 0;
        let profit = ZERO;
        let position: Position | undefined;
        const trade = (isBuy: boolean, qty: number, px: string): void => {
          const fill = traded(isBuy ? 'BUY' : 'SELL', String(qty), px, '0.37');
          const value = multiply(fill.lastPx, fill.lastQty);
          cash = subtract(add(cash, isBuy ? negate(value) : value), fill.commission!.amount);
          net += isBuy ? qty : -qty;
          if (position === undefined) {
            position = new Position(AUDUSD, fill);
            return;
          }
          const before = position.lastClosed;
          position.apply(fill);
          if (position.lastClosed !== before) profit = add(profit, position.lastClosed!.realizedPnl.amount);
          expect(formatDecimal(position.state.signedQty)).toBe(String(net));
          expect(position.state.side).toBe(net === 0 ? 'FLAT' : net > 0 ? 'LONG' : 'SHORT');
        };
        for (const { isBuy, qty, px } of trades) trade(isBuy, qty, `1.${String(px).padStart(5, '0')}`);
        if (net !== 0) trade(net < 0, Math.abs(net), '1.23456');
        expect(compare(add(profit, position!.state.realizedPnl.amount), cash)).toBe(0);
        expect(contents(Position.replay(AUDUSD, position!.events))).toEqual(contents(position!));
      }),
    );
  });
});

async function runTrace(backend: StateBackend, steps: Parameters<typeof take>[0][]): Promise<Book> {
  const db = await TradingStateDatabase.open(TRADER, new CacheDatabaseConfig({ type: 'memory' }), {
    backend,
  });
  const book = newBook();
  await storeBook(book, db);
  for (const step of steps) take(step, book, db);
  await db.sync();
  return book;
}

async function expectBook(backend: StateBackend, { orders, positions }: Book): Promise<void> {
  const db = await TradingStateDatabase.open(TRADER, new CacheDatabaseConfig({ type: 'memory' }), {
    backend,
  });
  const state = await db.loadAll();
  for (const order of orders) expect(contents(state.orders.get(order.id))).toEqual(contents(order));
  expect(state.positions.size).toBe(positions.size);
  for (const [id, position] of positions)
    expect(contents(state.positions.get(id))).toEqual(contents(position));
  expect((await db.verify()).problems).toEqual([]);
}

/** All keys with what they hold, without snapshots, whose ids are random. */
async function dump(backend: StateBackend): Promise<Record<string, unknown>> {
  const keys = (await backend.scan('')).filter((key) => !key.includes(':snapshots:')).toSorted();
  const content: Record<string, unknown> = {};
  for (const key of keys) {
    for (const type of ['string', 'list', 'hash', 'set'] as const) {
      const [stored] = await backend.read([{ type, key }]);
      if (stored!.type === 'error') continue;
      const { value } = stored!;
      if (value instanceof Uint8Array) content[key] = Buffer.from(value).toString('hex');
      else if (value instanceof Set && value.size > 0) content[key] = [...value].toSorted();
      else if (value instanceof Map && value.size > 0) {
        content[key] = Object.fromEntries(
          [...value].map(([name, item]) => [name, Buffer.from(item).toString('hex')]),
        );
      } else if (Array.isArray(value) && value.length > 0) {
        content[key] = value.map((item) => Buffer.from(item as Uint8Array).toString('hex'));
      }
    }
  }
  return content;
}

function keepsEveryTrace(connect: () => Promise<StateBackend>, runs: number): void {
  test('what is loaded is what was in memory, and what memory keeps of the same trace is the same', async () => {
    await fc.assert(
      fc.asyncProperty(traces, async (steps) => {
        const backend = await connect();
        const book = await runTrace(backend, steps);
        await expectBook(backend, book);
        const memory = new MemoryBackend();
        const db = await TradingStateDatabase.open(TRADER, new CacheDatabaseConfig({ type: 'memory' }), {
          backend: memory,
        });
        await db.addInstrument(AUDUSD);
        for (const order of book.orders) await db.addOrder(order);
        for (const position of book.positions.values()) await db.addPosition(position);
        expect(await dump(backend)).toEqual(await dump(memory));
        await backend.close();
      }),
      { numRuns: runs },
    );
  });
}

describe('memory', () => {
  keepsEveryTrace(async () => new MemoryBackend(), 50);
});

describe('SQLite', () => {
  keepsEveryTrace(
    () =>
      openBackend(
        new CacheDatabaseConfig({ path: join(folder, `${randomUUID()}.db`), synchronous: 'NORMAL' }),
      ),
    20,
  );
});

describeWith('Redis', 'Redis', () => {
  const redis = useRedis();
  keepsEveryTrace(async () => {
    const backend = await openBackend(new CacheDatabaseConfig({ type: 'redis', port: redis.server().port }));
    await backend.clear();
    return backend;
  }, 20);
});

/** A process that dies after so many writes: the rest never happens, and nobody hears of it. */
function dyingAfter(backend: StateBackend, writes: number): StateBackend {
  let left = writes;
  return {
    url: backend.url,
    async apply(all: readonly AtomicWrite[]): Promise<readonly Outcome[]> {
      const some = all.slice(0, left);
      left -= some.length;
      const outcomes = await backend.apply(some);
      return some.length === all.length ? outcomes : new Promise<never>(() => {});
    },
    read: (requests) => backend.read(requests),
    scan: (prefix) => backend.scan(prefix),
    clear: () => backend.clear(),
    ready: () => backend.ready(0),
    close: () => backend.close(),
  };
}

test('a crash between any two writes leaves beginnings of the logs, and indexes that agree with them', async () => {
  await fc.assert(
    fc.asyncProperty(traces, fc.nat(70), async (steps, writes) => {
      const memory = new MemoryBackend();
      const config = new CacheDatabaseConfig({ type: 'memory' });
      const db = await TradingStateDatabase.open(TRADER, config, { backend: dyingAfter(memory, writes) });
      const book = newBook();
      void storeBook(book, db);
      for (const step of steps) take(step, book, db);
      // Everything that happens at all has happened after a turn of the event loop.
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      const survivor = await TradingStateDatabase.open(TRADER, config, { backend: memory });
      const { orders, positions } = await survivor.loadAll();
      expect([...orders.errors, ...positions.errors]).toEqual([]);
      for (const { id, events } of orders.values()) {
        const whole = book.orders.find((order) => order.id === id)!.events;
        expect(events).toEqual(whole.slice(0, events.length));
      }
      expect((await survivor.verify()).problems).toEqual([]);
    }),
  );
});
