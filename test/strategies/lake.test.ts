import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { holdPrices, type HeldPrices } from '../../jobs/lake/held-prices.ts';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import type { ObjectStore } from '../../jobs/lake/object-store.ts';
import type { Bar } from '../../jobs/market/bar.ts';
import { toDay } from '../../jobs/runtime/dates.ts';
import { RollingBasket } from '../../jobs/strategies/basket.ts';
import type { StrategyContext } from '../../jobs/strategies/context.ts';
import { parseIndexMembers, readIndexMembers } from '../../jobs/strategies/index-members.ts';
import { LakeHistory } from '../../jobs/strategies/lake-history.ts';
import { ReinvestmentStrategy, type ReinvestmentRecipe } from '../../jobs/strategies/reinvestment.ts';
import { getSingleStockStrategy } from '../../jobs/strategies/single-stock.ts';
import type { LevelSeries, Strategy, StrategyState } from '../../jobs/strategies/strategy.ts';
import { EquityUniverseFilter } from '../../jobs/strategies/universe-filter.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { reading } from '../support/prices.ts';
import {
  flatBar,
  historyOf,
  isoDates,
  relativeDistance,
  sampleBars,
  writeBars,
} from '../support/strategies.ts';

const folder = temporaryFolder();
const TICKERS = ['AAPL', 'DIA', 'GLD', 'GOOG', 'GORO', 'IBM', 'IEF', 'MSFT', 'VTI'];
const sample = Object.fromEntries(TICKERS.map((ticker) => [ticker, sampleBars(ticker)]));

const store = new LocalStore(join(folder, 'lake'));
beforeAll(() => writeBars(store, folder, sample));

function contextAt(envDate: string, lake: ObjectStore = store): StrategyContext {
  const held = (): Promise<HeldPrices | undefined> =>
    holdPrices(lake, undefined, reading(lake), async () => mkdtempSync(join(folder, 'held-')));
  return { envDate, prices: new LakeHistory(held, envDate) };
}

/** A lake elsewhere that notes the keys of the prices that are read from it. */
class NotingStore implements ObjectStore {
  readonly url = store.url;
  readonly folder = undefined;
  readonly got: string[] = [];
  list(prefix: string): ReturnType<ObjectStore['list']> {
    return store.list(prefix);
  }
  get(key: string): ReturnType<ObjectStore['get']> {
    if (key.startsWith('raw_data/')) this.got.push(key);
    return store.get(key);
  }
  put(...args: Parameters<ObjectStore['put']>): ReturnType<ObjectStore['put']> {
    return store.put(...args);
  }
  delete(key: string): Promise<void> {
    return store.delete(key);
  }
  copy(key: string, version: string, file: string): Promise<boolean> {
    this.got.push(key);
    return store.copy(key, version, file);
  }
}

