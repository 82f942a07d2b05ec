import { dropInfinite } from './fill.ts';
import { rollingMax, rollingMin } from './extremes.ts';
import { defineFamily, minPeriods, type Definition, type Indicator, type Kernel } from './indicator.ts';
import { ema, rollingMean, rollingSum } from './rolling.ts';
import { meanOfAllRows, numpySum, pandasRollingMean } from './ta-means.ts';
import {
  ADX_ROWS,
  aroon,
  AROON_ROWS,
  averageDirectionalIndex,
  vortex,
  VORTEX_ROWS,
} from './trend-directional.ts';
import { BASE_ROWS, CONVERSION_ROWS, ichimoku, SPAN_B_ROWS, visualIchimoku } from './trend-ichimoku.ts';
import { MAX_FACTOR, parabolicStopAndReverse, STEP } from './trend-psar.ts';

/*
 * Indicators of trend: averages, oscillators around them, and the table of the whole family. Formulas and
 * parameters are those of `ta` 0.11.0 (https://technical-analysis-library-in-python.readthedocs.io), each
 * with what `causal` does otherwise. Everywhere `causal` gives NaN for a ratio by zero and for what is too
 * large for a number.
 */

/** `rollingMean`, except that for the definitions `ta` its last digit is that of pandas. */
function windowMean(
  x: Float64Array,
  n: number,
  window: number,
  definition: Definition,
  out: Float64Array,
  suffix: Float64Array,
): void {
  const needed = minPeriods(definition, window);
  if (definition === 'causal') rollingMean(x, n, window, needed, out, suffix);
  else pandasRollingMean(x, n, window, needed, out);
}

/**
 * Moving average convergence/divergence: EMA of the close over 12 rows less that over 26; positive while
 * prices rise faster than before. The signal is its EMA over 9 rows, the third column the difference from it:
 * where that changes sign the trend may turn. Warm-up 25, 33 and 33; exactly 0 on a constant close.
 * https://en.wikipedia.org/wiki/MACD
 */
const convergenceDivergence: Kernel = ({ length, close }, out, workspace, definition) => {
  const [macd, signal, difference] = out;
  const slow = workspace.floats(0);
  ema(close, length, FAST_ROWS, minPeriods(definition, FAST_ROWS), macd!);
  ema(close, length, SLOW_ROWS, minPeriods(definition, SLOW_ROWS), slow);
  for (let t = 0; t < length; t += 1) macd![t] = macd![t]! - slow[t]!;
  ema(macd!, length, SIGNAL_ROWS, minPeriods(definition, SIGNAL_ROWS), signal!);
  for (let t = 0; t < length; t += 1) difference![t] = macd![t]! - signal![t]!;
};
const FAST_ROWS = 12;
const SLOW_ROWS = 26;
const SIGNAL_ROWS = 9;

/**
 * Simple moving averages: mean of the close over 12 and 26 rows. Warm-up 11 and 25.
 * https://en.wikipedia.org/wiki/Moving_average#Simple_moving_average
 */
const simpleAverages: Kernel = ({ length, close }, [fast, slow], workspace, definition) => {
  const suffix = workspace.floats(0);
  windowMean(close, length, FAST_ROWS, definition, fast!, suffix);
  windowMean(close, length, SLOW_ROWS, definition, slow!, suffix);
};

/**
 * Exponential moving averages of the close over 12 and 26 rows, started at the first close. Warm-up 11 and
 * 25.
 * https://en.wikipedia.org/wiki/Exponential_smoothing
 */
const exponentialAverages: Kernel = ({ length, close }, [fast, slow], _workspace, definition) => {
  ema(close, length, FAST_ROWS, minPeriods(definition, FAST_ROWS), fast!);
  ema(close, length, SLOW_ROWS, minPeriods(definition, SLOW_ROWS), slow!);
};

/**
 * TRIX: daily change in percent of the close smoothed by three EMAs of 15 rows, one of the other, so that
 * only longer moves are left. Positive in an up-trend. Warm-up 43; NaN while all closes so far are 0.
 *
 * With `fillna` row 0 of `ta` is the change from the mean over all rows, later ones included.
 * https://en.wikipedia.org/wiki/Trix_(technical_analysis)
 */
const tripleExponential: Kernel = ({ length, close }, [trix], workspace, definition) => {
  const once = workspace.floats(0);
  const twice = workspace.floats(1);
  const needed = minPeriods(definition, TRIX_ROWS);
  ema(close, length, TRIX_ROWS, needed, once);
  ema(once, length, TRIX_ROWS, needed, twice);
  ema(twice, length, TRIX_ROWS, needed, once);
  let before = definition === 'causal' ? Number.NaN : meanOfAllRows(once, length);
  for (let t = 0; t < length; t += 1) {
    const smooth = once[t]!;
    trix![t] = ((smooth - before) / before) * 100;
    before = smooth;
  }
};
const TRIX_ROWS = 15;

