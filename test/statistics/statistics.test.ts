import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { assetType } from '../../jobs/statistics/assets.ts';
import { MemoryStore } from '../../jobs/statistics/cache/memory-store.ts';
import { invalidate } from '../../jobs/statistics/cache/invalidate.ts';
import { PriceCache, type PriceRow } from '../../jobs/statistics/cache/price-cache.ts';
import type { TableStore } from '../../jobs/statistics/cache/table-store.ts';
import type { FunctionName } from '../../jobs/statistics/function-names.ts';
import { answer, resolveWindow } from '../../jobs/statistics/functions.ts';
import type { Answer } from '../../jobs/statistics/functions/definition.ts';
import { knownPart } from '../../jobs/statistics/history.ts';
import { TreasuryProvider } from '../../jobs/statistics/interest/treasury.ts';
import type { PriceReader } from '../../jobs/statistics/lake-prices.ts';
import type { StatisticsParts } from '../../jobs/statistics/statistics.ts';
import { toDay, type DateRange } from '../../jobs/runtime/dates.ts';
import { loadSample } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { distance, reference, referenceRows } from '../support/statistics.ts';
import { startTreasury, type TreasuryServer } from '../support/treasury-server.ts';
import { readLake } from '../support/prices.ts';

const signal = new AbortController().signal;
const WINDOW = { start: '2013-04-28', end: '2014-01-01' };
let treasury: TreasuryServer;
beforeAll(async () => {
  treasury = await startTreasury();
  treasury.days = { '2013-06-28': { '10YEAR': 2.52 }, '2013-12-31': { '10YEAR': 3.04, '1YEAR': 0.13 } };
});
afterAll(() => treasury.close());

/** The reference prices as a source that counts what it is asked. */
class TableReader implements PriceReader {
  readonly source: string;
  readonly asked: { tickers: readonly string[]; ranges: readonly DateRange[] }[] = [];
  prices: Record<string, PriceRow[]> = {};
  /** The source has gone on for so long that nothing before changes any more. */
  newest = '2014-06-01';

  constructor(source = 'reference') {
    this.source = source;
    for (const row of referenceRows) {
      for (const [ticker, close] of Object.entries(row)) {
        if (ticker !== 'date' && close !== '')
          (this.prices[ticker] ??= []).push({
            date: row['date']!,
            open: null,
            close: Number(close),
            dividend: null,
          });
      }
    }
  }

  async read(tickers: readonly string[], ranges: readonly DateRange[]) {
    this.asked.push({ tickers, ranges });
    const rows = new Map(
      tickers.map((ticker) => [
        ticker,
        (this.prices[ticker] ?? []).filter(({ date }) =>
          ranges.some(({ start, end }) => date >= start && date < end),
        ),
      ]),
    );
    return { rows, newest: this.newest };
  }
}

const isInWindow = ({ date }: PriceRow): boolean => date >= WINDOW.start && date < WINDOW.end;

let store: TableStore;
let reader: TableReader;
let today: string;
beforeEach(() => {
  store = new MemoryStore();
  reader = new TableReader();
  today = '2014-06-01';
});

const parts = (): StatisticsParts => ({
  store,
  prices: reader,
  rates: new TreasuryProvider({
    baseUrl: treasury.url,
    timeoutMs: 5000,
    clock: { now: () => new Date(), sleep: async () => {}, random: () => 0 },
  }),
  marketProxy: 'SPY',
  maturity: 'TEN_YEAR',
  now: () => new Date(`${today}T12:00:00Z`),
});
const ask = (name: FunctionName, input: object): Promise<Answer & { result: any }> =>
  answer(parts(), name, { ...WINDOW, ...input }, signal);

