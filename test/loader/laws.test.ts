import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { NEW_LISTING, type KnownListing } from '../../jobs/lake/listings.ts';
import type { StoredBar } from '../../jobs/lake/stored-prices.ts';
import { planLoad } from '../../jobs/loader/plan.ts';
import { compareWithStored } from '../../jobs/loader/restatement.ts';
import { countSessions, findGaps, findStale, recentDays } from '../../jobs/loader/sessions.ts';
import type { Bar } from '../../jobs/market/bar.ts';
import { CircuitBreaker } from '../../jobs/market/circuit-breaker.ts';
import { findCliffs } from '../../jobs/market/cliff.ts';
import { parsePrices } from '../../jobs/market/csv.ts';
import { cleanBars } from '../../jobs/market/sanity.ts';
import { addDays } from '../../jobs/runtime/dates.ts';
import { sampleFolder } from '../support/folders.ts';

/* What must always hold of the pure parts that decide on an answer. */

const price = fc.option(fc.double({ min: -1, max: 1000, noNaN: true }), { freq: 8, nil: null });
const rawBars: fc.Arbitrary<Bar[]> = fc
  .array(
    fc.record({
      open: price,
      high: price,
      low: price,
      close: price,
      adjClose: price,
      volume: price,
      dividend: fc.option(fc.double({ min: 0.01, max: 1, noNaN: true }), { freq: 1, nil: null }),
      split: fc.constant(null),
    }),
    { maxLength: 30 },
  )
  .map((bars) => bars.map((bar, index) => ({ ...bar, date: addDays('2024-01-01', index) })));

/** Closes of a walk whose days move by less than a fifth, with ordinary days around them. */
const walk: fc.Arbitrary<Bar[]> = fc
  .array(fc.double({ min: -0.18, max: 0.18, noNaN: true }), { minLength: 15, maxLength: 60 })
  // Every price moves a little on some day.
  .map((moves) => [0, 0.001, ...moves])
  .map((moves) => {
    let close = 50;
    return moves.map((move, index) => {
      close *= 1 + move;
      return {
        date: addDays('2024-01-01', index),
        open: close,
        high: close * 1.01,
        low: close * 0.99,
        close,
        adjClose: close,
        volume: 1000,
        dividend: null,
        split: null,
      };
    });
  });

const scaled = (bars: readonly Bar[], factor: number): Bar[] =>
  bars.map((bar) => ({
    ...bar,
    open: bar.open! * factor,
    high: bar.high! * factor,
    low: bar.low! * factor,
    close: bar.close! * factor,
    adjClose: bar.adjClose! * factor,
  }));

describe('cleanBars', () => {
  test('keeps only possible prices that agree with each other, and cleaning again changes nothing', () => {
    fc.assert(
      fc.property(rawBars, (bars) => {
        const { bars: kept, missing, rejected } = cleanBars(bars);
        for (const { open, high, low, close, volume } of kept) {
          for (const value of [open, high, low, close]) expect(value === null || value > 0).toBe(true);
          expect(volume === null || volume >= 0).toBe(true);
          if (low !== null && high !== null) expect(low).toBeLessThanOrEqual(high * 1.002);
          if (low !== null && close !== null) expect(low).toBeLessThanOrEqual(close * 1.002);
        }
        const withClose = kept.filter(({ close }) => close !== null).length;
        expect(withClose + missing.length + rejected).toBe(bars.length);
        expect(cleanBars(kept).bars).toEqual(kept);
      }),
    );
  });
});

