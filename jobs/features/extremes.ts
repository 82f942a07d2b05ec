/*
 * Highest and lowest value of a window over the first n rows of a series, by the block scheme of rolling.ts (van
 * Herk, Gil and Werman): three comparisons a row whatever the window. NaN and ±Infinity count as missing; the
 * result is NaN where fewer than `minPeriods` values, or none, are there.
 */

/** @param suffix an array of at least `window` elements for the ends of the last block */
export function rollingMax(
  x: Float64Array,
  n: number,
  window: number,
  minPeriods: number,
  out: Float64Array,
  suffix: Float64Array,
): void {
  let prefix = Number.NEGATIVE_INFINITY;
  let inBlock = 0;
  let count = 0;
  const needed = minPeriods > 1 ? minPeriods : 1;
  suffix.fill(Number.NEGATIVE_INFINITY, 0, window);
  for (let t = 0; t < n; t += 1) {
    const value = x[t]!;
    if (Number.isFinite(value)) {
      count += 1;
      if (value > prefix) prefix = value;
    }
    if (t >= window && Number.isFinite(x[t - window]!)) count -= 1;
    inBlock += 1;
    if (inBlock === window) {
      out[t] = count < needed ? Number.NaN : prefix;
      let highest = Number.NEGATIVE_INFINITY;
      for (let i = window - 1; i > 0; i -= 1) {
        const member = x[t - window + 1 + i]!;
        if (member > highest && member !== Number.POSITIVE_INFINITY) highest = member;
        suffix[i] = highest;
      }
      prefix = Number.NEGATIVE_INFINITY;
      inBlock = 0;
    } else {
      const before = suffix[inBlock]!;
      out[t] = count < needed ? Number.NaN : before > prefix ? before : prefix;
    }
  }
}

/** The lowest value; arguments as in `rollingMax`. */
export function rollingMin(
  x: Float64Array,
  n: number,
  window: number,
  minPeriods: number,
  out: Float64Array,
  suffix: Float64Array,
): void {
  let prefix = Number.POSITIVE_INFINITY;
  let inBlock = 0;
  let count = 0;
  const needed = minPeriods > 1 ? minPeriods : 1;
  suffix.fill(Number.POSITIVE_INFINITY, 0, window);
  for (let t = 0; t < n; t += 1) {
    const value = x[t]!;
    if (Number.isFinite(value)) {
      count += 1;
      if (value < prefix) prefix = value;
    }
    if (t >= window && Number.isFinite(x[t - window]!)) count -= 1;
    inBlock += 1;
    if (inBlock === window) {
      out[t] = count < needed ? Number.NaN : prefix;
      let lowest = Number.POSITIVE_INFINITY;
      for (let i = window - 1; i > 0; i -= 1) {
        const member = x[t - window + 1 + i]!;
        if (member < lowest && member !== Number.NEGATIVE_INFINITY) lowest = member;
        suffix[i] = lowest;
      }
      prefix = Number.POSITIVE_INFINITY;
      inBlock = 0;
    } else {
      const before = suffix[inBlock]!;
      out[t] = count < needed ? Number.NaN : before < prefix ? before : prefix;
    }
  }
}
