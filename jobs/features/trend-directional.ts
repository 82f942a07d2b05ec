import { minPeriods, type Kernel } from './indicator.ts';
import { rollingSum } from './rolling.ts';
import { meanOfAllRows } from './ta-means.ts';

/* Indicators of trend that compare how far prices go up with how far they go down. */

/**
 * Average directional index (adx) and the directional indicators +DI and -DI (adx_pos, adx_neg), all 0 to
 * 100.
 *
 * The directional movement of a row is up by how far its high exceeds the one before, or down by how far its
 * low falls short of the one before, whichever is more. +DI and -DI are both movements in percent of the true
 * range, each summed as Wilder does: S[14] is the sum of rows 1 to 14, then S[t] = S[t-1] - S[t-1]/14 + x[t].
 * The larger one has the trend. DX = 100 |(+DI) - (-DI)| / ((+DI) + (-DI)), and ADX is its mean: of rows 14
 * to 27 first, then (13 ADX[t-1] + DX[t]) / 14. It tells how strong the trend is, not which way it goes;
 * under 20 there is none.
 *
 * Without any range so far DI is 0; without any directional movement DX is 0, as in `ta`. Warm-up 27 for ADX,
 * 14 for DI. `ta` has 0 instead of NaN during the warm-up, and also 0 for DI in row 14.
 * https://en.wikipedia.org/wiki/Average_directional_movement_index
 */
export const averageDirectionalIndex: Kernel = (
  { length, high, low, close },
  out,
  _workspace,
  definition,
) => {
  const [adx, positive, negative] = out;
  const isCausal = definition === 'causal';
  const missing = isCausal ? Number.NaN : 0;
  const firstDi = isCausal ? ADX_ROWS : ADX_ROWS + 1;
  const firstAdx = 2 * ADX_ROWS - 1;
  let range = 0;
  let up = 0;
  let down = 0;
  let average = 0;
  for (let t = 0; t < length; t += 1) {
    adx![t] = missing;
    positive![t] = missing;
    negative![t] = missing;
    if (t === 0) continue;
    const before = close[t - 1]!;
    const h = high[t]!;
    const l = low[t]!;
    const risen = h - high[t - 1]!;
    const fallen = low[t - 1]! - l;
    if (t > ADX_ROWS) {
      range -= range / ADX_ROWS;
      up -= up / ADX_ROWS;
      down -= down / ADX_ROWS;
    }
    range += (h > before ? h : before) - (l < before ? l : before);
    if (risen > fallen && risen > 0) up += risen;
    else if (fallen > risen && fallen > 0) down += fallen;
    if (t < ADX_ROWS) continue;

    const plus = range === 0 ? 0 : 100 * (up / range);
    const minus = range === 0 ? 0 : 100 * (down / range);
    const both = plus + minus;
    const index = both === 0 ? 0 : 100 * Math.abs((plus - minus) / both);
    if (t >= firstDi) {
      positive![t] = plus;
      negative![t] = minus;
    }
    if (t < firstAdx) {
      average += index;
    } else {
      average = t === firstAdx ? (average + index) / ADX_ROWS : (average * (ADX_ROWS - 1) + index) / ADX_ROWS;
      adx![t] = average;
    }
  }
};
export const ADX_ROWS = 14;

/**
 * Vortex indicator: sums over 14 rows of the way from the low before to the high (positive) and from the high
 * before to the low (negative), both over the sum of the true range. The greater one has the trend; where
 * they cross it turns. The third column is their difference. Warm-up 14; NaN where the window has no range at
 * all.
 *
 * `ta` takes the mean of all closes for the one before row 0, so that with `fillna` its first 14 values look
 * ahead.
 * https://en.wikipedia.org/wiki/Vortex_indicator
 */
export const vortex: Kernel = ({ length, high, low, close }, out, workspace, definition) => {
  const [positive, negative, difference] = out;
  const up = workspace.floats(0);
  const down = workspace.floats(1);
  const range = workspace.floats(2);
  const rangeSum = workspace.floats(3);
  const suffix = workspace.floats(4);
  let before = definition === 'causal' ? Number.NaN : meanOfAllRows(close, length);
  for (let t = 0; t < length; t += 1) {
    const h = high[t]!;
    const l = low[t]!;
    up[t] = t === 0 ? Number.NaN : Math.abs(h - low[t - 1]!);
    down[t] = t === 0 ? Number.NaN : Math.abs(l - high[t - 1]!);
    range[t] = Math.max(h - l, Math.abs(h - before), Math.abs(l - before));
    before = close[t]!;
  }
  const needed = minPeriods(definition, VORTEX_ROWS);
  rollingSum(up, length, VORTEX_ROWS, needed, positive!, suffix);
  rollingSum(down, length, VORTEX_ROWS, needed, negative!, suffix);
  rollingSum(range, length, VORTEX_ROWS, needed, rangeSum, suffix);
  for (let t = 0; t < length; t += 1) {
    positive![t] = positive![t]! / rangeSum[t]!;
    negative![t] = negative![t]! / rangeSum[t]!;
    difference![t] = positive![t]! - negative![t]!;
  }
};
export const VORTEX_ROWS = 14;

/**
 * Aroon up and down: where in the last 25 rows and the one before them the highest high, or the lowest low,
 * lies; 100 when it is the present row, 0 when it is the oldest. Of equal ones the oldest counts, as in `ta`.
 * A strong trend keeps one near 100 and the other near 0; the third column is their difference. Warm-up 25.
 *
 * With `fillna` the position is counted from row 0 where the window is shorter, but is still over 25.
 * https://school.stockcharts.com/doku.php?id=technical_indicators:aroon
 */
export const aroon: Kernel = ({ length, high, low }, out, _workspace, definition) => {
  const [up, down, difference] = out;
  const first = definition === 'ta-fill' ? 0 : AROON_ROWS;
  let top = 0;
  let bottom = 0;
  for (let t = 0; t < length; t += 1) {
    const from = t < AROON_ROWS ? 0 : t - AROON_ROWS;
    // Only when the extreme has left the window is there anything to look for.
    if (top < from) top = rowOfHighest(high, from, t);
    else if (high[t]! > high[top]!) top = t;
    if (bottom < from) bottom = rowOfLowest(low, from, t);
    else if (low[t]! < low[bottom]!) bottom = t;
    up![t] = t < first ? Number.NaN : ((top - from) / AROON_ROWS) * 100;
    down![t] = t < first ? Number.NaN : ((bottom - from) / AROON_ROWS) * 100;
    difference![t] = up![t]! - down![t]!;
  }
};
export const AROON_ROWS = 25;

/** First row of the highest value of rows `from` to `to`, both included. */
function rowOfHighest(x: Float64Array, from: number, to: number): number {
  let row = from;
  let highest = x[from]!;
  for (let t = from + 1; t <= to; t += 1) {
    if (x[t]! > highest) {
      highest = x[t]!;
      row = t;
    }
  }
  return row;
}

/** First row of the lowest value of rows `from` to `to`, both included. */
function rowOfLowest(x: Float64Array, from: number, to: number): number {
  let row = from;
  let lowest = x[from]!;
  for (let t = from + 1; t <= to; t += 1) {
    if (x[t]! < lowest) {
      lowest = x[t]!;
      row = t;
    }
  }
  return row;
}
