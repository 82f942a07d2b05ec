import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RollingBasket, type BasketTerms } from '../../jobs/strategies/basket.ts';
import { parseIndexMembers } from '../../jobs/strategies/index-members.ts';
import type { GivenField } from '../../jobs/strategies/observations.ts';
import { drawdowns } from '../../jobs/strategies/plot.ts';
import { ReinvestmentStrategy, type ReinvestmentRecipe } from '../../jobs/strategies/reinvestment.ts';
import { EquityUniverseFilter } from '../../jobs/strategies/universe-filter.ts';
import { contextOf, dateAt, relativeDistance, type Figures } from '../support/strategies.ts';

interface Day {
  /** Against the close before it. */
  readonly move: number;
  readonly hasClose: boolean;
  /** Share of the price that is paid. */
  readonly paid: number;
  readonly split: number;
}

const day = fc.record<Day>({
  move: fc.double({ min: -0.3, max: 0.4, noNaN: true }),
  hasClose: fc.boolean(),
  paid: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.2, noNaN: true })),
  split: fc.constantFrom(1, 1, 1, 2, 3, 0.1),
});

/** Closes from 100 on, the first there, of days with or without gaps and splits. */
function stockOf(days: readonly Day[], { gaps = true, splits = false } = {}): Figures {
  let price = 100;
  const close: (number | null)[] = [price];
  const dividend: Record<number, number> = {};
  const split: Record<number, number> = {};
  for (const [index, { move, hasClose, paid, split: ratio }] of days.entries()) {
    if (paid > 0) dividend[index + 1] = paid * price;
    if (splits && ratio !== 1) split[index + 1] = ratio;
    price *= 1 + move;
    close.push(hasClose || !gaps ? price : null);
  }
  return { close, dividend, split };
}

const days = fc.array(day, { maxLength: 40 });

const recipe: fc.Arbitrary<Partial<ReinvestmentRecipe>> = fc.record(
  {
    mode: fc.constantFrom('exClose', 'none'),
    cost: fc.double({ min: 0, max: 0.05, noNaN: true }),
    withholding: fc.double({ min: 0, max: 1, noNaN: true }),
    initialCash: fc.double({ min: 0.01, max: 1e9, noNaN: true }),
  },
  { requiredKeys: [] },
);

const anyRecipe = fc.oneof(
  recipe,
  fc
    .tuple(recipe, fc.integer({ min: 0, max: 10 }))
    .map(([one, payLag]): Partial<ReinvestmentRecipe> => ({ ...one, mode: 'payDate', payLag })),
);

async function levelsOf(
  figures: Figures,
  terms: Partial<ReinvestmentRecipe>,
  envDate = '2030-01-01',
): Promise<Float64Array> {
  const context = contextOf({ X: figures }, { envDate });
  return (await new ReinvestmentStrategy({ ticker: 'X', ...terms }, context).history()).levels;
}

describe('reinvestment', () => {
  test('at the ex-date without costs grows by (P + D) / P before', async () => {
    await fc.assert(
      fc.asyncProperty(days, async (list) => {
        const { close, dividend } = stockOf(list, { gaps: false });
        let level = 1000;
        const expected = close.map((price, t) => {
          if (t > 0) level *= (price! + (dividend![t] ?? 0)) / close[t - 1]!;
          return level;
        });
        const levels = await levelsOf({ close, dividend: dividend! }, {});
        expect(relativeDistance(levels, expected)).toBeLessThan(1e-11);
      }),
    );
  });

  test('does not depend on the unit of prices', async () => {
    await fc.assert(
      fc.asyncProperty(days, anyRecipe, fc.integer({ min: -20, max: 20 }), async (list, terms, power) => {
        const figures = stockOf(list);
        const scale = 2 ** power;
        const scaled = {
          close: figures.close.map((price) => price && price * scale),
          dividend: Object.fromEntries(
            Object.entries(figures.dividend!).map(([t, cash]) => [t, cash * scale]),
          ),
        };
        expect(relativeDistance(await levelsOf(scaled, terms), await levelsOf(figures, terms))).toBeLessThan(
          1e-11,
        );
      }),
    );
  });

  test('is the same on adjusted and on raw prices', async () => {
    await fc.assert(
      fc.asyncProperty(days, anyRecipe, async (list, terms) => {
        const figures = stockOf(list, { splits: true });
        const raw = await levelsOf(figures, { ...terms, basis: 'raw' });
        expect(relativeDistance(raw, await levelsOf(figures, terms))).toBeLessThan(1e-11);
      }),
    );
  });

  test('grows in proportion to its cash', async () => {
    await fc.assert(
      fc.asyncProperty(days, anyRecipe, async (list, terms) => {
        const figures = stockOf(list);
        const one = await levelsOf(figures, { ...terms, initialCash: 1 });
        const many = await levelsOf(figures, { ...terms, initialCash: 1024 });
        expect(many).toEqual(one.map((level) => level * 1024));
      }),
    );
  });

  test('paid with no lag is reinvestment at the ex-date', async () => {
    await fc.assert(
      fc.asyncProperty(days, recipe, async (list, terms) => {
        const figures = stockOf(list);
        const atOnce = await levelsOf(figures, { ...terms, mode: 'payDate', payLag: 0 });
        expect(atOnce).toEqual(await levelsOf(figures, { ...terms, mode: 'exClose' }));
      }),
    );
  });

  test('of which everything is withheld is the price', async () => {
    await fc.assert(
      fc.asyncProperty(days, anyRecipe, async (list, terms) => {
        const figures = stockOf(list);
        const all = await levelsOf(figures, { ...terms, withholding: 1 });
        expect(all).toEqual(await levelsOf({ close: figures.close }, terms));
      }),
    );
  });

  test('has the same beginning at every environment date', async () => {
    await fc.assert(
      fc.asyncProperty(days, anyRecipe, fc.nat(40), async (list, terms, cut) => {
        const figures = stockOf(list, { splits: true });
        const early = await levelsOf(figures, terms, dateAt(cut));
        const late = await levelsOf(figures, terms);
        expect(early).toEqual(late.slice(0, early.length));
      }),
    );
  });
});

