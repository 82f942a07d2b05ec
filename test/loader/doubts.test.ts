import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { listingsKey } from '../../jobs/lake/layout.ts';
import { NEW_LISTING } from '../../jobs/lake/listings.ts';
import { planLoad } from '../../jobs/loader/plan.ts';
import { addDays } from '../../jobs/runtime/dates.ts';
import { at, bar, stock, weekdays } from '../support/charts.ts';
import { ALL_PRICES, readLake } from '../support/lake.ts';
import { worlds, type World } from '../support/loader.ts';
import { chartBody, sendJson, type PlayedChart } from '../support/yahoo-server.ts';

/*
 * Ways in which a provider can be wrong so that a loader that trusts it loses rows or keeps two bases in one series.
 * Windows are given, so that no name is renewed by its turn and hides what a look back has to find.
 */
const { create } = worlds();
const FROM = '2023-01-02';
const TO = '2024-03-23';
const given = { start: '2024-03-09', end: TO, isRoutine: false };

const countOf = async (world: World, where = 'true'): Promise<unknown> =>
  (await readLake(world.lake, `select count(*)::int from ${ALL_PRICES} where ${where}`))[0]![0];
/** The largest step between closes on consecutive rows, adjusted or not, up or down. */
const largestStep = async (world: World, column: 'close' | 'adj_close'): Promise<number> =>
  Number(
    (
      await readLake(
        world.lake,
        `select max(greatest(now / before, before / now)) from (select ${column} as now, lag(${column})
         over (partition by ticker order by date) as before from ${ALL_PRICES} where ${column} is not null)`,
      )
    )[0]![0],
  );
const withDividend = (chart: PlayedChart, on: string, amount = 1): PlayedChart => ({
  ...chart,
  bars: chart.bars.map((one) =>
    one.at < at(`${on}T00:00:00Z`) ? { ...one, adjclose: one.close! * 0.9 } : one,
  ),
  dividends: [{ at: at(`${on}T14:30:00Z`), amount }],
});
const splitBy = (chart: PlayedChart, factor: number, on: string): PlayedChart => ({
  ...chart,
  bars: chart.bars.map((one) => ({
    ...one,
    open: one.open! / factor,
    high: one.high! / factor,
    low: one.low! / factor,
    close: one.close! / factor,
    adjclose: one.adjclose! / factor,
  })),
  splits: [{ at: at(`${on}T14:30:00Z`), numerator: factor, denominator: 1 }],
});

describe('a history that would take the place of a better one is held back', () => {
  test.each([
    [
      'with a hole',
      (bars: PlayedChart['bars']) => bars.toSpliced(50, 150),
      /history has \d+ bars, the lake \d+/,
    ],
    [
      'that begins later',
      (bars: PlayedChart['bars']) => bars.slice(60),
      /history begins on .*, in the lake on 2023-01-02/,
    ],
  ])('one %s', async (_name, cut, reason) => {
    const world = create();
    const chart = stock('A', FROM, TO);
    world.server.symbols.set('A', chart);
    await world.load({ ...given, start: FROM });
    const before = await countOf(world);
    const restated = withDividend(chart, '2024-03-20');
    world.server.symbols.set('A', { ...restated, bars: cut(restated.bars) });
    const { outcome } = await world.load(given);
    expect(outcome('A')).toMatchObject({ status: 'quarantined', reason: expect.stringMatching(reason) });
    expect(await countOf(world)).toBe(before);
  });

  test('bars of months instead of days are refused', async () => {
    const world = create();
    const body = chartBody(stock('A', FROM, TO));
    body.chart.result[0]!['meta'].dataGranularity = '1mo';
    world.server.symbols.set('A', (_request, response) => sendJson(response, 200, body));
    expect((await world.load(given)).outcome('A')).toMatchObject({
      status: 'invalid',
      reason: 'asked for days, got bars of 1mo',
    });
  });
});