describe('a profile', () => {
  test('equals the reference under every method, with what depends on market and rate', async () => {
    for (const { ticker, method, weekends, annual_return, annual_volatility } of reference.profiles) {
      const { result, riskFree } = await ask('profile', { tickers: [ticker], method, weekends });
      const found = result[ticker];
      expect(
        distance([found.annual_return, found.annual_volatility], [annual_return, annual_volatility]),
      ).toBeLessThan(1e-9);
      expect(riskFree).toEqual({ maturity: 'TEN_YEAR', date: '2013-12-31', rate: 0.0304 });
      expect(found.sharpe_ratio).toBeCloseTo((annual_return - 0.0304) / annual_volatility, 9);

      const of = (name: string, flag: boolean): any =>
        reference.profiles.find(
          (one: any) => one.ticker === name && one.method === method && one.weekends === flag,
        );
      const pair = reference.correlations.find(
        (one: any) =>
          one.method === method &&
          one.tickers.includes(ticker) &&
          one.tickers.includes('SPY') &&
          ticker !== 'SPY',
      );
      const rho = ticker === 'SPY' ? 1 : pair.correlation;
      const beta = (rho * of(ticker, false).annual_volatility) / of('SPY', false).annual_volatility;
      expect(Math.abs(found.asset_beta - beta)).toBeLessThan(1e-5);
      expect(found.equity_cost).toBeCloseTo(
        0.0304 + found.asset_beta * (of('SPY', false).annual_return - 0.0304),
        9,
      );
    }
  });

  test('that is in the cache is answered without asking for prices or rates', async () => {
    const first = await ask('profile', { tickers: ['AAPL', 'GOOG'] });
    expect(reader.asked).toEqual([{ tickers: ['AAPL', 'GOOG', 'SPY'], ranges: [WINDOW] }]);
    const requests = treasury.requests.length;
    reader.asked.length = 0;
    const again = await ask('profile', { tickers: ['AAPL', 'GOOG'] });
    expect(reader.asked).toEqual([]);
    expect(treasury.requests).toHaveLength(requests);
    expect(again.result).toEqual(first.result);
    expect([first.cache, again.cache]).toEqual([
      expect.objectContaining({ misses: 5 }),
      { hits: 2, misses: 0 },
    ]);
    expect(again.prices['AAPL']).toEqual({ rows: 172, first: '2013-04-29', last: '2013-12-31' });
  });

  test('depends on the rate and the market it was computed with', async () => {
    const at = async (more: object): Promise<any> =>
      (await ask('profile', { tickers: ['AAPL'], ...more })).result.AAPL;
    const tenYear = await at({});
    const given = await at({ riskFree: 0.01 });
    expect(given.sharpe_ratio - tenYear.sharpe_ratio).toBeCloseTo(0.0204 / tenYear.annual_volatility, 9);
    expect((await at({ riskFree: 'ONE_YEAR' })).sharpe_ratio).toBeCloseTo(
      (tenYear.annual_return - 0.0013) / tenYear.annual_volatility,
      9,
    );
    const other = await at({ market: 'GOOG' });
    expect(other.asset_beta).not.toBeCloseTo(tenYear.asset_beta, 3);
    expect(await at({})).toEqual(tenYear);
  });

  test('follows the market: what was computed of prices of it that changed is computed again', async () => {
    const input = { tickers: ['AAPL'], riskFree: 0.01 };
    const before = await ask('profile', input);
    for (const [index, row] of reader.prices['SPY']!.entries())
      reader.prices['SPY']![index] = { ...row, close: row.close! * (1 + 0.01 * (index % 3)) };
    await invalidate(store, { ticker: 'SPY' });
    const after = await ask('profile', input);
    expect(after.cache).toEqual({ hits: 1, misses: 2 });
    expect(after.result.AAPL.annual_return).toBe(before.result.AAPL.annual_return);
    store = new MemoryStore();
    expect(after.result).toEqual((await ask('profile', input)).result);
  });

  test('of a coin without weekends is that of the sessions of the market asked for', async () => {
    // A market that rests on Mondays, too.
    reader.prices['^REST'] = reader.prices['SPY']!.filter(({ date }) => toDay(date) % 7 !== 4);
    const input = { tickers: ['BTC-USD'], weekends: false, riskFree: 0.01 };
    const here = await ask('profile', input);
    const there = await ask('profile', { ...input, market: '^REST' });
    expect(there.prices['BTC-USD']!.rows).toBe(reader.prices['^REST'].filter(isInWindow).length);
    expect(await ask('profile', input)).toMatchObject({ result: here.result, cache: { hits: 1, misses: 0 } });
    expect(await ask('profile', { ...input, market: '^REST' })).toMatchObject({
      result: there.result,
      cache: { hits: 1, misses: 0 },
    });
    // Beside a share the days that both have count, whoever is the market.
    const pair = { tickers: ['BTC-USD', 'AAPL'] };
    const { result } = await ask('correlation', { ...pair, market: '^REST' });
    expect((await ask('correlation', pair)).result).toEqual(result);
  });

  test('of a long window is put together from those of its parts, to 1e-12', async () => {
    for (const [ticker, weekends, method] of [
      ['AAPL', undefined, 'moments'],
      ['BTC-USD', true, 'likelihood'],
      ['BTC-USD', false, 'moments'],
    ] as const) {
      const direct = await ask('profile', { tickers: [ticker], weekends, method });
      store = new MemoryStore();
      const cuts = ['2013-04-28', '2013-07-06', '2013-09-10', '2014-01-01'];
      for (const [index, start] of cuts.slice(0, -1).entries())
        await ask('profile', {
          tickers: [ticker],
          weekends,
          method,
          start,
          end: cuts[index + 1]!,
          riskFree: 0.0304,
        });
      reader.asked.length = 0;
      const joined = await ask('profile', { tickers: [ticker], weekends, method });
      expect(reader.asked).toEqual([]);
      for (const [name, value] of Object.entries<number>(joined.result[ticker]))
        expect(Math.abs(value / direct.result[ticker][name] - 1)).toBeLessThan(1e-12);
      expect(joined.prices).toEqual(direct.prices);
    }
  });

  test('is not put together from windows of before and after a split', async () => {
    const [early, late] = [
      { tickers: ['AAPL'], start: '2013-04-28', end: '2013-09-01' },
      { tickers: ['AAPL'], start: '2013-09-01', end: '2014-01-01' },
    ];
    await ask('var', early);
    // The prices are gone, so that nobody can notice that they were restated.
    await new PriceCache(store).forget('AAPL');
    reader.prices['AAPL'] = reader.prices['AAPL']!.map((row) => ({ ...row, close: row.close! / 7 }));
    await ask('var', late);
    const whole = await ask('var', { tickers: ['AAPL'] });
    store = new MemoryStore();
    expect(whole.result).toEqual((await ask('var', { tickers: ['AAPL'] })).result);
  });
});

