import { describe, expect, test } from '@jest/globals';
import { NotBuiltError } from '../../jobs/strategies/errors.ts';
import { strategyClass } from '../../jobs/strategies/registry.ts';
import { ReinvestmentStrategy, type ReinvestmentRecipe } from '../../jobs/strategies/reinvestment.ts';
import { getSingleStockStrategy } from '../../jobs/strategies/single-stock.ts';
import { distance } from '../support/statistics.ts';
import { contextOf, dateAt, isoDates, type Figures } from '../support/strategies.ts';

/** Five dates with a dividend on the third. */
const GOLDEN: Figures = { close: [50, 51, 49.5, 50, 52], dividend: { 2: 0.5 } };

function strategyOf(figures: Figures, recipe: Partial<ReinvestmentRecipe> = {}): ReinvestmentStrategy {
  return new ReinvestmentStrategy({ ticker: 'X', ...recipe }, contextOf({ X: figures }));
}

async function levelsOf(figures: Figures, recipe: Partial<ReinvestmentRecipe> = {}): Promise<number[]> {
  return [...(await strategyOf(figures, recipe).history()).levels];
}

test.each<[string, Partial<ReinvestmentRecipe>, number[]]>([
  ['49 reinvested at the close of the ex-date', {}, [1000, 1020, 1000, 1010.10101010101, 1050.50505050505]],
  [
    '50 reinvested at the ex-date with 15% withheld',
    { withholding: 0.15 },
    [1000, 1020, 998.5, 1008.585858585859, 1048.929292929293],
  ],
  [
    '51 reinvested at the payment date, one business date later',
    { mode: 'payDate', payLag: 1 },
    [1000, 1020, 1000, 1010, 1050.4],
  ],
  [
    '51 reinvested at a payment date that is known',
    { mode: 'payDate', payDates: { [dateAt(2)]: dateAt(3) } },
    [1000, 1020, 1000, 1010, 1050.4],
  ],
  ['51 kept as cash', { mode: 'none' }, [1000, 1020, 1000, 1010, 1050]],
  [
    '52 reinvested at the ex-date, trades cost 10 basis points',
    { cost: 0.001 },
    [999.000999000999, 1018.981018981019, 998.991018971039, 1009.081837344484, 1049.445110838263],
  ],
])('%s', async (_, recipe, levels) => {
  expect(distance(await levelsOf(GOLDEN, recipe), levels)).toBeLessThanOrEqual(1e-9);
});

describe('dates without a close', () => {
  test('carry the level and trade nothing', async () => {
    const built = await strategyOf({ close: [50, null, 55] }).build();
    const { series, columns } = built.state();
    expect([...series.levels]).toEqual([1000, 1000, 1100]);
    expect([...columns['units']!]).toEqual([20, 20, 20]);
  });

  test('a dividend on one is reinvested at the next close, however many there are', async () => {
    const built = await strategyOf({
      close: [50, null, null, 40, 42],
      dividend: { 1: 1, 2: 2 },
    }).build();
    const { series, columns } = built.state();
    // 20 units are entitled to 20 and 40, which buy 1.5 units at 40.
    expect([...series.levels]).toEqual([1000, 1000, 1000, 860, 903]);
    expect([...columns['units']!]).toEqual([20, 20, 20, 21.5, 21.5]);
    expect([...columns['receivable']!]).toEqual([0, 20, 60, 0, 0]);
  });

  test('a payment date on one waits for the next close, and is owed until then', async () => {
    const recipe = { mode: 'payDate', payLag: 1 } as const;
    expect(await levelsOf({ close: [50, 50, null, 40], dividend: { 1: 1 } }, recipe)).toEqual([
      1000, 1020, 1020, 820,
    ]);
  });

  test('a dividend kept on one is cash at once and in the level at the next close', async () => {
    const built = await strategyOf({ close: [50, null, 50], dividend: { 1: 1 } }, { mode: 'none' }).build();
    expect([...built.state().series.levels]).toEqual([1000, 1000, 1020]);
    expect([...built.state().columns['cash']!]).toEqual([0, 20, 20]);
  });

  test('before the first close there is nothing, after the last one the series has ended', async () => {
    const history = await strategyOf({
      close: [null, 50, 55, null, null],
      dividend: { 0: 9, 4: 9 },
    }).history();
    expect(isoDates(history)).toEqual([dateAt(1), dateAt(2)]);
    expect([...history.levels]).toEqual([1000, 1100]);
  });
});

