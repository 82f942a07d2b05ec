import { firstLine } from '../runtime/errors.ts';
import type { FetchResult } from './provider.ts';

/** A failed exchange with Yahoo, carried through yahoo-finance2 as an exception. */
export class YahooFailure extends Error {
  readonly outcome: Exclude<FetchResult, { kind: 'ok' }>;

  constructor(outcome: Exclude<FetchResult, { kind: 'ok' }>) {
    super(outcome.kind === 'empty' ? 'no data in the range' : outcome.reason);
    this.name = 'YahooFailure';
    this.outcome = outcome;
  }
}

export interface ExchangeOptions {
  /** Origin that replaces Yahoo's: a proxy or a replay server. */
  readonly baseUrl?: string | undefined;
  readonly signal: AbortSignal;
  /** Bounds the whole exchange, body included. */
  readonly timeoutMs: number;
}

/**
 * A `fetch` for yahoo-finance2 that classifies every answer by HTTP status and shape before the library sees it.
 * The library itself loses status and headers, puts whole bodies into messages and waits without a limit.
 */
export function createYahooFetch({ baseUrl, signal, timeoutMs }: ExchangeOptions): typeof fetch {
  return async (input, init) => {
    const asked = new URL(input instanceof Request ? input.url : input);
    const url = baseUrl === undefined ? asked : new URL(asked.pathname + asked.search, baseUrl);
    const headers = new Headers(init?.headers);
    let status: number;
    let retryAfter: string | null;
    let body: string;
    try {
      const timeout = AbortSignal.timeout(timeoutMs);
      const response = await fetch(url, { headers, signal: AbortSignal.any([signal, timeout]) });
      status = response.status;
      retryAfter = response.headers.get('retry-after');
      body = await response.text();
    } catch (error) {
      throw new YahooFailure({ kind: 'transient', reason: describeNetworkError(error, timeoutMs) });
    }
    const failure = classify(status, retryAfter, body);
    if (failure !== undefined) throw new YahooFailure(failure);
    return new Response(body, { status, headers: { 'content-type': 'application/json' } });
  };
}

/** Which outcome an answer means; `undefined` when it is a chart for the library to read. Pure. */
export function classify(
  status: number,
  retryAfter: string | null,
  body: string,
): Exclude<FetchResult, { kind: 'ok' }> | undefined {
  if (status === 429) {
    const seconds = Number(retryAfter ?? Number.NaN);
    const reason = 'HTTP 429, too many requests';
    return Number.isFinite(seconds)
      ? { kind: 'rate-limited', reason, retryAfterMs: seconds * 1000 }
      : { kind: 'rate-limited', reason };
  }
  if (status === 401 || status === 403 || status === 999)
    return { kind: 'blocked', reason: `HTTP ${status}` };
  if (status >= 500) return { kind: 'transient', reason: `HTTP ${status}` };

  const chart = parseChart(body);
  if (chart === undefined) {
    return /^\s*</.test(body)
      ? { kind: 'blocked', reason: `HTTP ${status} with a web page instead of data` }
      : { kind: 'transient', reason: `HTTP ${status} with a body that is not whole JSON` };
  }
  const description = chart.error?.description ?? chart.error?.code;
  if (status === 404) return { kind: 'not-found', reason: description ?? 'HTTP 404' };
  if (status === 400 && description?.startsWith("Data doesn't exist for startDate") === true)
    return { kind: 'empty' };
  if (status !== 200 || description !== undefined) {
    return { kind: 'invalid', reason: `HTTP ${status}: ${firstLine(description ?? 'no description')}` };
  }
  if (!Array.isArray(chart.result) || chart.result.length === 0) return { kind: 'empty' };
  return undefined;
}

interface ChartEnvelope {
  readonly result?: unknown;
  readonly error?: { readonly code?: string; readonly description?: string } | null;
}

function parseChart(body: string): ChartEnvelope | undefined {
  try {
    const parsed = JSON.parse(body) as { chart?: ChartEnvelope; finance?: ChartEnvelope } | null;
    return parsed?.chart ?? parsed?.finance;
  } catch {
    return undefined;
  }
}

function describeNetworkError(error: unknown, timeoutMs: number): string {
  const { name, cause } = error as { name?: string; cause?: unknown };
  if (name === 'TimeoutError') return `no whole answer within ${timeoutMs} ms`;
  if (name === 'AbortError') return 'stopped';
  return firstLine(cause ?? error);
}