describe('prices', () => {
  test('are asked for where the cache lacks them only', async () => {
    await ask('correlation', { tickers: ['AAPL', 'GOOG'], start: '2013-06-03', end: '2013-09-03' });
    reader.asked.length = 0;
    await ask('correlation', { tickers: ['AAPL', 'GOOG'], start: '2013-05-01', end: '2013-09-03' });
    expect(reader.asked).toEqual([
      {
        tickers: ['AAPL', 'GOOG', 'SPY'],
        ranges: [
          { start: '2013-05-01', end: '2013-06-03' },
          // The last day that is known, to see whether it was restated.
          { start: '2013-08-30', end: '2013-08-31' },
        ],
      },
    ]);
    reader.asked.length = 0;
    await ask('var', { tickers: ['AAPL'], start: '2013-05-02', end: '2013-08-01' });
    expect(reader.asked).toEqual([]);
  });

  test('that were restated, as by a split, are read again, and what was made of them goes', async () => {
    const early = { start: '2013-05-01', end: '2013-09-01' };
    const before = await ask('var', { tickers: ['AAPL'], ...early });
    for (const [index, row] of reader.prices['AAPL']!.entries())
      reader.prices['AAPL']![index] = { ...row, close: row.close! / 7 };
    await ask('var', { tickers: ['AAPL'] });
    const after = await ask('var', { tickers: ['AAPL'], ...early });
    expect(after.result.AAPL.value_at_risk).toBeCloseTo(before.result.AAPL.value_at_risk / 7, 9);
  });

  test('of another lake are never mixed with those of this one', async () => {
    const here = await ask('profile', { tickers: ['AAPL'] });
    const other = new TableReader('another');
    other.prices['AAPL'] = other.prices['GOOG']!;
    const mine = reader;
    reader = other;
    const there = await ask('profile', { tickers: ['AAPL'] });
    const google = await ask('profile', { tickers: ['GOOG'] });
    expect(there.result.AAPL).toEqual(google.result.GOOG);
    reader = mine;
    expect((await ask('profile', { tickers: ['AAPL'] })).result).toEqual(here.result);
  });

  test('of a window that is still open are asked for again after some hours', async () => {
    today = '2014-01-02';
    reader.newest = '2014-01-02';
    const open = { tickers: ['AAPL'], start: '2013-06-01', end: '2014-01-03', riskFree: 0.01 };
    const first = await ask('profile', open);
    reader.prices['AAPL']!.push({ date: '2014-01-02', open: null, close: 90, dividend: null });
    reader.prices['SPY']!.push({ date: '2014-01-02', open: null, close: 190, dividend: null });
    expect((await ask('profile', open)).result).toEqual(first.result);
    today = '2014-01-03';
    const later = await ask('profile', open);
    expect(later.prices['AAPL']).toMatchObject({ last: '2014-01-02' });
    expect(later.result).not.toEqual(first.result);
  });

  test('that a load may fetch again are not settled: a late close is seen', async () => {
    today = '2014-01-02';
    reader.newest = '2014-01-02';
    const late = reader.prices['AAPL']!.splice(-3);
    const input = { tickers: ['AAPL'], riskFree: 0.01 };
    expect((await ask('var', input)).prices['AAPL']).toMatchObject({ last: '2013-12-26' });
    reader.prices['AAPL']!.push(...late);
    today = '2014-01-03';
    expect((await ask('var', input)).prices['AAPL']).toMatchObject({ last: '2013-12-31' });
    today = '2014-02-01';
    reader.newest = '2014-01-31';
    await ask('var', input);
    reader.asked.length = 0;
    today = '2015-01-01';
    await ask('var', { ...input, method: 'likelihood' });
    expect(reader.asked).toEqual([]);
  });

  test('of a ticker that was not there are found once it is loaded, also in a short window', async () => {
    const week = { tickers: ['GOOG'], start: '2013-06-03', end: '2013-06-08', riskFree: 0.01 };
    const loaded = reader.prices['GOOG']!;
    reader.prices['GOOG'] = [];
    await expect(ask('var', week)).rejects.toThrow('there are no closes of GOOG');
    reader.prices['GOOG'] = loaded;
    expect((await ask('var', week)).prices['GOOG']).toMatchObject({ rows: 5 });
  });

  test('what is known after a read leaves out what may still come', () => {
    const part = { start: '2013-01-01', end: '2013-03-01' };
    const rows = (...dates: string[]): PriceRow[] =>
      dates.map((date) => ({ date, open: null, close: 1, dividend: null }));
    const near = rows('2013-01-02', '2013-02-28');
    expect(knownPart(part, near, '2013-03-14', false)).toEqual(part);
    // The last days are not settled yet.
    expect(knownPart(part, rows('2013-01-02', '2013-02-14', '2013-02-20'), '2013-03-01', false)).toEqual({
      start: part.start,
      end: '2013-02-16',
    });
    expect(knownPart(part, rows('2013-01-02', '2013-02-20'), '2013-04-01', false)).toEqual({
      start: part.start,
      end: '2013-02-21',
    });
    expect(knownPart(part, rows('2013-01-15', '2013-02-28'), '2013-04-01', false)).toEqual({
      start: '2013-01-15',
      end: part.end,
    });
    expect(knownPart(part, near, undefined, false)).toBeUndefined();
    expect(knownPart(part, [], '2013-04-01', true)).toBeUndefined();
    const day = { start: '2013-01-01', end: '2013-01-02' };
    expect(knownPart(day, [], '2013-04-01', true)).toEqual(day);
    expect(knownPart(day, [], '2013-04-01', false)).toBeUndefined();
    expect(knownPart(day, [], '2013-01-03', true)).toBeUndefined();
  });
});

