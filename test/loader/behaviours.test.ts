import { describe, expect, jest, test } from '@jest/globals';
import { NEW_LISTING } from '../../jobs/lake/listings.ts';
import { planLoad } from '../../jobs/loader/plan.ts';
import type { PriceProvider } from '../../jobs/market/provider.ts';
import { selectTickers } from '../../jobs/market/universe.ts';
import { addDays } from '../../jobs/runtime/dates.ts';
import { CoverageError, StoppedError, UsageError } from '../../jobs/runtime/errors.ts';
import { ALL_PRICES, readLake, snapshot } from '../support/lake.ts';
import { at, bar, stock, weekdays } from '../support/charts.ts';
import { symbolOf, worlds, type Loaded, type World } from '../support/loader.ts';
import { chartBody, sendJson, type PlayedChart } from '../support/yahoo-server.ts';

/*
 * What can go wrong between Yahoo and the lake, and what the loader does about it: one test for each behaviour, in
 * the order in which they were written down. A local server plays the shapes that have been seen in practice.
 */
const { create } = worlds();
const FROM = '2024-01-01';
const TO = '2024-03-23';

const rowsOf = (world: World, columns: string, where = 'true'): Promise<unknown[][]> =>
  readLake(world.lake, `select ${columns} from ${ALL_PRICES} where ${where} order by ticker, date`);
const valueOf = async (world: World, aggregate: string, where = 'true'): Promise<unknown> =>
  (await readLake(world.lake, `select ${aggregate} from ${ALL_PRICES} where ${where}`))[0]![0];
const rawKeys = (world: World): string[] => [...snapshot(world.lake, 'raw_data').keys()];

/** Answers the first requests with these, and afterwards with the chart. */
function playInTurn(
  world: World,
  symbol: string,
  chart: PlayedChart,
  ...first: (() => [number, string, object?])[]
) {
  let count = 0;
  world.server.symbols.set(symbol, (_request, response) => {
    const odd = first[count];
    count += 1;
    if (odd === undefined) sendJson(response, 200, chartBody(chart));
    else {
      const [status, body, headers = {}] = odd();
      response.writeHead(status, headers as Record<string, string>).end(body);
    }
  });
}

const envelope = (code: string, description: string): string =>
  JSON.stringify({ chart: { result: null, error: { code, description } } });

/** Loads a world twice, with something in between. */
async function twice(world: World, between: () => void, first = {}, second = {}): Promise<[Loaded, Loaded]> {
  const before = await world.load(first);
  between();
  return [before, await world.load(second)];
}

describe('1 one rate limiter for the whole run', () => {
  test('spaces requests of all tickers and keeps few in flight', async () => {
    const world = create();
    const arrivals: number[] = [];
    let open = 0;
    let most = 0;
    for (let index = 0; index < 12; index += 1) {
      const symbol = `T${index}`;
      world.server.symbols.set(symbol, (_request, response) => {
        arrivals.push(performance.now());
        open += 1;
        most = Math.max(most, open);
        response.on('close', () => (open -= 1));
        sendJson(response, 200, chartBody(stock(symbol, FROM, TO)));
      });
    }
    const { manifest } = await world.load({ policy: { requestsPerSecond: 50, inFlight: 2 } });
    expect(manifest.counts).toEqual({ total: 12, ok: 12 });
    // 11 intervals of 20 ms; a starting window may let one through early.
    expect(arrivals.at(-1)! - arrivals[0]!).toBeGreaterThan(10 * 20 * 0.9);
    expect(most).toBeLessThanOrEqual(2);
  });
});

describe('2 time-outs, a deadline and a clean stop', () => {
  test('a body that hangs ends the request, not the run', async () => {
    const world = create();
    world.server.symbols.set('GOOD', stock('GOOD', FROM, TO));
    world.server.symbols.set('HANG', (_request, response) => void response.writeHead(200).write('{"chart":'));
    const { outcome } = await world.load({ timeoutMs: 60, policy: { maxAttempts: 2 } });
    expect(outcome('GOOD').status).toBe('ok');
    expect(outcome('HANG')).toMatchObject({
      status: 'transient',
      attempts: 2,
      reason: 'no whole answer within 60 ms',
    });
  });

  test('after the deadline nothing starts, and what was fetched is kept', async () => {
    const world = create();
    world.server.symbols.set('A', stock('A', FROM, TO));
    playInTurn(
      world,
      'B',
      stock('B', FROM, TO),
      () => [500, ''],
      () => [500, ''],
    );
    world.server.symbols.set('C', stock('C', FROM, TO));
    // The first retry of B waits past the deadline.
    const deadline = new Date('2024-03-23T12:00:00.400Z');
    const { outcome, failure } = await world.load({ policy: { deadline, inFlight: 1 } });
    expect(outcome('A').status).toBe('ok');
    expect(outcome('B')).toMatchObject({ status: 'transient', attempts: 1 });
    expect(outcome('C').status).toBe('ok');
    expect(failure).toBeInstanceOf(CoverageError);
    expect(await valueOf(world, 'count(distinct ticker)::int')).toBe(2);

    const late = await create().load({
      tickers: ['A'],
      policy: { deadline: new Date('2024-03-23T11:00:00Z') },
    });
    expect(late.outcome('A')).toMatchObject({
      status: 'unattempted',
      attempts: 0,
      reason: 'the deadline of the run had passed',
    });
  });

  test('a stop ends the run, writes the manifest and leaves the lake whole', async () => {
    const world = create();
    const controller = new AbortController();
    world.server.symbols.set('A', stock('A', FROM, TO));
    world.server.symbols.set('B', () => controller.abort('SIGTERM'));
    world.server.symbols.set('C', stock('C', FROM, TO));
    const { manifest, failure } = await world.load({ signal: controller.signal, policy: { inFlight: 1 } });
    expect(failure).toBeInstanceOf(StoppedError);
    expect((failure as Error).message).toBe('stopped by SIGTERM; the same command goes on');
    expect(manifest).toMatchObject({ status: 'stopped', counts: { total: 3, ok: 1, unattempted: 2 } });
    expect(rawKeys(world)).toEqual([]);
  });
});