describe('55 no look-ahead', () => {
  const ENV_DATE = '2012-05-15';
  const early = new LocalStore(join(folder, 'grows'));
  const between = (start: string, end: string): Record<string, readonly Bar[]> =>
    Object.fromEntries(
      TICKERS.map((ticker) => [ticker, sample[ticker]!.filter(({ date }) => date > start && date <= end)]),
    );

  async function results(): Promise<{ states: StrategyState[]; chosen: Map<string, string[]> }> {
    const context = contextAt(ENV_DATE, early);
    const recipes: ReinvestmentRecipe[] = [
      { ticker: 'IBM', cost: 0.001, withholding: 0.15 },
      { ticker: 'MSFT', mode: 'payDate', payLag: 20, basis: 'raw' },
      { ticker: 'VTI', mode: 'none' },
    ];
    const stocks = recipes.map((recipe) => new ReinvestmentStrategy(recipe, context));
    const basket = new RollingBasket(
      stocks,
      { name: 'THREE', weights: [0.5, 0.3, 0.2], schedule: { firstOf: 'month' }, cost: 0.001 },
      context,
    );
    const built = await Promise.all([...stocks, basket].map((strategy: Strategy) => strategy.build()));
    const filter = new EquityUniverseFilter('EXAMPLE INDEX', {
      context,
      members: await readIndexMembers(),
      useAddOrder: true,
    });
    filter.add('dollar_volume', 'top', 5, { frequency: 'monthly', agg: 'mean' }).add('return_63', 'top', 3);
    return {
      states: built.map((strategy) => strategy.state()),
      chosen: await filter.apply(['2010-03-31', '2011-12-31', ENV_DATE]),
    };
  }

  test('data after the environment date leave everything as it was, bit for bit', async () => {
    await writeBars(early, folder, between('2009-06-30', ENV_DATE));
    const before = await results();
    expect(before.states.map(({ series }) => isoDates(series).at(-1))).toEqual(Array(4).fill(ENV_DATE));
    expect([...before.chosen.values()].map(({ length }) => length)).toEqual([3, 3, 3]);

    // The rest of the month of the environment date, later months, and corporate actions in them.
    const later = Object.entries(between(ENV_DATE, '2012-12-31')).map(([ticker, bars]) => [
      ticker,
      bars.map((bar, index) => ({ ...bar, dividend: 1, split: index === 3 ? 7 : bar.split })),
    ]);
    await writeBars(early, folder, Object.fromEntries(later));
    await writeBars(early, folder, { NEW: [flatBar('2012-05-10', 1), flatBar('2012-06-01', 1e9)] });
    expect(await results()).toEqual(before);
  });

  test('an earlier environment date has the beginning of what a later one has', async () => {
    const at = async (envDate: string): Promise<LevelSeries> =>
      new ReinvestmentStrategy(
        { ticker: 'IBM', cost: 0.001, mode: 'payDate', payLag: 15 },
        contextAt(envDate),
      ).history();
    const earlier = await at('2009-02-12');
    const late = await at('2012-12-31');
    const rows = earlier.dates.length;
    expect(rows).toBeGreaterThan(1500);
    expect(earlier).toEqual({ dates: late.dates.slice(0, rows), levels: late.levels.slice(0, rows) });
  });

  test('objects of later months, and of months before the start, are not asked for', async () => {
    const noting = new NotingStore();
    const context = contextAt('2010-06-10', noting);
    const strategy = new ReinvestmentStrategy({ ticker: 'AAPL', start: '2010-04-20' }, context);
    expect(isoDates(await strategy.history()).at(-1)).toBe('2010-06-10');
    const months = ['2010-04', '2010-05', '2010-06'];
    expect(noting.got.toSorted()).toEqual(
      months.map((month) => `raw_data/provider=csv/month=${month}/prices.parquet`),
    );
  });

  test('prices do not reach beyond the environment date, whatever end is asked for', async () => {
    const bars = await contextAt('2010-06-10').prices.read(['AAPL'], {
      start: '2010-06-09',
      end: '2012-12-31',
    });
    expect([...bars.get('AAPL')!.dates]).toEqual([toDay('2010-06-09'), toDay('2010-06-10')]);
  });
});

test('prices of a lake have NaN where there is nothing', async () => {
  const gaps = new LocalStore(join(folder, 'gaps'));
  await writeBars(gaps, folder, {
    X: [flatBar('2020-01-31', 5, { split: 2 }), flatBar('2020-02-03', null, { dividend: 0.5, volume: null })],
  });
  const bars = await contextAt('2020-02-10', gaps).prices.read(['X', 'NOPE'], { end: '2020-02-10' });
  expect([...bars]).toEqual([
    [
      'X',
      {
        dates: Int32Array.of(toDay('2020-01-31'), toDay('2020-02-03')),
        close: Float64Array.of(5, NaN),
        volume: Float64Array.of(1000, NaN),
        dividend: Float64Array.of(NaN, 0.5),
        split: Float64Array.of(2, NaN),
      },
    ],
  ]);
});

test('an empty lake is said to have no close', async () => {
  const empty = new LocalStore(join(folder, 'empty'));
  const strategy = getSingleStockStrategy({ exchangeTicker: 'AAPL' }, contextAt('2012-12-31', empty));
  await expect(strategy.build()).rejects.toThrow('ticker "AAPL" has no close up to 2012-12-31 in the lake');
});

/*
 * The adjusted close multiplies what came before an ex-date by 1 - D / P(t-1), so it grows by P / (P(t-1) - D) there.
 * Reinvestment at the close of the ex-date grows by (P + D) / P(t-1), which differs in the second order of D.
 */
describe.each(['AAPL', 'IBM', 'MSFT', 'GLD', 'GOOG'])('%s against its adjusted close', (ticker) => {
  const bars = sample[ticker]!;
  /** Adjusted closes of the sample have six decimals; relative. */
  const rounding = ({ adjClose }: Bar): number => 0.5e-6 / adjClose!;
  const days = bars.slice(1).map((bar, index) => {
    const before = bars[index]!;
    const cash = bar.dividend ?? 0;
    const adjusted = bar.adjClose! / before.adjClose!;
    const secondOrder = (cash / before.close!) * Math.abs(bar.close! / (before.close! - cash) - 1);
    return { adjusted, secondOrder, rounding: rounding(bar) + rounding(before) };
  });
  let levels: Float64Array;
  beforeAll(async () => {
    ({ levels } = await new ReinvestmentStrategy({ ticker }, contextAt('2012-12-31')).history());
  });

  test('every date grows alike, within the second order of its dividend', () => {
    expect(levels).toHaveLength(bars.length);
    for (const [index, day] of days.entries()) {
      const growth = levels[index + 1]! / levels[index]!;
      const bound = day.secondOrder + day.adjusted * day.rounding + 1e-9;
      expect(Math.abs(growth - day.adjusted)).toBeLessThanOrEqual(bound);
    }
  });

  test('and so does the whole history, within the sum of them', () => {
    const growth = levels.at(-1)! / levels[0]!;
    const adjusted = bars.at(-1)!.adjClose! / bars[0]!.adjClose!;
    const bound = days.reduce(
      (sum, day) => sum + day.secondOrder / day.adjusted,
      rounding(bars[0]!) + rounding(bars.at(-1)!) + 1e-9,
    );
    expect(Math.abs(growth / adjusted - 1)).toBeLessThanOrEqual(1.001 * bound);
  });
});

