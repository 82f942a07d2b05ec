import { Transform, type Readable } from 'node:stream';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Limits } from './limits.ts';

/** A server that takes no connection is away for good; one that has taken a request may still be working on it. */
const LONGEST_CONNECT_MS = 10_000;
const MAX_SILENCES = 2;
/** A server that stayed silent is asked again after this long: a Lambda lives longer than an outage. */
const SILENT_FOR_MS = 30_000;
/** AWS declares the length of every answer that can be long. */
const MAX_UNDECLARED_BYTES = 64 * 2 ** 20;
const MAX_DECLARED_BYTES = 2 * 2 ** 30;

type Handling = ReturnType<NodeHttpHandler['handle']>;

/**
 * HTTP for clients of the AWS SDK that always comes to an end. Silence on a connection ends the request, while a slow
 * transfer may take its time. A server that was silent for two requests in a row is not asked a third time, whatever
 * the client's number of attempts: those are for throttling.
 */
export class PatientHandler extends NodeHttpHandler {
  readonly #limits: Limits;
  /** Requests, each begun after the one before was given up, since the server has answered any. */
  #silences = 0;
  #firstSilenceMs = 0;
  #lastSilenceMs = 0;

  constructor(limits: Limits) {
    super({
      connectionTimeout: Math.min(limits.silenceMs, LONGEST_CONNECT_MS),
      // Counts from the last byte in either direction, other than the handler's `requestTimeout`.
      socketTimeout: limits.silenceMs,
    });
    this.#limits = limits;
  }

  override async handle(...[request, options = {}]: Parameters<NodeHttpHandler['handle']>): Handling {
    const startedAtMs = performance.now();
    const { silenceMs, cutOff } = this.#limits;
    if (this.#silences >= MAX_SILENCES && startedAtMs - this.#lastSilenceMs < SILENT_FOR_MS) {
      const silentMs = startedAtMs - this.#firstSilenceMs;
      // A plain error, which the SDK does not retry.
      throw new Error(`${request.hostname} has not answered for ${Math.round(silentMs / 1000)} s`);
    }
    const { abortSignal } = options;
    try {
      const signal =
        abortSignal === undefined ? cutOff : AbortSignal.any([cutOff, abortSignal as AbortSignal]);
      const { response } = await super.handle(request, { ...options, abortSignal: signal });
      this.#silences = 0;
      response.body = bounded(response.body as Readable, response.headers['content-length']);
      return { response };
    } catch (error) {
      if (isSilence(error)) {
        this.#noteSilence(startedAtMs);
        error.message = `${request.hostname} has not answered for ${silenceMs / 1000} s`;
      }
      throw error;
    }
  }

  /** Requests that are under way at the same time are silent together, and count once. */
  #noteSilence(startedAtMs: number): void {
    if (this.#silences > 0 && startedAtMs < this.#lastSilenceMs) return;
    if (this.#silences === 0) this.#firstSilenceMs = startedAtMs;
    this.#silences += 1;
    this.#lastSilenceMs = performance.now();
  }
}

/** The SDK calls connections that break by the same name; those have a code of their own. */
function isSilence(error: unknown): error is Error {
  const { name, code } = error as { name?: string; code?: string };
  return name === 'TimeoutError' && (code === undefined || code === 'ETIMEDOUT');
}

function bounded(body: Readable, declared: string | undefined): Readable {
  if (declared !== undefined) {
    // Node's parser ends the body at its declared length.
    if (Number(declared) <= MAX_DECLARED_BYTES) return body;
    body.destroy();
    throw new Error(`the answer has ${declared} bytes, more than ${MAX_DECLARED_BYTES}`);
  }
  let bytes = 0;
  const counted = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.length;
      if (bytes <= MAX_UNDECLARED_BYTES) done(null, chunk);
      else done(new Error(`the answer declares no length and has more than ${MAX_UNDECLARED_BYTES} bytes`));
    },
  });
  body.on('error', (error) => counted.destroy(error));
  counted.on('close', () => body.destroy());
  return body.pipe(counted);
}