describe('compareWithStored', () => {
  const stored = (bars: readonly Bar[]): StoredBar[] =>
    bars.map(({ date, close, adjClose, dividend, split }) => ({ date, close, adjClose, dividend, split }));

  test('finds no restatement in the same bars, and the ratio of any other', () => {
    fc.assert(
      fc.property(walk, fc.double({ min: 0.01, max: 10, noNaN: true }), (bars, factor) => {
        expect(compareWithStored(bars, stored(bars))).toEqual({ reason: undefined, ratio: 1, splits: 1 });
        const { reason, ratio } = compareWithStored(scaled(bars, factor), stored(bars));
        expect(ratio).toBeCloseTo(factor, 9);
        if (Math.abs(factor - 1) > 1e-4) expect(reason).toMatch(/^closes are /);
      }),
    );
  });

  test('repairs of bars but the oldest are no restatement', () => {
    fc.assert(
      fc.property(walk, fc.double({ min: 0.5, max: 2, noNaN: true }), (bars, factor) => {
        const repaired = [...bars.slice(0, 2), ...scaled(bars.slice(2), factor)];
        expect(compareWithStored(repaired, stored(bars)).reason).toBeUndefined();
      }),
    );
  });

  test('nothing in the lake is nothing to restate', () => {
    fc.assert(fc.property(rawBars, (bars) => expect(compareWithStored(bars, []).reason).toBeUndefined()));
  });
});

describe('findCliffs', () => {
  test('an ordinary walk has none, whatever it is quoted in', () => {
    fc.assert(
      fc.property(walk, fc.double({ min: 1e-3, max: 1e4, noNaN: true }), (bars, factor) => {
        expect(findCliffs(scaled(bars, factor))).toEqual([]);
      }),
    );
  });

  test('a split that was not applied, and a change of the unit, are found where they are', () => {
    fc.assert(
      fc.property(
        walk,
        fc.constantFrom(2, 3, 4, 10, 100, 0.5, 0.25, 0.01),
        fc.nat(),
        (bars, factor, seed) => {
          const at = 11 + (seed % (bars.length - 12));
          // The day itself is a quiet one.
          const flat = { ...bars[at - 1]!, date: bars[at]!.date };
          const quiet = [...bars.slice(0, at), flat, ...bars.slice(at + 1)];
          const [cliff] = findCliffs([...quiet.slice(0, at), ...scaled(quiet.slice(at), factor)]);
          expect(cliff).toMatchObject({ date: bars[at]!.date, ratio: expect.closeTo(factor, 9) });
        },
      ),
    );
  });

  test('a price of few ticks that doubles has none', () => {
    const closes = [0.01, 0.02, 0.01, 0.01, 0.02, 0.01, 0.02, 0.02, 0.01, 0.02, 0.01, 0.02];
    const bars = closes.map((close, index) => {
      const prices = { open: close, high: close, low: close, close, adjClose: close };
      return { ...prices, date: addDays('2024-01-01', index), volume: 1, dividend: null, split: null };
    });
    expect(findCliffs(bars)).toEqual([]);
  });

  test.each(readdirSync(sampleFolder).filter((file) => /^[A-Z]+\.csv$/.test(file)))(
    'none in the years of %s',
    (file) => {
      const parsed = parsePrices(readFileSync(join(sampleFolder, file), 'utf8'), file);
      if (parsed.kind !== 'ok') throw new Error(parsed.kind);
      expect(parsed.bars.length).toBeGreaterThan(1000);
      const { bars, rejected } = cleanBars(parsed.bars);
      expect({ rejected, cliffs: findCliffs(bars) }).toEqual({ rejected: 0, cliffs: [] });
    },
  );
});

describe('planLoad', () => {
  const date = fc.integer({ min: 0, max: 800 }).map((days) => addDays('2022-01-01', days));
  const listing: fc.Arbitrary<KnownListing> = fc
    .record({
      a: date,
      b: date,
      refreshedOn: fc.option(date),
      absent: fc.option(fc.record({ days: fc.integer({ min: 1, max: 5 }), last: date })),
    })
    .map(({ a, b, refreshedOn, absent }) => ({
      ...NEW_LISTING,
      first: a < b ? a : b,
      last: a < b ? b : a,
      isGood: true,
      refreshedOn,
      absent,
    }));

  test('every ticker is asked for or skipped, once; what is asked reaches the end and no further back than needed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(listing), { maxLength: 40 }),
        fc.boolean(),
        date,
        (listings, isRoutine, today) => {
          const tickers = listings.map((_, index) => `T${index}`);
          const known = new Map<string, KnownListing>(
            listings.flatMap((one, index) => (one === null ? [] : [[`T${index}`, one] as const])),
          );
          const end = addDays(today, 1);
          const range = { start: addDays(end, -14), end };
          const { asks, skips, history } = planLoad(
            { tickers, range, isRoutine, historyStart: undefined, today },
            known,
          );
          // Where the lake starts is where every history is to begin.
          expect(history === undefined || isRoutine).toBe(true);
          const start = history?.date ?? range.start;
          expect([...asks, ...skips].map(({ ticker }) => ticker).toSorted()).toEqual(tickers.toSorted());
          for (const { ticker, range: asked } of asks) {
            expect(asked.start <= range.start).toBe(true);
            expect(asked.end >= range.end).toBe(true);
            const first = known.get(ticker)?.first ?? range.start;
            const behind = addDays(known.get(ticker)?.last ?? end, -24);
            const before = [first, range.start, start, behind].toSorted()[0]!;
            expect(asked.start >= before).toBe(true);
          }
          for (const { ticker } of skips) expect(known.get(ticker)!.absent!.days).toBeGreaterThanOrEqual(3);
        },
      ),
    );
  });
});

