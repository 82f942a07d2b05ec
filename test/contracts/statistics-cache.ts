import { beforeEach, describe, expect, test } from '@jest/globals';
import { invalidate } from '../../jobs/statistics/cache/invalidate.ts';
import { PriceCache, type PriceRow } from '../../jobs/statistics/cache/price-cache.ts';
import { RateCache } from '../../jobs/statistics/cache/rate-cache.ts';
import { StatisticCache } from '../../jobs/statistics/cache/statistic-cache.ts';
import type { OwnProfile, PairProfile, WindowKey } from '../../jobs/statistics/cache/statistic-items.ts';
import {
  startingWith,
  type Item,
  type Selection,
  type TableStore,
} from '../../jobs/statistics/cache/table-store.ts';
import type { TableName } from '../../jobs/statistics/cache/tables.ts';
import { addDays } from '../../jobs/runtime/dates.ts';
import { randomNumbers } from '../support/series.ts';

const SOURCE = 'file:/lake|csv';
const NOW = new Date('2026-10-05T12:00:00Z');
const WINDOW: WindowKey = {
  start: '2025-01-01',
  end: '2026-01-01',
  method: 'moments',
  weekends: false,
  sessions: undefined,
};

function ownProfile(annualReturn: number): OwnProfile {
  return {
    annualReturn,
    annualVolatility: 0.1 + annualReturn,
    summary: { n: 250, elapsed: 250, sum: 0.1, squares: 0.02 },
    first: { date: '2025-01-02', close: 101.25 },
    last: { date: '2025-12-31', close: 110.5 },
  };
}

const PAIR: PairProfile = {
  correlation: -0.25,
  summary: { n: 3, elapsed: 5, sums: [0.1, 0.2], squares: [0.3, 0.4], cross: -0.05 },
  first: { date: '2025-01-02', closes: [1, 2] },
  last: { date: '2025-12-31', closes: [3, 4] },
};

