import { setTimeout } from 'node:timers/promises';
import { QueueFullError, UnavailableError, type TradingStateError } from './errors.ts';
import type { AtomicWrite, Outcome, StateBackend } from './backend/backend.ts';

export interface QueueOptions {
  /** Most writes that may wait. */
  readonly limit: number;
  /** How long writes gather before they are sent; 0 sends them at the end of the current turn of the event loop. */
  readonly intervalMs: number;
  /** How long a backend that cannot be reached is waited for before the writes are given up. */
  readonly patienceMs: number;
  /** Calls `run` once after a time, unless it is cancelled before. */
  readonly schedule: (run: () => void, ms: number) => { cancel(): void };
  /** Hears of every write that failed. */
  readonly onError: (error: TradingStateError) => void;
}

/** Writes that go to the backend in one call. */
const BATCH = 1024;

/** Between tries; the first one comes at once, for a connection that only had to be made again. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;

interface Entry {
  /** A write, or work that nothing else is written during and that never rejects. */
  readonly task: AtomicWrite | (() => Promise<void>);
  readonly resolve: () => void;
  readonly reject: (error: TradingStateError) => void;
}

type Write = (write: AtomicWrite) => Promise<void>;

/**
 * Writes on their way to the backend, in the order in which they were given. One batch is under way at a time; when
 * the backend cannot be reached it stays at the head of the queue and is sent again, which the guards of its writes
 * make harmless.
 */
export class WriteQueue {
  readonly #backend: StateBackend;
  readonly #options: QueueOptions;
  #entries: Entry[] = [];
  #draining: Promise<void> | undefined;
  #timer: { cancel(): void } | undefined;
  #firstError: TradingStateError | undefined;
  /** Writes that were ever taken, and ever answered. */
  #taken = 0;
  #answered = 0;
  /** Room that `ready` has promised in this turn of the event loop. */
  #promised = 0;
  #willWithdraw = false;
  /** Told of every answer. */
  #waiters: (() => void)[] = [];

  constructor(backend: StateBackend, options: QueueOptions) {
    this.#backend = backend;
    this.#options = options;
  }

  /** Resolves when the backend has acknowledged the write. Rejects with QueueFullError when too many wait. */
  push(write: AtomicWrite): Promise<void> {
    const { limit } = this.#options;
    if (this.#entries.length >= limit) return this.refuse(new QueueFullError(limit));
    if (this.#promised > 0) this.#promised -= 1;
    const answer = this.#take(write);
    this.#start();
    return answer;
  }

  /**
   * Carries out `work` after all writes so far, and before all later ones. What it writes itself goes through the
   * function that it gets. Rejects as `work` does; only what fails of those writes is heard of elsewhere.
   */
  exclusively<T>(work: (write: Write) => Promise<T>): Promise<T> {
    const inner = new WriteQueue(this.#backend, {
      ...this.#options,
      intervalMs: 0,
      onError: (error) => this.#report(error),
    });
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#take(() => work((write) => inner.push(write)).then(resolve, reject)).catch(reject);
    this.#startNow();
    return promise;
  }

  #take(task: Entry['task']): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#entries.push({ task, resolve, reject });
    this.#taken += 1;
    return handled(promise);
  }

  /** Answers a write that must not be sent. */
  refuse(why: TradingStateError): Promise<never> {
    this.#report(why);
    return handled(Promise.reject<never>(why));
  }

