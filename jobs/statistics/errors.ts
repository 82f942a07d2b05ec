import { SignalsError } from '../runtime/errors.ts';

/** Why a statistic cannot be had. */
export type StatisticsCode =
  | 'unknown-ticker'
  | 'too-few-returns'
  | 'no-variation'
  | 'bad-price'
  | 'infeasible-target'
  | 'infeasible-bounds'
  | 'no-excess-return'
  | 'too-few-dividends'
  | 'missing-yields'
  | 'rates-unavailable'
  | 'cache'
  | 'cache-throttled'
  | 'cache-schema';

/** A statistic cannot be had: the data are not there, do not allow it, or cannot be reached. */
export class StatisticsError extends SignalsError {
  declare readonly code: StatisticsCode;

  constructor(code: StatisticsCode, message: string, cause?: unknown) {
    super(code, message, { cause });
  }
}
