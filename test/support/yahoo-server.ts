import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A listing as the local server plays it; stamps are seconds since 1970. */
export interface PlayedChart {
  readonly symbol: string;
  readonly currency: string | null;
  readonly exchangeName: string;
  readonly timeZone: string;
  readonly gmtoffset: number;
  /** Start and end of the current session. */
  readonly session: readonly [number, number];
  readonly longName?: string;
  /** First trade, when that is known. */
  readonly firstTradeDate?: number;
  /** Last trade; default: the end of the session. */
  readonly regularMarketTime?: number;
  readonly bars: readonly {
    readonly at: number;
    readonly open: number | null;
    readonly high: number | null;
    readonly low: number | null;
    readonly close: number | null;
    readonly adjclose: number | null;
    readonly volume: number | null;
  }[];
  readonly dividends?: readonly { readonly at: number; readonly amount: number }[];
  readonly splits?: readonly {
    readonly at: number;
    readonly numerator: number;
    readonly denominator: number;
  }[];
}

type Play = (request: IncomingMessage, response: ServerResponse) => void;

export interface YahooServer {
  readonly url: string;
  /** Paths and queries asked for, in order. */
  readonly asked: string[];
  /** What each symbol answers; 404 for any other. */
  readonly symbols: Map<string, PlayedChart | Play>;
  /** Resolves once so many requests have come, counted from the call. */
  whenAsked(count: number): Promise<void>;
  close(): Promise<void>;
}

/** A local server that answers `/v8/finance/chart/SYMBOL` in the shapes that Yahoo's has. */
export async function startYahooServer(): Promise<YahooServer> {
  const symbols = new Map<string, PlayedChart | Play>();
  const asked: string[] = [];
  const requests = new EventEmitter();
  const server = createServer((request, response) => {
    asked.push(request.url!);
    requests.emit('asked');
    const url = new URL(request.url!, 'http://x');
    const symbol = decodeURIComponent(url.pathname.replace('/v8/finance/chart/', ''));
    const played = symbols.get(symbol);
    if (typeof played === 'function') played(request, response);
    else if (played === undefined) sendJson(response, 404, notFound);
    else sendJson(response, 200, chartBody(within(played, url)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    symbols,
    async whenAsked(count) {
      for (let left = count; left > 0; left -= 1) await once(requests, 'asked');
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What of a chart lies in the period that was asked for; its end is inclusive, as Yahoo's is. */
export function within(chart: PlayedChart, url: URL): PlayedChart {
  const from = Number(url.searchParams.get('period1'));
  const to = Number(url.searchParams.get('period2'));
  const isAsked = ({ at }: { at: number }): boolean => at >= from && at <= to;
  return {
    ...chart,
    bars: chart.bars.filter(isAsked),
    dividends: (chart.dividends ?? []).filter(isAsked),
    splits: (chart.splits ?? []).filter(isAsked),
  };
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const notFound = {
  chart: { result: null, error: { code: 'Not Found', description: 'No data found, symbol may be delisted' } },
};

/** The body of a chart; also the starting point for bodies that are wrong in one way. */
export function chartBody(chart: PlayedChart): { chart: { result: Record<string, any>[]; error: null } } {
  const [start, end] = chart.session;
  const period = { timezone: 'X', start, end, gmtoffset: chart.gmtoffset };
  const pick = (name: keyof PlayedChart['bars'][number]) => chart.bars.map((bar) => bar[name]);
  const keyed = <T extends { at: number }>(events: readonly T[], rest: (event: T) => object) =>
    Object.fromEntries(events.map((event) => [String(event.at), { date: event.at, ...rest(event) }]));
  return {
    chart: {
      result: [
        {
          meta: {
            currency: chart.currency,
            symbol: chart.symbol,
            exchangeName: chart.exchangeName,
            instrumentType: 'EQUITY',
            ...(chart.longName === undefined ? {} : { longName: chart.longName }),
            firstTradeDate: chart.firstTradeDate ?? 0,
            regularMarketTime: chart.regularMarketTime ?? end,
            gmtoffset: chart.gmtoffset,
            timezone: 'X',
            exchangeTimezoneName: chart.timeZone,
            regularMarketPrice: 1,
            chartPreviousClose: 1,
            priceHint: 2,
            currentTradingPeriod: { pre: period, regular: period, post: period },
            dataGranularity: '1d',
            range: '',
            validRanges: ['1d'],
          },
          timestamp: pick('at'),
          events: {
            dividends: keyed(chart.dividends ?? [], ({ amount }) => ({ amount })),
            splits: keyed(chart.splits ?? [], ({ numerator, denominator }) => ({
              numerator,
              denominator,
              splitRatio: `${numerator}:${denominator}`,
            })),
          },
          indicators: {
            quote: [
              {
                open: pick('open'),
                high: pick('high'),
                low: pick('low'),
                close: pick('close'),
                volume: pick('volume'),
              },
            ],
            adjclose: [{ adjclose: pick('adjclose') }],
          },
        },
      ],
      error: null,
    },
  };
}
