import {
  BrokenCircuitError,
  circuitBreaker,
  ConsecutiveBreaker,
  handleWhen,
  TaskCancelledError,
  timeout,
  TimeoutStrategy,
  wrap,
  type IPolicy,
} from 'cockatiel';
import type { Expectation, Version } from '../lake/object-store.ts';
import { CacheUnavailableError } from './errors.ts';
import type { CacheLevel, Entry, ListedEntry, StoredEntry, UNCHANGED } from './level.ts';

export interface Guard {
  /** An answer is waited for this long. */
  readonly timeoutMs: number;
  /** So many failures in a row and the level is not asked any more ... */
  readonly failures: number;
  /** ... for this long; then one request tries. */
  readonly pauseMs: number;
}

const DEFAULT_GUARD: Guard = { timeoutMs: 60_000, failures: 5, pauseMs: 10_000 };

/** A level over a network: nobody waits for it longer than agreed, and while it is away not at all. */
export class GuardedLevel implements CacheLevel {
  readonly name: string;
  readonly #level: CacheLevel;
  readonly #policy: IPolicy;

  constructor(level: CacheLevel, { timeoutMs, failures, pauseMs }: Guard = DEFAULT_GUARD) {
    this.name = level.name;
    this.#level = level;
    this.#policy = wrap(
      circuitBreaker(
        handleWhen((error) => error instanceof CacheUnavailableError || error instanceof TaskCancelledError),
        { halfOpenAfter: pauseMs, breaker: new ConsecutiveBreaker(failures) },
      ),
      timeout(timeoutMs, TimeoutStrategy.Aggressive),
    );
  }

  get(key: string, unless?: Version): Promise<StoredEntry | typeof UNCHANGED | undefined> {
    return this.#run(key, () => this.#level.get(key, unless));
  }

  put(key: string, entry: Entry, expected?: Expectation): Promise<Version> {
    return this.#run(key, () => this.#level.put(key, entry, expected));
  }

  delete(key: string): Promise<ListedEntry | undefined> {
    return this.#run(key, () => this.#level.delete(key));
  }

  async *list(prefix: string, mayExpire?: boolean): AsyncIterable<ListedEntry> {
    const entries = this.#level.list(prefix, mayExpire)[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await this.#run(prefix, () => entries.next());
      if (done === true) return;
      yield value;
    }
  }

  close(): Promise<void> {
    return this.#level.close();
  }

  async #run<T>(key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#policy.execute(work);
    } catch (error) {
      if (error instanceof BrokenCircuitError)
        throw new CacheUnavailableError(`${this.name} is not asked for ${key} while it keeps failing`, error);
      if (error instanceof TaskCancelledError)
        throw new CacheUnavailableError(`${this.name} took too long to answer for ${key}`, error);
      throw error;
    }
  }
}