describe('portfolios', () => {
  const tickers = reference.market.tickers;

  test('equal the reference, with a holding per ticker and shares for an amount', async () => {
    const { result } = await ask('optimize', {
      tickers,
      objective: 'maximum-sharpe',
      riskFree: reference.risk_free,
      invest: 10_000,
    });
    expect(
      distance(
        result.holdings.map((one: any) => one.allocation),
        reference.portfolios[0].maximum_sharpe,
      ),
    ).toBeLessThan(1e-6);
    expect(result.total + result.cash).toBeCloseTo(10_000, 9);
    const [target] = Object.values<any>(reference.portfolios[0].targets);
    const targeted = await ask('optimize', { tickers, target: target.target });
    expect(
      distance(
        targeted.result.holdings.map((one: any) => one.allocation),
        target.weights,
      ),
    ).toBeLessThan(1e-6);
    const cvar = await ask('optimize', { tickers, objective: 'minimum-cvar', years: 0.5, probability: 0.05 });
    expect(cvar.result.conditional_value_at_risk).toBeCloseTo(reference.portfolios[0].minimum_cvar.cvar, 9);
  });

  test('the frontier has its ends and the special portfolios', async () => {
    const { result } = await ask('frontier', { tickers, steps: 7 });
    expect(result.frontier).toHaveLength(7);
    expect(result.frontier[0]).toEqual(result.minimum_variance);
    expect(result.frontier[6]).toEqual(result.maximum_return);
    const { result: poor, warnings } = await ask('frontier', { tickers, riskFree: 9 });
    expect(poor.maximum_sharpe).toBeNull();
    expect(warnings).toEqual([expect.stringMatching(/^no portfolio returns more than the risk-free rate 9/)]);
  });

  test('correlations by percentiles that contradict each other are repaired, with a warning', async () => {
    const { result, warnings } = await ask('correlation', {
      tickers,
      method: 'percentiles',
      start: '2013-07-01',
      end: '2013-08-01',
      weekends: false,
    });
    expect(result.correlation_matrix).toHaveLength(tickers.length);
    expect(warnings).toEqual([expect.stringMatching(/^the correlations contradict each other/)]);
  });
});