describe('3 every outcome has a class of its own', () => {
  test.each([
    ['empty', 200, '{"chart":{"result":[],"error":null}}'],
    ['not-found', 404, envelope('Not Found', 'No data found, symbol may be delisted')],
    ['rate-limited', 429, 'Too Many Requests\r\n'],
    ['rate-limited', 429, 'Edge: Too Many Requests'],
    ['blocked', 999, '<html>Request denied</html>'],
    ['blocked', 401, envelope('Unauthorized', 'Invalid Crumb')],
    ['blocked', 200, '<!doctype html><title>Consent</title>'],
    ['transient', 500, envelope('internal-error', 'try later')],
    ['transient', 502, '<html>Bad Gateway</html>'],
    ['transient', 200, JSON.stringify(chartBody(stock('ODD', FROM, TO))).slice(0, 300)],
    ['invalid', 422, envelope('Unprocessable Entity', 'Invalid input')],
    ['invalid', 400, envelope('Bad Request', 'Invalid input')],
  ])('%s for HTTP %i', async (status, code, body) => {
    const world = create();
    world.server.symbols.set('ODD', (_request, response) => void response.writeHead(code).end(body));
    const { outcome } = await world.load({ policy: { maxAttempts: 1 } });
    expect(outcome('ODD').status).toBe(status);
  });

  test('transient for a connection that is reset', async () => {
    const world = create();
    world.server.symbols.set('ODD', (request) => void request.socket.resetAndDestroy());
    expect((await world.load({ policy: { maxAttempts: 1 } })).outcome('ODD').status).toBe('transient');
  });
});

describe('4 retries only where they can help', () => {
  test('with exponential back-off and full jitter, at least as long as Retry-After says', async () => {
    const world = create();
    playInTurn(
      world,
      'A',
      stock('A', FROM, TO),
      () => [500, ''],
      () => [503, ''],
      () => [500, ''],
    );
    const first = await world.load();
    expect(first.outcome('A')).toMatchObject({ status: 'ok', attempts: 4 });
    // Half of 1, 2 and 4 seconds: the chance of this clock is always one half.
    expect(first.slept).toEqual([500, 1000, 2000]);
    expect(first.manifest.requests).toMatchObject({ made: 4, retries: 3 });

    playInTurn(world, 'B', stock('B', FROM, TO), () => [429, '', { 'retry-after': '30' }]);
    const second = await world.load({ tickers: ['B'] });
    expect(second.outcome('B')).toMatchObject({ status: 'ok', attempts: 2 });
    expect(second.slept.some((ms) => ms >= 30_000)).toBe(true);

    const date = new Date('2024-03-23T12:10:00Z').toUTCString();
    world.at('2024-03-23T12:09:00Z');
    playInTurn(world, 'C', stock('C', FROM, TO), () => [429, '', { 'retry-after': date }]);
    const third = await world.load({ tickers: ['C'] });
    expect(third.slept.some((ms) => ms >= 60_000)).toBe(true);
  });

  test.each([404, 400])('never after %i', async (status) => {
    const world = create();
    const body = envelope('x', 'No data found');
    world.server.symbols.set('ODD', (_request, response) => void response.writeHead(status).end(body));
    expect((await world.load()).outcome('ODD').attempts).toBe(1);
  });
});

describe('5 a circuit breaker', () => {
  test('pauses all workers after a refusal, then lets one request probe', async () => {
    const world = create();
    let refusals = 0;
    let open = 0;
    let mostAfterwards = 0;
    for (const symbol of ['A', 'B', 'C', 'D', 'E', 'F']) {
      world.server.symbols.set(symbol, (_request, response) => {
        open += 1;
        response.on('close', () => (open -= 1));
        if (refusals < 4) {
          refusals += 1;
          response.writeHead(429).end();
          return;
        }
        mostAfterwards = Math.max(mostAfterwards, open);
        sendJson(response, 200, chartBody(stock(symbol, FROM, TO)));
      });
    }
    const { manifest } = await world.load();
    expect(manifest.counts).toEqual({ total: 6, ok: 6 });
    // The four that were under way together are one refusal.
    expect(manifest.requests.pauses).toBeGreaterThanOrEqual(1);
    expect(manifest.requests.pauses).toBeLessThanOrEqual(2);
    expect(manifest.requests.pausedMs).toBeGreaterThanOrEqual(5000);
    expect(mostAfterwards).toBeLessThanOrEqual(4);
  });

  test('stops after several refusals in a row and leaves the rest unattempted', async () => {
    const world = create();
    const symbols = Array.from({ length: 50 }, (_, index) => `T${index}`);
    for (const symbol of symbols) {
      world.server.symbols.set(symbol, (_request, response) => void response.writeHead(999).end('<html>'));
    }
    const { manifest, asked, failure } = await world.load();
    expect(failure).toBeInstanceOf(CoverageError);
    expect(asked.length).toBeLessThan(12);
    const blocked = new Set(asked).size;
    expect(manifest.counts).toEqual({ total: 50, blocked, unattempted: 50 - blocked });
    expect(manifest.tickers.find(({ status }) => status === 'unattempted')!.reason).toBe(
      'the provider refused 4 times in a row (last: HTTP 999)',
    );
  });
});