describe('a past that changed is noticed', () => {
  test('when a dividend is withdrawn', async () => {
    const world = create();
    const chart = stock('A', FROM, TO);
    world.server.symbols.set('A', withDividend(chart, '2024-03-05'));
    await world.load({ ...given, start: FROM });
    world.server.symbols.set('A', chart);
    const { outcome } = await world.load(given);
    expect(outcome('A').restated).toMatch(
      /^dividend of 2024-03-05 withdrawn, 1; adjusted closes are 1\.11111 of before/,
    );
    expect(await largestStep(world, 'adj_close')).toBeLessThan(1.01);
  });

  test('when closes are adjusted some days after the split', async () => {
    const world = create();
    const chart = stock('A', FROM, TO);
    const late = splitBy(chart, 2, '2024-03-14');
    // First only the bars from the split on are on the new basis: that is a cliff on the date of a split.
    const index = chart.bars.findIndex((one) => one.at === at('2024-03-14T14:30:00Z'));
    world.server.symbols.set('A', { ...chart, bars: chart.bars.slice(0, index) });
    await world.load({ ...given, start: FROM });
    world.server.symbols.set('A', {
      ...late,
      bars: [...chart.bars.slice(0, index), ...late.bars.slice(index)],
    });
    for (let day = 16; day < 23; day += 1) {
      world.at(`2024-03-${day}T12:00:00Z`);
      const { outcome } = await world.load(given);
      expect(outcome('A')).toMatchObject({
        status: 'quarantined',
        reason: expect.stringMatching(/close of 2024-03-14 is 0\.50.* as by a split that was not applied/),
      });
    }
    world.server.symbols.set('A', late);
    expect((await world.load(given)).outcome('A').status).toBe('ok');
    expect(await largestStep(world, 'close')).toBeLessThan(1.01);
  });

  test('a lake that was left alone is caught up with, whatever window is asked for', async () => {
    const world = create();
    const chart = stock('A', FROM, TO);
    world.server.symbols.set('A', { ...chart, bars: chart.bars.slice(0, 250) });
    await world.load({ ...given, start: FROM });
    world.server.symbols.set('A', splitBy(chart, 4, '2024-02-20'));
    const { outcome } = await world.load({ ...given, start: '2024-03-20' });
    expect(outcome('A')).toMatchObject({
      status: 'ok',
      restated: expect.stringMatching(/split of 2024-02-20/),
    });
    expect(await countOf(world)).toBe(weekdays(FROM, TO).length);
    expect(await largestStep(world, 'close')).toBeLessThan(1.01);
  });
});

describe('what is expected is not lowered by a bad day', () => {
  test('answers without bars where the lake has some are not good', async () => {
    const world = create();
    for (const symbol of ['A', 'B', 'C']) world.server.symbols.set(symbol, stock(symbol, FROM, TO));
    await world.load(given);
    const error = { code: 'Bad Request', description: "Data doesn't exist for startDate = 1, endDate = 2" };
    for (const symbol of ['A', 'B', 'C']) {
      world.server.symbols.set(symbol, (_request, response) =>
        sendJson(response, 400, { chart: { result: null, error } }),
      );
    }
    for (let run = 0; run < 2; run += 1) {
      const { manifest } = await world.load(given);
      expect(manifest.counts).toEqual({ total: 3, empty: 3 });
      expect(manifest.coverage).toMatchObject({ baseline: 'good last time', expected: 3, good: 0 });
    }
  });

  test('before a name was listed there is nothing to expect', async () => {
    const world = create();
    const young = { ...stock('A', '2024-03-18', TO), firstTradeDate: at('2024-03-18T14:30:00Z') };
    world.server.symbols.set('A', young);
    const { manifest, outcome } = await world.load({ ...given, start: '2023-01-01', end: '2023-02-01' });
    expect(outcome('A')).toMatchObject({ status: 'empty', reason: 'not traded before 2024-03-18' });
    expect(manifest.coverage).toMatchObject({ expected: 1, good: 1 });
  });

  test('names that never come do not keep the others from being renewed', () => {
    const tickers = Array.from({ length: 56 }, (_, index) => `T${index}`);
    const listing = {
      ...NEW_LISTING,
      first: '2020-01-02',
      last: '2024-02-29',
      isGood: true,
      refreshedOn: '2024-01-01',
    };
    const known = new Map(
      tickers.map((ticker, index) => [
        ticker,
        index < 4 ? { ...listing, absent: { days: 9, last: '2024-02-29' } } : listing,
      ]),
    );
    for (let night = 0; night < 28; night += 1) {
      const today = addDays('2024-03-01', night);
      const range = { start: addDays(today, -13), end: addDays(today, 1) };
      const { asks } = planLoad({ tickers, range, isRoutine: true, historyStart: undefined, today }, known);
      for (const { ticker } of asks.filter(({ scope }) => scope === 'history')) {
        const before = known.get(ticker)!;
        // Two names are there and always fail.
        const hasCome = ticker !== 'T4' && ticker !== 'T5';
        known.set(ticker, { ...before, askedInFullOn: today, ...(hasCome ? { refreshedOn: today } : {}) });
      }
    }
    const renewed = tickers.filter((ticker) => known.get(ticker)!.refreshedOn! >= '2024-03-01');
    expect(renewed.length).toBeGreaterThanOrEqual(46);
  });
});

