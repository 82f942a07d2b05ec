/*
 * Windowed and exponential averages over the first n rows of a series. NaN and ±Infinity count as missing, as
 * they do in pandas. A window of `window` rows ends at its row and is shorter at the start of the series; the
 * result is NaN where it has fewer than `minPeriods` values.
 *
 * Sums are never formed by subtracting what leaves the window: rows are cut into blocks as long as the window, and
 * each window is the end of one block and the beginning of the next (van Herk's scheme). So nothing drifts however
 * large the values are, a window of zeros sums to exactly zero, and one infinite value does not outlive its window.
 */

/**
 * Sum over the window. With `minPeriods` 0 a window without any value sums to 0. A window of one repeated value
 * sums to exactly that value times their number, so that its mean is the value itself.
 *
 * @param suffix an array of at least `window` elements for the ends of the last block
 */
export function rollingSum(
  x: Float64Array,
  n: number,
  window: number,
  minPeriods: number,
  out: Float64Array,
  suffix: Float64Array,
): void {
  let prefix = 0;
  let inBlock = 0;
  let count = 0;
  let same = 0;
  let last = Number.NaN;
  suffix.fill(0, 0, window);
  for (let t = 0; t < n; t += 1) {
    const value = x[t]!;
    const isThere = Number.isFinite(value);
    if (isThere) {
      count += 1;
      prefix += value;
    }
    same = isThere && value === last ? same + 1 : 1;
    last = value;
    if (t >= window && Number.isFinite(x[t - window]!)) count -= 1;
    inBlock += 1;
    if (inBlock === window) {
      // The block is whole: its ends become what the windows of the next block begin with.
      let sum = 0;
      for (let i = window - 1; i > 0; i -= 1) {
        const member = x[t - window + 1 + i]!;
        if (Number.isFinite(member)) sum += member;
        suffix[i] = sum;
      }
      out[t] = count < minPeriods ? Number.NaN : isThere && same >= window ? value * window : prefix;
      prefix = 0;
      inBlock = 0;
    } else {
      const sum = suffix[inBlock]! + prefix;
      const size = t + 1 < window ? t + 1 : window;
      out[t] = count < minPeriods ? Number.NaN : isThere && same >= size ? value * size : sum;
    }
  }
}

/**
 * Mean over the window of the values that are there; NaN where there is none. The mean of one repeated value is that
 * value. Arguments as in `rollingSum`.
 */
export function rollingMean(
  x: Float64Array,
  n: number,
  window: number,
  minPeriods: number,
  out: Float64Array,
  suffix: Float64Array,
): void {
  rollingSum(x, n, window, minPeriods, out, suffix);
  let count = 0;
  let same = 0;
  let last = Number.NaN;
  for (let t = 0; t < n; t += 1) {
    const value = x[t]!;
    if (Number.isFinite(value)) {
      count += 1;
      same = value === last ? same + 1 : 1;
      last = value;
    }
    if (t >= window && Number.isFinite(x[t - window]!)) count -= 1;
    if (count === 0) out[t] = Number.NaN;
    else if (same < count) out[t] = out[t]! / count;
    // The sum of a value many times over, divided again, need not be the value.
    else if (!Number.isNaN(out[t]!)) out[t] = last;
  }
}

/**
 * Exponentially weighted mean as pandas computes it with `adjust=False, ignore_na=False`: starts at the first
 * value, y[t] = (1 - alpha) y[t-1] + alpha x[t]; while values are missing y stays and its weight decays. NaN until
 * `minPeriods` values have been seen.
 */
export function ewm(x: Float64Array, n: number, alpha: number, minPeriods: number, out: Float64Array): void {
  const needed = Math.max(minPeriods, 1);
  const keep = 1 - alpha;
  // Without gaps the weights add up to this, nearly always to 1 exactly: then there is nothing to divide by.
  const isWhole = keep + alpha === 1;
  let mean = Number.NaN;
  let weight = 1;
  let seen = 0;
  for (let t = 0; t < n; t += 1) {
    const value = x[t]!;
    const isThere = Number.isFinite(value);
    if (seen === 0) {
      if (isThere) mean = value;
    } else {
      weight *= keep;
      if (isThere) {
        // Leaving an equal value alone keeps a constant series exactly constant.
        if (value !== mean) {
          const sum = weight * mean + alpha * value;
          mean = isWhole && weight === keep ? sum : sum / (weight + alpha);
        }
        weight = 1;
      }
    }
    if (isThere) seen += 1;
    out[t] = seen < needed ? Number.NaN : mean;
  }
}

/** Exponential moving average of `span` rows: `ewm` with alpha = 2 / (span + 1). */
export function ema(x: Float64Array, n: number, span: number, minPeriods: number, out: Float64Array): void {
  ewm(x, n, 2 / (span + 1), minPeriods, out);
}