describe('6 an outcome for every ticker', () => {
  test('with status, reason, attempts, dates, rows and bytes; counts add up', async () => {
    const world = create();
    world.server.symbols.set('GOOD', stock('GOOD', FROM, TO));
    playInTurn(world, 'LATE', stock('LATE', FROM, TO), () => [500, '']);
    const { manifest, outcome } = await world.load({
      tickers: ['GOOD', 'GONE', 'LATE'],
      start: '2024-03-11',
    });
    const { total, ...statuses } = manifest.counts;
    expect(total).toBe(3);
    expect(Object.values(statuses).reduce((sum, count) => sum + count, 0)).toBe(3);
    expect(outcome('GOOD')).toMatchObject({
      status: 'ok',
      scope: 'history',
      attempts: 1,
      first: '2024-03-11',
      last: '2024-03-22',
      lastStamp: at('2024-03-22T14:30:00Z'),
      rows: { new: 10, changed: 0, unchanged: 0, removed: 0 },
      exchange: 'NYQ',
      currency: 'USD',
    });
    expect(outcome('GOOD').bytes).toBeGreaterThan(1000);
    expect(outcome('LATE').attempts).toBe(2);
    expect(outcome('GONE')).toMatchObject({
      status: 'not-found',
      attempts: 1,
      reason: 'No data found, symbol may be delisted',
    });
  });
});

describe('7 a run that lacks too much has failed', () => {
  test('measured against what was good last time; what was fetched is kept', async () => {
    const world = create();
    const symbols = Array.from({ length: 10 }, (_, index) => `T${index}`);
    for (const symbol of symbols) world.server.symbols.set(symbol, stock(symbol, FROM, TO));
    world.server.symbols.set('T9', (_request, response) => {
      response.writeHead(404).end(envelope('Not Found', 'No data found'));
    });
    const [first, second] = await twice(
      world,
      () => {
        for (const symbol of ['T7', 'T8']) {
          world.server.symbols.set(symbol, (_request, response) => void response.writeHead(500).end());
        }
      },
      { minCoverage: 0.9 },
    );
    expect(first.failure).toBeUndefined();
    expect(first.manifest.coverage).toEqual({ required: 0.9, baseline: 'asked for', expected: 10, good: 9 });
    expect(second.manifest.coverage).toEqual({
      required: 0.95,
      baseline: 'good last time',
      expected: 9,
      good: 7,
    });
    expect(second.failure).toMatchObject({ exitCode: 3, code: 'coverage' });
    expect(second.manifest.status).toBe('failed');
    // A name that could not be fetched is still expected next time.
    expect((await world.load()).manifest.coverage).toMatchObject({ expected: 9, good: 7 });
    expect(await valueOf(world, 'count(distinct ticker)::int')).toBe(9);
  });
});

describe('8 the same command goes on where a run was stopped', () => {
  test('it asks only for what is not done', async () => {
    const world = create();
    const controller = new AbortController();
    for (const symbol of ['A', 'B', 'C', 'D']) world.server.symbols.set(symbol, stock(symbol, FROM, TO));
    world.server.symbols.set('C', () => controller.abort('SIGTERM'));
    const stopped = await world.load({ signal: controller.signal, policy: { inFlight: 1 } });
    expect(stopped.asked).toEqual(['A', 'B', 'C']);
    world.server.symbols.set('C', stock('C', FROM, TO));
    const finished = await world.load();
    expect(finished.asked.toSorted()).toEqual(['C', 'D']);
    expect(finished.manifest.runId).toBe(stopped.manifest.runId);
    expect(finished.manifest).toMatchObject({ status: 'done', counts: { total: 4, ok: 4 } });
    expect((await world.load()).manifest.runId).not.toBe(stopped.manifest.runId);
  });
});

describe('9 writing is idempotent and atomic', () => {
  test('the same input leaves the same bytes', async () => {
    const world = create();
    for (const symbol of ['A', 'B']) world.server.symbols.set(symbol, stock(symbol, FROM, TO));
    await world.load({ start: FROM });
    const before = snapshot(world.lake, 'raw_data');
    const { manifest } = await world.load({ start: FROM });
    expect(manifest.rows).toMatchObject({ new: 0, changed: 0, removed: 0 });
    expect(snapshot(world.lake, 'raw_data')).toEqual(before);
  });
});

describe('10 symbols are validated and encoded', () => {
  test('what has a meaning in URLs arrives as it is', async () => {
    const world = create();
    for (const symbol of ['M&M.NS', '^GSPC', 'INR=X', 'BRK-B']) {
      world.server.symbols.set(symbol, stock(symbol, FROM, TO));
    }
    const { manifest } = await world.load();
    expect(manifest.counts).toEqual({ total: 4, ok: 4 });
  });

  test.each(['', '../AAPL', 'A B', 'BT/A.L', 'A#B', 'A?B'])('%j is refused', (symbol) => {
    expect(() => selectTickers([], [symbol], undefined)).toThrow(UsageError);
  });

  test('blanks around a symbol are dropped', () => {
    expect(selectTickers([], ['ISRG '], undefined)).toEqual(['ISRG']);
  });
});

describe('11 an answer for another symbol is refused', () => {
  test('but for upper and lower case', async () => {
    const world = create();
    world.server.symbols.set('WRONG', stock('OTHER', FROM, TO));
    world.server.symbols.set('brk-b', stock('BRK-B', FROM, TO));
    const { outcome } = await world.load();
    expect(outcome('WRONG')).toMatchObject({ status: 'invalid', reason: 'asked for WRONG, got OTHER' });
    expect(outcome('brk-b').status).toBe('ok');
    expect(await valueOf(world, 'count(distinct ticker)::int')).toBe(1);
  });
});

