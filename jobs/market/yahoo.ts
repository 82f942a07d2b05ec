import type { ChartResultObject } from 'yahoo-finance2/modules/chart';
import createYahooFinance from 'yahoo-finance2/createYahooFinance';
import chart from 'yahoo-finance2/modules/chart';
import { addDays, type DateRange, type IsoDate } from '../runtime/dates.ts';
import { firstLine } from '../runtime/errors.ts';
import type { Bar } from './bar.ts';
import { quoteUnit } from './currency.ts';
import type { FetchResult, PriceProvider } from './provider.ts';
import { isTimeZone, tradingDate } from './trading-date.ts';
import { createYahooFetch, YahooFailure } from './yahoo-http.ts';

export interface YahooOptions {
  /** Origin that replaces Yahoo's: a proxy or a replay server. */
  readonly baseUrl?: string | undefined;
  /** Bounds one request, body included. */
  readonly timeoutMs: number;
  /** Ends a request in which no byte comes for this long. Default: `timeoutMs`. */
  readonly silenceMs?: number;
  now(): Date;
}

const YahooFinance = createYahooFinance({ modules: { chart } });

// Yahoo takes instants and we ask for dates: two days on either side cover every time zone.
const PADDING_DAYS = 2;

// Quotes of many exchanges arrive up to 20 minutes late: the bar of a session is final a while after its end.
const SETTLED_AFTER_MS = 30 * 60_000;

/**
 * Daily prices from Yahoo Finance by yahoo-finance2's `chart()`, which needs neither crumb nor cookie: one
 * request brings bars, adjusted closes, dividends and splits.
 */
export function createYahooProvider({
  baseUrl,
  timeoutMs,
  silenceMs = timeoutMs,
  now,
}: YahooOptions): PriceProvider {
  return {
    name: 'yahoo',
    async fetchDaily({ ticker, range, signal }) {
      let bytes = 0;
      try {
        // A client of its own for each request keeps the injected fetch bound to that request.
        const client = new YahooFinance({
          fetch: createYahooFetch({
            baseUrl,
            signal,
            timeoutMs,
            silenceMs,
            now,
            received: (count) => (bytes += count),
          }),
          versionCheck: false,
          validation: { logErrors: false, logOptionsErrors: false, allowAdditionalProps: true },
          suppressNotices: ['yahooSurvey'],
        });
        // The library puts the symbol into the URL as it is.
        const answer: ChartResultObject = await client.chart(encodeURIComponent(ticker), {
          period1: addDays(range.start, -PADDING_DAYS),
          period2: addDays(range.end, PADDING_DAYS),
          interval: '1d',
          includePrePost: false,
          events: 'div|split',
          return: 'object',
        });
        return { ...readChart(answer, ticker, range, now()), bytes };
      } catch (error) {
        return { ...(error instanceof YahooFailure ? error.outcome : readLibraryError(error)), bytes };
      }
    },
  };
}

function readLibraryError(error: unknown): FetchResult {
  const { name, result } = error as { name?: string; result?: { meta?: { currency?: unknown } } };
  // A symbol that Yahoo has buried answers 200 with neither currency nor price, which fails validation.
  const isTombstone = name === 'FailedYahooValidationError' && (result?.meta?.currency ?? null) === null;
  if (isTombstone) return { kind: 'not-found', reason: 'the symbol is listed without currency and price' };
  const message = firstLine(error);
  // The whole body follows in the library's message.
  if (message.startsWith('Response.ok where we expect JSON')) {
    return { kind: 'transient', reason: 'HTTP 200 with a body that is not whole JSON' };
  }
  return { kind: 'invalid', reason: `answer refused by yahoo-finance2: ${message.slice(0, 200)}` };
}

