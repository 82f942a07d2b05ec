import type { LogReturns } from './series.ts';

/**
 * What moments and likelihood need to know of returns. With return r over k units of time, the returns of a geometric
 * Brownian motion have mean a k and variance s^2 k: a is estimated by sum r / sum k, s^2 from `squares`.
 */
export interface Summary {
  /** Number of returns. */
  readonly n: number;
  /** Sum of k. */
  readonly elapsed: number;
  /** Sum of r. */
  readonly sum: number;
  /** Sum of (r - a k)^2 / k. */
  readonly squares: number;
}

/** The same of two series of returns over the same spans of time. */
export interface PairSummary {
  readonly n: number;
  readonly elapsed: number;
  readonly sums: readonly [number, number];
  readonly squares: readonly [number, number];
  /** Sum of (r1 - a1 k) (r2 - a2 k) / k. */
  readonly cross: number;
}

export function summarize({ values, elapsed }: LogReturns): Summary {
  const total = exactSum(elapsed);
  const sum = exactSum(values);
  const rate = sum / total;
  let squares = 0;
  for (let index = 0; index < values.length; index += 1) {
    squares += (values[index]! - rate * elapsed[index]!) ** 2 / elapsed[index]!;
  }
  return { n: values.length, elapsed: total, sum, squares };
}

/** Throws nothing; both must have the same `elapsed`. */
export function summarizePair(first: LogReturns, second: LogReturns): PairSummary {
  const one = summarize(first);
  const two = summarize(second);
  const [rate1, rate2] = [one.sum / one.elapsed, two.sum / two.elapsed];
  let cross = 0;
  for (let index = 0; index < first.values.length; index += 1) {
    const k = first.elapsed[index]!;
    cross += ((first.values[index]! - rate1 * k) * (second.values[index]! - rate2 * k)) / k;
  }
  return {
    n: one.n,
    elapsed: one.elapsed,
    sums: [one.sum, two.sum],
    squares: [one.squares, two.squares],
    cross,
  };
}

/**
 * The summary of two runs of returns, one after the other: the pairwise update of Chan, Golub and LeVeque (1979),
 * weighted by time.
 */
export function mergeSummaries(a: Summary, b: Summary): Summary {
  const gap = b.sum / b.elapsed - a.sum / a.elapsed;
  return {
    n: a.n + b.n,
    elapsed: a.elapsed + b.elapsed,
    sum: a.sum + b.sum,
    squares: a.squares + b.squares + (gap * gap * a.elapsed * b.elapsed) / (a.elapsed + b.elapsed),
  };
}

export function mergePairSummaries(a: PairSummary, b: PairSummary): PairSummary {
  const sideOf = (pair: PairSummary, side: 0 | 1): Summary => ({
    n: pair.n,
    elapsed: pair.elapsed,
    sum: pair.sums[side],
    squares: pair.squares[side],
  });
  const sides = ([0, 1] as const).map((side) => mergeSummaries(sideOf(a, side), sideOf(b, side)));
  const gap = (side: 0 | 1): number => b.sums[side] / b.elapsed - a.sums[side] / a.elapsed;
  return {
    n: a.n + b.n,
    elapsed: a.elapsed + b.elapsed,
    sums: [sides[0]!.sum, sides[1]!.sum],
    squares: [sides[0]!.squares, sides[1]!.squares],
    cross: a.cross + b.cross + (gap(0) * gap(1) * a.elapsed * b.elapsed) / (a.elapsed + b.elapsed),
  };
}

/** The summary of a single return. */
export function summaryOfOne(value: number, elapsed: number): Summary {
  return { n: 1, elapsed, sum: value, squares: 0 };
}

/** The summary of a single return of each of two series. */
export function pairSummaryOfOne(values: readonly [number, number], elapsed: number): PairSummary {
  return { n: 1, elapsed, sums: values, squares: [0, 0], cross: 0 };
}

/** Neumaier's compensated sum. */
function exactSum(values: Float64Array): number {
  let sum = 0;
  let lost = 0;
  for (const value of values) {
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  return sum + lost;
}
