import type { FetchKind } from './provider.ts';

/** What a refusal means for everybody: wait so long before the next request, or ask nothing more in this run. */
export type Consequence = { readonly pauseMs: number } | 'stop' | undefined;

// Single requests fail for reasons of their own; so many in a row without any answer mean the provider is away.
const FAILURES_LIKE_A_REFUSAL = 20;

/**
 * Watches how a provider answers. A refusal (rate-limited, blocked) pauses all requests, each time twice as long,
 * until something is answered again; after `stopAfter` pauses in a row it is time to stop. Refusals of requests
 * that were under way when a pause began belong to that pause. Pure but for its own state.
 */
export class CircuitBreaker {
  readonly #firstPauseMs: number;
  readonly #longestPauseMs: number;
  readonly #stopAfter: number;
  #pausesInARow = 0;
  #failuresInARow = 0;
  #period = 0;

  constructor(firstPauseMs: number, longestPauseMs: number, stopAfter: number) {
    this.#firstPauseMs = firstPauseMs;
    this.#longestPauseMs = longestPauseMs;
    this.#stopAfter = stopAfter;
  }

  /** Tells requests of before a pause from those of after it: note it when a request starts. */
  get period(): number {
    return this.#period;
  }

  /** Whether the last pause has not been followed by an answer yet: ask one at a time. */
  get isProbing(): boolean {
    return this.#pausesInARow > 0;
  }

  /**
   * @param period what `period` was when the request started
   * @param retryAfterMs what the provider asks for; a longer pause than ours is kept to
   */
  note(kind: FetchKind, period: number, retryAfterMs = 0): Consequence {
    const isRefusal = kind === 'rate-limited' || kind === 'blocked';
    if (!isRefusal && kind !== 'transient') {
      this.#pausesInARow = 0;
      this.#failuresInARow = 0;
      return undefined;
    }
    this.#failuresInARow += 1;
    if (period !== this.#period) return isRefusal && retryAfterMs > 0 ? { pauseMs: retryAfterMs } : undefined;
    if (!isRefusal && this.#failuresInARow % FAILURES_LIKE_A_REFUSAL !== 0) return undefined;

    this.#period += 1;
    this.#pausesInARow += 1;
    if (this.#pausesInARow >= this.#stopAfter) return 'stop';
    const ours = Math.min(this.#longestPauseMs, this.#firstPauseMs * 2 ** (this.#pausesInARow - 1));
    return { pauseMs: Math.max(ours, retryAfterMs) };
  }
}