/**
 * Mass index: EMA of the range (high - low) over 9 rows, over the EMA of that EMA, summed over 25 rows. It is
 * about 25 and rises while ranges widen; a bulge over 27 that falls below 26.5 again foretells a turn,
 * whichever way. Warm-up 40; NaN for 24 rows more after the first rows of a series that have no range.
 * https://en.wikipedia.org/wiki/Mass_index
 */
const massIndex: Kernel = ({ length, high, low }, [mass], workspace, definition) => {
  const range = workspace.floats(0);
  const once = workspace.floats(1);
  const twice = workspace.floats(2);
  const needed = minPeriods(definition, MASS_EMA_ROWS);
  for (let t = 0; t < length; t += 1) range[t] = high[t]! - low[t]!;
  ema(range, length, MASS_EMA_ROWS, needed, once);
  ema(once, length, MASS_EMA_ROWS, needed, twice);
  for (let t = 0; t < length; t += 1) range[t] = once[t]! / twice[t]!;
  rollingSum(range, length, MASS_ROWS, minPeriods(definition, MASS_ROWS), mass!, workspace.floats(3));
};
const MASS_EMA_ROWS = 9;
const MASS_ROWS = 25;

/**
 * Detrended price oscillator: the close of 11 rows ago less the mean close of the last 20 rows, that is of a
 * window with that close in its middle. What is left are cycles shorter than the window. Warm-up 19.
 *
 * With `fillna` rows 0 to 10 of `ta` take the mean of all closes for the one of 11 rows ago.
 * https://en.wikipedia.org/wiki/Detrended_price_oscillator
 */
const detrendedPrice: Kernel = ({ length, close }, [dpo], workspace, definition) => {
  const mean = workspace.floats(0);
  windowMean(close, length, DPO_ROWS, definition, mean, workspace.floats(1));
  const missing = definition === 'causal' ? Number.NaN : meanOfAllRows(close, length);
  for (let t = 0; t < length; t += 1) dpo![t] = (t < DPO_SHIFT ? missing : close[t - DPO_SHIFT]!) - mean[t]!;
};
const DPO_ROWS = 20;
const DPO_SHIFT = DPO_ROWS / 2 + 1;

/**
 * Know sure thing: returns over 10, 15, 20 and 30 rows, each averaged over 10, 10, 10 and 15 rows, weighted 1
 * to 4 and added up, in percent. The signal is its mean over 9 rows, the third column the difference from it.
 * Warm-up 44, 52 and 52; NaN while a return from a close of 0 is in a window.
 *
 * `ta` takes the mean of all closes for those before row 0, so that its first 44 values look ahead, and gives
 * the signal of the values there are.
 * https://en.wikipedia.org/wiki/KST_oscillator
 */
const knowSureThing: Kernel = ({ length, close }, out, workspace, definition) => {
  const [kst, signal, difference] = out;
  const isCausal = definition === 'causal';
  const suffix = workspace.floats(0);
  const change = workspace.floats(1);
  const missing = isCausal ? Number.NaN : meanOfAllRows(close, length);
  for (let term = 0; term < KST_ROWS.length; term += 1) {
    const rows = KST_ROWS[term]!;
    const start = Math.min(rows, length);
    for (let t = 0; t < start; t += 1) change[t] = (close[t]! - missing) / missing;
    for (let t = start; t < length; t += 1) change[t] = (close[t]! - close[t - rows]!) / close[t - rows]!;
    windowMean(change, length, KST_MEAN_ROWS[term]!, definition, workspace.floats(2 + term), suffix);
  }
  const first = workspace.floats(2);
  const second = workspace.floats(3);
  const third = workspace.floats(4);
  const fourth = workspace.floats(5);
  for (let t = 0; t < length; t += 1) {
    kst![t] = 100 * (first[t]! + 2 * second[t]! + 3 * third[t]! + 4 * fourth[t]!);
  }
  if (isCausal) rollingMean(kst!, length, KST_SIGNAL_ROWS, KST_SIGNAL_ROWS, signal!, suffix);
  else pandasRollingMean(kst!, length, KST_SIGNAL_ROWS, 0, signal!);
  for (let t = 0; t < length; t += 1) difference![t] = kst![t]! - signal![t]!;
};
const KST_ROWS = [10, 15, 20, 30];
const KST_MEAN_ROWS = [10, 10, 10, 15];
const KST_SIGNAL_ROWS = 9;

