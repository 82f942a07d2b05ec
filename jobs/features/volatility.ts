import { dropInfinite } from './fill.ts';
import { rollingMax, rollingMin } from './extremes.ts';
import { defineFamily, minPeriods, type Indicator, type Kernel } from './indicator.ts';
import { rollingMean, rollingSum } from './rolling.ts';
import { pandasRollingMean } from './ta-means.ts';

/*
 * Indicators of volatility: how far prices range, and where in their range they are. Formulas and parameters are
 * those of `ta` 0.11.0 (https://technical-analysis-library-in-python.readthedocs.io), each with what `causal` does
 * otherwise. Everywhere `causal` gives NaN for a ratio by zero and for what is too large for a number.
 */

/**
 * Mean and population standard deviation of windows that have no missing values; shorter windows at the start of
 * the series count the rows there are. Works in blocks as rolling.ts does, on differences from a value inside of
 * the window: nothing drifts, hardly a digit cancels, and a window of one repeated value deviates by exactly zero.
 *
 * @param sums an array of at least `window` elements for the ends of the last block
 * @param squares a second one
 */
function rollingDeviation(
  x: Float64Array,
  n: number,
  window: number,
  mean: Float64Array,
  deviation: Float64Array,
  sums: Float64Array,
  squares: Float64Array,
): void {
  // The last value of the block before, which every window that reaches into the present block contains.
  let origin = x[0]!;
  let prefix = 0;
  let prefixSquares = 0;
  let inBlock = 0;
  sums.fill(0, 0, window);
  squares.fill(0, 0, window);
  for (let t = 0; t < n; t += 1) {
    const value = x[t]! - origin;
    prefix += value;
    prefixSquares += value * value;
    inBlock += 1;
    let sum = 0;
    let squared = 0;
    if (inBlock === window) {
      // The block is whole and is itself the window. Its ends are what the next windows begin with.
      origin = x[t]!;
      for (let i = window - 1; i >= 0; i -= 1) {
        const member = x[t - window + 1 + i]! - origin;
        sum += member;
        squared += member * member;
        sums[i] = sum;
        squares[i] = squared;
      }
      prefix = 0;
      prefixSquares = 0;
      inBlock = 0;
    } else {
      sum = sums[inBlock]! + prefix;
      squared = squares[inBlock]! + prefixSquares;
    }
    const size = t + 1 < window ? t + 1 : window;
    const distance = sum / size;
    const variance = squared / size - distance * distance;
    mean[t] = origin + distance;
    deviation[t] = variance > 0 ? Math.sqrt(variance) : 0;
  }
}

/**
 * The same as pandas 1.5.3 computes it, with its rounding: an online mean and sum of squares, which values enter and
 * leave. After a price has dropped twentyfold that is off in the ninth digit, and bbp with it. For `ta` only.
 */
function pandasRollingDeviation(x: Float64Array, n: number, window: number, deviation: Float64Array): void {
  let count = 0;
  let same = 0;
  let mean = 0;
  let squares = 0;
  let lostOnEntry = 0;
  let lostOnExit = 0;
  for (let t = 0; t < n; t += 1) {
    if (t >= window) {
      const leaving = x[t - window]!;
      count -= 1;
      const before = mean - lostOnExit;
      const corrected = leaving - lostOnExit;
      const distance = corrected - mean;
      lostOnExit = distance + mean - corrected;
      mean -= distance / count;
      squares -= (leaving - before) * (leaving - mean);
    }
    const entering = x[t]!;
    same = t > 0 && entering === x[t - 1]! ? same + 1 : 1;
    count += 1;
    const before = mean - lostOnEntry;
    const corrected = entering - lostOnEntry;
    const distance = corrected - mean;
    lostOnEntry = distance + mean - corrected;
    mean += distance / count;
    squares += (entering - before) * (entering - mean);
    deviation[t] = same >= count || squares < 0 ? 0 : Math.sqrt(squares / count);
  }
}

/**
 * Bollinger bands: the mean of the close over 20 rows (bbm), and two population standard deviations above (bbh) and
 * below it (bbl). bbw is the width of the band in percent of the mean; bbp is where in it the close lies, 0 at the
 * lower and 1 at the upper band; bbhi and bbli are 1 on days that close above or below it. Narrow bands tell of a
 * quiet market. Warm-up 19. Equal closes make a band of width 0, and bbp is NaN; bbw is NaN if they are all 0.
 * `ta` gives the flags as 0 while there is no band; `causal` has none then.
 * https://school.stockcharts.com/doku.php?id=technical_indicators:bollinger_bands
 */