describe('12 the shape of an answer is checked', () => {
  test.each(['open', 'high', 'low', 'close', 'volume', 'adjclose'])(
    '%s shorter than the dates',
    async (name) => {
      const world = create();
      const body = chartBody(stock('SHORT', FROM, TO));
      const { quote, adjclose } = body.chart.result[0]!['indicators'];
      (name === 'adjclose' ? adjclose[0] : quote[0])[name].pop();
      world.server.symbols.set('SHORT', (_request, response) => sendJson(response, 200, body));
      expect((await world.load()).outcome('SHORT')).toMatchObject({
        status: 'invalid',
        reason: expect.stringMatching(/^SHORT has \d+ dates and \d+ values of /),
      });
    },
  );

  test('dates in disorder are put in order', async () => {
    const world = create();
    const chart = stock('MESS', '2024-03-11', TO);
    world.server.symbols.set('MESS', { ...chart, bars: chart.bars.toReversed() });
    await world.load();
    const dates = await rowsOf(world, 'date::varchar, close');
    expect(dates.map(([day, close]) => [day, close])).toEqual(
      weekdays('2024-03-11', TO).map((date, index) => [date, 100 + index / 10]),
    );
  });
});

describe('13 the date is that of the exchange', () => {
  test('Sydney at GMT+11 opens the day before in UTC; New York at GMT-5 changes to summer time', async () => {
    const world = create();
    const bars = weekdays('2024-03-04', TO).map((date) =>
      bar(date, 5, { at: at(`${addDays(date, -1)}T23:00:00Z`) }),
    );
    world.server.symbols.set('OZ.AX', {
      ...stock('OZ.AX', FROM, TO),
      currency: 'AUD',
      exchangeName: 'ASX',
      timeZone: 'Australia/Sydney',
      gmtoffset: 39600,
      // The last one is live: stamped with the last trade.
      bars: [...bars.slice(0, -1), { ...bars.at(-1)!, at: at('2024-03-22T05:10:07Z') }],
    });
    const summer = weekdays('2024-03-04', TO).map((date) =>
      bar(date, 5, { at: at(`${date}T${date < '2024-03-10' ? '14' : '13'}:30:00Z`) }),
    );
    world.server.symbols.set('US', { ...stock('US', FROM, TO), bars: summer });
    await world.load({ start: '2024-03-04' });
    const expected = weekdays('2024-03-04', TO).map((date) => [date]);
    for (const ticker of ['OZ.AX', 'US']) {
      const rows = await rowsOf(world, 'date::varchar', `ticker = '${ticker}'`);
      expect(rows.map(([day]) => [day])).toEqual(expected);
    }
  });

  test('currencies and crypto trade on weekends, in a zone of their own', async () => {
    const world = create();
    const days = Array.from({ length: 7 }, (_, index) => addDays('2024-03-11', index));
    world.server.symbols.set('BTC-USD', {
      ...stock('BTC-USD', FROM, TO),
      exchangeName: 'CCC',
      timeZone: 'UTC',
      gmtoffset: 0,
      bars: days.map((date) => bar(date, 70_000, { at: at(`${date}T00:00:00Z`) })),
    });
    // A day of London begins at 23:00Z of the day before, in summer time.
    world.server.symbols.set('GBP=X', {
      ...stock('GBP=X', FROM, TO),
      exchangeName: 'CCY',
      timeZone: 'Europe/London',
      gmtoffset: 0,
      bars: ['2023-07-03', '2023-07-04'].map((date) =>
        bar(date, 0.78, { at: at(`${addDays(date, -1)}T23:00:00Z`) }),
      ),
    });
    await world.load({ start: '2023-07-01' });
    expect(await rowsOf(world, 'ticker, date::varchar')).toEqual([
      ...days.map((date) => ['BTC-USD', date]),
      ['GBP=X', '2023-07-03'],
      ['GBP=X', '2023-07-04'],
    ]);
  });
});

describe('14 ranges are padded when asked for and half-open when kept', () => {
  test('the last date wanted is the one before the end', async () => {
    const world = create();
    world.server.symbols.set('A', stock('A', FROM, TO));
    const { outcome } = await world.load({ start: '2024-02-05', end: '2024-02-09', isRoutine: false });
    expect(outcome('A')).toMatchObject({ first: '2024-02-05', last: '2024-02-08' });
    const { searchParams } = new URL(world.server.asked.at(-1)!, 'http://x');
    expect(Number(searchParams.get('period1'))).toBe(at('2024-02-03T00:00:00Z'));
    expect(Number(searchParams.get('period2'))).toBe(at('2024-02-11T00:00:00Z'));
  });
});

describe('15 one row for a ticker and date', () => {
  test('of two bars of a day the later stamp stays, with its volume', async () => {
    const world = create();
    const chart = stock('LIVE', '2024-03-11', TO);
    const live = bar('2024-03-22', 102, { at: at('2024-03-22T20:00:01Z'), volume: 5000 });
    world.server.symbols.set('LIVE', { ...chart, bars: [live, ...chart.bars] });
    await world.load();
    expect(await rowsOf(world, 'close, volume', "date = '2024-03-22'")).toEqual([[102, 5000]]);
  });
});

describe('16 an unfinished session is kept out', () => {
  test('until half an hour after its end', async () => {
    const world = create();
    const chart = stock('OPEN', '2024-03-11', TO);
    world.server.symbols.set('OPEN', chart);
    world.at('2024-03-22T21:29:00Z');
    expect((await world.load()).outcome('OPEN').last).toBe('2024-03-21');
    world.at('2024-03-22T21:30:00Z');
    expect((await world.load()).outcome('OPEN').last).toBe('2024-03-22');
  });
});

