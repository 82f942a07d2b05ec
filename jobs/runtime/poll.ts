import { systemClock, type Clock } from './clock.ts';
import { StoppedError } from './errors.ts';

/** How something is waited for; `sleep` is the clock's, or a test's. */
export interface Waiting {
  readonly signal: AbortSignal;
  readonly sleep: Clock['sleep'];
}

export function realWaiting(signal: AbortSignal): Waiting {
  return { signal, sleep: systemClock.sleep };
}

export interface BackOff {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Gives up when all waits together would be longer. */
  readonly timeoutMs: number;
}

const GROWTH = 1.5;

/**
 * Asks again and again, with growing waits, until `ask` has an answer. Resolves with undefined when it takes too
 * long. Throws StoppedError when the signal aborts.
 */
export async function poll<T>(
  ask: () => Promise<T | undefined>,
  { firstMs, maxMs, timeoutMs }: BackOff,
  { signal, sleep: wait }: Waiting,
): Promise<T | undefined> {
  let waited = 0;
  for (let next = firstMs; ; next = Math.min(next * GROWTH, maxMs)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (waited + next > timeoutMs) return undefined;
    try {
      await wait(next, signal);
    } catch (error) {
      if (signal.aborted) throw new StoppedError(`stopped by ${String(signal.reason)}; run again to go on`);
      throw error;
    }
    waited += next;
  }
}