/**
 * Schaff trend cycle: MACD of 23 and 50 rows, put through a stochastic oscillator of 10 rows (where it lies
 * between its lowest and highest, 0 to 100) and an EMA of 3, and through both once more. Near 100 in an
 * up-trend, near 0 in a down-trend, and quick to change. Warm-up 71.
 *
 * A MACD that does not move for 10 rows has no place in its range: the day is passed over and carries the
 * average on, NaN if there is none yet, as on a constant close. The average itself does not move where a
 * trend has kept it at 100 or 0 for 10 rows: `causal` counts that as its place, `ta` passes the day over,
 * which delays its first values.
 * https://www.investopedia.com/articles/forex/10/schaff-trend-cycle-indicator.asp
 */
const schaffTrendCycle: Kernel = ({ length, close }, [stc], workspace, definition) => {
  const macd = workspace.floats(0);
  const smooth = workspace.floats(1);
  const place = workspace.floats(2);
  const highest = workspace.floats(3);
  const suffix = workspace.floats(4);
  ema(close, length, STC_FAST_ROWS, minPeriods(definition, STC_FAST_ROWS), macd);
  ema(close, length, STC_SLOW_ROWS, minPeriods(definition, STC_SLOW_ROWS), smooth);
  for (let t = 0; t < length; t += 1) macd[t] = macd[t]! - smooth[t]!;
  stochastic(macd, length, place, highest, suffix);
  ema(place, length, STC_EMA_ROWS, minPeriods(definition, STC_EMA_ROWS), smooth);
  stochastic(smooth, length, place, highest, suffix);
  if (definition === 'causal') {
    // `highest` has a value from the first full window on.
    for (let t = 0; t < length; t += 1) {
      if (Number.isNaN(place[t]!) && !Number.isNaN(highest[t]!)) place[t] = smooth[t]!;
    }
  }
  ema(place, length, STC_EMA_ROWS, minPeriods(definition, STC_EMA_ROWS), stc!);
};
const STC_FAST_ROWS = 23;
const STC_SLOW_ROWS = 50;
const STC_CYCLE_ROWS = 10;
const STC_EMA_ROWS = 3;

/** Where the value lies between the lowest and highest of 10 full rows, 0 to 100, into `out`. */
function stochastic(
  x: Float64Array,
  n: number,
  out: Float64Array,
  highest: Float64Array,
  suffix: Float64Array,
): void {
  rollingMin(x, n, STC_CYCLE_ROWS, STC_CYCLE_ROWS, out, suffix);
  rollingMax(x, n, STC_CYCLE_ROWS, STC_CYCLE_ROWS, highest, suffix);
  for (let t = 0; t < n; t += 1) out[t] = (100 * (x[t]! - out[t]!)) / (highest[t]! - out[t]!);
}

/**
 * Commodity channel index: how far the typical price (high + low + close) / 3 is from its mean over 20 rows,
 * over 0.015 times its mean absolute deviation. Most values are between -100 and 100; outside a trend is at
 * work. Warm-up 19; NaN where the typical price does not move for 20 rows, which `ta` sees only if no sum was
 * rounded.
 * https://en.wikipedia.org/wiki/Commodity_channel_index
 */
const commodityChannel: Kernel = ({ length, high, low, close }, [cci], workspace, definition) => {
  const typical = workspace.floats(0);
  const mean = workspace.floats(1);
  const isCausal = definition === 'causal';
  for (let t = 0; t < length; t += 1) typical[t] = (high[t]! + low[t]! + close[t]!) / 3;
  windowMean(typical, length, CCI_ROWS, definition, mean, workspace.floats(2));
  const first = minPeriods(definition, CCI_ROWS) - 1;
  for (let t = 0; t < length; t += 1) {
    if (t < first) {
      cci![t] = Number.NaN;
      continue;
    }
    const rows = t < CCI_ROWS ? t + 1 : CCI_ROWS;
    const from = t + 1 - rows;
    const center = isCausal ? mean[t]! : numpySum(typical, from, rows) / rows;
    cci![t] = (typical[t]! - mean[t]!) / (CCI_FACTOR * meanDeviation(typical, from, rows, center));
  }
};
const CCI_ROWS = 20;
const CCI_FACTOR = 0.015;

/** Mean absolute deviation from `center`; four sums side by side, as each waits for its last addition. */
function meanDeviation(x: Float64Array, from: number, rows: number, center: number): number {
  const end = from + rows;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = from;
  for (; i + 4 <= end; i += 4) {
    a += Math.abs(x[i]! - center);
    b += Math.abs(x[i + 1]! - center);
    c += Math.abs(x[i + 2]! - center);
    d += Math.abs(x[i + 3]! - center);
  }
  for (; i < end; i += 1) a += Math.abs(x[i]! - center);
  return (a + b + (c + d)) / rows;
}

