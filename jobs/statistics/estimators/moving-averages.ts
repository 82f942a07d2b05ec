import { estimate, type Method } from './estimate.ts';
import type { LogReturns } from './series.ts';

/**
 * Mean annual log return (without the Ito term) over the last `window` returns, for each return; NaN for the first
 * `window - 1`. Moments and likelihood agree and depend on the first and last close only.
 */
export function movingAverage(
  { values, elapsed }: LogReturns,
  window: number,
  method: Method,
  perYear: number,
): Float64Array {
  const averages = new Float64Array(values.length).fill(NaN);
  for (let last = window - 1; last < values.length; last += 1) {
    const from = last + 1 - window;
    const part = { values: values.subarray(from, last + 1), elapsed: elapsed.subarray(from, last + 1) };
    averages[last] = estimate(part, method, perYear).drift;
  }
  return averages;
}
