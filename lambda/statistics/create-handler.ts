import { firstLine, SignalsError, UsageError } from '../../jobs/runtime/errors.ts';
import { FUNCTION_NAMES, type FunctionName } from '../../jobs/statistics/function-names.ts';
import { answer } from '../../jobs/statistics/functions.ts';
import type { StatisticsParts } from '../../jobs/statistics/statistics.ts';
import { parseEvent, type Request } from './events.ts';
import { toFailure, toReply, type Failure, type Success } from './replies.ts';

/** What Lambda says of an invocation, as far as it is used. */
interface InvocationContext {
  readonly awsRequestId: string;
  readonly functionVersion: string;
  getRemainingTimeInMillis(): number;
}

export type Handler = (event: unknown, context: InvocationContext) => Promise<unknown>;

/** Writes one log line. */
export type WriteLog = (level: 'info' | 'error', event: string, fields: object, message: string) => void;

/** Left for the reply before Lambda ends the invocation. */
const RESERVE_MS = 500;

/**
 * A handler of the functions in `allowed`: of one where there is just one, else of the one that the event names. A
 * schedule whose detail asks for nothing warms the handler up; one that fails throws, so that it is seen and repeated.
 */
export function createHandler(
  allowed: readonly FunctionName[],
  open: () => Promise<StatisticsParts>,
  log: WriteLog,
): Handler {
  return async (event, context) => {
    let kind: Request['kind'] = isHttp(event) ? 'http' : 'direct';
    try {
      const request = parseEvent(event);
      kind = request.kind;
      const parts = await open();
      if (kind === 'schedule' && request.name === undefined && Object.keys(request.input).length === 0) {
        return { ok: true, status: 200, warm: true };
      }
      const name = chooseFunction(request.name, allowed);
      const signal = AbortSignal.timeout(Math.max(1, context.getRemainingTimeInMillis() - RESERVE_MS));
      const startedAt = performance.now();
      const found = await Promise.race([answer(parts, name, request.input, signal), rejectOnAbort(signal)]);
      log(
        'info',
        'statistics.answered',
        {
          function: name,
          requestId: context.awsRequestId,
          ms: Math.round(performance.now() - startedAt),
          ...found.cache,
        },
        `${name} answered`,
      );
      const success: Success = { ok: true, status: 200, ...found, ...{ version: context.functionVersion } };
      return toReply(kind, success);
    } catch (error) {
      const failure = toFailure(error);
      report(error, failure, context, log);
      if (kind === 'schedule') throw error;
      return toReply(kind, failure);
    }
  };
}

/** What hangs, such as a connection, is not waited for longer than the invocation has. */
function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function chooseFunction(asked: string | undefined, allowed: readonly FunctionName[]): FunctionName {
  const only = allowed.length === 1 ? allowed[0] : undefined;
  // The path of a URL that leads to one function may be anything.
  if (only !== undefined && !FUNCTION_NAMES.some((name) => name === asked)) return only;
  const found = allowed.find((name) => name === asked);
  if (found !== undefined) return found;
  throw new UsageError(`function "${asked ?? ''}" is not one of ${allowed.join(', ')}`);
}

function report(error: unknown, failure: Failure, { awsRequestId }: InvocationContext, log: WriteLog): void {
  const isForeseen = error instanceof SignalsError;
  log(
    failure.status >= 424 ? 'error' : 'info',
    'statistics.failed',
    {
      code: failure.code,
      status: failure.status,
      requestId: awsRequestId,
      ...(isForeseen || !(error instanceof Error) ? {} : { stack: error.stack }),
    },
    firstLine(error),
  );
}

function isHttp(event: unknown): boolean {
  return typeof event === 'object' && event !== null && 'requestContext' in event;
}