/** The kernel, with NaN for infinite values under `causal`. */
function withoutInfinities(kernel: Kernel): Kernel {
  return (bars, out, workspace, definition) => {
    kernel(bars, out, workspace, definition);
    if (definition === 'causal') dropInfinite(out, bars.length);
  };
}

const { column, indicator } = defineFamily('trend');

const INDICATORS: readonly Indicator[] = [
  indicator(
    'moving average convergence/divergence',
    { fastRows: FAST_ROWS, slowRows: SLOW_ROWS, signalRows: SIGNAL_ROWS },
    [column('macd', 25, 0, 1), column('macd_signal', 33, 0, 1), column('macd_diff', 33, 0, 1)],
    convergenceDivergence,
  ),
  indicator(
    'simple moving averages',
    { fastRows: FAST_ROWS, slowRows: SLOW_ROWS },
    [column('sma_fast', 11, 'none', 1), column('sma_slow', 25, 'none', 1)],
    simpleAverages,
  ),
  indicator(
    'exponential moving averages',
    { fastRows: FAST_ROWS, slowRows: SLOW_ROWS },
    [column('ema_fast', 11, 'none', 1), column('ema_slow', 25, 'none', 1)],
    exponentialAverages,
  ),
  indicator(
    'vortex indicator',
    { rows: VORTEX_ROWS },
    [column('vortex_ind_pos', 14, 1), column('vortex_ind_neg', 14, 1), column('vortex_ind_diff', 14, 0)],
    vortex,
  ),
  indicator('TRIX', { rows: TRIX_ROWS }, [column('trix', 43, 0)], tripleExponential),
  indicator(
    'mass index',
    { emaRows: MASS_EMA_ROWS, sumRows: MASS_ROWS },
    [column('mass_index', 40, 0)],
    massIndex,
  ),
  indicator('detrended price oscillator', { rows: DPO_ROWS }, [column('dpo', 19, 0, 1)], detrendedPrice),
  indicator(
    'know sure thing',
    {
      ...Object.fromEntries(KST_ROWS.map((rows, index) => [`rows${index + 1}`, rows])),
      ...Object.fromEntries(KST_MEAN_ROWS.map((rows, index) => [`meanRows${index + 1}`, rows])),
      signalRows: KST_SIGNAL_ROWS,
    },
    [column('kst', 44, 0), column('kst_sig', 52, 0), column('kst_diff', 52, 0)],
    knowSureThing,
  ),
  indicator(
    'Ichimoku cloud',
    { conversionRows: CONVERSION_ROWS, baseRows: BASE_ROWS, spanBRows: SPAN_B_ROWS },
    [
      column('ichimoku_conv', 8, 'back', 1),
      column('ichimoku_base', 25, 'back', 1),
      column('ichimoku_a', 25, 'back', 1),
      column('ichimoku_b', 51, 'back', 1),
    ],
    ichimoku,
  ),
  indicator(
    'Schaff trend cycle',
    { fastRows: STC_FAST_ROWS, slowRows: STC_SLOW_ROWS, cycleRows: STC_CYCLE_ROWS, emaRows: STC_EMA_ROWS },
    [column('stc', 71, 0)],
    schaffTrendCycle,
  ),
  indicator(
    'average directional index',
    { rows: ADX_ROWS },
    [column('adx', 27, 20), column('adx_pos', 14, 20), column('adx_neg', 14, 20)],
    averageDirectionalIndex,
  ),
  indicator(
    'commodity channel index',
    { rows: CCI_ROWS, factor: CCI_FACTOR },
    [column('cci', 19, 0)],
    commodityChannel,
  ),
  indicator(
    'Ichimoku cloud as drawn',
    { conversionRows: CONVERSION_ROWS, baseRows: BASE_ROWS, spanBRows: SPAN_B_ROWS },
    [column('visual_ichimoku_a', 51, 'back', 1), column('visual_ichimoku_b', 77, 'back', 1)],
    visualIchimoku,
  ),
  indicator(
    'Aroon',
    { rows: AROON_ROWS },
    [column('aroon_up', 25, 0), column('aroon_down', 25, 0), column('aroon_ind', 25, 0)],
    aroon,
  ),
  indicator(
    'parabolic stop and reverse',
    { step: STEP, maxFactor: MAX_FACTOR },
    [
      { ...column('psar_up', 2, 'back', 1), isSparse: true },
      { ...column('psar_down', 2, 'back', 1), isSparse: true },
      column('psar_up_indicator', 2, 'none'),
      column('psar_down_indicator', 2, 'none'),
    ],
    parabolicStopAndReverse,
  ),
];

export const TREND: readonly Indicator[] = INDICATORS.map((entry) => ({
  ...entry,
  kernel: withoutInfinities(entry.kernel),
}));
