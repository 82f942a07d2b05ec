import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Answer, FetchResult } from '../../jobs/market/provider.ts';
import { tradingDate } from '../../jobs/market/trading-date.ts';
import { createYahooProvider } from '../../jobs/market/yahoo.ts';
import { classify } from '../../jobs/market/yahoo-http.ts';
import {
  chartBody,
  sendJson,
  startYahooServer,
  type PlayedChart,
  type YahooServer,
} from '../support/yahoo-server.ts';

const seconds = (instant: string): number => Date.parse(instant) / 1000;
const bar = (instant: string, close: number, volume = 100) => ({
  ...{ at: seconds(instant), open: close, high: close + 1, low: close - 1 },
  ...{ close, adjclose: close / 2, volume },
});

// Figures of our own in the shape of a US stock: sessions open at 14:30Z, and at 13:30Z in summer time.
const usStock: PlayedChart = {
  symbol: 'ACME',
  currency: 'USD',
  exchangeName: 'NMS',
  timeZone: 'America/New_York',
  gmtoffset: -18000,
  session: [seconds('2024-03-14T13:30:00Z'), seconds('2024-03-14T20:00:00Z')],
  bars: [
    bar('2024-03-07T14:30:00Z', 40),
    bar('2024-03-08T14:30:00Z', 41),
    bar('2024-03-11T13:30:00Z', 10),
    bar('2024-03-12T13:30:00Z', 11),
  ],
  dividends: [{ at: seconds('2024-03-08T14:30:00Z'), amount: 0.24 }],
  splits: [{ at: seconds('2024-03-11T13:30:00Z'), numerator: 4, denominator: 1 }],
};

let server: YahooServer;
beforeAll(async () => {
  server = await startYahooServer();
});
afterAll(() => server.close());

interface Ask {
  readonly start?: string;
  readonly end?: string;
  readonly now?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

function ask(ticker: string, options: Ask = {}): Promise<Answer> {
  const {
    start = '2024-03-01',
    end = '2024-04-01',
    now = '2024-06-01T00:00:00Z',
    timeoutMs = 10_000,
  } = options;
  const provider = createYahooProvider({ baseUrl: server.url, timeoutMs, now: () => new Date(now) });
  const signal = options.signal ?? new AbortController().signal;
  return provider.fetchDaily({ ticker, range: { start, end }, signal });
}

const datesOf = (result: FetchResult): string[] =>
  result.kind === 'ok' ? result.bars.map(({ date }) => date) : [];

describe('what is asked', () => {
  test('one request, daily bars with dividends and splits, padded by two days, without a crumb', async () => {
    server.symbols.set('ACME', usStock);
    server.asked.length = 0;
    await ask('ACME', { start: '2024-03-08', end: '2024-03-12' });
    expect(server.asked).toHaveLength(1);
    const url = new URL(server.asked[0]!, server.url);
    expect(url.pathname).toBe('/v8/finance/chart/ACME');
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      interval: '1d',
      events: 'div|split',
      period1: String(seconds('2024-03-06T00:00:00Z')),
      period2: String(seconds('2024-03-14T00:00:00Z')),
    });
    expect(url.searchParams.has('crumb')).toBe(false);
  });

  test.each(['M&M.NS', '^GSPC', 'INR=X', 'BRK-B', '000060.KS'])(
    'the symbol %s arrives as it is',
    async (symbol) => {
      server.symbols.set(symbol, { ...usStock, symbol });
      expect(await ask(symbol)).toMatchObject({ kind: 'ok' });
    },
  );
});

