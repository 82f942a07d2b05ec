import { describe, expect, test } from '@jest/globals';
import { toDay } from '../../jobs/runtime/dates.ts';
import { RollingBasket, type BasketTerms } from '../../jobs/strategies/basket.ts';
import type { StrategyContext } from '../../jobs/strategies/context.ts';
import { strategyClass } from '../../jobs/strategies/registry.ts';
import { ReinvestmentStrategy } from '../../jobs/strategies/reinvestment.ts';
import { scheduledIndexes, type Schedule } from '../../jobs/strategies/schedule.ts';
import type { Recipe } from '../../jobs/strategies/strategy.ts';
import { distance } from '../support/statistics.ts';
import { contextOf, dateAt, isoDates, type Figures } from '../support/strategies.ts';

const GOLDEN: Record<string, Figures> = { A: { close: [100, 110, 121] }, B: { close: [100, 90, 90] } };

function basketOf(
  stocks: Record<string, Figures>,
  terms: Partial<BasketTerms>,
  over: Partial<StrategyContext> = {},
): RollingBasket {
  const context = contextOf(stocks, over);
  const components = Object.keys(stocks).map(
    (ticker) => new ReinvestmentStrategy({ ticker, start: null, initialCash: 100 }, context),
  );
  return new RollingBasket(
    components,
    { name: 'PAIR', weights: [0.5, 0.5], initialCash: 100, ...terms },
    context,
  );
}

const levelsOf = async (terms: Partial<BasketTerms>, stocks = GOLDEN): Promise<number[]> => [
  ...(await basketOf(stocks, terms).history()).levels,
];

test.each<[string, Partial<BasketTerms>, number[]]>([
  ['53 basket rebalanced on the second date', { schedule: [dateAt(1)] }, [100, 100, 105]],
  ['53 basket never rebalanced', {}, [100, 100, 105.5]],
  [
    '53 basket rebalanced on the second date, trades cost 10 basis points',
    { schedule: [dateAt(1)], cost: 0.001 },
    [100, 99.99, 104.9895],
  ],
])('%s', async (_, terms, levels) => {
  expect(distance(await levelsOf(terms), levels)).toBeLessThanOrEqual(1e-9);
});

test('units are those held from the close on', async () => {
  const { columns } = (await basketOf(GOLDEN, { schedule: [dateAt(1)] }).build()).state();
  expect(distance(columns['units A REINV STRATEGY']!, [0.5, 50 / 110, 50 / 110])).toBeLessThan(1e-12);
  expect(distance(columns['units B REINV STRATEGY']!, [0.5, 50 / 90, 50 / 90])).toBeLessThan(1e-12);
});

test('shorts gain when their component falls', async () => {
  expect(
    distance(await levelsOf({ weights: [1.5, -0.5], allowShort: true }), [100, 120, 136.5]),
  ).toBeLessThanOrEqual(1e-9);
});

describe('dates', () => {
  test('are those that all components have', async () => {
    const stocks = { A: { close: [null, 100, 110, 121] }, B: { close: [50, 50, 55] } };
    const history = await basketOf(stocks, {}).history();
    expect(isoDates(history)).toEqual([dateAt(1), dateAt(2)]);
    expect(distance(history.levels, [100, 110])).toBeLessThanOrEqual(1e-9);
  });

  test('start where told, or at the default of the context', async () => {
    const firstOf = async (basket: RollingBasket): Promise<string> => isoDates(await basket.history())[0]!;
    expect(await firstOf(basketOf(GOLDEN, { start: dateAt(1) }))).toBe(dateAt(1));
    expect(await firstOf(basketOf(GOLDEN, {}, { defaultStartDate: dateAt(2) }))).toBe(dateAt(2));
  });

  test('of a component from a later environment are left out', async () => {
    const late = new ReinvestmentStrategy({ ticker: 'A' }, contextOf(GOLDEN));
    const context = contextOf(GOLDEN, { envDate: dateAt(1) });
    const history = await new RollingBasket([late], { name: 'ONE', weights: [1] }, context).history();
    expect(isoDates(history)).toEqual([dateAt(0), dateAt(1)]);
  });
});

describe('a schedule', () => {
  const days = (dates: string[]): Int32Array => Int32Array.from(dates, toDay);
  // Friday, Monday (New Year's holiday in between), Friday, Saturday, Monday, month end, next quarter.
  const dates = days([
    '2021-12-31',
    '2022-01-03',
    '2022-01-07',
    '2022-01-08',
    '2022-01-10',
    '2022-02-28',
    '2022-04-04',
  ]);
  test.each<[string, Schedule, number[]]>([
    ['never', 'never', []],
    ['first of the week, which begins on Saturday', { firstOf: 'week' }, [1, 3, 5, 6]],
    ['first of the month', { firstOf: 'month' }, [1, 5, 6]],
    ['first of the quarter', { firstOf: 'quarter' }, [1, 6]],
    [
      'dates: the next one there is, once; not the first, not those to come',
      ['2020-06-01', '2021-12-31', '2022-01-01', '2022-01-02', '2022-02-28', '2022-05-01'],
      [1, 5],
    ],
  ])('%s', (_, schedule, indexes) => {
    expect(scheduledIndexes(schedule, dates)).toEqual(indexes);
  });
});