describe('a basket', () => {
  const schedule: fc.Arbitrary<NonNullable<BasketTerms['schedule']>> = fc.oneof(
    fc.constant('never' as const),
    fc.array(fc.nat(60).map(dateAt), { maxLength: 8 }),
    fc.constantFrom('week', 'month', 'quarter').map((firstOf) => ({ firstOf }) as const),
  );
  const share = fc.double({ min: 0, max: 1, noNaN: true });

  function basketOf(
    stocks: Record<string, Figures>,
    terms: Partial<BasketTerms>,
    envDate = '2030-01-01',
  ): RollingBasket {
    const context = contextOf(stocks, { envDate });
    const components = Object.keys(stocks).map((ticker) => new ReinvestmentStrategy({ ticker }, context));
    const weights = [1, ...components.slice(1).map(() => 0)];
    return new RollingBasket(components, { name: 'BASKET', weights, ...terms }, context);
  }

  test('of one component is that component, whatever its schedule', async () => {
    await fc.assert(
      fc.asyncProperty(days, schedule, fc.constantFrom(0, 0.01), async (list, when, cost) => {
        const X = stockOf(list);
        const { levels } = await basketOf({ X }, { schedule: when, cost }).history();
        expect(relativeDistance(levels, await levelsOf(X, {}))).toBeLessThan(1e-11);
      }),
    );
  });

  test('of the same component twice is that component', async () => {
    await fc.assert(
      fc.asyncProperty(days, schedule, share, async (list, when, weight) => {
        const X = stockOf(list);
        const terms = { schedule: when, weights: [weight, 1 - weight], cost: 0.01 };
        const { levels } = await basketOf({ X, Y: X }, terms).history();
        expect(relativeDistance(levels, await levelsOf(X, {}))).toBeLessThan(1e-11);
      }),
    );
  });

  test('loses by costs and is between its components without rebalancing', async () => {
    await fc.assert(
      fc.asyncProperty(days, days, schedule, share, async (a, b, when, weight) => {
        const stocks = { X: stockOf(a, { gaps: false }), Y: stockOf(b, { gaps: false }) };
        const weights = [weight, 1 - weight];
        const free = await basketOf(stocks, { schedule: when, weights }).history();
        const costly = await basketOf(stocks, { schedule: when, weights, cost: 0.01 }).history();
        for (const [t, level] of free.levels.entries())
          expect(costly.levels[t]!).toBeLessThanOrEqual(level * (1 + 1e-12));
        const held = await basketOf(stocks, { weights }).history();
        const x = await levelsOf(stocks.X, {});
        const y = await levelsOf(stocks.Y, {});
        for (const [t, level] of held.levels.entries()) {
          expect(level).toBeGreaterThanOrEqual(Math.min(x[t]!, y[t]!) * (1 - 1e-12));
          expect(level).toBeLessThanOrEqual(Math.max(x[t]!, y[t]!) * (1 + 1e-12));
        }
      }),
    );
  });

  test('has the same beginning at every environment date', async () => {
    await fc.assert(
      fc.asyncProperty(days, days, schedule, fc.nat(40), async (a, b, when, cut) => {
        const stocks = { X: stockOf(a), Y: stockOf(b) };
        const terms = { schedule: when, weights: [0.6, 0.4], cost: 0.002 };
        const early = await basketOf(stocks, terms, dateAt(cut)).history();
        const late = await basketOf(stocks, terms).history();
        expect(early.levels).toEqual(late.levels.slice(0, early.levels.length));
      }),
    );
  });
});