describe('17 a missing price is missing', () => {
  const none = { open: null, high: null, low: null, close: null, adjclose: null };
  test('never zero, never carried forward; recorded, asked for again, and healed', async () => {
    const world = create();
    const chart = stock('HOLE', '2024-03-11', TO);
    const holed = { ...chart, bars: chart.bars.with(3, bar('2024-03-14', 0, { ...none, volume: 7 })) };
    world.server.symbols.set('HOLE', holed);
    const [first, second] = await twice(world, () => world.server.symbols.set('HOLE', chart));
    expect(first.outcome('HOLE').missing).toEqual(['2024-03-14']);
    expect(first.outcome('HOLE').rows!.new).toBe(9);
    expect(second.outcome('HOLE').missing).toBeUndefined();
    expect(second.outcome('HOLE').rows).toMatchObject({ new: 1, changed: 0, unchanged: 9 });
  });

  test('and never takes the place of one that the lake has', async () => {
    const world = create();
    const chart = stock('LOST', '2024-03-11', TO);
    const part = { ...chart.bars[4]!, open: null, volume: null };
    world.server.symbols.set('LOST', chart);
    const [, second] = await twice(world, () =>
      world.server.symbols.set('LOST', {
        ...chart,
        bars: chart.bars.with(3, bar('2024-03-14', 0, none)).with(4, part),
      }),
    );
    expect(second.outcome('LOST').rows).toMatchObject({ new: 0, changed: 0, removed: 0 });
    expect(
      await rowsOf(world, 'close, open is null, volume', "date in ('2024-03-14', '2024-03-15')"),
    ).toMatchObject([
      [100.3, false, 1000],
      [100.4, false, 1000],
    ]);
  });
});

describe('18 what is late is asked for again', () => {
  test('each run looks back ten sessions and takes repairs', async () => {
    const world = create();
    const chart = stock('FIX', FROM, TO);
    world.server.symbols.set('FIX', chart);
    await world.load({ start: '2024-03-01' });
    const index = chart.bars.findIndex((one) => one.at === at('2024-03-08T14:30:00Z'));
    world.server.symbols.set('FIX', { ...chart, bars: chart.bars.with(index, bar('2024-03-08', 99)) });
    // One session only is asked for; the repair lies ten sessions back.
    const { outcome } = await world.load({ start: '2024-03-22', end: '2024-03-23', isRoutine: false });
    expect(outcome('FIX')).toMatchObject({ scope: 'window', rows: { changed: 1 } });
    expect(outcome('FIX').restated).toBeUndefined();
    expect(await rowsOf(world, 'close', "date = '2024-03-08'")).toMatchObject([[99]]);
  });

  test('a share of the names is fetched in full every night, all of them within a month', () => {
    const tickers = Array.from({ length: 100 }, (_, index) => `T${index}`);
    const known = new Map(
      tickers.map((ticker) => [
        ticker,
        { ...NEW_LISTING, first: '2020-01-02', last: '2024-02-29', isGood: true, refreshedOn: '2024-02-29' },
      ]),
    );
    let most = 0;
    for (let night = 0; night < 28; night += 1) {
      const today = addDays('2024-03-01', night);
      const end = addDays(today, 1);
      const range = { start: addDays(end, -14), end };
      const { asks } = planLoad({ tickers, range, isRoutine: true, historyStart: undefined, today }, known);
      const full = asks.filter(({ scope }) => scope === 'history');
      most = Math.max(most, full.length);
      for (const { ticker, range: asked } of full) {
        expect(asked.start).toBe('2020-01-02');
        known.set(ticker, { ...known.get(ticker)!, refreshedOn: today });
      }
    }
    expect(most).toBe(4);
    expect([...known.values()].every(({ refreshedOn }) => refreshedOn! >= '2024-03-01')).toBe(true);
  });
});

