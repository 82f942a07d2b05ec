import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toDay } from '../../../jobs/runtime/dates.ts';
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
import { cacheOver, testClock } from '../../support/caches.ts';
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
    const bars = Object.entries(stocks).map(([ticker, { close, dividend }]) => {
      const [price, paid] = [close[index], dividend?.[index]];
      const bar = {
        ...(price === null || price === undefined ? {} : { close: price }),
        ...(paid === undefined ? {} : { dividend: paid }),
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
  });
  await expect(
    (async () => {
      for await (const _ of stream);
    })(),
  ).rejects.toThrow(/close of 2020-01-02 comes after that of 2020-01-02/);
});