describe('a universe filter', () => {
  const TICKERS = ['a', 'b', 'c', 'd', 'e', 'f'];
  const text = ['index,ticker,start,end', ...TICKERS.map((ticker) => `ALL,${ticker},2000-01-01,`)].join('\n');
  const members = parseIndexMembers([{ file: 'all.csv', text }]);
  const field: fc.Arbitrary<GivenField> = fc.dictionary(
    fc.constantFrom(...TICKERS),
    fc.uniqueArray(
      fc.tuple(fc.nat(100).map(dateAt), fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constant(NaN))),
      {
        selector: ([date]) => date,
        maxLength: 10,
      },
    ),
  );
  type Add = (filter: EquityUniverseFilter, name: string) => EquityUniverseFilter;
  const options = fc.record({
    frequency: fc.constantFrom('daily' as const, 'weekly' as const, 'monthly' as const),
    reportingLagDays: fc.nat(20),
  });
  const add: fc.Arbitrary<Add> = fc.oneof(
    fc.tuple(fc.constantFrom('top' as const, 'bottom' as const), fc.integer({ min: 1, max: 6 }), options).map(
      ([op, n, more]): Add =>
        (filter, name) =>
          filter.add(name, op, n, more),
    ),
    fc.tuple(fc.integer({ min: 1, max: 100 }), options).map(
      ([n, more]): Add =>
        (filter, name) =>
          filter.add(name, 'top', n, { ...more, percent: true }),
    ),
    fc.tuple(fc.constantFrom('>=' as const, '<' as const, '==' as const), fc.nat(5), options).map(
      ([op, n, more]): Add =>
        (filter, name) =>
          filter.add(name, op, n, more),
    ),
    fc.array(fc.constantFrom(...TICKERS), { maxLength: 3 }).map(
      (tickers): Add =>
        (filter) =>
          filter.exclude(tickers),
    ),
    options.map(
      (more): Add =>
        (filter, name) =>
          filter.add(name, 'minDataSize', [3, 0.5], more),
    ),
  );

  const choose = async (
    fields: readonly GivenField[],
    adds: readonly Add[],
    useAddOrder: boolean,
    date: string,
  ): Promise<string[]> => {
    const filter = new EquityUniverseFilter('ALL', {
      context: contextOf({}),
      members,
      useAddOrder,
      fields: Object.fromEntries(fields.map((one, index) => [`field${index}`, one])),
    });
    for (const [index, one] of adds.entries()) one(filter, `field${index % fields.length}`);
    return (await filter.apply(date)).get(date)!;
  };

  const fields = fc.array(field, { minLength: 1, maxLength: 3 });
  const adds = fc.array(add, { maxLength: 4 });
  const date = fc.nat(120).map(dateAt);

  test('gives members, sorted, each once; one more filter leaves no more of them', async () => {
    await fc.assert(
      fc.asyncProperty(fields, adds, add, fc.boolean(), date, async (known, list, last, useAddOrder, on) => {
        const chosen = await choose(known, list, useAddOrder, on);
        expect(chosen).toEqual([...new Set(chosen)].toSorted());
        expect(TICKERS).toEqual(expect.arrayContaining(chosen));
        expect(chosen).toEqual(expect.arrayContaining(await choose(known, [...list, last], useAddOrder, on)));
      }),
    );
  });

  test('does not see what comes after its date', async () => {
    await fc.assert(
      fc.asyncProperty(fields, adds, fc.boolean(), date, async (known, list, useAddOrder, on) => {
        const past = known.map((one) =>
          Object.fromEntries(
            Object.entries(one).map(([ticker, dated]) => [ticker, dated.filter(([when]) => when <= on)]),
          ),
        );
        expect(await choose(past, list, useAddOrder, on)).toEqual(await choose(known, list, useAddOrder, on));
      }),
    );
  });

  test('with one filter does not depend on the order', async () => {
    await fc.assert(
      fc.asyncProperty(fields, add, date, async (known, one, on) => {
        expect(await choose(known, [one], true, on)).toEqual(await choose(known, [one], false, on));
      }),
    );
  });
});

test('a drawdown is 0 at a high, else what is missing to it', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0.01, max: 1e6, noNaN: true }), { minLength: 1 }), (list) => {
      const found = drawdowns(Float64Array.from(list));
      for (const [t, level] of list.entries()) {
        const high = Math.max(...list.slice(0, t + 1));
        expect(found[t]!).toBeLessThanOrEqual(0);
        expect(high * (1 + found[t]!)).toBeCloseTo(level, 6);
      }
    }),
  );
});
