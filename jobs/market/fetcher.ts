import PQueue from 'p-queue';
import type { Clock } from '../runtime/clock.ts';
import type { DateRange } from '../runtime/dates.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { Answer, FetchKind, PriceProvider } from './provider.ts';

/** How hard a provider may be asked. */
export interface FetchPolicy {
  /** Requests that may start in a second; Infinity for a source that needs no consideration. */
  readonly requestsPerSecond: number;
  readonly inFlight: number;
  /** Requests for one ticker, the first included. */
  readonly maxAttempts: number;
  /** Longest wait before the first retry of a ticker; doubles with each one. Five times that is the first pause. */
  readonly backoffMs: number;
  /** Pauses in a row, without an answer in between, after which nothing more is asked. */
  readonly stopAfterPauses: number;
  /** Nothing more is asked of a provider that has not said anything for this long. Default: never. */
  readonly stopAfterSilenceMs?: number;
  /** After this instant no request starts. */
  readonly deadline: Date;
}

/** The last answer for a ticker, or why there was none. */
export interface Fetched {
  readonly answer: Answer | { readonly kind: 'unattempted'; readonly reason: string; readonly bytes: 0 };
  readonly attempts: number;
  /** Of all answers. */
  readonly bytes: number;
  /** From the last request to the end of its answer; 0 without a request. */
  readonly latencyMs: number;
}

export interface FetchStatistics {
  made: number;
  retries: number;
  pauses: number;
  pausedMs: number;
}

const MAX_BACKOFF_MS = 60_000;
const MAX_PAUSE_MS = 300_000;
/** A start is delayed by up to this share of the interval, so that requests do not come like clockwork. */
const JITTER = 0.2;

const RETRIABLE = new Set<FetchKind>(['transient', 'rate-limited']);

/**
 * Asks a provider for many tickers under one policy: one rate for the whole run, few requests at once, retries
 * with exponential back-off and full jitter where they can help, and a pause of everything when the provider
 * refuses. Retries wait outside of the slots for requests.
 */
export class Fetcher {
  readonly statistics: FetchStatistics = { made: 0, retries: 0, pauses: 0, pausedMs: 0 };
  readonly #provider: PriceProvider;
  readonly #policy: FetchPolicy;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #queue: PQueue;
  readonly #breaker: CircuitBreaker;
  /** Aborted when no request starts any more. */
  readonly #over = new AbortController();
  #resumesAtMs = 0;
  #ended: string | undefined;
  /** When the oldest request started since which nothing was heard. */
  #silentSinceMs: number | undefined;
  #silence: string | undefined;