describe('dividends', () => {
  test('of the date of the purchase are not ours', async () => {
    expect(await levelsOf({ close: [50, 55], dividend: { 0: 5 } })).toEqual([1000, 1100]);
  });

  test('not yet paid at the end are in the level', async () => {
    const built = await strategyOf(
      { close: [50, 50, 50], dividend: { 2: 1 } },
      { mode: 'payDate', payLag: 30 },
    ).build();
    expect([...built.state().series.levels]).toEqual([1000, 1000, 1020]);
    expect(built.state().columns['receivable']!.at(-1)).toBe(20);
  });

  test('paid on a day that is no business date count on the next', async () => {
    const figures = { close: [50, 50, 40, 40], dividend: { 1: 1 } };
    const payDates = { [dateAt(1)]: '2020-02-01' };
    const late = await strategyOf(figures, { mode: 'payDate', payDates }).build();
    expect(late.state().columns['receivable']!.at(-1)).toBe(20);
    const context = contextOf({ X: figures }, { envDate: '2020-01-04' });
    const early = new ReinvestmentStrategy(
      { ticker: 'X', mode: 'payDate', payDates: { [dateAt(1)]: dateAt(2) } },
      context,
    );
    expect((await early.build()).state().columns['units']!.at(-1)).toBe(20.5);
  });

  test('without a payment date are named', async () => {
    const recipe = { mode: 'payDate', payDates: { '2020-05-05': '2020-06-05' } } as const;
    await expect(levelsOf(GOLDEN, recipe)).rejects.toThrow(
      'payDates of X has no date for the dividend of 2020-01-03; add it, or give a payLag for the others',
    );
  });
});

test('on the raw basis units split at the open of the ex-date, before its dividend', async () => {
  // A share was 100 and 102 before it became two; the lake has both halved.
  const figures = { close: [50, 51, 52, 53], dividend: { 2: 1 }, split: { 2: 2 } };
  const built = await strategyOf(figures, { basis: 'raw' }).build();
  const adjusted = await strategyOf(figures).build();
  expect(distance(built.state().series.levels, adjusted.state().series.levels)).toBeLessThanOrEqual(1e-9);
  expect([...built.state().columns['units']!.subarray(0, 2)]).toEqual([10, 10]);
  expect(built.state().columns['units']![2]).toBeCloseTo(20 + 20 / 52, 12);
});

describe('start', () => {
  const figures = { close: [50, 51, 49.5, 50, 52] };
  test('is the default of the context, its own, or the first price', async () => {
    const context = contextOf({ X: figures }, { defaultStartDate: dateAt(2) });
    const first = async (start?: string | null): Promise<string> => {
      const strategy = getSingleStockStrategy(
        { exchangeTicker: 'X', ...(start !== undefined && { start }) },
        context,
      );
      return isoDates(await strategy.history())[0]!;
    };
    expect([await first(), await first(dateAt(3)), await first(null)]).toEqual([
      dateAt(2),
      dateAt(3),
      dateAt(0),
    ]);
  });

  test('is part of the complete recipe, which makes the same strategy elsewhere', async () => {
    const context = contextOf({ X: figures }, { defaultStartDate: dateAt(2) });
    const { recipe, type } = getSingleStockStrategy({ exchangeTicker: 'X' }, context);
    expect(recipe).toEqual({
      ticker: 'X',
      name: 'X REINV STRATEGY',
      start: dateAt(2),
      mode: 'exClose',
      payDates: {},
      payLag: null,
      cost: 0,
      withholding: 0,
      initialCash: 1000,
      basis: 'adjusted',
    });
    const again = strategyClass(type).create(JSON.parse(JSON.stringify(recipe)), contextOf({ X: figures }));
    expect(again.recipe).toEqual(recipe);
    expect(isoDates(await again.history())[0]).toBe(dateAt(2));
  });
});