/** Turns one answer into bars by exchange date inside `range`, prices in the major unit. Pure. */
function readChart(
  { meta, timestamp: stamps = [], indicators, events }: ChartResultObject,
  ticker: string,
  range: DateRange,
  now: Date,
): FetchResult {
  const invalid = (reason: string): FetchResult => ({ kind: 'invalid', reason });
  if (meta.symbol.toUpperCase() !== ticker.toUpperCase()) {
    return invalid(`asked for ${ticker}, got ${meta.symbol}`);
  }
  const unit = quoteUnit(meta.currency);
  if (unit === undefined) return invalid(`${ticker} is quoted in "${meta.currency}", which is no known unit`);
  // A long range can come in weeks or months instead.
  if (meta.dataGranularity !== '1d') return invalid(`asked for days, got bars of ${meta.dataGranularity}`);
  const zone = meta.exchangeTimezoneName;
  if (!isTimeZone(zone)) return invalid(`${ticker} is traded in time zone "${zone}", which does not exist`);
  const { open = [], high = [], low = [], close = [], volume = [] } = indicators.quote[0] ?? {};
  const adjusted = indicators.adjclose?.[0]?.adjclose;
  for (const [name, values] of Object.entries({ open, high, low, close, volume, adjusted })) {
    if (values !== undefined && values.length !== stamps.length) {
      return invalid(`${ticker} has ${stamps.length} dates and ${values.length} values of ${name}`);
    }
  }

  const session = meta.currentTradingPeriod.regular;
  const sessionDate = tradingDate(session.start.getTime() / 1000, zone);
  // Until a while after its end the bar of the session changes; no bar after it can be whole.
  const isSettled = now.getTime() >= session.end.getTime() + SETTLED_AFTER_MS;
  const isWanted = (date: IsoDate): boolean =>
    date >= range.start && date < range.end && (date < sessionDate || (isSettled && date === sessionDate));
  const price = (value: number | null | undefined): number | null =>
    value === null || value === undefined ? null : value / unit.perMajor;

  const bars = new Map<IsoDate, Bar>();
  let lastStamp: number | null = null;
  // Ascending stamps: where a day has a second, live bar its later stamp wins, unless that one has no price.
  for (const index of ascending(stamps)) {
    const date = tradingDate(stamps[index]!, zone);
    if (!isWanted(date) || (bars.has(date) && close[index] === null)) continue;
    lastStamp = stamps[index]!;
    bars.set(date, {
      date,
      open: price(open[index]),
      high: price(high[index]),
      low: price(low[index]),
      close: price(close[index]),
      adjClose: price(adjusted?.[index]),
      volume: volume[index]!,
      dividend: null,
      split: null,
    });
  }
  const addAction = (instant: Date, add: (bar: Bar) => Partial<Bar>): void => {
    const date = tradingDate(instant.getTime() / 1000, zone);
    if (!isWanted(date)) return;
    const bar = bars.get(date) ?? emptyBar(date);
    bars.set(date, { ...bar, ...add(bar) });
  };
  // A regular and a special dividend can share an ex-date.
  for (const { date, amount } of Object.values(events?.dividends ?? {})) {
    addAction(date, ({ dividend }) => ({ dividend: (dividend ?? 0) + amount / unit.perMajor }));
  }
  for (const { date, numerator, denominator } of Object.values(events?.splits ?? {})) {
    addAction(date, ({ split }) => ({ split: ((split ?? 1) * numerator) / denominator }));
  }
  if (bars.size === 0) return explainEmpty(meta, range, zone);
  return {
    kind: 'ok',
    bars: [...bars.values()].toSorted((a, b) => (a.date < b.date ? -1 : 1)),
    listing: {
      currency: unit.currency,
      quotedIn: unit.perMajor === 1 ? null : meta.currency,
      exchange: meta.exchangeName,
      name: meta.longName ?? meta.shortName ?? null,
      firstTraded: firstTraded(meta, zone),
    },
    lastStamp,
  };
}

function ascending(stamps: readonly number[]): number[] {
  return [...stamps.keys()].sort((a, b) => stamps[a]! - stamps[b]!);
}

function emptyBar(date: IsoDate): Bar {
  const none = { open: null, high: null, low: null, close: null };
  return { date, ...none, adjClose: null, volume: null, dividend: null, split: null };
}

/** No bars are what to expect before a listing and after its last trade, and a gap of the provider otherwise. */
function explainEmpty(meta: ChartResultObject['meta'], range: DateRange, zone: string): FetchResult {
  const listed = firstTraded(meta, zone);
  if (listed !== null && listed >= range.end) {
    return { kind: 'empty', reason: `not traded before ${listed}`, isExpected: true };
  }
  const traded = tradingDate(meta.regularMarketTime.getTime() / 1000, zone);
  if (traded < range.start) return { kind: 'empty', reason: `last traded on ${traded}`, isExpected: true };
  return { kind: 'empty', reason: 'no bars, although it traded in the window or later', isExpected: false };
}

function firstTraded({ firstTradeDate }: ChartResultObject['meta'], zone: string): IsoDate | null {
  return firstTradeDate === null ? null : tradingDate(firstTradeDate.getTime() / 1000, zone);
}
