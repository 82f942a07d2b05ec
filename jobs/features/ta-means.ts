/*
 * Means as pandas 1.5.3 and numpy form them, for the definitions `ta` only. Where a column is the small difference
 * of a price and a mean, the last digit of the mean decides how many digits of the column are right, and whether a
 * deviation is zero or not; so those definitions need the same additions in the same order.
 */

/**
 * Mean over the window of a series without infinities, NaN where fewer than `minPeriods` values or none are there:
 * a running sum with Kahan's compensation, one for what enters and one for what leaves. A window of one repeated
 * value has that value as its mean, and a mean lies on the side of zero of its values when all are on one side.
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
    if (!Number.isNaN(leaving)) {
      const value = -leaving - lostOnExit;
      const total = sum + value;
      lostOnExit = total - sum - value;
      sum = total;
      count -= 1;
      if (leaving < 0) negative -= 1;
    }
    const entering = x[t]!;
    if (!Number.isNaN(entering)) {
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
  const whole = count - (count % 8);
  let sum = 0;
  if (whole > 0) {
    const partial = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < whole; i += 1) partial[i % 8]! += x[from + i]! || 0;
    const [a, b, c, d, e, f, g, h] = partial as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    sum = a + b + (c + d) + (e + f + (g + h));
  }
  for (let i = whole; i < count; i += 1) sum += x[from + i]! || 0;
  return sum;
}

/**
 * Mean of the values there are among the first n rows, later ones included: what `ta` takes for rows before the
 * first. That is looking ahead, so no causal definition may use it.
 */
export function meanOfAllRows(x: Float64Array, n: number): number {
  let count = 0;
  for (let t = 0; t < n; t += 1) if (!Number.isNaN(x[t]!)) count += 1;
  return numpySum(x, 0, n) / count;
}