describe('what an operator has decided stays decided', () => {
  test('an accepted step is not held back again', async () => {
    const world = create();
    const chart = stock('A', FROM, TO);
    const index = chart.bars.length - 4;
    const raised = splitBy(chart, 0.01, '2024-03-01').bars;
    world.server.symbols.set('A', {
      ...chart,
      bars: [...chart.bars.slice(0, index), ...raised.slice(index)],
    });
    expect((await world.load(given)).outcome('A').status).toBe('quarantined');
    expect((await world.load({ ...given, isTrusted: true })).outcome('A').status).toBe('ok');
    world.at('2024-03-24T12:00:00Z');
    expect((await world.load(given)).outcome('A').status).toBe('ok');
  });

  test('an accepted shorter history is the history from then on', async () => {
    const world = create();
    const chart = stock('A', FROM, TO);
    world.server.symbols.set('A', chart);
    await world.load({ ...given, start: FROM });
    const short = withDividend({ ...chart, bars: chart.bars.slice(100) }, '2024-03-20');
    world.server.symbols.set('A', short);
    expect((await world.load(given)).outcome('A').status).toBe('quarantined');
    expect((await world.load({ ...given, isTrusted: true })).outcome('A').status).toBe('ok');
    world.server.symbols.set('A', withDividend(short, '2024-03-21', 2));
    expect((await world.load(given)).outcome('A')).toMatchObject({ status: 'ok', scope: 'history' });
  });

  test('one step that was confirmed lets no other through', async () => {
    const world = create();
    const chart = stock('A', FROM, TO);
    const halved = splitBy(chart, 2, '2022-01-01').bars;
    const raised = splitBy(chart, 0.01, '2022-01-01').bars;
    world.server.symbols.set('A', {
      ...chart,
      bars: [...chart.bars.slice(0, 100), ...halved.slice(100, 200), ...raised.slice(200)],
    });
    const statuses: string[] = [];
    for (let day = 16; day < 23; day += 1) {
      world.at(`2024-03-${day}T12:00:00Z`);
      statuses.push((await world.load({ ...given, start: FROM })).outcome('A').status);
    }
    expect(new Set(statuses)).toEqual(new Set(['quarantined']));
  });

  test('a name that is gone is asked for when it is named', async () => {
    const world = create();
    for (let day = 16; day < 20; day += 1) {
      world.at(`2024-03-${day}T12:00:00Z`);
      await world.load({ tickers: ['A'], minCoverage: 0 });
    }
    expect((await world.load({ tickers: ['A'], minCoverage: 0 })).outcome('A').status).toBe('delisted');
    world.server.symbols.set('A', stock('A', FROM, TO));
    expect((await world.load({ tickers: ['A'], ...given })).outcome('A').status).toBe('ok');
  });
});

