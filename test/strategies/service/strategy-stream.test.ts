import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toDay } from '../../../jobs/runtime/dates.ts';
import { CacheUnavailableError } from '../../../jobs/store/errors.ts';
import { MemoryLevel } from '../../../jobs/store/memory-level.ts';
import { RollingBasket } from '../../../jobs/strategies/basket.ts';
import type { StrategyContext } from '../../../jobs/strategies/context.ts';
import {
  strategyStream,
  type Close,
  type LiveLevel,
} from '../../../jobs/strategies/service/strategy-stream.ts';
import { getSingleStockStrategy } from '../../../jobs/strategies/single-stock.ts';
import type { Strategy } from '../../../jobs/strategies/strategy.ts';
import { serviceOf } from '../../support/built-strategies.ts';
import { breakableLevel, cacheOver, testClock } from '../../support/caches.ts';
import { contextOf, dateAt, type Figures } from '../../support/strategies.ts';

const BASKET = 'A AND B';

function basket(context: StrategyContext): Strategy {
  const components = ['A', 'B'].map((exchangeTicker) => getSingleStockStrategy({ exchangeTicker }, context));
  return new RollingBasket(
    components,
    { name: BASKET, weights: [0.5, 0.5], schedule: { firstOf: 'month' } },
    context,
  );
}

async function* closesOf(stocks: Readonly<Record<string, Figures>>, from: number): AsyncIterable<Close> {
  const { length } = stocks['A']!.close;
  for (let index = from; index < length; index += 1) {
    const bars = Object.entries(stocks).map(([ticker, { close, volume, dividend, split }]) => {
      const [price, traded, paid, ratio] = [close[index], volume?.[index], dividend?.[index], split?.[index]];
      const bar = {
        ...(price === null || price === undefined ? {} : { close: price }),
        ...(traded === null || traded === undefined ? {} : { volume: traded }),
        ...(paid === undefined ? {} : { dividend: paid }),
        ...(ratio === undefined ? {} : { split: ratio }),
      };
      return [ticker, bar] as const;
    });
    yield { date: dateAt(index), bars: new Map(bars) };
  }
}

test('a strategy that runs live has the levels of one that is built up to each close, and is cached at each', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 10, max: 99 }), fc.integer({ min: 10, max: 99 })), {
        minLength: 3,
        maxLength: 60,
      }),
      fc.integer({ min: 1, max: 2 }),
      async (prices, known) => {
        const stocks = {
          A: { close: prices.map(([a]) => a), dividend: { [prices.length - 1]: 0.5 } },
          B: { close: prices.map(([, b]) => b) },
        };
        const context = contextOf(stocks, { envDate: dateAt(known - 1) });
        const { cache } = cacheOver(new MemoryLevel(2 ** 26), testClock());
        const levels: LiveLevel[] = [];
        const stream = strategyStream({
          context,
          create: basket,
          closes: closesOf(stocks, known),
          serviceOf: (envDate) => serviceOf(cache, { envDate }),
          events: cache.events,
        });
        for await (const level of stream) levels.push(level);

        const whole = await basket(contextOf(stocks, { envDate: dateAt(prices.length - 1) })).history();
        expect(levels.map(({ asOf }) => toDay(asOf))).toEqual([...whole.dates.slice(known)]);
        expect(levels.map(({ level }) => level)).toEqual([...whole.levels.slice(known)]);
        for (const [index, { asOf, level, change }] of levels.entries()) {
          expect(change).toBe(level - whole.levels[known + index - 1]!);
          const kept = (await serviceOf(cache, { envDate: asOf }).getStrategyByName(BASKET))!;
          expect((await kept.history()).levels.at(-1)).toBe(level);
        }
      },
    ),
    { numRuns: 20 },
  );
});

