import type { ChartResultArray } from 'yahoo-finance2/modules/chart';
import createYahooFinance from 'yahoo-finance2/createYahooFinance';
import chart from 'yahoo-finance2/modules/chart';
import { addDays, type DateRange, type IsoDate } from '../runtime/dates.ts';
import { firstLine } from '../runtime/errors.ts';
import type { Bar } from './bar.ts';
import type { FetchResult, PriceProvider } from './provider.ts';
import { tradingDate } from './trading-date.ts';
import { createYahooFetch, YahooFailure } from './yahoo-http.ts';

export interface YahooOptions {
  /** Origin that replaces Yahoo's: a proxy or a replay server. */
  readonly baseUrl?: string | undefined;
  /** Bounds one request, body included. */
  readonly timeoutMs: number;
  now(): Date;
}

const YahooFinance = createYahooFinance({ modules: { chart } });

// Yahoo takes instants and we ask for dates: two days on either side cover every time zone.
const PADDING_DAYS = 2;

/**
 * Daily prices from Yahoo Finance by yahoo-finance2's `chart()`, which needs neither crumb nor cookie: one
 * request brings bars, adjusted closes, dividends and splits.
 */
export function createYahooProvider({ baseUrl, timeoutMs, now }: YahooOptions): PriceProvider {
  return {
    name: 'yahoo',
    async fetchDaily({ ticker, range, signal }) {
      try {
        // A client of its own for each request keeps the injected fetch bound to that request.
        const client = new YahooFinance({
          fetch: createYahooFetch({ baseUrl, signal, timeoutMs }),
          versionCheck: false,
          validation: { logErrors: false, logOptionsErrors: false, allowAdditionalProps: true },
          suppressNotices: ['yahooSurvey'],
        });
        // The library puts the symbol into the URL as it is.
        const answer = await client.chart(encodeURIComponent(ticker), {
          period1: addDays(range.start, -PADDING_DAYS),
          period2: addDays(range.end, PADDING_DAYS),
          interval: '1d',
          includePrePost: false,
          events: 'div|split',
          return: 'array',
        });
        return readChart(answer as ChartResultArray, ticker, range, now());
      } catch (error) {
        if (error instanceof YahooFailure) return error.outcome;
        return readLibraryError(error);
      }
    },
  };
}

function readLibraryError(error: unknown): FetchResult {
  const { name, result } = error as { name?: string; result?: { meta?: { currency?: unknown } } };
  // A symbol that Yahoo has buried answers 200 with neither currency nor price, which fails validation.
  const isTombstone = name === 'FailedYahooValidationError' && (result?.meta?.currency ?? null) === null;
  if (isTombstone) return { kind: 'not-found', reason: 'the symbol is listed without currency and price' };
  return { kind: 'invalid', reason: `answer refused by yahoo-finance2: ${firstLine(error).slice(0, 200)}` };
}

/** Turns one answer into bars by exchange date inside `range`. Pure. */
function readChart(
  { meta, quotes, events }: ChartResultArray,
  ticker: string,
  range: DateRange,
  now: Date,
): FetchResult {
  if (meta.symbol.toUpperCase() !== ticker.toUpperCase()) {
    return { kind: 'invalid', reason: `asked for ${ticker}, got ${meta.symbol}` };
  }
  const zone = meta.exchangeTimezoneName;
  const dateOf = (instant: Date): IsoDate => tradingDate(instant.getTime() / 1000, zone);
  const session = meta.currentTradingPeriod.regular;
  // While the session runs its bar changes with every trade.
  const unfinished = now < session.end ? dateOf(session.start) : undefined;
  const isWanted = (date: IsoDate): boolean =>
    date >= range.start && date < range.end && (unfinished === undefined || date < unfinished);

  const bars = new Map<IsoDate, Bar>();
  // Ascending stamps: where a day has a second, live bar its later stamp wins.
  for (const quote of quotes.toSorted((a, b) => a.date.getTime() - b.date.getTime())) {
    const date = dateOf(quote.date);
    if (!isWanted(date)) continue;
    const { open, high, low, close, volume, adjclose } = quote;
    if ([open, high, low, close, volume].includes(undefined as never)) {
      return { kind: 'invalid', reason: `the price arrays of ${ticker} differ in length` };
    }
    bars.set(date, {
      date,
      open,
      high,
      low,
      close,
      adjClose: adjclose ?? null,
      volume,
      dividend: null,
      split: null,
    });
  }
  const addAction = (instant: Date, action: Partial<Bar>): void => {
    const date = dateOf(instant);
    if (isWanted(date)) bars.set(date, { ...(bars.get(date) ?? emptyBar(date)), ...action });
  };
  for (const { date, amount } of events?.dividends ?? []) addAction(date, { dividend: amount });
  for (const { date, numerator, denominator } of events?.splits ?? []) {
    addAction(date, { split: numerator / denominator });
  }
  if (bars.size === 0) return { kind: 'empty' };
  return {
    kind: 'ok',
    bars: [...bars.values()].toSorted((a, b) => (a.date < b.date ? -1 : 1)),
    listing: {
      currency: meta.currency,
      exchange: meta.exchangeName,
      name: meta.longName ?? meta.shortName ?? null,
    },
  };
}

function emptyBar(date: IsoDate): Bar {
  const none = { open: null, high: null, low: null, close: null };
  return { date, ...none, adjClose: null, volume: null, dividend: null, split: null };
}
