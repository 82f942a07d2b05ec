import type { FetchPolicy } from '../market/fetcher.ts';
import type { PriceProvider } from '../market/provider.ts';
import { createYahooProvider } from '../market/yahoo.ts';
import type { Job } from '../runtime/run-job.ts';

/** How long to wait for Yahoo and how often to ask again; `rate` and `inFlight` come from the environment. */
export interface Patience {
  /** Requests a second, 0 for no limit. */
  readonly rate: number;
  readonly inFlight: number;
  /** Longest wait for a whole answer, in seconds. */
  readonly timeout: number;
  /** Requests for one ticker. */
  readonly attempts: number;
  /** Longest wait before the first retry, in seconds. */
  readonly backoff: number;
  /** Minutes after which no request starts. */
  readonly deadline: number;
}

export const PATIENCE = { timeout: 15, attempts: 8, backoff: 1, deadline: 180 };

const STOP_AFTER_PAUSES = 8;

/** Yahoo as the environment says, and how hard it may be asked. */
export function connectYahoo(
  { environment, limits, now }: Job,
  options: Partial<Patience>,
): { provider: PriceProvider; policy: FetchPolicy } {
  const { timeout, attempts, backoff, deadline } = { ...PATIENCE, ...options };
  const { rate = environment.yahooRate, inFlight = environment.yahooInFlight } = options;
  const timeoutMs = timeout * 1000;
  const silenceMs = Math.min(timeoutMs, limits.silenceMs);
  return {
    provider: createYahooProvider({ baseUrl: environment.yahooBaseUrl, timeoutMs, silenceMs, now }),
    policy: {
      requestsPerSecond: rate === 0 ? Infinity : rate,
      inFlight,
      maxAttempts: attempts,
      backoffMs: backoff * 1000,
      stopAfterPauses: STOP_AFTER_PAUSES,
      // Two requests in a row, one after the other.
      stopAfterSilenceMs: 2 * silenceMs,
      deadline: new Date(now().getTime() + deadline * 60_000),
    },
  };
}
