import { StatisticsError } from '../errors.ts';
import { quantileOfSorted } from './estimate.ts';
import { bivariateNormalCdf, bivariateNormalPdf } from './normal.ts';
import type { LogReturns } from './series.ts';
import type { PairSummary } from './summary.ts';

/**
 * Correlation by moments, and by likelihood: the divisor, n - 1 or n, is the same above and below the line, so both
 * are Pearson's. Throws StatisticsError for a series that does not move.
 */
export function correlationFromSummary(
  { squares: [first, second], cross }: PairSummary,
  names: readonly [string, string],
): number {
  const flat = first === 0 ? names[0] : second === 0 ? names[1] : undefined;
  if (flat !== undefined)
    throw new StatisticsError(
      'no-variation',
      `${flat} does not move in the window: it correlates with nothing`,
    );
  return Math.max(-1, Math.min(1, cross / Math.sqrt(first) / Math.sqrt(second)));
}

const LEVELS = [0.1, 0.16, 0.5, 0.84, 0.9];
const LARGEST = 0.99999;
const GRID = 81;
/** Pearson's value above which two series are taken for multiples of each other, which no density describes. */
const IDENTICAL = 1 - 1e-12;

/**
 * Correlation by percentiles: the bivariate normal that comes closest, in least squares, to the shares of the sample
 * below five pairs of its own percentiles. Coarse for short samples: the shares are multiples of 1/n.
 *
 * @param pearson of the same returns; at 1 or -1 it is the answer
 */
export function correlationByPercentiles(first: LogReturns, second: LogReturns, pearson: number): number {
  if (Math.abs(pearson) >= IDENTICAL) return Math.sign(pearson);
  const [a, b] = [standardize(first), standardize(second)];
  const [sortedA, sortedB] = [a.toSorted(), b.toSorted()];
  const points = LEVELS.map((level) => {
    const [h, k] = [quantileOfSorted(sortedA, level), quantileOfSorted(sortedB, level)];
    let below = 0;
    for (let index = 0; index < a.length; index += 1) if (a[index]! <= h && b[index]! <= k) below += 1;
    return { h, k, share: below / a.length };
  });
  const misfit = (rho: number): number =>
    points.reduce((sum, { h, k, share }) => sum + (bivariateNormalCdf(h, k, rho) - share) ** 2, 0);
  const slope = (rho: number): number =>
    points.reduce(
      (sum, { h, k, share }) => sum + (bivariateNormalCdf(h, k, rho) - share) * bivariateNormalPdf(h, k, rho),
      0,
    );
  // The misfit may have several valleys: the deepest of a grid, then its bottom.
  const at = (index: number): number => LARGEST * Math.sin((Math.PI * index) / (GRID - 1) - Math.PI / 2);
  const depths = Array.from({ length: GRID }, (_, index) => misfit(at(index)));
  const deepest = depths.indexOf(Math.min(...depths));
  let [low, high] = [at(Math.max(0, deepest - 1)), at(Math.min(GRID - 1, deepest + 1))];
  if (slope(low) >= 0) return low;
  if (slope(high) <= 0) return high;
  while (high - low > 1e-13) {
    const middle = (low + high) / 2;
    if (slope(middle) < 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Returns at one pace, with mean 0 and deviation 1 (n - 1). */
function standardize({ values, elapsed }: LogReturns): Float64Array {
  const paced = values.map((value, index) => value / Math.sqrt(elapsed[index]!));
  const mean = paced.reduce((sum, value) => sum + value, 0) / paced.length;
  const squares = paced.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (paced.length - 1));
  return paced.map((value) => (value - mean) / deviation);
}