const bollingerBands: Kernel = ({ length, close }, out, workspace, definition) => {
  const [bbm, bbh, bbl, bbw, bbp, bbhi, bbli] = out;
  const isCausal = definition === 'causal';
  const deviation = workspace.floats(0);
  if (isCausal) {
    rollingDeviation(close, length, BB_ROWS, bbm!, deviation, workspace.floats(1), workspace.floats(2));
  } else {
    pandasRollingMean(close, length, BB_ROWS, 1, bbm!);
    pandasRollingDeviation(close, length, BB_ROWS, deviation);
  }
  // Without a mean there are no bands.
  if (definition !== 'ta-fill') bbm!.fill(Number.NaN, 0, Math.min(BB_ROWS - 1, length));
  for (let t = 0; t < length; t += 1) {
    const c = close[t]!;
    const mean = bbm![t]!;
    const high = mean + BB_FACTOR * deviation[t]!;
    const low = mean - BB_FACTOR * deviation[t]!;
    const width = high - low;
    const none = isCausal && !Number.isFinite(width) ? Number.NaN : 0;
    bbh![t] = high;
    bbl![t] = low;
    bbw![t] = (width / mean) * 100;
    bbp![t] = width === 0 ? Number.NaN : (c - low) / width;
    bbhi![t] = c > high ? 1 : none;
    bbli![t] = c < low ? 1 : none;
  }
  if (isCausal) dropInfinite(out, length);
};
const BB_ROWS = 20;
const BB_FACTOR = 2;

/**
 * Keltner channel in its original version: means over 10 rows of the typical price (H + L + C) / 3 (kcc), of
 * (4H - 2L + C) / 3 (kch) and of (-2H + 4L + C) / 3 (kcl), which lie one mean day's range above and below it. kcw is
 * the width in percent of the middle, kcp where in the channel the close lies, 0 to 1; kchi and kcli are 1 on days
 * that close above or below it. Warm-up 9; NaN are kcp where ten bars had no range, and kcw where all prices are 0.
 * `ta` computes kch and kcl of the rows there are before 10 have passed, and gives the flags all along; `causal` has
 * neither. It also adds to the close what high and low are apart from it, so that a bar of one price is exactly that
 * price, where `ta` may say by rounding that an unmoving price closes above its channel.
 * https://school.stockcharts.com/doku.php?id=technical_indicators:keltner_channels
 */
const keltnerChannel: Kernel = ({ length, high, low, close }, out, workspace, definition) => {
  const [kcc, kch, kcl, kcw, kcp, kchi, kcli] = out;
  const isCausal = definition === 'causal';
  const middle = workspace.floats(0);
  const upper = workspace.floats(1);
  const lower = workspace.floats(2);
  const suffix = workspace.floats(3);
  for (let t = 0; t < length; t += 1) {
    const h = high[t]!;
    const l = low[t]!;
    const c = close[t]!;
    if (isCausal) {
      const up = h - c;
      const down = l - c;
      middle[t] = c + (up + down) / 3;
      upper[t] = c + (4 * up - 2 * down) / 3;
      lower[t] = c + (4 * down - 2 * up) / 3;
    } else {
      middle[t] = (h + l + c) / 3;
      upper[t] = (4 * h - 2 * l + c) / 3;
      lower[t] = (-2 * h + 4 * l + c) / 3;
    }
  }
  const needed = isCausal ? KC_ROWS : 0;
  rollingMean(middle, length, KC_ROWS, minPeriods(definition, KC_ROWS), kcc!, suffix);
  rollingMean(upper, length, KC_ROWS, needed, kch!, suffix);
  rollingMean(lower, length, KC_ROWS, needed, kcl!, suffix);
  for (let t = 0; t < length; t += 1) {
    const c = close[t]!;
    const width = kch![t]! - kcl![t]!;
    const none = isCausal && !Number.isFinite(width) ? Number.NaN : 0;
    kcw![t] = (width / kcc![t]!) * 100;
    kcp![t] = (c - kcl![t]!) / width;
    kchi![t] = c > kch![t]! ? 1 : none;
    kcli![t] = c < kcl![t]! ? 1 : none;
  }
  if (isCausal) dropInfinite(out, length);
};
const KC_ROWS = 10;

/**
 * Donchian channel: lowest low (dcl) and highest high (dch) of 20 rows and the middle between them (dcm). dcw is the
 * width in percent of the mean close; dcp is where in the channel the close lies, 0 at the low and 1 at the high.
 * Warm-up 19; NaN are dcp where all 20 bars are one price, and dcw where all closes are 0.
 * https://en.wikipedia.org/wiki/Donchian_channel
 */
