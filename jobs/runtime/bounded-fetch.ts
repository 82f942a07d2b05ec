import { AnswerTooLongError, firstLine } from './errors.ts';

export interface FetchBounds {
  readonly signal: AbortSignal;
  /** Bounds the whole exchange, body included. */
  readonly timeoutMs: number;
  /** Ends an exchange in which no byte comes for this long. Default: `timeoutMs`. */
  readonly silenceMs?: number;
  /** Of the body, after decompression: a few bytes can unpack to gigabytes. */
  readonly maxBytes: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Throws AnswerTooLongError beyond `maxBytes`. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Why an exchange was given up. */
class LateError extends Error {
  readonly isSilent: boolean;

  constructor(message: string, isSilent: boolean) {
    super(message);
    this.isSilent = isSilent;
  }
}

/** `fetch`, and what `read` makes of the answer, within bounds. What `read` leaves of the body is not downloaded. */
export async function fetchWithin<T>(
  url: URL | string,
  init: RequestInit,
  { signal, timeoutMs, silenceMs = timeoutMs, maxBytes }: FetchBounds,
  read: (answer: Answer) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort(new DOMException('stopped', 'AbortError'));
  // Who sends headers and no body has a bad moment; who sends nothing at all may be gone.
  let isAnswered = false;
  const giveUp = (why: string, isBySilence: boolean): void =>
    controller.abort(new LateError(why, isBySilence && !isAnswered));
  // AbortSignal.timeout would keep its timer long after the answer.
  const timer = setTimeout(
    () => giveUp(`no whole answer within ${timeoutMs} ms`, silenceMs >= timeoutMs),
    timeoutMs,
  );
  const silence =
    silenceMs < timeoutMs
      ? setTimeout(() => giveUp(`silent for ${silenceMs} ms`, true), silenceMs)
      : undefined;
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  try {
    const response = await fetch(url, { ...init, signal: controller.signal });
    isAnswered = true;
    silence?.refresh();
    const { status, headers } = response;
    try {
      return await read({ status, headers, body: bounded(response, maxBytes, silence) });
    } finally {
      // Nothing happens to a body that was read to its end.
      if (response.body?.locked === false) await response.body.cancel().catch(() => {});
    }
  } finally {
    clearTimeout(timer);
    clearTimeout(silence);
    signal.removeEventListener('abort', stop);
  }
}

export async function readText(body: AsyncIterable<Uint8Array>): Promise<{ text: string; bytes: number }> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  const whole = Buffer.concat(parts);
  return { text: new TextDecoder().decode(whole), bytes: whole.length };
}

/** One line about an exchange that failed. */
export function describeFetchFailure(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: unknown };
  if (name === 'AbortError') return 'stopped';
  return firstLine(cause ?? error);
}

/** Whether an exchange failed because the server did not say anything. */
export function isSilence(error: unknown): boolean {
  return error instanceof LateError && error.isSilent;
}

async function* bounded(
  { body }: Response,
  maxBytes: number,
  silence: NodeJS.Timeout | undefined,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body ?? []) {
    silence?.refresh();
    bytes += chunk.length;
    if (bytes > maxBytes) throw new AnswerTooLongError(maxBytes);
    yield chunk;
  }
}
