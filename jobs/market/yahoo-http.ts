import { describeFetchFailure, fetchWithin, isSilence, readText } from '../runtime/bounded-fetch.ts';
import { AnswerTooLongError, firstLine } from '../runtime/errors.ts';
import type { FetchResult } from './provider.ts';

/** A failed exchange with Yahoo, carried through yahoo-finance2 as an exception. */
export class YahooFailure extends Error {
  readonly outcome: Exclude<FetchResult, { kind: 'ok' }>;

  constructor(outcome: Exclude<FetchResult, { kind: 'ok' }>) {
    super(outcome.reason);
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
  /** Ends an exchange in which no byte comes for this long. */
  readonly silenceMs: number;
  now(): Date;
  /** Told the bytes of each body, after decompression. */
  received(bytes: number): void;
}

/** Sixty years of one ticker are 1.5 MB; the rest is room for fields to come. */
const MAX_BYTES = 16 * 2 ** 20;

/**
 * A `fetch` for yahoo-finance2 that classifies every answer by HTTP status and shape before the library sees it.
 * The library itself loses status and headers, puts whole bodies into messages and waits without a limit.
 */
export function createYahooFetch({
  baseUrl,
  signal,
  timeoutMs,
  silenceMs,
  now,
  received,
}: ExchangeOptions): typeof fetch {
  return async (input, init) => {
    const asked = new URL(input instanceof Request ? input.url : input);
    const url = baseUrl === undefined ? asked : new URL(asked.pathname + asked.search, baseUrl);
    const headers = new Headers(init?.headers);
    const bounds = { signal, timeoutMs, silenceMs, maxBytes: MAX_BYTES };
    let exchanged: { status: number; retryAfter: string | null; body: string };
    try {
      exchanged = await fetchWithin(url, { headers }, bounds, async (answer) => {
        const { text, bytes } = await readText(answer.body);
        received(bytes);
        return { status: answer.status, retryAfter: answer.headers.get('retry-after'), body: text };
      });
    } catch (error) {
      if (error instanceof AnswerTooLongError)
        throw new YahooFailure({ kind: 'invalid', reason: `the answer has ${error.message}` });
      const isSilent = isSilence(error);
      const reason = describeFetchFailure(error);
      throw new YahooFailure({ kind: 'transient', reason, ...(isSilent ? { isSilent } : {}) });
    }
    const { status, retryAfter, body } = exchanged;
    const failure = classify(status, retryAfter, body, now());
    if (failure !== undefined) throw new YahooFailure(failure);
    return textResponse(status, body);
  };
}

/** What yahoo-finance2 reads of a response. A real one would turn the text into a stream and back. */
function textResponse(status: number, body: string): Response {
  const read = { ok: status >= 200 && status < 300, status, headers: new Headers(), text: async () => body };
  return read as unknown as Response;
}

/** Which outcome an answer means; `undefined` when it is a chart for the library to read. Pure. */
export function classify(
  status: number,
  retryAfter: string | null,
  body: string,
  now: Date,
): Exclude<FetchResult, { kind: 'ok' }> | undefined {
  if (status === 429) {
    const retryAfterMs = parseRetryAfter(retryAfter, now);
    const reason = 'HTTP 429, too many requests';
    return { kind: 'rate-limited', reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  if (status === 401 || status === 403 || status === 999)
    return { kind: 'blocked', reason: `HTTP ${status}` };
  if (status >= 500) return { kind: 'transient', reason: `HTTP ${status}` };
  // The library parses what looks whole, and parsing is what an answer costs.
  if (status === 200 && body.startsWith('{"chart":{"result":[{') && body.endsWith('"error":null}}')) {
    return undefined;
  }

  const chart = parseChart(body);
  if (chart === undefined) {
    return /^\s*</.test(body)
      ? { kind: 'blocked', reason: `HTTP ${status} with a web page instead of data` }
      : { kind: 'transient', reason: `HTTP ${status} with a body that is not whole JSON` };
  }
  const description = chart.error?.description ?? chart.error?.code;
  if (status === 404) return { kind: 'not-found', reason: description ?? 'HTTP 404' };
  if (status === 400 && description?.startsWith("Data doesn't exist for startDate") === true) {
    return { kind: 'empty', reason: 'the provider has no data of that range', isExpected: true };
  }
  if (status !== 200 || description !== undefined) {
    return { kind: 'invalid', reason: `HTTP ${status}: ${firstLine(description ?? 'no description')}` };
  }
  if (!Array.isArray(chart.result) || chart.result.length === 0) {
    return { kind: 'empty', reason: 'an answer without a result', isExpected: false };
  }
  return undefined;
}

/** Milliseconds to wait by a Retry-After header, which gives seconds or an HTTP date (RFC 9110, 10.2.3). */
function parseRetryAfter(header: string | null, now: Date): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - now.getTime() : seconds * 1000;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
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