test('its recipe has those of its components, and makes the same basket elsewhere', async () => {
  const basket = await basketOf(GOLDEN, { schedule: { firstOf: 'week' }, cost: 0.001 }).build();
  const recipe: Recipe = JSON.parse(JSON.stringify(basket.recipe));
  const again = strategyClass(basket.type).create(recipe, contextOf(GOLDEN));
  expect(again.recipe).toEqual(basket.recipe);
  expect(await again.history()).toEqual(await basket.history());
  const restored = strategyClass(basket.type).create(recipe, contextOf({}), basket.state());
  expect(restored.isBuilt).toBe(true);
  expect(restored.state()).toEqual(basket.state());
});

test('a basket can be part of a basket', async () => {
  const context = contextOf(GOLDEN);
  const inner = basketOf(GOLDEN, { name: 'INNER' });
  const stock = new ReinvestmentStrategy({ ticker: 'A' }, context);
  const outer = new RollingBasket([inner, stock], { name: 'OUTER', weights: [0.5, 0.5] }, context);
  const again = strategyClass('RollingBasket').create(outer.recipe, context);
  expect(await again.history()).toEqual(await outer.history());
  expect(distance((await outer.history()).levels, [1000, 1050, 1132.5])).toBeLessThanOrEqual(1e-9);
});

test.each<[string, Partial<BasketTerms>, RegExp]>([
  [
    'weights that do not sum to 1',
    { weights: [0.5, 0.4] },
    /^weights of RollingBasket is \[0.5,0.4\]: sums to 0.9, /,
  ],
  ['weights that are off by more than rounding', { weights: [0.5, 0.500000000002] }, /it has to sum to 1/],
  [
    'a short without the flag',
    { weights: [1.5, -0.5] },
    /^weights.1 of RollingBasket is -0.5: is a short; set/,
  ],
  ['a weight that is no number', { weights: [NaN, 1] }, /^weights.0 of RollingBasket is NaN: /],
  ['weights without components', { weights: [0.5, 0.25, 0.25] }, /"PAIR" has 2 components and 3 weights; /],
  ['an unknown period', { schedule: { firstOf: 'year' } as never }, /^schedule.* of RollingBasket is /],
  ['a cost of everything', { cost: 1 }, /^cost of RollingBasket is 1: /],
  ['no name', { name: '' }, /^name of RollingBasket is "": /],
  ['a start in the future', { start: '2031-01-01' }, /2031-01-01, after the environment date/],
])('refuses %s', (_, terms, message) => {
  expect(() => basketOf(GOLDEN, terms)).toThrow(
    expect.objectContaining({ code: 'recipe', message: expect.stringMatching(message) }),
  );
});

describe('refuses', () => {
  const create = (components: unknown): unknown =>
    strategyClass('RollingBasket').create(
      { name: 'PAIR', weights: [1], components } as Recipe,
      contextOf(GOLDEN),
    );

  test('components that are none', () => {
    expect(() => create('A')).toThrow(/^components of RollingBasket is "A": /);
    expect(() => create([{ type: 'ReinvestmentStrategy' }])).toThrow(
      /^0.recipe of components of RollingBasket/,
    );
  });

  test('a component of a type that is not there, or of another version', () => {
    expect(() => create([{ type: 'Eval', recipe: {} }])).toThrow('strategy type "Eval" is not known');
    expect(() =>
      create([{ type: 'ReinvestmentStrategy', typeVersion: 99, recipe: { ticker: 'A' } }]),
    ).toThrow('component 0 of RollingBasket is of version 99 of ReinvestmentStrategy, which is 1 by now');
  });

  test('two components of one name', () => {
    const context = contextOf(GOLDEN);
    const twice = [0, 0.15].map(
      (withholding) => new ReinvestmentStrategy({ ticker: 'A', withholding }, context),
    );
    expect(() => new RollingBasket(twice, { name: 'PAIR', weights: [0.5, 0.5] }, context)).toThrow(
      '"PAIR" has two components named "A REINV STRATEGY"; give them names of their own',
    );
  });

  test('to build without a common date', async () => {
    const stocks = { A: { close: [100] }, B: { close: [null, 100] } };
    await expect(basketOf(stocks, {}).build()).rejects.toMatchObject({
      code: 'no-prices',
      message: expect.stringContaining('has no date up to 2030-01-01 that all of its components have'),
    });
  });

  test('to build when shorts have lost everything', async () => {
    const stocks = { A: { close: [100, 400] }, B: { close: [100, 100] } };
    await expect(basketOf(stocks, { weights: [-0.5, 1.5], allowShort: true }).build()).rejects.toMatchObject({
      code: 'bad-price',
      message: expect.stringMatching(/^the basket of RollingBasket "PAIR" has the level -50 on 2020-01-02/),
    });
  });
});
