import { rollingMax, rollingMin } from './extremes.ts';
import type { Bars, Definition, Kernel, Workspace } from './indicator.ts';
import { meanOfAllRows } from './ta-means.ts';

/* The lines of the Ichimoku cloud, at the row they are computed in and at the row a chart draws them in. */

export const CONVERSION_ROWS = 9;
export const BASE_ROWS = 26;
export const SPAN_B_ROWS = 52;

/**
 * Each line is the middle between the highest high and the lowest low of its window; span A is the middle of
 * the first two. The wider windows are put together from narrower ones that overlap: 26 rows from three of 9,
 * 52 from two of 26.
 *
 * @param lines conversion line, base line, span A, span B
 */
function computeLines(
  { length, high, low }: Bars,
  lines: readonly Float64Array[],
  workspace: Workspace,
  definition: Definition,
): void {
  const [conversion, base, spanA, spanB] = lines;
  const top = workspace.floats(0);
  const bottom = workspace.floats(1);
  const baseTop = workspace.floats(2);
  const baseBottom = workspace.floats(3);
  const suffix = workspace.floats(4);
  rollingMax(high, length, CONVERSION_ROWS, 1, top, suffix);
  rollingMin(low, length, CONVERSION_ROWS, 1, bottom, suffix);
  const isFilled = definition === 'ta-fill';
  const firstConversion = isFilled ? 0 : CONVERSION_ROWS - 1;
  const firstBase = isFilled ? 0 : BASE_ROWS - 1;
  const firstSpanB = definition === 'causal' ? SPAN_B_ROWS - 1 : 0;
  const oldest = BASE_ROWS - CONVERSION_ROWS;
  for (let t = 0; t < length; t += 1) {
    let highest = top[t]!;
    let lowest = bottom[t]!;
    conversion![t] = t < firstConversion ? Number.NaN : 0.5 * (highest + lowest);
    if (t >= CONVERSION_ROWS) {
      highest = Math.max(highest, top[t - CONVERSION_ROWS]!);
      lowest = Math.min(lowest, bottom[t - CONVERSION_ROWS]!);
    }
    if (t >= oldest) {
      highest = Math.max(highest, top[t - oldest]!);
      lowest = Math.min(lowest, bottom[t - oldest]!);
    }
    baseTop[t] = highest;
    baseBottom[t] = lowest;
    base![t] = t < firstBase ? Number.NaN : 0.5 * (highest + lowest);
    spanA![t] = 0.5 * (conversion![t]! + base![t]!);
    if (t >= BASE_ROWS) {
      highest = Math.max(highest, baseTop[t - BASE_ROWS]!);
      lowest = Math.min(lowest, baseBottom[t - BASE_ROWS]!);
    }
    spanB![t] = t < firstSpanB ? Number.NaN : 0.5 * (highest + lowest);
  }
}

/**
 * Ichimoku cloud: the middle of the range of 9 rows (conv), of 26 (base), the middle of those two (span A)
 * and of 52 (span B). A close above both spans is an up-trend, below both a down-trend; conv crossing base
 * tells of a turn. Warm-up 8, 25, 25 and 51; `ta` gives span B from row 0 on, of the rows there are.
 * https://en.wikipedia.org/wiki/Ichimoku_Kink%C5%8D_Hy%C5%8D
 */
export const ichimoku: Kernel = (bars, out, workspace, definition) => {
  computeLines(bars, out, workspace, definition);
};

/**
 * Spans A and B as a chart shows them: those of 26 rows earlier, the cloud that the present close is compared
 * with. Warm-up 51 and 77. `ta` fills rows 0 to 25 with the mean of the span over all rows, later ones
 * included.
 * https://school.stockcharts.com/doku.php?id=technical_indicators:ichimoku_cloud
 */
export const visualIchimoku: Kernel = (bars, out, workspace, definition) => {
  const spans = [workspace.floats(7), workspace.floats(8)];
  computeLines(bars, [workspace.floats(5), workspace.floats(6), ...spans], workspace, definition);
  const shift = Math.min(BASE_ROWS, bars.length);
  for (const [index, span] of spans.entries()) {
    const shifted = out[index]!;
    shifted.fill(definition === 'causal' ? Number.NaN : meanOfAllRows(span, bars.length), 0, shift);
    for (let t = shift; t < bars.length; t += 1) shifted[t] = span[t - BASE_ROWS]!;
  }
};