test('a close that is not later than the one before is refused', async () => {
  const stocks = { A: { close: [1, 2, 3] }, B: { close: [1, 2, 3] } };
  const { cache } = cacheOver(new MemoryLevel(2 ** 24), testClock());
  const stream = strategyStream({
    context: contextOf(stocks, { envDate: dateAt(1) }),
    create: basket,
    closes: closesOf(stocks, 1),
    serviceOf: (envDate) => serviceOf(cache, { envDate }),
    events: cache.events,
  });
  await expect(
    (async () => {
      for await (const _ of stream);
    })(),
  ).rejects.toThrow(/close of 2020-01-02 comes after that of 2020-01-02/);
});

describe('over splits', () => {
  /** As they are on their days; the second of them is the last before the stream. */
  const live: Figures = {
    close: [100, 102, 51, 52, 13, 13.5],
    volume: [10, 20, 40, 50, 200, 210],
    dividend: { 1: 1, 3: 0.5, 5: 0.25 },
    split: { 2: 2, 4: 4 },
  };
  /** As a lake has them that was loaded afterwards. */
  const loaded: Figures = {
    close: [12.5, 12.75, 12.75, 13, 13, 13.5],
    volume: [80, 160, 160, 200, 200, 210],
    dividend: { 1: 0.125, 3: 0.125, 5: 0.25 },
    split: { 2: 2, 4: 4 },
  };
  const before = { close: live.close.slice(0, 2), volume: live.volume!.slice(0, 2), dividend: { 1: 1 } };
  const end = dateAt(5);

  async function streamed(basis: 'adjusted' | 'raw', context: StrategyContext): Promise<StrategyContext[]> {
    const { cache } = cacheOver(new MemoryLevel(2 ** 24), testClock());
    const contexts: StrategyContext[] = [];
    const levels: LiveLevel[] = [];
    const stock = (of: StrategyContext): Strategy =>
      getSingleStockStrategy({ exchangeTicker: 'A', basis, mode: 'payDate', payLag: 1 }, of);
    const stream = strategyStream({
      context,
      create: (of) => {
        contexts.push(of);
        return stock(of);
      },
      closes: closesOf({ A: live }, 2),
      serviceOf: (envDate) => serviceOf(cache, { envDate }),
      events: cache.events,
    });
    for await (const level of stream) levels.push(level);
    const whole = (await stock(contextOf({ A: loaded }, { envDate: end })).build()).state();
    expect(levels.map(({ level }) => level)).toEqual([...whole.series.levels.slice(2)]);
    const kept = await serviceOf(cache, { envDate: end }).getStrategyByName('A REINV STRATEGY');
    expect(kept!.state()).toEqual(whole);
    return contexts;
  }

  test.each(['adjusted', 'raw'] as const)(
    'it has the history of one that is built afterwards, on the %s basis',
    async (basis) => {
      const contexts = await streamed(basis, contextOf({ A: before }, { envDate: dateAt(1) }));
      const afterwards = contextOf({ A: loaded }, { envDate: end }).prices;
      expect((await contexts.at(-1)!.prices.read(['A'], { end })).get('A')).toEqual(
        (await afterwards.read(['A'], { end })).get('A'),
      );
    },
  );

  test('a load meanwhile that restates what came before does not split it twice', async () => {
    const { prices, ...context } = contextOf({ A: before }, { envDate: dateAt(1) });
    const restated = contextOf({ A: loaded }, { envDate: dateAt(1) }).prices;
    const reads = [prices];
    await streamed('adjusted', {
      ...context,
      prices: { read: (...range) => (reads.pop() ?? restated).read(...range) },
    });
  });
});

test('with the caches away it goes on, and says what was not kept', async () => {
  const durable = breakableLevel(new MemoryLevel(2 ** 24));
  durable.failure = new CacheUnavailableError('away');
  const { cache, count } = cacheOver(durable, testClock());
  const stocks = { A: { close: [1, 2, 4] }, B: { close: [1, 2, 4] } };
  const levels: number[] = [];
  const stream = strategyStream({
    context: contextOf(stocks, { envDate: dateAt(0) }),
    create: basket,
    closes: closesOf(stocks, 1),
    serviceOf: (envDate) => serviceOf(cache, { envDate }),
    events: cache.events,
  });
  for await (const { level } of stream) levels.push(level);
  expect([levels, count('error')]).toEqual([[2000, 4000], 2]);
});