describe('bars', () => {
  test('from before and after 1970 keep their dates and actions, also those whose stamp is 0', async () => {
    server.symbols.set('OLD.T', {
      ...usStock,
      ...{ symbol: 'OLD.T', currency: 'JPY', exchangeName: 'JPX', timeZone: 'Asia/Tokyo', gmtoffset: 32_400 },
      firstTradeDate: seconds('1962-01-04T00:00:00Z'),
      bars: [
        bar('1962-01-04T00:00:00Z', 39),
        bar('1969-12-31T00:00:00Z', 40),
        bar('1970-01-01T00:00:00Z', 41),
        bar('1970-01-02T00:00:00Z', 42),
      ],
      dividends: [{ at: 0, amount: 0.5 }],
      splits: [{ at: seconds('1969-12-31T00:00:00Z'), numerator: 2, denominator: 1 }],
    });
    server.asked.length = 0;
    const result = await ask('OLD.T', { start: '1962-01-01', end: '1970-01-10' });
    if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
    expect(result.bars.map(({ date, close, dividend, split }) => [date, close, dividend, split])).toEqual([
      ['1962-01-04', 39, null, null],
      ['1969-12-31', 40, null, 2],
      ['1970-01-01', 41, 0.5, null],
      ['1970-01-02', 42, null, null],
    ]);
    expect(result.listing.firstTraded).toBe('1962-01-04');
    // From the day that the clock begins with, and with a stamp of 0 as the last one.
    await ask('OLD.T', { start: '1970-01-03', end: '1970-01-10' });
    expect(new URL(server.asked.at(-1)!, server.url).searchParams.get('period1')).toBe('0');
    expect(await ask('OLD.T', { start: '1969-12-31', end: '1970-01-02' })).toMatchObject({ lastStamp: 0 });
  });

  test('keep prices, adjusted close, volume, dividends and splits on their dates', async () => {
    server.symbols.set('ACME', usStock);
    const result = await ask('ACME');
    expect(result).toEqual({
      kind: 'ok',
      bytes: expect.any(Number),
      lastStamp: seconds('2024-03-12T13:30:00Z'),
      listing: { currency: 'USD', quotedIn: null, exchange: 'NMS', name: null, firstTraded: '1969-12-31' },
      bars: [
        {
          date: '2024-03-07',
          open: 40,
          high: 41,
          low: 39,
          close: 40,
          adjClose: 20,
          volume: 100,
          dividend: null,
          split: null,
        },
        {
          date: '2024-03-08',
          open: 41,
          high: 42,
          low: 40,
          close: 41,
          adjClose: 20.5,
          volume: 100,
          dividend: 0.24,
          split: null,
        },
        {
          date: '2024-03-11',
          open: 10,
          high: 11,
          low: 9,
          close: 10,
          adjClose: 5,
          volume: 100,
          dividend: null,
          split: 4,
        },
        {
          date: '2024-03-12',
          open: 11,
          high: 12,
          low: 10,
          close: 11,
          adjClose: 5.5,
          volume: 100,
          dividend: null,
          split: null,
        },
      ],
    });
  });

  test('are those of a half-open range of exchange dates', async () => {
    expect(datesOf(await ask('ACME', { start: '2024-03-08', end: '2024-03-12' }))).toEqual([
      '2024-03-08',
      '2024-03-11',
    ]);
    expect(await ask('ACME', { start: '2024-03-09', end: '2024-03-11' })).toMatchObject({
      kind: 'empty',
      isExpected: false,
    });
  });

  test('of Sydney, which open at 23:00Z of the day before, get their own date', async () => {
    const bars = [
      bar('2024-01-14T23:00:00Z', 5),
      bar('2024-01-15T23:00:00Z', 6),
      bar('2024-07-15T00:00:00Z', 7),
    ];
    const session = [seconds('2024-07-15T00:00:00Z'), seconds('2024-07-15T06:00:00Z')] as const;
    server.symbols.set('OZ.AX', {
      ...usStock,
      symbol: 'OZ.AX',
      timeZone: 'Australia/Sydney',
      gmtoffset: 36000,
      session,
      bars,
      splits: [],
      dividends: [],
    });
    const result = await ask('OZ.AX', {
      start: '2024-01-01',
      end: '2025-01-01',
      now: '2024-08-01T00:00:00Z',
    });
    expect(datesOf(result)).toEqual(['2024-01-15', '2024-01-16', '2024-07-15']);
  });

  test('of a day that has a second, live bar: the later stamp wins', async () => {
    const bars = [bar('2024-03-12T13:30:00Z', 11, 100), bar('2024-03-12T19:59:30Z', 12, 250)];
    server.symbols.set('LIVE', {
      ...usStock,
      symbol: 'LIVE',
      bars: bars.toReversed(),
      splits: [],
      dividends: [],
    });
    const result = await ask('LIVE');
    expect(result).toMatchObject({ kind: 'ok', bars: [{ date: '2024-03-12', close: 12, volume: 250 }] });
  });

  test('of an unfinished session are left out, and are there once it has ended', async () => {
    const bars = [bar('2024-03-13T13:30:00Z', 11), bar('2024-03-14T15:00:00Z', 12)];
    server.symbols.set('OPEN', { ...usStock, symbol: 'OPEN', bars, splits: [], dividends: [] });
    expect(datesOf(await ask('OPEN', { now: '2024-03-14T15:00:01Z' }))).toEqual(['2024-03-13']);
    expect(datesOf(await ask('OPEN', { now: '2024-03-14T20:00:00Z' }))).toEqual(['2024-03-13']);
    expect(datesOf(await ask('OPEN', { now: '2024-03-14T20:30:00Z' }))).toEqual(['2024-03-13', '2024-03-14']);
  });

  test('with missing prices keep them missing, never zero', async () => {
    const hole = {
      at: seconds('2024-03-12T13:30:00Z'),
      open: null,
      high: null,
      low: null,
      close: null,
      adjclose: null,
      volume: 7,
    };
    server.symbols.set('HOLE', { ...usStock, symbol: 'HOLE', bars: [hole], splits: [], dividends: [] });
    expect(await ask('HOLE')).toMatchObject({
      kind: 'ok',
      bars: [{ open: null, close: null, adjClose: null, volume: 7 }],
    });
  });

  test('a dividend on a date without a bar is kept', async () => {
    const dividends = [{ at: seconds('2024-03-13T13:30:00Z'), amount: 1 }];
    server.symbols.set('DIV', { ...usStock, symbol: 'DIV', dividends });
    const result = await ask('DIV');
    expect(result.kind === 'ok' && result.bars.at(-1)).toMatchObject({
      date: '2024-03-13',
      close: null,
      dividend: 1,
    });
  });
});