describe('a strategy', () => {
  test('is named after its stock', () => {
    const strategy = getSingleStockStrategy({ exchangeTicker: 'AAPL' }, contextOf({}));
    expect(strategy).toMatchObject({
      name: 'AAPL REINV STRATEGY',
      type: 'ReinvestmentStrategy',
      isBuilt: false,
    });
  });

  test('that is not built has no state', () => {
    const strategy = strategyOf(GOLDEN);
    expect(() => strategy.state()).toThrow(NotBuiltError);
    expect(() => strategy.state()).toThrow(
      'strategy "X REINV STRATEGY" is not built; call build() or history()',
    );
  });

  test('is built once, for whoever asks at the same time and afterwards', async () => {
    const context = contextOf({ X: GOLDEN });
    let reads = 0;
    const prices = {
      read: (...args: Parameters<typeof context.prices.read>) => {
        reads += 1;
        return context.prices.read(...args);
      },
    };
    const strategy = new ReinvestmentStrategy({ ticker: 'X' }, { ...context, prices });
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 ? strategy.build() : strategy.history())),
    );
    expect(await strategy.build()).toBe(strategy);
    expect([reads, strategy.isBuilt]).toEqual([1, true]);
  });

  test('does not remember a build that failed', async () => {
    const context = contextOf({ X: GOLDEN });
    let fails = true;
    const prices = {
      read: (...args: Parameters<typeof context.prices.read>) =>
        fails ? Promise.reject(new Error('lake is away')) : context.prices.read(...args),
    };
    const strategy = new ReinvestmentStrategy({ ticker: 'X' }, { ...context, prices });
    await expect(strategy.build()).rejects.toThrow('lake is away');
    expect(strategy.isBuilt).toBe(false);
    fails = false;
    expect((await strategy.history()).levels).toHaveLength(5);
  });

  test('is not changed through what it gave away or was given', async () => {
    const strategy = await strategyOf(GOLDEN).build();
    const state = strategy.state();
    state.series.levels.fill(0);
    (await strategy.history()).dates.fill(0);
    expect(strategy.state().series.levels[0]).toBe(1000);
    const kept = strategy.state();
    const again = new ReinvestmentStrategy({ ticker: 'X' }, contextOf({}), kept);
    kept.columns['units']!.fill(0);
    expect(again.isBuilt).toBe(true);
    expect(again.state()).toEqual(strategy.state());
  });
});

test.each<[string, unknown, RegExp]>([
  ['a cost below 0', { cost: -1 }, /^cost of ReinvestmentStrategy is -1: /],
  ['a cost that is no number', { cost: NaN }, /^cost of ReinvestmentStrategy is NaN: /],
  ['more withheld than paid', { withholding: 1.5 }, /^withholding of ReinvestmentStrategy is 1.5: /],
  ['an unknown mode', { mode: 'sometimes' }, /^mode of ReinvestmentStrategy is "sometimes": .*exClose/],
  ['no cash', { initialCash: 0 }, /^initialCash of ReinvestmentStrategy is 0: /],
  ['an unknown parameter', { costs: 1 }, /costs/],
  ['a date that does not exist', { start: '2021-02-30' }, /"2021-02-30": is not a date of the calendar/],
  ['a start in the future', { start: '2030-01-02' }, /2030-01-02, after the environment date 2030-01-01/],
  ['payDate without dates', { mode: 'payDate' }, /give payLag or payDates with payDate/],
  ['a lag without payDate', { payLag: 3 }, /payLag and payDates go with payDate only/],
  [
    'a payment before its ex-date',
    { mode: 'payDate', payDates: { '2020-02-02': '2020-02-01' } },
    /"2020-02-01": is before its ex-date/,
  ],
  ['an empty ticker', { ticker: '' }, /^ticker of ReinvestmentStrategy is "": /],
])('refuses %s', (_, recipe, message) => {
  const create = (): unknown => strategyOf(GOLDEN, recipe as Partial<ReinvestmentRecipe>);
  expect(create).toThrow(
    expect.objectContaining({ code: 'recipe', message: expect.stringMatching(message) }),
  );
});

test.each<[string, Figures, RegExp]>([
  ['a close of 0', { close: [50, 0] }, /^X has the close 0 on 2020-01-02; correct it in the lake$/],
  ['a dividend below 0', { close: [50, 51], dividend: { 1: -1 } }, /^X has the dividend -1 on 2020-01-02; /],
  ['a split of 0', { close: [50, 51], split: { 1: 0 } }, /^X has the split 0 on 2020-01-02; /],
])('refuses to build on %s', async (_, figures, message) => {
  await expect(strategyOf(figures).build()).rejects.toMatchObject({
    code: 'bad-price',
    message: expect.stringMatching(message),
  });
});

test.each([
  [
    'an unknown ticker',
    'NOPE',
    '2030-01-01',
    null,
    '"NOPE" has no close up to 2030-01-01 in the lake; load it',
  ],
  ['a ticker without bars by then', 'X', '2019-12-31', null, '"X" has no close up to 2019-12-31'],
  ['a ticker without a close', 'EMPTY', '2030-01-01', null, '"EMPTY" has no close'],
  ['a start after the last bar', 'X', '2030-01-01', '2025-01-01', '"X" has no close from 2025-01-01 up to'],
])('refuses to build %s', async (_, ticker, envDate, start, message) => {
  const context = contextOf({ X: GOLDEN, EMPTY: { close: [null, null] } }, { envDate });
  const strategy = new ReinvestmentStrategy({ ticker, start }, context);
  await expect(strategy.build()).rejects.toMatchObject({
    code: 'no-prices',
    message: expect.stringContaining(message),
  });
});

test('a type that is not in the registry is refused', () => {
  expect(() => strategyClass('child_process')).toThrow(
    'strategy type "child_process" is not known; choose ReinvestmentStrategy, RollingBasket',
  );
});