/** The laws of TableStore and of the cache on top of it, for every implementation. Each `open` gives empty tables. */
export function statisticsCacheContract(open: () => Promise<TableStore>): void {
  let store: TableStore;
  let statistics: StatisticCache;
  beforeEach(async () => {
    store = await open();
    statistics = new StatisticCache(store, SOURCE, () => NOW);
  });
  const list = async (table: TableName, selection: Selection): Promise<Item[]> => {
    const items: Item[] = [];
    for await (const item of store.query(table, selection)) items.push(item);
    return items;
  };
  const origin = { source: SOURCE, writtenAt: NOW, expiresAt: undefined };

  describe('items', () => {
    test('an item that was never written is not there', async () => {
      expect(await store.get('prices', 'SPY', '2026-01-02')).toBeUndefined();
      expect(await list('prices', { hash: 'SPY' })).toEqual([]);
    });

    test('come back as they were put, without what is missing, and are replaced whole', async () => {
      await store.put('prices', [
        { ticker: 'SPY', date: '2026-01-02', open: null, close: 0.1 + 0.2, source: 'x' },
      ]);
      expect(await store.get('prices', 'SPY', '2026-01-02')).toEqual({
        ticker: 'SPY',
        date: '2026-01-02',
        close: 0.30000000000000004,
        source: 'x',
      });
      await store.put('prices', [{ ticker: 'SPY', date: '2026-01-02', open: 2 }]);
      expect(await store.get('prices', 'SPY', '2026-01-02')).toEqual({
        ticker: 'SPY',
        date: '2026-01-02',
        open: 2,
      });
    });

    test('are found by ranges of their key, half-open and ascending', async () => {
      const dates = ['2026-01-05', '2026-01-02', '2026-01-07', '2026-01-06'];
      await store.put('prices', [
        ...dates.map((date) => ({ ticker: 'SPY', date, close: 1 })),
        { ticker: 'QQQ', date: '2026-01-06', close: 2 },
      ]);
      const datesOf = async (selection: Omit<Selection, 'hash'>): Promise<unknown[]> =>
        (await list('prices', { hash: 'SPY', ...selection })).map(({ date }) => date);
      expect(await datesOf({})).toEqual(dates.toSorted());
      expect(await datesOf({ from: '2026-01-05', before: '2026-01-07' })).toEqual([
        '2026-01-05',
        '2026-01-06',
      ]);
      expect(await datesOf({ from: '2026-01-06' })).toEqual(['2026-01-06', '2026-01-07']);
      expect(await datesOf({ before: '2026-01-05' })).toEqual(['2026-01-02']);
      expect(await datesOf(startingWith('2026-01-0'))).toHaveLength(4);
      expect(await datesOf(startingWith('2026-02'))).toEqual([]);
    });

    test('a batch may name a key twice: the last one stays', async () => {
      await store.put(
        'prices',
        [1, 2, 3].map((close) => ({ ticker: 'SPY', date: '2026-01-02', close })),
      );
      expect(await store.get('prices', 'SPY', '2026-01-02')).toMatchObject({ close: 3 });
    });

    test('a merge sets what it names, removes what it says is null, and leaves the rest', async () => {
      const key = { ticker: 'SPY', date: '2026-01-02' };
      await store.merge('prices', { ...key, open: 1, close: 2 });
      await store.merge('prices', { ...key, close: 3, open: null, dividend: 4 });
      expect(await store.get('prices', 'SPY', '2026-01-02')).toEqual({ ...key, close: 3, dividend: 4 });
    });

    test('can be removed, also those that are not there', async () => {
      await store.put('prices', [{ ticker: 'SPY', date: '2026-01-02', close: 1 }]);
      await store.delete('prices', [
        { ticker: 'SPY', date: '2026-01-02' },
        { ticker: 'SPY', date: '2026-01-03' },
      ]);
      expect(await list('prices', { hash: 'SPY' })).toEqual([]);
    });

    test('a number that is none is refused', async () => {
      for (const close of [NaN, Infinity])
        await expect(store.put('prices', [{ ticker: 'SPY', date: '2026-01-02', close }])).rejects.toThrow(
          `attribute close is ${close}`,
        );
    });

    test('indexes find what has their keys; with keys only they have no more', async () => {
      await statistics.putOwn('SPY', WINDOW, ownProfile(0.1), origin);
      await statistics.putOwn('AAPL', { ...WINDOW, end: '2025-06-01' }, ownProfile(0.2), origin);
      expect(await list('profile', { index: 'DateTelescoping', hash: 0, before: '2025-07-01' })).toEqual([
        {
          ticker: 'AAPL',
          start_date: '2025-01-01#2025-06-01#moments#0',
          end_date: '2025-06-01',
          weekends: 0,
        },
      ]);
      const whole = await list('profile', { index: 'EstimationTelescoping', hash: 'moments' });
      expect(whole.map((item) => item['annual_return']).toSorted()).toEqual([0.1, 0.2]);
    });
  });

  describe('prices', () => {
    test('10,000 rows come back exactly, whatever their bits', async () => {
      const random = randomNumbers(7);
      const rows: PriceRow[] = Array.from({ length: 10_000 }, (_, index) => ({
        date: addDays('1999-01-01', index),
        open: index % 7 === 0 ? null : 1e-6 + random() * 10 ** (index % 12),
        close: (random() + 1e-9) / 3,
        dividend: index % 90 === 0 ? 0.1 * random() : null,
      }));
      const prices = new PriceCache(store);
      await prices.write('SPY', rows, { start: '1999-01-01', end: '2027-01-01' }, SOURCE);
      expect(await prices.read('SPY', { start: '1999-01-01', end: '2027-01-01' })).toEqual(rows);
      await prices.write('SPY', rows.slice(0, 30), { start: '1999-01-01', end: '1999-02-01' }, SOURCE);
      expect(await prices.read('SPY', { start: '1999-01-01', end: '1999-01-03' })).toEqual(rows.slice(0, 2));
    });

    test('what is known is kept as ranges, made one where they touch, and told apart by source', async () => {
      const prices = new PriceCache(store);
      const cover = (start: string, end: string, source = SOURCE): Promise<void> =>
        prices.write('SPY', [], { start, end }, source);
      await cover('2026-01-01', '2026-02-01');
      await cover('2026-03-01', '2026-04-01');
      await cover('2026-02-01', '2026-02-15');
      await cover('2025-01-01', '2025-01-05', 'other');
      expect([...(await prices.coverage('SPY'))]).toEqual(
        expect.arrayContaining([
          [
            SOURCE,
            [
              { start: '2026-01-01', end: '2026-02-15' },
              { start: '2026-03-01', end: '2026-04-01' },
            ],
          ],
          ['other', [{ start: '2025-01-01', end: '2025-01-05' }]],
        ]),
      );
      // Ranges that another one contains are gone; rows and ranges do not get into each other's way.
      expect(await list('prices', { hash: 'SPY', from: '~' })).toHaveLength(3);
      expect(await prices.read('SPY', { start: '2000-01-01', end: '2099-01-01' })).toEqual([]);
      expect(await prices.forget('SPY')).toBe(3);
      expect(await prices.coverage('SPY')).toEqual(new Map());
    });
  });

  test('writers of one history at once lose nothing of what each has made known', async () => {
    const days = Array.from({ length: 12 }, (_, index) => addDays('2026-01-01', index));
    await Promise.all(
      days.map((date) =>
        new PriceCache(store).write(
          'SPY',
          [{ date, open: null, close: 1, dividend: null }],
          { start: date, end: addDays(date, 1) },
          SOURCE,
        ),
      ),
    );
    const prices = new PriceCache(store);
    expect([...(await prices.coverage('SPY'))]).toEqual([
      [SOURCE, [{ start: '2026-01-01', end: '2026-01-13' }]],
    ]);
    expect(await prices.read('SPY', { start: '2026-01-01', end: '2026-02-01' })).toHaveLength(12);
  });

  test('what is known is there, also when somebody forgets it at the same time', async () => {
    const prices = new PriceCache(store);
    const range = { start: '2026-01-01', end: '2026-03-01' };
    const rows = Array.from({ length: 59 }, (_, index) => ({
      date: addDays(range.start, index),
      open: null,
      close: 1 + index,
      dividend: null,
    }));
    await prices.write('SPY', rows, range, SOURCE);
    await Promise.all([
      prices.forget('SPY'),
      prices.write('SPY', rows, range, SOURCE),
      prices.forget('SPY'),
      prices.write('SPY', rows, range, SOURCE),
    ]);
    for (const known of (await prices.coverage('SPY')).get(SOURCE) ?? [])
      expect(await prices.read('SPY', known)).toEqual(
        rows.filter(({ date }) => date >= known.start && date < known.end),
      );
    // A day that the source no longer has goes when its range is written again.
    await prices.write('SPY', rows.slice(1), range, SOURCE);
    expect(await prices.read('SPY', range)).toEqual(rows.slice(1));
  });

  test('yields come back by maturity, a day without one as null', async () => {
    const rates = new RateCache(store);
    const curve = (date: string, ten: number | null) => ({
      date,
      percent: new Map([
        ['TEN_YEAR', ten],
        ['ONE_MONTH', 0],
      ] as const),
    });
    await rates.write(
      [curve('2026-01-02', 4.5), curve('2026-01-05', null)],
      { start: '2026-01-01', end: '2026-01-06' },
      'treasury',
    );
    expect(await rates.read('TEN_YEAR', { start: '2026-01-01', end: '2027-01-01' })).toEqual([
      { date: '2026-01-02', percent: 4.5 },
      { date: '2026-01-05', percent: null },
    ]);
    expect(await rates.read('ONE_MONTH', { start: '2026-01-05', end: '2026-01-06' })).toEqual([
      { date: '2026-01-05', percent: 0 },
    ]);
    expect([...(await rates.coverage())]).toEqual([
      ['treasury', [{ start: '2026-01-01', end: '2026-01-06' }]],
    ]);
  });

  describe('profiles', () => {
    test('of one start with different end, method, weekends or sessions all stay', async () => {
      const windows: WindowKey[] = [
        WINDOW,
        { ...WINDOW, end: '2026-02-01' },
        { ...WINDOW, method: 'percentiles' },
        { ...WINDOW, weekends: true },
        { ...WINDOW, sessions: 'SPY' },
        { ...WINDOW, sessions: '^N225' },
      ];
      for (const [index, window] of windows.entries())
        await statistics.putOwn('BTC-USD', window, ownProfile(index), origin);
      for (const [index, window] of windows.entries()) {
        expect(await statistics.profile('BTC-USD', window)).toEqual({
          window,
          own: ownProfile(index),
          market: undefined,
          isFinal: true,
        });
      }
      expect(await statistics.profilesFrom('BTC-USD', '2025-01-01')).toHaveLength(6);
      expect(await statistics.profilesFrom('BTC-USD', '2025-01-02')).toEqual([]);
    });

    test('have what depends on the market set beside what does not, with rate and proxy', async () => {
      const market = {
        sharpeRatio: 1.5,
        assetBeta: 0.75,
        equityCost: 0.07,
        marketReturn: 0.09,
        marketProxy: 'SPY',
        riskFree: 0.04,
        riskFreeMaturity: 'TEN_YEAR',
        riskFreeDate: '2025-12-30',
      };
      await statistics.putOwn('AAPL', WINDOW, ownProfile(0.3), origin);
      await statistics.putMarket('AAPL', WINDOW, market);
      expect(await statistics.profile('AAPL', WINDOW)).toMatchObject({ own: ownProfile(0.3), market });
      await statistics.putOwn('AAPL', WINDOW, ownProfile(0.4), origin);
      expect(await statistics.profile('AAPL', WINDOW)).toMatchObject({
        own: ownProfile(0.4),
        market: undefined,
      });
    });

    test('that have expired, or are from elsewhere, do not count', async () => {
      const at = (ms: number): Date => new Date(NOW.getTime() + ms);
      await statistics.putOwn('A', WINDOW, ownProfile(1), { ...origin, expiresAt: at(-1000) });
      await statistics.putOwn('B', WINDOW, ownProfile(1), { ...origin, expiresAt: at(60_000) });
      await statistics.putOwn('C', WINDOW, ownProfile(1), { ...origin, source: 'another lake' });
      expect(await statistics.profile('A', WINDOW)).toBeUndefined();
      expect(await statistics.profile('B', WINDOW)).toMatchObject({ isFinal: false });
      expect(await statistics.profile('C', WINDOW)).toBeUndefined();
    });
  });

  test('correlations are the same in both orders, and each partner has its own', async () => {
    await statistics.putCorrelation('SPY', 'AAPL', WINDOW, PAIR, origin);
    await statistics.putCorrelation('SPY', 'VTI', WINDOW, { ...PAIR, correlation: 0.99 }, origin);
    await statistics.putCorrelation('AAPL', 'SPY', { ...WINDOW, sessions: 'VTI' }, PAIR, origin);
    expect(await statistics.correlation('SPY', 'AAPL', WINDOW)).toEqual({
      window: WINDOW,
      pair: PAIR,
      isFinal: true,
    });
    const { pair } = (await statistics.correlation('AAPL', 'SPY', WINDOW))!;
    expect([pair.correlation, pair.summary.sums, pair.last.closes]).toEqual([-0.25, [0.2, 0.1], [4, 3]]);
    expect(await statistics.correlationsFrom('VTI', 'SPY', '2025-01-01')).toHaveLength(1);
    expect(await statistics.correlationsFrom('SPY', 'AAPL', '2025-01-01')).toHaveLength(2);
    expect(await statistics.partners('SPY')).toEqual(['AAPL', 'VTI']);
    expect(await statistics.partners('VTI')).toEqual(['SPY']);
  });

  describe('invalidation removes', () => {
    const early = { ...WINDOW, end: '2025-06-01' };
    beforeEach(async () => {
      for (const ticker of ['AAPL', 'SPY']) {
        for (const window of [WINDOW, early, { ...WINDOW, method: 'likelihood' as const }])
          await statistics.putOwn(ticker, window, ownProfile(1), origin);
      }
      await statistics.putOwn('BTC-USD', { ...WINDOW, weekends: true }, ownProfile(1), origin);
      for (const window of [WINDOW, early, { ...WINDOW, method: 'likelihood' as const }])
        await statistics.putCorrelation('AAPL', 'SPY', window, PAIR, origin);
      await statistics.putCorrelation('SPY', 'VTI', WINDOW, PAIR, origin);
      await new PriceCache(store).write(
        'SPY',
        [{ date: '2026-01-02', open: 1, close: 2, dividend: null }],
        { start: '2026-01-01', end: '2026-01-03' },
        SOURCE,
      );
    });

    test.each([
      ['a method', { method: 'likelihood' }, { profiles: 2, correlations: 1, ranges: 0 }],
      [
        'windows that end before a date',
        { endBefore: '2025-07-01' },
        { profiles: 2, correlations: 1, ranges: 0 },
      ],
      ['the weekends of coins', { weekends: true }, { profiles: 1, correlations: 0, ranges: 0 }],
      ['a ticker, with its prices', { ticker: 'SPY' }, { profiles: 3, correlations: 4, ranges: 1 }],
      [
        'what fits all conditions',
        { ticker: 'AAPL', method: 'moments', endBefore: '2025-07-01' },
        { profiles: 1, correlations: 1, ranges: 0 },
      ],
      ['every statistic', {}, { profiles: 7, correlations: 4, ranges: 0 }],
    ] as const)('%s', async (_what, filter, counts) => {
      expect(await invalidate(store, filter)).toEqual(counts);
      expect(await invalidate(store, filter)).toEqual({ profiles: 0, correlations: 0, ranges: 0 });
    });
  });
}