describe('answers that are no prices', () => {
  const play = (status: number, body: string, headers: Record<string, string> = {}): Promise<FetchResult> => {
    server.symbols.set('ODD', (_request, response) => void response.writeHead(status, headers).end(body));
    return ask('ODD');
  };
  const envelope = (code: string, description: string): string =>
    JSON.stringify({ chart: { result: null, error: { code, description } } });

  test.each([
    ['an unknown symbol', 404, envelope('Not Found', 'No data found, symbol may be delisted'), 'not-found'],
    [
      'a range before the listing',
      400,
      envelope('Bad Request', "Data doesn't exist for startDate = 1"),
      'empty',
    ],
    ['another bad request', 400, envelope('Bad Request', 'Invalid input'), 'invalid'],
    ['a refused crumb', 401, envelope('Unauthorized', 'Invalid Crumb'), 'blocked'],
    ['too many requests', 429, 'Too Many Requests\r\n', 'rate-limited'],
    ['an error of the server', 500, envelope('internal-error', 'try later'), 'transient'],
    ['a gateway page', 502, '<html>Bad Gateway</html>', 'transient'],
    ['a denial', 999, '<html>Request denied</html>', 'blocked'],
    ['a consent page', 200, '<!doctype html><title>Consent</title>'.padEnd(100_000), 'blocked'],
    ['cut-off JSON', 200, JSON.stringify(chartBody(usStock)).slice(0, 300), 'transient'],
    ['no result', 200, '{"chart":{"result":[],"error":null}}', 'empty'],
  ])('%s', async (_name, status, body, kind) => {
    const result = await play(status, body);
    expect(result.kind).toBe(kind);
    expect('reason' in result ? result.reason.length : 0).toBeLessThan(200);
  });

  test('how long to wait is taken from Retry-After', async () => {
    expect(await play(429, 'Edge: Too Many Requests', { 'retry-after': '7' })).toMatchObject({
      retryAfterMs: 7000,
    });
  });

  test('a symbol that Yahoo has buried is not found', async () => {
    const body = chartBody({ ...usStock, symbol: 'DEAD', currency: null, exchangeName: 'YHD', bars: [] });
    delete body.chart.result[0]!['meta'].regularMarketPrice;
    server.symbols.set('DEAD', (_request, response) => sendJson(response, 200, body));
    expect(await ask('DEAD')).toMatchObject({ kind: 'not-found' });
  });

  test('no timestamps at all are no bars', async () => {
    const body = chartBody({ ...usStock, symbol: 'NONE', bars: [], dividends: [], splits: [] });
    delete body.chart.result[0]!['timestamp'];
    body.chart.result[0]!['indicators'] = { quote: [{}], adjclose: [{}] };
    server.symbols.set('NONE', (_request, response) => sendJson(response, 200, body));
    expect(await ask('NONE')).toMatchObject({ kind: 'empty', isExpected: false });
  });

  test('another symbol than the one asked for is refused', async () => {
    server.symbols.set('WRONG', usStock);
    expect(await ask('WRONG')).toMatchObject({ kind: 'invalid', reason: 'asked for WRONG, got ACME' });
  });

  test('price arrays of different lengths are refused', async () => {
    const body = chartBody({ ...usStock, symbol: 'SHORT' });
    body.chart.result[0]!['indicators'].quote[0].close.pop();
    server.symbols.set('SHORT', (_request, response) => sendJson(response, 200, body));
    expect(await ask('SHORT')).toMatchObject({
      kind: 'invalid',
      reason: 'SHORT has 4 dates and 3 values of close',
    });
  });

  test('a body that hangs runs into the time-out', async () => {
    server.symbols.set('HANG', (_request, response) => void response.writeHead(200).write('{"chart":'));
    expect(await ask('HANG', { timeoutMs: 50 })).toMatchObject({
      kind: 'transient',
      reason: 'no whole answer within 50 ms',
    });
  });

  test('a cut connection and a stop are transient', async () => {
    server.symbols.set('CUT', (request) => void request.socket.destroy());
    expect(await ask('CUT')).toMatchObject({ kind: 'transient' });
    expect(await ask('CUT', { signal: AbortSignal.abort() })).toMatchObject({
      kind: 'transient',
      reason: 'stopped',
    });
  });
});

test('classify leaves a chart to the library', () => {
  expect(classify(200, null, JSON.stringify(chartBody(usStock)), new Date())).toBeUndefined();
});

describe('tradingDate', () => {
  test.each([
    // An FX day begins at midnight in London, which is 23:00Z in summer.
    ['2024-07-14T23:00:00Z', 'Europe/London', '2024-07-15'],
    ['2024-01-15T00:00:00Z', 'Europe/London', '2024-01-15'],
    ['2024-01-14T21:00:00Z', 'Pacific/Auckland', '2024-01-15'],
    ['2024-01-15T14:30:00Z', 'America/New_York', '2024-01-15'],
    ['2024-01-15T00:00:00Z', 'America/New_York', '2024-01-14'],
  ])('%s in %s is %s', (instant, zone, date) => expect(tradingDate(seconds(instant), zone)).toBe(date));

  test('refuses a zone that does not exist', () =>
    expect(() => tradingDate(0, 'Mars/Olympus')).toThrow(RangeError));
});