test('moving averages, tails, interest and the yield curve', async () => {
  const { result: averages } = await ask('moving-averages', { tickers: ['BTC-USD'] });
  const [expected] = reference.averages;
  const found = Object.values<any>(averages).map((one) => one.MA_20);
  expect(found.slice(0, 19).every((value) => value === null)).toBe(true);
  expect(
    distance(
      found.slice(19).filter((_, index) => index % 40 === 0),
      expected.drift,
    ),
  ).toBeLessThan(1e-9);
  const { result: curve } = await answer(
    parts(),
    'yield-curve',
    { date: '2014-01-02', convention: 'effective' },
    signal,
  );
  expect(curve).toMatchObject({
    date: '2013-12-31',
    yields: { TEN_YEAR: expect.closeTo(1.0152 ** 2 - 1, 12), ONE_MONTH: null },
  });
  const { result: interest } = await ask('interest', { maturities: ['TEN_YEAR'] });
  expect(interest).toEqual({ TEN_YEAR: { '2013-06-28': 2.52, '2013-12-31': 3.04 } });
});

describe('an error says what and where', () => {
  test.each<[string, FunctionName, object, string]>([
    [
      'an unknown ticker',
      'profile',
      { tickers: ['NOPE'] },
      'there are no closes of NOPE from 2013-04-28 up to before 2014-01-01 in reference',
    ],
    [
      'a window of 2 returns',
      'profile',
      { tickers: ['AAPL'], start: '2013-06-03', end: '2013-06-06', riskFree: 0.02 },
      'AAPL has 2 returns in the window',
    ],
    [
      'reversed dates',
      'profile',
      { tickers: ['AAPL'], start: '2013-06-06', end: '2013-06-06' },
      '--start 2013-06-06 is not before --end 2013-06-06',
    ],
    [
      'a start in the future',
      'profile',
      { tickers: ['AAPL'], start: '2099-01-01', end: '2099-02-01' },
      '--start 2099-01-01 is in the future',
    ],
    [
      'a date that is none',
      'profile',
      { tickers: ['AAPL'], start: '2013-02-30' },
      'start: is not a date YYYY-MM-DD',
    ],
    ['a ticker twice', 'correlation', { tickers: ['AAPL', 'AAPL'] }, 'tickers: has a ticker twice'],
    [
      'weekends of a share',
      'profile',
      { tickers: ['BTC-USD', 'AAPL'], weekends: true },
      '--weekends is for coins only, and AAPL is traded on weekdays',
    ],
    [
      'an infeasible target',
      'optimize',
      { tickers: ['AAPL', 'GOOG'], objective: 'target-return', target: 99 },
      'no portfolio within the bounds returns 99 a year; choose from',
    ],
    [
      'a target of another objective',
      'optimize',
      { tickers: ['AAPL', 'GOOG'], target: 1, objective: 'maximum-return' },
      'a target goes with the objective target-return',
    ],
    [
      'missing yields',
      'profile',
      { tickers: ['AAPL'], riskFree: 'THIRTY_YEAR' },
      'there is no THIRTY_YEAR yield in the 31 days before 2014-01-01',
    ],
    [
      'no dividends',
      'ddm',
      { tickers: ['AAPL'], discount: 0.1 },
      'AAPL has 0 dividends in the window and the model needs 3',
    ],
    ['an unknown field', 'profile', { tickers: ['AAPL'], color: 'red' }, 'Unrecognized key: "color"'],
  ])('%s', async (_what, name, input, message) => {
    await expect(ask(name, input)).rejects.toThrow(message);
  });

  test('the default window ends tomorrow', () => {
    expect(resolveWindow({}, 145, '2026-10-05')).toEqual({ start: '2026-05-14', end: '2026-10-06' });
  });

  test('a window that ends in the future ends tomorrow, with the yields there are', async () => {
    today = '2014-01-01';
    const { window, riskFree } = await ask('profile', { tickers: ['AAPL'], end: '2030-01-01' });
    expect(window.end).toBe('2014-01-02');
    expect(riskFree).toMatchObject({ date: '2013-12-31' });
  });
});