  constructor(provider: PriceProvider, policy: FetchPolicy, clock: Clock, signal: AbortSignal) {
    this.#provider = provider;
    this.#policy = policy;
    this.#clock = clock;
    this.#signal = signal;
    this.#breaker = new CircuitBreaker(5 * policy.backoffMs, MAX_PAUSE_MS, policy.stopAfterPauses);
    const isLimited = Number.isFinite(policy.requestsPerSecond);
    this.#queue = new PQueue({
      concurrency: policy.inFlight,
      ...(isLimited ? { intervalCap: 1, interval: 1000 / policy.requestsPerSecond } : {}),
    });
    const stop = (): void => this.#end(`stopped by ${String(signal.reason)}`);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  }

  /** Why nothing more is asked, when that is because the provider stays silent. */
  get silence(): string | undefined {
    return this.#silence;
  }

  /**
   * Fetches one ticker and hands the outcome to `deliver`, whose end frees the slot: who cannot take more holds
   * back further requests. Never throws but for what `deliver` throws.
   *
   * @param priority larger ones go first; retries go before new tickers
   */
  async fetch(
    ticker: string,
    range: DateRange,
    priority: number,
    deliver: (fetched: Fetched) => Promise<void>,
  ): Promise<void> {
    let attempts = 0;
    let bytes = 0;
    let last: Fetched | undefined;
    for (;;) {
      if (this.#isOver()) {
        const answer = { kind: 'unattempted', reason: this.#ended!, bytes: 0 } as const;
        await deliver(last ?? { answer, attempts, bytes, latencyMs: 0 });
        return;
      }
      const attempt = async (): Promise<'delivered' | 'again'> => {
        await this.#jitter();
        if (this.#isOver()) return 'again';
        attempts += 1;
        const startedAt = this.#clock.now().getTime();
        const answer = await this.#ask(ticker, range, attempts);
        bytes += answer.bytes;
        last = { answer, attempts, bytes, latencyMs: this.#clock.now().getTime() - startedAt };
        if (this.#isWorthRetrying(answer, attempts)) return 'again';
        await deliver(last);
        return 'delivered';
      };
      const waiting = this.#queue.add(attempt, { priority: priority + (attempts > 0 ? 1 : 0) });
      // What waits when it is over is taken out of the queue, which rejects.
      const outcome = await waiting.catch((error: unknown) => {
        if ((error as Error).name === 'AbortError' && this.#ended !== undefined) return 'again';
        throw error;
      });
      if (outcome === 'delivered') return;
      if (last !== undefined) await this.#backOff(attempts, last);
    }
  }

  /** A refusal of one request can be that of its moment: it is asked again once, after the pause that follows. */
  #isWorthRetrying({ kind }: Answer, attempts: number): boolean {
    if (kind === 'blocked') return attempts < 2;
    return RETRIABLE.has(kind) && attempts < this.#policy.maxAttempts;
  }

  async #ask(ticker: string, range: DateRange, attempt: number): Promise<Answer> {
    this.statistics.made += 1;
    if (attempt > 1) this.statistics.retries += 1;
    const { period } = this.#breaker;
    const startedAtMs = this.#clock.now().getTime();
    const answer = await this.#provider.fetchDaily({ ticker, range, signal: this.#signal });
    if (this.#signal.aborted) return answer;
    this.#listen(answer, startedAtMs);
    const retryAfterMs = answer.kind === 'rate-limited' ? (answer.retryAfterMs ?? 0) : 0;
    const consequence = this.#breaker.note(answer.kind, period, retryAfterMs);
    if (consequence === 'stop') {
      this.#end(
        `the provider refused ${this.#policy.stopAfterPauses} times in a row (last: ${describe(answer)})`,
      );
    } else if (consequence !== undefined) this.#pause(consequence.pauseMs);
    else if (!this.#breaker.isProbing) this.#queue.concurrency = this.#policy.inFlight;
    return answer;
  }

  #listen(answer: Answer, startedAtMs: number): void {
    if (answer.kind !== 'transient' || answer.isSilent !== true) {
      this.#silentSinceMs = undefined;
      return;
    }
    this.#silentSinceMs ??= startedAtMs;
    const silentMs = this.#clock.now().getTime() - this.#silentSinceMs;
    if (silentMs < (this.#policy.stopAfterSilenceMs ?? Infinity)) return;
    this.#silence ??= `${this.#provider.name} has not answered for ${Math.round(silentMs / 1000)} s`;
    this.#end(this.#silence);
  }

  /** Lets nothing start until the pause is over, and then one request at a time until one is answered. */
  #pause(ms: number): void {
    const nowMs = this.#clock.now().getTime();
    const isPaused = this.#resumesAtMs > nowMs;
    const resumesAtMs = nowMs + ms;
    if (resumesAtMs <= this.#resumesAtMs) return;
    if (resumesAtMs >= this.#policy.deadline.getTime()) {
      this.#end(`the provider asks to wait ${Math.ceil(ms / 60_000)} minutes, past the deadline of the run`);
      return;
    }
    this.statistics.pauses += isPaused ? 0 : 1;
    this.statistics.pausedMs += resumesAtMs - Math.max(nowMs, this.#resumesAtMs);
    this.#resumesAtMs = resumesAtMs;
    this.#queue.concurrency = 1;
    if (isPaused) return;
    this.#queue.pause();
    void this.#resume();
  }

  async #resume(): Promise<void> {
    for (;;) {
      const ms = this.#resumesAtMs - this.#clock.now().getTime();
      if (ms <= 0 || this.#isOver()) break;
      await this.#wait(ms);
    }
    this.#queue.start();
  }

  async #backOff(attempts: number, { answer }: Fetched): Promise<void> {
    const longest = Math.min(MAX_BACKOFF_MS, this.#policy.backoffMs * 2 ** (attempts - 1));
    const asked = answer.kind === 'rate-limited' ? (answer.retryAfterMs ?? 0) : 0;
    await this.#wait(asked + this.#clock.random() * longest);
  }

  async #jitter(): Promise<void> {
    if (!Number.isFinite(this.#policy.requestsPerSecond)) return;
    await this.#wait((this.#clock.random() * JITTER * 1000) / this.#policy.requestsPerSecond);
  }

  // A stop ends the waiting; what waited then finds that it is over.
  async #wait(ms: number): Promise<void> {
    const left = this.#policy.deadline.getTime() - this.#clock.now().getTime();
    await this.#clock.sleep(Math.max(0, Math.min(ms, left)), this.#over.signal).catch(() => {});
  }

  #isOver(): boolean {
    if (this.#clock.now() >= this.#policy.deadline) this.#end('the deadline of the run had passed');
    return this.#ended !== undefined;
  }

  /** No request starts any more; what waits in the queue, at whatever rate, is set free. */
  #end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#over.abort();
    this.#queue.clear();
  }
}

function describe(answer: Answer): string {
  return 'reason' in answer ? answer.reason : answer.kind;
}
