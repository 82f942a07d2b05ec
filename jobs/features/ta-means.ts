/*
 * Means as pandas 1.5.3 and numpy form them, for the definitions `ta` only. Where a column is the small
 * difference of a price and a mean, the last digit of the mean decides how many digits of the column are
 * right, and whether a deviation is zero or not; so those definitions need the same additions in the same
 * order.
 */

/**
 * Mean over the window as `rollingMean`, by a running sum with Kahan's compensation, one for what enters and
 * one for what leaves. A window of one repeated value has that value as its mean, and the mean of values on
 * one side of zero does not lie on the other.
 */
export function pandasRollingMean(
  x: Float64Array,
  n: number,
  window: number,
  minPeriods: number,
  out: Float64Array,
): void {
  let sum = 0;
  let lostOnEntry = 0;
  let lostOnExit = 0;
  let count = 0;
  let negative = 0;
  let same = 0;
  let last = Number.NaN;
  for (let t = 0; t < n; t += 1) {
    const leaving = t >= window ? x[t - window]! : Number.NaN;
    if (Number.isFinite(leaving)) {
      const value = -leaving - lostOnExit;
      const total = sum + value;
      lostOnExit = total - sum - value;
      sum = total;
      count -= 1;
      if (leaving < 0) negative -= 1;
    }
    const entering = x[t]!;
    if (Number.isFinite(entering)) {
      const value = entering - lostOnEntry;
      const total = sum + value;
      lostOnEntry = total - sum - value;
      sum = total;
      count += 1;
      if (entering < 0) negative += 1;
      same = entering === last ? same + 1 : 1;
      last = entering;
    }
    let mean = count === 0 || count < minPeriods ? Number.NaN : sum / count;
    if (same >= count && count > 0 && count >= minPeriods) mean = last;
    else if ((negative === 0 && mean < 0) || (negative === count && mean > 0)) mean = 0;
    out[t] = mean;
  }
}

/** Sum of `count` values from row `from` on, in numpy's order; NaN counts as 0. */
export function numpySum(x: Float64Array, from: number, count: number): number {
  if (count > 128) {
    const half = Math.floor(count / 16) * 8;
    return numpySum(x, from, half) + numpySum(x, from + half, count - half);
  }
  const end = from + count;
  let i = from;
  let sum = 0;
  if (count >= 8) {
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    let s4 = 0;
    let s5 = 0;
    let s6 = 0;
    let s7 = 0;
    for (; i + 8 <= end; i += 8) {
      s0 += x[i]! || 0;
      s1 += x[i + 1]! || 0;
      s2 += x[i + 2]! || 0;
      s3 += x[i + 3]! || 0;
      s4 += x[i + 4]! || 0;
      s5 += x[i + 5]! || 0;
      s6 += x[i + 6]! || 0;
      s7 += x[i + 7]! || 0;
    }
    sum = s0 + s1 + (s2 + s3) + (s4 + s5 + (s6 + s7));
  }
  for (; i < end; i += 1) sum += x[i]! || 0;
  return sum;
}

/**
 * Mean of the values there are among the first n rows, later ones included: what `ta` takes for rows before
 * the first. That is looking ahead, so no causal definition may use it.
 */
export function meanOfAllRows(x: Float64Array, n: number): number {
  let count = 0;
  for (let t = 0; t < n; t += 1) if (!Number.isNaN(x[t]!)) count += 1;
  return numpySum(x, 0, n) / count;
}