describe('19 a restated past is fetched again', () => {
  const split = (chart: PlayedChart, on: string): PlayedChart => ({
    ...chart,
    bars: chart.bars.map((one) => ({
      ...one,
      open: one.open! / 4,
      high: one.high! / 4,
      low: one.low! / 4,
      close: one.close! / 4,
      adjclose: one.adjclose! / 4,
      volume: one.volume! * 4,
    })),
    splits: [{ at: at(`${on}T14:30:00Z`), numerator: 4, denominator: 1 }],
  });

  test('all of it, of that ticker alone, after a split', async () => {
    const world = create();
    const [a, b] = [stock('A', FROM, TO), stock('B', FROM, TO)];
    world.server.symbols.set('A', { ...a, bars: a.bars.slice(0, -3) });
    world.server.symbols.set('B', b);
    const [, second] = await twice(world, () => world.server.symbols.set('A', split(a, '2024-03-21')), {
      start: FROM,
    });
    expect(second.asked).toEqual(expect.arrayContaining(['A', 'A', 'B']));
    expect(second.asked).toHaveLength(3);
    expect(second.outcome('A')).toMatchObject({
      scope: 'history',
      attempts: 2,
      restated: expect.stringMatching(/split of 2024-03-21, 4 for 1; closes are 0\.25 of before/),
      rows: { new: 3, changed: a.bars.length - 3, removed: 0 },
    });
    expect(second.outcome('B').restated).toBeUndefined();
    const steps = await readLake(
      world.lake,
      `select max(close / before), min(close / before) from (select close, lag(close) over (partition by ticker
       order by date) as before from ${ALL_PRICES})`,
    );
    expect(steps[0]!.every((step) => Math.abs((step as number) - 1) < 0.01)).toBe(true);
  });

  test('after a dividend, which moves adjusted closes of the past', async () => {
    const world = create();
    const chart = stock('A', FROM, TO);
    world.server.symbols.set('A', { ...chart, bars: chart.bars.slice(0, -2) });
    await world.load({ start: FROM });
    world.server.symbols.set('A', {
      ...chart,
      bars: chart.bars.map((one, index) => ({
        ...one,
        adjclose: index < chart.bars.length - 1 ? one.close! * 0.995 : one.close,
      })),
      dividends: [{ at: at('2024-03-22T14:30:00Z'), amount: 0.5 }],
    });
    const { outcome } = await world.load();
    expect(outcome('A').restated).toBe('dividend of 2024-03-22, 0.5; adjusted closes are 0.995 of before');
    expect(await rowsOf(world, 'adj_close / close as share', "date < '2024-01-04'")).toMatchObject([
      [0.995],
      [0.995],
      [0.995],
    ]);
  });

  test('when it is not to be had, nothing of the ticker is merged', async () => {
    const world = create();
    const chart = stock('A', FROM, TO);
    world.server.symbols.set('A', chart);
    await world.load({ start: FROM });
    const before = snapshot(world.lake, 'raw_data');
    playInTurn(
      world,
      'A',
      chart,
      () => [200, JSON.stringify(chartBody(split(chart, '2024-03-21')))],
      ...Array.from({ length: 4 }, () => (): [number, string] => [500, '']),
    );
    const { outcome } = await world.load();
    expect(outcome('A')).toMatchObject({
      status: 'transient',
      attempts: 5,
      reason: expect.stringMatching(/history/),
    });
    expect(snapshot(world.lake, 'raw_data')).toEqual(before);
  });

  test('rows that the provider no longer has do not stay on the old basis', async () => {
    const world = create();
    const chart = stock('A', FROM, TO);
    world.server.symbols.set('A', chart);
    await world.load({ start: FROM });
    const restated = split(chart, '2024-03-21');
    world.server.symbols.set('A', { ...restated, bars: restated.bars.toSpliced(20, 1) });
    const { outcome } = await world.load();
    expect(outcome('A').rows).toMatchObject({ new: 0, removed: 1, changed: chart.bars.length - 1 });
    expect(await valueOf(world, 'max(close)::int')).toBe(26);
  });
});