  /** Resolves when there is room for another write, which others that wait leave to the caller until its turn ends. */
  async ready(): Promise<void> {
    while (this.#entries.length + this.#promised >= this.#options.limit) await this.#nextAnswer();
    this.#promised += 1;
    if (this.#willWithdraw) return;
    this.#willWithdraw = true;
    setImmediate(() => {
      this.#willWithdraw = false;
      this.#promised = 0;
      this.#tellWaiters();
    });
  }

  /** Sends what waits, and resolves when all of it is answered, well or not; later writes are not waited for. */
  async idle(): Promise<void> {
    const last = this.#taken;
    while (this.#answered < last) {
      this.#startNow();
      await this.#nextAnswer();
    }
  }

  /** Like `idle`, but rejects with the first failure since the last call. */
  async sync(): Promise<void> {
    await this.idle();
    const error = this.#firstError;
    this.#firstError = undefined;
    if (error !== undefined) throw error;
  }

  #start(): void {
    if (this.#draining !== undefined || this.#timer !== undefined) return;
    const { intervalMs, schedule } = this.#options;
    if (intervalMs === 0) {
      void this.#drain();
      return;
    }
    this.#timer = schedule(() => {
      this.#timer = undefined;
      void this.#drain();
    }, intervalMs);
  }

  #startNow(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    void this.#drain();
  }

  #drain(): Promise<void> {
    this.#draining ??= this.#sendAll().finally(() => {
      this.#draining = undefined;
      // What came after the last look.
      if (this.#entries.length > 0) this.#start();
    });
    return this.#draining;
  }

  async #sendAll(): Promise<void> {
    // Writes of the same turn of the event loop go together.
    await Promise.resolve();
    let unreachableSince: number | undefined;
    let pauseMs = 0;
    while (this.#entries.length > 0) {
      const { task } = this.#entries[0]!;
      if (typeof task === 'function') {
        await task();
        this.#settle([undefined]);
        continue;
      }
      const outcomes = await this.#backend.apply(this.#nextWrites());
      const answered = this.#settle(outcomes);
      if (answered > 0) [unreachableSince, pauseMs] = [undefined, 0];
      if (answered === outcomes.length) continue;
      unreachableSince ??= performance.now();
      const left = unreachableSince + this.#options.patienceMs - performance.now();
      try {
        if (left <= 0) throw outcomes[answered];
        await this.#backend.ready(left);
        // Who can be reached may refuse all the same: a replica, a server that loads its data.
        await setTimeout(Math.min(pauseMs, left));
        pauseMs = Math.min(2 * pauseMs + FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
      } catch (error) {
        this.#giveUp(error as TradingStateError);
      }
    }
  }

  /** The writes at the head of the queue, as many as go into one call. */
  #nextWrites(): AtomicWrite[] {
    const writes: AtomicWrite[] = [];
    for (const { task } of this.#entries) {
      if (typeof task === 'function' || writes.length === BATCH) break;
      writes.push(task);
    }
    return writes;
  }

  /** Answers what is at the head of the queue, up to the first whose fate is not known, and says how many. */
  #settle(outcomes: readonly Outcome[]): number {
    const unknown = outcomes.findIndex((outcome) => outcome instanceof UnavailableError);
    const answered = unknown < 0 ? outcomes.length : unknown;
    const settled = this.#entries.slice(0, answered);
    this.#entries = this.#entries.slice(answered);
    this.#answered += answered;
    for (const [index, { resolve, reject }] of settled.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) {
        resolve();
      } else {
        this.#report(outcome);
        reject(outcome);
      }
    }
    this.#tellWaiters();
    return answered;
  }

  #giveUp(error: TradingStateError): void {
    const lost = this.#entries;
    this.#entries = [];
    this.#answered += lost.length;
    for (const { reject } of lost) {
      this.#report(error);
      reject(error);
    }
    this.#tellWaiters();
  }

  #report(error: TradingStateError): void {
    this.#firstError ??= error;
    try {
      this.#options.onError(error);
    } catch (thrown) {
      // A fault of the listener, which ends the process as any other that nobody catches, but no write is left unanswered.
      queueMicrotask(() => {
        throw thrown;
      });
    }
  }

  #nextAnswer(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  #tellWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const tell of waiters) tell();
  }
}

/** A failure reaches `sync` and `onError` in any case, so that a caller may leave the promise alone. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
