/** How long a command waits for what is outside of it: a server, a lock. */
export interface Limits {
  /** A request has failed when its connection carries nothing for this long. */
  readonly silenceMs: number;
  /** Aborted once a command that was told to stop has had its time to finish the work in hand. */
  readonly cutOff: AbortSignal;
}

/**
 * AWS answers within a second or two. One attempt and two retries of this length, each with the three seconds by which
 * the SDK starts its timer late, end within a minute.
 */
export const DEFAULT_SILENCE_MS = 15_000;

/** A Lambda has 30 seconds or a minute in all, in which two requests that are not answered must have their place. */
export const LAMBDA_LIMITS: Limits = { silenceMs: 5_000, cutOff: new AbortController().signal };

/** For callers without a process around them. */
export const DEFAULT_LIMITS: Limits = {
  silenceMs: DEFAULT_SILENCE_MS,
  cutOff: new AbortController().signal,
};
