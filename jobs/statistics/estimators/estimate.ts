import { normalQuantile } from './normal.ts';
import type { LogReturns } from './series.ts';
import { summarize, type Summary } from './summary.ts';

/** How mean and deviation are estimated. */
export type Method = 'moments' | 'percentiles' | 'likelihood';

export const METHODS: readonly Method[] = ['moments', 'percentiles', 'likelihood'];

/** Changes when an estimator's result does: what was computed by another version is computed again. */
export const ESTIMATOR_VERSION = 1;

/** Parameters of a geometric Brownian motion dS/S = annualReturn dt + annualVolatility dW, time in years. */
export interface Estimate {
  /** Drift of log prices plus the Ito term: drift + annualVolatility^2 / 2. */
  readonly annualReturn: number;
  readonly annualVolatility: number;
  /** Mean annual log return. */
  readonly drift: number;
}

/** Estimates from returns; `perYear` is the number of their units of time in a year. */
export function estimate(returns: LogReturns, method: Method, perYear: number): Estimate {
  return method === 'percentiles'
    ? estimateByPercentiles(returns, perYear)
    : estimateFromSummary(summarize(returns), method, perYear);
}

/**
 * Moments divide the squares by n - 1 (unbiased), likelihood by n: both are closed forms, the second being the maximum
 * of the normal likelihood of the returns.
 */
export function estimateFromSummary(
  { n, elapsed, sum, squares }: Summary,
  method: Exclude<Method, 'percentiles'>,
  perYear: number,
): Estimate {
  const divisor = method === 'moments' ? n - 1 : n;
  return fromRates(sum / elapsed, squares / divisor, perYear);
}

const QUARTILE = normalQuantile(0.75);

/**
 * The normal distribution whose quartiles are those of the sample. Returns over k units are compared by their
 * residuals (r - a k) / sqrt(k), which all have the same deviation: a is where their quartiles lie symmetrically
 * about 0, (Q1 + Q3) / 2 itself where all k are alike; the deviation is (Q3 - Q1) / (2 * 0.6745).
 */
function estimateByPercentiles({ values, elapsed }: LogReturns, perYear: number): Estimate {
  const residuals = new Float64Array(values.length);
  const quartiles = (rate: number): [number, number] => {
    for (let index = 0; index < values.length; index += 1) {
      const k = elapsed[index]!;
      residuals[index] = (values[index]! - rate * k) / Math.sqrt(k);
    }
    residuals.sort();
    return [quantileOfSorted(residuals, 0.25), quantileOfSorted(residuals, 0.75)];
  };
  const k = elapsed[0]!;
  let rate: number;
  if (elapsed.every((other) => other === k)) {
    const [low, high] = quartiles(0);
    rate = (low + high) / 2 / Math.sqrt(k);
  } else {
    const rates = values.map((value, index) => value / elapsed[index]!);
    rate = bisect(Math.min(...rates), Math.max(...rates), (at) => {
      const [low, high] = quartiles(at);
      return low + high;
    });
  }
  const [low, high] = quartiles(rate);
  return fromRates(rate, ((high - low) / (2 * QUARTILE)) ** 2, perYear);
}

/** Where a function that falls crosses 0 between `low` and `high`, to the last bit. */
function bisect(low: number, high: number, falling: (at: number) => number): number {
  let [from, to] = [low, high];
  for (;;) {
    const middle = from + (to - from) / 2;
    if (middle <= from || middle >= to) return middle;
    if (falling(middle) > 0) from = middle;
    else to = middle;
  }
}

/**
 * The p-quantile of an ascending sample, between the values around place (n + 1) p (Weibull's plotting position,
 * type 6 of Hyndman and Fan 1996).
 */
export function quantileOfSorted(sorted: Float64Array, p: number): number {
  const place = Math.min(sorted.length, Math.max(1, (sorted.length + 1) * p));
  const below = Math.floor(place);
  const low = sorted[below - 1]!;
  const high = sorted[Math.min(sorted.length - 1, below)]!;
  return low + (place - below) * (high - low);
}

function fromRates(rate: number, variance: number, perYear: number): Estimate {
  const drift = perYear * rate;
  const annualVariance = perYear * variance;
  return {
    annualReturn: drift + annualVariance / 2,
    annualVolatility: Math.sqrt(annualVariance),
    drift,
  };
}