const donchianChannel: Kernel = ({ length, high, low, close }, out, workspace, definition) => {
  const [dcl, dch, dcm, dcw, dcp] = out;
  const needed = minPeriods(definition, DC_ROWS);
  const mean = workspace.floats(0);
  const suffix = workspace.floats(1);
  rollingMin(low, length, DC_ROWS, needed, dcl!, suffix);
  rollingMax(high, length, DC_ROWS, needed, dch!, suffix);
  rollingMean(close, length, DC_ROWS, needed, mean, suffix);
  for (let t = 0; t < length; t += 1) {
    const lowest = dcl![t]!;
    const width = dch![t]! - lowest;
    dcm![t] = width / 2 + lowest;
    dcw![t] = (width / mean[t]!) * 100;
    dcp![t] = (close[t]! - lowest) / width;
  }
  if (definition === 'causal') dropInfinite(out, length);
};
const DC_ROWS = 20;

/**
 * Average true range: how far a price goes in a day, gaps from the close before included. The mean of the first 10
 * true ranges, then Wilder's smoothing (9 ATR[t-1] + TR[t]) / 10; the first day's true range is its high less its
 * low. Warm-up 9, where `ta` gives 0.
 * https://en.wikipedia.org/wiki/Average_true_range
 */
const averageTrueRange: Kernel = ({ length, high, low, close }, out, _workspace, definition) => {
  const [atr] = out;
  const early = definition === 'causal' ? Number.NaN : 0;
  let sum = 0;
  let average = 0;
  for (let t = 0; t < length; t += 1) {
    const h = high[t]!;
    const l = low[t]!;
    const before = close[t === 0 ? 0 : t - 1]!;
    const range = t === 0 ? h - l : Math.max(h - l, Math.abs(h - before), Math.abs(l - before));
    if (t < ATR_ROWS) {
      sum += range;
      average = sum / ATR_ROWS;
    } else {
      average = (average * (ATR_ROWS - 1) + range) / ATR_ROWS;
    }
    atr![t] = t < ATR_ROWS - 1 ? early : average;
  }
  if (definition === 'causal') dropInfinite(out, length);
};
const ATR_ROWS = 10;

/**
 * Ulcer index: root mean square over 14 rows of how many percent the close lies below the highest close of the 14
 * rows up to it. Counts falls only, and long ones more. `ta` measures the first falls from a high of fewer rows and
 * has its first value in row 13; `causal` takes whole windows only, so that where a series begins makes no
 * difference: warm-up 26. NaN for as long as a window of closes that are all 0 is in it.
 * https://en.wikipedia.org/wiki/Ulcer_index
 */
const ulcerIndex: Kernel = ({ length, close }, out, workspace, definition) => {
  const [ui] = out;
  const highest = workspace.floats(0);
  const squares = workspace.floats(1);
  const suffix = workspace.floats(2);
  rollingMax(close, length, UI_ROWS, definition === 'causal' ? UI_ROWS : 1, highest, suffix);
  for (let t = 0; t < length; t += 1) {
    const fall = (100 * (close[t]! - highest[t]!)) / highest[t]!;
    squares[t] = (fall * fall) / UI_ROWS;
  }
  rollingSum(squares, length, UI_ROWS, UI_ROWS, ui!, suffix);
  for (let t = 0; t < length; t += 1) ui![t] = Math.sqrt(ui![t]!);
  if (definition === 'causal') dropInfinite(out, length);
};
const UI_ROWS = 14;

const { column, indicator } = defineFamily('volatility');

export const VOLATILITY: readonly Indicator[] = [
  indicator(
    'Bollinger bands',
    { rows: BB_ROWS, deviations: BB_FACTOR },
    [
      column('bbm', 19, 'back', 1),
      column('bbh', 19, 'back', 1),
      column('bbl', 19, 'back', 1),
      column('bbw', 19, 0),
      column('bbp', 19, 0),
      column('bbhi', 19, 0),
      column('bbli', 19, 0),
    ],
    bollingerBands,
  ),
  indicator(
    'Keltner channel',
    { rows: KC_ROWS },
    [
      column('kcc', 9, 'back', 1),
      column('kch', 9, 'back', 1),
      column('kcl', 9, 'back', 1),
      column('kcw', 9, 0),
      column('kcp', 9, 0),
      column('kchi', 9, 0),
      column('kcli', 9, 0),
    ],
    keltnerChannel,
  ),
  indicator(
    'Donchian channel',
    { rows: DC_ROWS },
    [
      column('dcl', 19, 'back', 1),
      column('dch', 19, 'back', 1),
      column('dcm', 19, 'back', 1),
      column('dcw', 19, 0),
      column('dcp', 19, 0),
    ],
    donchianChannel,
  ),
  indicator('average true range', { rows: ATR_ROWS }, [column('atr', 9, 0, 1)], averageTrueRange),
  indicator('Ulcer index', { rows: UI_ROWS }, [column('ui', 26, 0)], ulcerIndex),
];