describe('a run that ends early', () => {
  test('in the middle of a merge leaves nothing that a later run takes for whole', async () => {
    const world = create();
    const symbols = Array.from({ length: 30 }, (_, index) => `S${index}`);
    for (const symbol of symbols) world.server.symbols.set(symbol, stock(symbol, FROM, TO));
    const controller = new AbortController();
    const provider = await import('../../jobs/lake/prices.ts');
    const merge = provider.PricesWriter.prototype.merge;
    // A stop that comes after the first month.
    provider.PricesWriter.prototype.merge = function (
      this: typeof provider.PricesWriter.prototype,
      held,
      fetchedAt,
      check,
    ) {
      return merge.call(this, held, fetchedAt, () => {
        controller.abort('SIGTERM');
        check();
      });
    };
    try {
      await world.load({ ...given, start: FROM, signal: controller.signal });
    } finally {
      provider.PricesWriter.prototype.merge = merge;
    }
    expect(await countOf(world)).toBe(symbols.length * 22);
    world.at('2024-03-24T12:00:00Z');
    expect((await world.load({ ...given, end: '2024-03-24' })).manifest.counts).toEqual({
      total: 30,
      ok: 30,
    });
    const days = weekdays(FROM, TO).length;
    expect(await countOf(world)).toBe(symbols.length * days);
    const { listings } = JSON.parse(readFileSync(join(world.lake, listingsKey('yahoo')), 'utf8'));
    expect(Object.values<any>(listings).map(({ rows }) => rows)).toEqual(symbols.map(() => days));
  });

  test('is over at once, whatever the rate', async () => {
    const world = create();
    const controller = new AbortController();
    const symbols = Array.from({ length: 200 }, (_, index) => `S${index}`);
    world.server.symbols.set('S0', () => controller.abort('SIGTERM'));
    const { manifest, asked } = await world.load({
      ...given,
      tickers: symbols,
      signal: controller.signal,
      policy: { requestsPerSecond: 1 },
    });
    expect(asked).toEqual(['S0']);
    expect(manifest.counts).toEqual({ total: 200, unattempted: 200 });
  });

  test('does not wait for a provider that wants longer than the run may last', async () => {
    const world = create();
    world.server.symbols.set('A', (_request, response) => {
      response.writeHead(429, { 'retry-after': '172800' }).end();
    });
    const { slept, outcome } = await world.load({ ...given, tickers: ['A', 'B'], policy: { inFlight: 1 } });
    expect(slept).toEqual([]);
    expect(outcome('A').status).toBe('rate-limited');
    expect(outcome('B')).toMatchObject({
      status: 'unattempted',
      reason: 'the provider asks to wait 2880 minutes, past the deadline of the run',
    });
  });

  test('is not continued when exchanges may have closed since', async () => {
    const world = create();
    world.server.symbols.set('A', stock('A', FROM, TO));
    world.server.symbols.set('B', (_request, response) => void response.writeHead(500).end());
    await world.load(given);
    world.at('2024-03-23T13:00:00Z');
    expect(new Set((await world.load(given)).asked)).toEqual(new Set(['B']));
    world.at('2024-03-23T19:00:00Z');
    expect(new Set((await world.load(given)).asked)).toEqual(new Set(['A', 'B']));
  });
});

test('a regular and a special dividend on one date add up', async () => {
  const world = create();
  const chart = stock('A', '2024-03-11', TO);
  const on = at('2024-03-20T14:30:00Z');
  world.server.symbols.set('A', {
    ...chart,
    dividends: [
      { at: on, amount: 0.5 },
      { at: on + 1, amount: 2 },
    ],
  });
  await world.load(given);
  expect(await readLake(world.lake, `select dividend from ${ALL_PRICES} where dividend is not null`)).toEqual(
    [[2.5]],
  );
});

test('a bar of a day after the session that the provider speaks of is not whole', async () => {
  const world = create();
  const chart = stock('A', '2024-03-11', TO);
  world.server.symbols.set('A', { ...chart, bars: [...chart.bars, bar('2024-03-23', 102)] });
  expect((await world.load({ ...given, end: '2024-03-25' })).outcome('A').last).toBe('2024-03-22');
});

test('another company under the symbol of one that is gone is held back', async () => {
  const world = create();
  world.server.symbols.set('A', stock('A', FROM, '2024-03-16'));
  await world.load({ ...given, start: FROM });
  const other = stock('A', '2024-03-11', TO, () => 7, {
    longName: 'Other',
    firstTradeDate: at('2024-03-11T14:30:00Z'),
  });
  world.server.symbols.set('A', other);
  expect((await world.load(given)).outcome('A')).toMatchObject({
    status: 'quarantined',
    reason: 'the symbol is now Other, first traded on 2024-03-11; the lake has A Inc. from 2023-01-02 on',
  });
});