interface Recorded<R> {
  readonly recipe: R;
  readonly dates: number;
  readonly levels: readonly [string, number][];
}

/** Worked out in Python: test/reference/strategies_reference.py. */
const reference: {
  readonly stocks: readonly (Recorded<ReinvestmentRecipe> & {
    /** Date, close, volume, dividend, split; null for those of the sample. */
    readonly bars: readonly (readonly [string, ...(number | null)[]])[] | null;
  })[];
  readonly baskets: readonly Recorded<{
    readonly tickers: readonly string[];
    readonly weights: number[];
    readonly firstOf: 'week' | 'month' | 'quarter';
    readonly cost: number;
  }>[];
  readonly filters: { readonly tickers: readonly string[]; readonly chosen: readonly [string, string[]][] };
} = JSON.parse(readFileSync(join(repository, 'test/reference/strategies/values.json'), 'utf8'));

describe('an account kept in Python has the same', () => {
  const check = (history: LevelSeries, { dates, levels }: Recorded<unknown>): void => {
    expect(history.dates).toHaveLength(dates);
    const rows = levels.map(([date]) => history.dates.indexOf(toDay(date)));
    expect(rows).not.toContain(-1);
    const found = rows.map((row) => history.levels[row]!);
    const expected = levels.map(([, level]) => level);
    expect(relativeDistance(found, expected)).toBeLessThanOrEqual(1e-12);
  };

  test.each(reference.stocks.map((one, index) => [index, one.recipe.ticker, one] as const))(
    'stock %i, %s',
    async (_, ticker, one) => {
      const envDate = '2012-12-31';
      const column = (at: number): Float64Array =>
        Float64Array.from(one.bars!, (row) => (row[at] as number) ?? NaN);
      const prices =
        one.bars === null
          ? contextAt(envDate).prices
          : historyOf(
              {
                [ticker]: {
                  dates: Int32Array.from(one.bars, ([date]) => toDay(date)),
                  close: column(1),
                  volume: column(2),
                  dividend: column(3),
                  split: column(4),
                },
              },
              envDate,
            );
      check(await new ReinvestmentStrategy(one.recipe, { envDate, prices }).history(), one);
    },
  );

  test.each(reference.baskets)('basket %#', async (one) => {
    const { tickers, weights, firstOf, cost } = one.recipe;
    const context = contextAt('2012-12-31');
    const components = tickers.map((ticker) => getSingleStockStrategy({ exchangeTicker: ticker }, context));
    const terms = { name: 'BASKET', weights, schedule: { firstOf }, cost, allowShort: true };
    check(await new RollingBasket(components, terms, context).history(), one);
  });

  test('universe, date by date', async () => {
    const { tickers, chosen } = reference.filters;
    const lines = tickers.map((ticker) => `ALL,${ticker},2000-01-01,`);
    const text = ['index,ticker,start,end', ...lines].join('\n');
    const members = parseIndexMembers([{ file: 'all.csv', text }]);
    const filter = new EquityUniverseFilter('ALL', {
      context: contextAt('2012-12-31'),
      members,
      useAddOrder: true,
    })
      .add('dollar_volume', 'top', 50, { percent: true, frequency: 'monthly', agg: 'mean' })
      .add('return_63', '>', 0)
      .add('close', 'bottom', 2, { reportingLagDays: 7 });
    expect([...(await filter.apply(chosen.map(([date]) => date)))]).toEqual(chosen);
  });
});

test('strategies of the sample are built from the lake together', async () => {
  const context = { ...contextAt('2012-12-31'), defaultStartDate: '2009-01-02' };
  const tickers = ['AAPL', 'MSFT', 'GOOG', 'IBM'];
  const built = await Promise.all(
    tickers.map((ticker) => getSingleStockStrategy({ exchangeTicker: ticker }, context).build()),
  );
  for (const strategy of built) {
    const { dates, levels } = strategy.state().series;
    expect(dates).toHaveLength(1006);
    expect(levels[0]).toBeCloseTo(1000, 9);
    expect(dates[0]).toBe(toDay('2009-01-02'));
  }
});