describe('sessions', () => {
  const end = '2024-03-23';
  const closes = fc.array(
    fc.record({ exchange: fc.constantFrom('A', 'B'), days: fc.integer({ min: 0, max: 2 ** 30 - 1 }) }),
    { maxLength: 40 },
  );

  test('counts are of the tickers that have a close on the day', () => {
    fc.assert(
      fc.property(closes, (drawn) => {
        const tickers = drawn.map((one, index) => ({ ticker: `T${index}`, ...one }));
        for (const { exchange, tickers: count, closes: byDate } of countSessions(tickers, end)) {
          const own = tickers.filter((one) => one.exchange === exchange);
          expect(count).toBe(own.length);
          for (const [date, number] of Object.entries(byDate)) {
            const bit = recentDays([date], end);
            expect(number).toBe(own.filter(({ days }) => (days & bit) !== 0).length);
          }
        }
        for (const { date, lacking } of findGaps(tickers, end)) {
          const bit = recentDays([date], end);
          for (const ticker of lacking)
            expect(tickers.find((one) => one.ticker === ticker)!.days & bit).toBe(0);
        }
      }),
    );
  });

  test('who has the newest close is not stale', () => {
    fc.assert(
      fc.property(closes, (drawn) => {
        const tickers = drawn.map((one, index) => ({ ticker: `T${index}`, ...one }));
        for (const ticker of findStale(tickers)) {
          expect(tickers.find((one) => one.ticker === ticker)!.days & 1).toBe(0);
        }
      }),
    );
  });
});

describe('CircuitBreaker', () => {
  test('pauses double up to the longest, then it stops; an answer starts over', () => {
    const breaker = new CircuitBreaker(1000, 5000, 6);
    const refuse = (retryAfterMs = 0): unknown => breaker.note('rate-limited', breaker.period, retryAfterMs);
    expect([refuse(), refuse(), refuse(), refuse()]).toEqual(
      [1000, 2000, 4000, 5000].map((pauseMs) => ({ pauseMs })),
    );
    expect(breaker.isProbing).toBe(true);
    expect(breaker.note('ok', breaker.period)).toBeUndefined();
    expect(breaker.isProbing).toBe(false);
    expect(refuse(9000)).toEqual({ pauseMs: 9000 });
    for (let pause = 2; pause < 6; pause += 1) refuse();
    expect(refuse()).toBe('stop');
  });

  test('refusals of requests from before a pause do not count again', () => {
    const breaker = new CircuitBreaker(1000, 5000, 3);
    const { period } = breaker;
    expect(breaker.note('blocked', period)).toEqual({ pauseMs: 1000 });
    for (let late = 0; late < 10; late += 1) expect(breaker.note('blocked', period)).toBeUndefined();
    expect(breaker.note('rate-limited', period, 7000)).toEqual({ pauseMs: 7000 });
  });

  test('a network that is away pauses like a refusal', () => {
    const breaker = new CircuitBreaker(1000, 5000, 3);
    const consequences = Array.from({ length: 60 }, () => breaker.note('transient', breaker.period));
    expect(consequences.filter(Boolean)).toEqual([{ pauseMs: 1000 }, { pauseMs: 2000 }, 'stop']);
  });
});