describe('prices of a lake', () => {
  const folder = temporaryFolder();
  beforeAll(async () => {
    await loadSample(`file:${folder}/lake`, { start: '2011-11-01', end: '2012-04-01' }, folder);
  });

  test('are read month by month, the tickers asked for only, with dividends', async () => {
    const prices = readLake(`${folder}/lake`);
    const { rows, newest } = await prices.read(
      ['IBM', 'SPY', 'NOPE'],
      [
        { start: '2011-11-10', end: '2011-11-11' },
        { start: '2011-12-29', end: '2012-02-15' },
      ],
    );
    expect(newest).toBe('2012-03-01');
    expect(rows.get('NOPE')).toEqual([]);
    expect(
      rows
        .get('SPY')!
        .map(({ date }) => date)
        .slice(0, 4),
    ).toEqual(['2011-11-10', '2011-12-29', '2011-12-30', '2012-01-03']);
    expect(rows.get('IBM')!.at(-1)!.date).toBe('2012-02-14');
    expect(rows.get('IBM')!.find(({ dividend }) => dividend !== null)).toEqual({
      date: '2012-02-08',
      open: expect.any(Number),
      close: expect.any(Number),
      dividend: 0.75,
    });
    const last = await prices.read(['SPY'], [{ start: '2012-03-20', end: '2012-05-01' }]);
    expect(last.newest).toBe('2012-03-30');
    expect(prices.source).toBe(`file:${folder}/lake`);
  });

  test('an empty lake has none', async () => {
    const prices = readLake(`${folder}/empty`);
    expect(await prices.read(['SPY'], [WINDOW])).toEqual({ rows: new Map([['SPY', []]]), newest: undefined });
  });
});

test('coins are told by the currency in their symbol', () => {
  expect(['BTC-USD', 'ETH-EUR', 'BRK-B', 'BAC-PL', 'AAPL', '000060.KS', 'X-WTA'].map(assetType)).toEqual([
    'crypto',
    'crypto',
    'equity',
    'equity',
    'equity',
    'equity',
    'equity',
  ]);
});