describe('20 prices, actions and their origin are kept apart', () => {
  test('close, adjusted close, volume, dividend and split have columns; the manifest says what it was made with', async () => {
    const world = create();
    const chart = stock('A', '2024-03-20', TO);
    world.server.symbols.set('A', {
      ...chart,
      bars: chart.bars.map((one) => ({ ...one, adjclose: one.close! / 2 })),
      dividends: [{ at: at('2024-03-21T14:30:00Z'), amount: 0.24 }],
      splits: [{ at: at('2024-03-22T14:30:00Z'), numerator: 2, denominator: 1 }],
    });
    const { manifest } = await world.load();
    expect(
      await rowsOf(
        world,
        'date::varchar, close, adj_close, volume, dividend, split, fetched_at::varchar, provider, ticker',
      ),
    ).toEqual([
      ['2024-03-20', 100, 50, 1000, null, null, '2024-03-23 12:00:00', 'yahoo', 'A'],
      ['2024-03-21', 100.1, 50.05, 1000, 0.24, null, '2024-03-23 12:00:00', 'yahoo', 'A'],
      ['2024-03-22', 100.2, 50.1, 1000, null, 2, '2024-03-23 12:00:00', 'yahoo', 'A'],
    ]);
    expect(manifest.arguments).toMatchObject({ provider: 'yahoo', end: '2024-03-24' });
    const { versions } = await import('../../jobs/runtime/versions.ts');
    expect(versions['yahoo-finance2']).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe('21 minor units become major', () => {
  test.each([
    ['GBp', 'GBP', 100],
    ['GBX', 'GBP', 100],
    ['ZAc', 'ZAR', 100],
    ['ILA', 'ILS', 100],
    ['KWF', 'KWD', 1000],
    ['EUR', 'EUR', 1],
  ])('%s is %s divided by %i, dividends too', async (code, currency, perMajor) => {
    const world = create();
    const chart = stock('X', '2024-03-20', TO, () => 250, { currency: code });
    world.server.symbols.set('X', {
      ...chart,
      dividends: [{ at: at('2024-03-22T14:30:00Z'), amount: 5 }],
    });
    const { outcome } = await world.load();
    expect(outcome('X')).toMatchObject({ currency, ...(perMajor === 1 ? {} : { quotedIn: code }) });
    expect(await rowsOf(world, 'close, adj_close, dividend, currency', "date = '2024-03-22'")).toEqual([
      [250 / perMajor, 250 / perMajor, 5 / perMajor, currency],
    ]);
  });

  test('an unknown code is refused, and a change of currency is held back', async () => {
    const world = create();
    world.server.symbols.set(
      'ODD',
      stock('ODD', FROM, TO, () => 5, { currency: 'XQQ' }),
    );
    world.server.symbols.set(
      'X',
      stock('X', FROM, TO, () => 5, { currency: 'EUR' }),
    );
    const [first, second] = await twice(world, () =>
      world.server.symbols.set(
        'X',
        stock('X', FROM, TO, () => 5, { currency: 'USD' }),
      ),
    );
    expect(first.outcome('ODD')).toMatchObject({
      status: 'invalid',
      reason: 'ODD is quoted in "XQQ", which is no known unit',
    });
    expect(second.outcome('X')).toMatchObject({
      status: 'quarantined',
      reason: 'quoted in USD, the lake has it in EUR',
    });
  });
});

describe('22 cliffs are held back', () => {
  const steps = (chart: PlayedChart, from: number, factor: number): PlayedChart => ({
    ...chart,
    bars: chart.bars.map((one, index) =>
      index < from
        ? one
        : {
            ...one,
            open: one.open! * factor,
            high: one.high! * factor,
            low: one.low! * factor,
            close: one.close! * factor,
            adjclose: one.adjclose! * factor,
          },
    ),
  });

  test.each([
    [100, /close of 2024-03-20 is 100.* times the one before, as between a minor and a major unit/],
    [0.01, /close of 2024-03-20 is 0\.01.* as between a minor and a major unit/],
    [0.25, /close of 2024-03-20 is 0\.25.* as by a split that was not applied/],
    [3, /close of 2024-03-20 is 3.* as by a split that was not applied/],
  ])('a step of %d without a split', async (factor, reason) => {
    const world = create();
    const chart = stock('A', '2024-02-01', TO);
    const index = chart.bars.findIndex((one) => one.at === at('2024-03-20T14:30:00Z'));
    world.server.symbols.set('A', { ...chart, bars: chart.bars.slice(0, index) });
    await world.load({ start: '2024-02-01' });
    const before = snapshot(world.lake, 'raw_data');
    world.server.symbols.set('A', steps(chart, index, factor));
    const { outcome } = await world.load();
    expect(outcome('A')).toMatchObject({ status: 'quarantined', reason: expect.stringMatching(reason) });
    expect(snapshot(world.lake, 'raw_data')).toEqual(before);
    // An operator who has looked at it can take it.
    expect((await world.load({ isTrusted: true })).outcome('A').status).toBe('ok');
  });

  test('all of the history a hundred times higher is a unit, not a split', async () => {
    const world = create();
    const chart = stock('A', '2024-02-01', TO);
    world.server.symbols.set('A', chart);
    const [, second] = await twice(world, () => world.server.symbols.set('A', steps(chart, 0, 100)), {
      start: '2024-02-01',
    });
    expect(second.outcome('A')).toMatchObject({
      status: 'quarantined',
      reason: 'prices are 100 times those of the lake, and no split says so',
    });
  });

  test('a fall by half on a wild day is a price', async () => {
    const world = create();
    const chart = steps(stock('CRASH', '2024-02-01', TO), 30, 0.5);
    const wild = {
      ...chart.bars[30]!,
      high: chart.bars[29]!.close! * 0.9,
      open: chart.bars[29]!.close! * 0.88,
    };
    world.server.symbols.set('CRASH', { ...chart, bars: chart.bars.with(30, wild) });
    expect((await world.load({ start: '2024-02-01' })).outcome('CRASH').status).toBe('ok');
  });

  test('a step that stays for five days is taken for real', async () => {
    const world = create();
    world.server.symbols.set('A', steps(stock('A', '2024-02-01', TO), 25, 0.5));
    const statuses: string[] = [];
    for (let day = 23; day < 29; day += 1) {
      world.at(`2024-03-${day}T12:00:00Z`);
      const { outcome } = await world.load({ start: '2024-02-01' });
      statuses.push(outcome('A').status);
    }
    expect(statuses).toEqual(['quarantined', 'quarantined', 'quarantined', 'quarantined', 'ok', 'ok']);
  });
});

describe('23 bars that contradict themselves are left out', () => {
  test('rounding is not a contradiction, zero is a missing price', async () => {
    const world = create();
    const chart = stock('A', '2024-03-11', TO);
    world.server.symbols.set('A', {
      ...chart,
      bars: chart.bars
        .with(1, bar('2024-03-12', 100, { low: 100.5 }))
        .with(2, bar('2024-03-13', 100, { high: 99.95 }))
        .with(3, bar('2024-03-14', 100, { open: 0 }))
        .with(4, bar('2024-03-15', 100, { volume: -1 })),
    });
    const { outcome } = await world.load();
    expect(outcome('A')).toMatchObject({ status: 'ok', rejected: 1, rows: { new: 9 } });
    expect(
      await rowsOf(world, 'date::varchar, open, volume', "date between '2024-03-12' and '2024-03-15'"),
    ).toMatchObject([
      ['2024-03-13', 99.9, 1000],
      ['2024-03-14', null, 1000],
      ['2024-03-15', 99.9, null],
    ]);
  });

  test('an answer that is full of them is not trusted', async () => {
    const world = create();
    const chart = stock('A', '2024-03-11', TO);
    world.server.symbols.set('A', {
      ...chart,
      bars: chart.bars.map((one) => ({ ...one, low: one.high! * 2 })),
    });
    expect((await world.load()).outcome('A')).toMatchObject({
      status: 'invalid',
      reason: '10 of 10 bars contradict themselves (low above open, close or high)',
    });
  });
});

describe('24 stale series are flagged', () => {
  test('by the sessions of their own exchange, and when nothing moves and nothing trades', async () => {
    const world = create();
    for (const symbol of ['A', 'B', 'C', 'D', 'E']) world.server.symbols.set(symbol, stock(symbol, FROM, TO));
    world.server.symbols.set('OLD', stock('OLD', FROM, '2024-03-15'));
    world.server.symbols.set('RECENT', stock('RECENT', FROM, '2024-03-20'));
    const flat = stock('FLAT', FROM, TO, () => 7);
    world.server.symbols.set('FLAT', { ...flat, bars: flat.bars.map((one) => ({ ...one, volume: 0 })) });
    const { manifest } = await world.load();
    expect(manifest.tickers.filter(({ flags }) => flags).map(({ ticker, flags }) => [ticker, flags])).toEqual(
      [
        ['FLAT', ['flat']],
        ['OLD', ['stale']],
      ],
    );
  });
});

describe('25 a name is gone only after several runs on different days', () => {
  test('its history stays, and it is asked for again after a week', async () => {
    const world = create();
    for (const symbol of ['A', 'B']) world.server.symbols.set(symbol, stock(symbol, FROM, TO));
    await world.load();
    const tombstone = chartBody({ ...stock('B', FROM, TO), currency: null, exchangeName: 'YHD', bars: [] });
    delete tombstone.chart.result[0]!['meta'].regularMarketPrice;
    world.server.symbols.set('B', (_request, response) => sendJson(response, 200, tombstone));
    const statuses: string[] = [];
    for (const instant of ['24T01', '24T02', '25T01', '26T01', '27T01', '28T01', '31T01']) {
      world.at(`2024-03-${instant}:00:00Z`);
      statuses.push((await world.load({ minCoverage: 0 })).outcome('B').status);
    }
    world.at('2024-04-02T01:00:00Z');
    world.server.symbols.set('B', stock('B', FROM, TO));
    const back = await world.load();
    expect(statuses).toEqual([
      ...['not-found', 'not-found', 'not-found', 'not-found'],
      ...['delisted', 'delisted', 'delisted'],
    ]);
    expect(back.outcome('B').status).toBe('ok');
    expect(await valueOf(world, 'count(*)::int', "ticker = 'B'")).toBeGreaterThan(9);
  });

  test('when many vanish at once, it is the provider', async () => {
    const world = create();
    const symbols = Array.from({ length: 8 }, (_, index) => `T${index}`);
    for (const symbol of symbols) world.server.symbols.set(symbol, stock(symbol, FROM, TO));
    await world.load();
    world.server.symbols.clear();
    for (let day = 24; day < 30; day += 1) {
      world.at(`2024-03-${day}T01:00:00Z`);
      const { manifest } = await world.load({ tickers: symbols });
      expect(manifest.counts).toEqual({ total: 8, 'not-found': 8 });
      expect(manifest.coverage).toMatchObject({ baseline: 'good last time', expected: 8, good: 0 });
    }
  });
});

describe('26 a session that a part of an exchange lacks is asked for again', () => {
  test('a holiday of all is none', async () => {
    const world = create();
    const without = (chart: PlayedChart, date: string): PlayedChart => ({
      ...chart,
      bars: chart.bars.filter((one) => one.at !== at(`${date}T14:30:00Z`)),
    });
    for (const symbol of ['A', 'B', 'C', 'D', 'E', 'F']) {
      const chart = without(stock(symbol, FROM, TO), '2024-03-18');
      const late = without(chart, '2024-03-22');
      if (symbol < 'D') world.server.symbols.set(symbol, chart);
      else playInTurn(world, symbol, chart, () => [200, JSON.stringify(chartBody(late))]);
    }
    const { asked, manifest, log } = await world.load();
    expect(asked.slice(6).toSorted()).toEqual(['D', 'E', 'F']);
    expect(manifest.sessions).toMatchObject([{ exchange: 'NYQ', tickers: 6, closes: { '2024-03-22': 6 } }]);
    expect(manifest.sessions[0]!.closes['2024-03-18']).toBeUndefined();
    expect(log.filter(({ event }) => event === 'load.gap')).toMatchObject([
      { date: '2024-03-22', tickers: 3 },
    ]);
    expect(manifest.tickers[5]!.rows).toEqual({ new: 9, changed: 0, unchanged: 0, removed: 0 });
  });
});

describe('27 logs are bounded', () => {
  test('one line a failure, without the body, and nothing past the log', async () => {
    const world = create();
    const leaks = jest.spyOn(console, 'error').mockImplementation(() => {});
    const page = `<!doctype html>${'consent '.repeat(20_000)}`;
    for (const symbol of ['A', 'B']) {
      world.server.symbols.set(symbol, (_request, response) => void response.writeHead(200).end(page));
    }
    world.server.symbols.set('C', (_request, response) => {
      response.writeHead(200).end(JSON.stringify(chartBody(stock('C', FROM, TO))).slice(0, -10));
    });
    const { log } = await world.load({ policy: { maxAttempts: 1 } });
    const failures = log.filter(({ event }) => event === 'load.ticker');
    expect(failures).toHaveLength(3);
    for (const line of failures) expect(JSON.stringify(line).length).toBeLessThan(300);
    expect(leaks).not.toHaveBeenCalled();
    leaks.mockRestore();
  });
});

describe('28 the provider stands behind an interface', () => {
  test('another one loads alike', async () => {
    const world = create();
    const provider: PriceProvider = {
      name: 'yahoo',
      fetchDaily: async ({ range }) => ({
        kind: 'ok',
        bytes: 1,
        lastStamp: null,
        listing: { currency: 'EUR', quotedIn: null, exchange: 'X', name: null, firstTraded: null },
        bars: [{ ...bare, date: addDays(range.end, -3) }],
      }),
    };
    const bare = { open: 1, high: 1, low: 1, close: 1, adjClose: 1, volume: 1, dividend: null, split: null };
    const { manifest } = await world.load({ tickers: ['ANY'], provider });
    expect(manifest.counts).toEqual({ total: 1, ok: 1 });
  });

  test('and says to Yahoo what it is', async () => {
    const world = create();
    let agent: string | undefined;
    world.server.symbols.set('A', (request, response) => {
      agent = request.headers['user-agent'];
      sendJson(response, 200, chartBody(stock(symbolOf(request.url!), FROM, TO)));
    });
    await world.load();
    expect(agent).toMatch(/yahoo-finance2/);
  });
});
