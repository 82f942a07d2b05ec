import { LakeBusyError, LakeError, SignalsError, UsageError } from '../../jobs/runtime/errors.ts';
import { StatisticsError, type StatisticsCode } from '../../jobs/statistics/errors.ts';
import type { Request } from './events.ts';

/** Why there is no answer: a status as in HTTP, a stable code, one line. */
export interface Failure {
  readonly ok: false;
  readonly status: 400 | 422 | 424 | 429 | 500 | 503;
  readonly code: string;
  readonly message: string;
}

export interface Success {
  readonly ok: true;
  readonly status: 200;
}

/** 422: the request is right and the data do not allow an answer; 424: what the answer stands on did not answer. */
const STATUSES: Readonly<Record<StatisticsCode, Failure['status']>> = {
  'unknown-ticker': 422,
  'too-few-returns': 422,
  'no-variation': 422,
  'bad-price': 422,
  'infeasible-target': 422,
  'infeasible-bounds': 422,
  'no-excess-return': 422,
  'too-few-dividends': 422,
  'missing-yields': 422,
  'rates-unavailable': 424,
  cache: 424,
  'cache-schema': 500,
  'cache-throttled': 429,
};

/** What is told of an error. One that nobody foresaw is named in the log only. */
export function toFailure(error: unknown): Failure {
  const of = (status: Failure['status'], { code, message }: SignalsError): Failure => ({
    ok: false,
    status,
    code,
    message,
  });
  if (error instanceof UsageError) return of(400, error);
  if (error instanceof StatisticsError) return of(STATUSES[error.code], error);
  if (error instanceof LakeBusyError) return of(503, error);
  if (error instanceof LakeError) return of(424, error);
  if (isAbort(error)) {
    return {
      ok: false,
      status: 424,
      code: 'time-out',
      message: 'the time of the function was over; ask for less',
    };
  }
  return {
    ok: false,
    status: 500,
    code: 'unexpected',
    message: 'unexpected failure; the log has the reason',
  };
}

/** Gives an answer the form that who asked expects. */
export function toReply(kind: Request['kind'], answer: Success | Failure): unknown {
  if (kind !== 'http') return answer;
  return {
    statusCode: answer.status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify(answer),
  };
}

function isAbort(error: unknown): boolean {
  const name = typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined;
  return name === 'AbortError' || name === 'TimeoutError';
}
