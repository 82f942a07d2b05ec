import { dropInfinite } from './fill.ts';
import { rollingMax, rollingMin } from './extremes.ts';
import {
  defineFamily,
  minPeriods,
  type Definition,
  type Indicator,
  type Kernel,
  type Workspace,
} from './indicator.ts';
import { ema, ewm, rollingMean, rollingSum } from './rolling.ts';
import { pandasRollingMean } from './ta-means.ts';

/*
 * Indicators of momentum: which way prices go, how fast, and whether they tire. Formulas and parameters are those of
 * `ta` 0.11.0 (https://technical-analysis-library-in-python.readthedocs.io), each with what `causal` does otherwise.
 * Everywhere `causal` gives NaN for a ratio by zero and for what is too large for a number.
 */

/**
 * Relative strength index (rsi): 100 U / (U + D), where U is the mean gain and D the mean loss of the close under
 * Wilder's smoothing with alpha 1/14; over 70 is called overbought, under 30 oversold. As in `ta` the means start
 * at a change of 0 in row 0, not at a mean of the first 14: what that leaves shrinks by 1/14 a row. Warm-up 13.
 *
 * Stochastic RSI (stoch_rsi): where the RSI lies between its lowest and highest of 14 rows, 0 to 1; k is its mean
 * over 3 rows and d that of k. Warm-up 26, 28 and 30; NaN where the RSI does not move for 14 rows.
 *
 * A series without a loss so far has an RSI of 100; without any change so far it is 100 in `ta`, NaN in `causal`.
 * https://en.wikipedia.org/wiki/Relative_strength_index
 * https://school.stockcharts.com/doku.php?id=technical_indicators:stochrsi
 */
const relativeStrength: Kernel = ({ length, close }, out, workspace, definition) => {
  const [rsi, stoch, k, d] = out;
  const gain = workspace.floats(0);
  const loss = workspace.floats(1);
  const meanGain = workspace.floats(2);
  const meanLoss = workspace.floats(3);
  for (let t = 0; t < length; t += 1) {
    const change = t === 0 ? 0 : close[t]! - close[t - 1]!;
    gain[t] = change > 0 ? change : 0;
    loss[t] = change < 0 ? -change : 0;
  }
  ewm(gain, length, 1 / RSI_ROWS, minPeriods(definition, RSI_ROWS), meanGain);
  ewm(loss, length, 1 / RSI_ROWS, minPeriods(definition, RSI_ROWS), meanLoss);
  const unmoved = definition === 'causal' ? Number.NaN : 100;
  for (let t = 0; t < length; t += 1) {
    const up = meanGain[t]!;
    const down = meanLoss[t]!;
    rsi![t] = down !== 0 ? 100 - 100 / (1 + up / down) : up === 0 ? unmoved : 100;
  }

  // `ta` takes the RSI after filling, which changes nothing: unfilled windows leave it without gaps.
  const lowest = workspace.floats(0);
  const highest = workspace.floats(1);
  const suffix = workspace.floats(2);
  rollingMin(rsi!, length, RSI_ROWS, RSI_ROWS, lowest, suffix);
  rollingMax(rsi!, length, RSI_ROWS, RSI_ROWS, highest, suffix);
  for (let t = 0; t < length; t += 1) {
    stoch![t] = (rsi![t]! - lowest[t]!) / (highest[t]! - lowest[t]!);
  }
  rollingMean(stoch!, length, STOCH_RSI_ROWS, STOCH_RSI_ROWS, k!, suffix);
  rollingMean(k!, length, STOCH_RSI_ROWS, STOCH_RSI_ROWS, d!, suffix);
  if (definition === 'causal') dropInfinite(out, length);
};
const RSI_ROWS = 14;
const STOCH_RSI_ROWS = 3;

/**
 * True strength index: the daily change of the close, smoothed by an EMA of 25 and then one of 13 rows, in percent
 * of its absolute value smoothed the same way; -100 to 100, positive in a rising market. Warm-up 37; NaN while the
 * close has never changed.
 * https://en.wikipedia.org/wiki/True_strength_index
 */
const trueStrength: Kernel = ({ length, close }, out, workspace, definition) => {
  const [tsi] = out;
  const change = workspace.floats(0);
  const smooth = workspace.floats(1);
  const size = workspace.floats(2);
  for (let t = 0; t < length; t += 1) change[t] = t === 0 ? Number.NaN : close[t]! - close[t - 1]!;
  ema(change, length, TSI_SLOW_ROWS, minPeriods(definition, TSI_SLOW_ROWS), smooth);
  ema(smooth, length, TSI_FAST_ROWS, minPeriods(definition, TSI_FAST_ROWS), tsi!);
  for (let t = 0; t < length; t += 1) change[t] = Math.abs(change[t]!);
  ema(change, length, TSI_SLOW_ROWS, minPeriods(definition, TSI_SLOW_ROWS), smooth);
  ema(smooth, length, TSI_FAST_ROWS, minPeriods(definition, TSI_FAST_ROWS), size);
  for (let t = 0; t < length; t += 1) tsi![t] = (100 * tsi![t]!) / size[t]!;
  if (definition === 'causal') dropInfinite(out, length);
};
const TSI_SLOW_ROWS = 25;
const TSI_FAST_ROWS = 13;

/**
 * From sums over windows of `rows` the sums over windows of twice as many. In `ta-fill` those that begin before the
 * series are sums of what there is.
 */
function doubleWindows(
  sums: Float64Array,
  n: number,
  rows: number,
  definition: Definition,
  out: Float64Array,
): void {
  const before = definition === 'ta-fill' ? 0 : Number.NaN;
  for (let t = 0; t < n; t += 1) out[t] = sums[t]! + (t < rows ? before : sums[t - rows]!);
}

/**
 * Ultimate oscillator: buying pressure (the close less the lower of the low and the close before) over true range,
 * both summed over 7, 14 and 28 rows; the three ratios weigh 4, 2 and 1. 0 to 100, over 70 is called overbought.
 * Warm-up 28; NaN where 7 rows have no true range.
 * https://en.wikipedia.org/wiki/Ultimate_oscillator
 */
const ultimateOscillator: Kernel = ({ length, high, low, close }, out, workspace, definition) => {
  const [uo] = out;
  const pressure = workspace.floats(0);
  const range = workspace.floats(1);
  for (let t = 0; t < length; t += 1) {
    const h = high[t]!;
    const l = low[t]!;
    const before = t === 0 ? Number.NaN : close[t - 1]!;
    pressure[t] = close[t]! - Math.min(l, before);
    range[t] = t === 0 ? h - l : Math.max(h - l, Math.abs(h - before), Math.abs(l - before));
  }
  const pressure7 = workspace.floats(2);
  const pressure14 = workspace.floats(3);
  const pressure28 = pressure;
  const range7 = workspace.floats(4);
  const range14 = workspace.floats(5);
  const range28 = range;
  const suffix = workspace.floats(6);
  rollingSum(pressure, length, UO_ROWS, minPeriods(definition, UO_ROWS), pressure7, suffix);
  rollingSum(range, length, UO_ROWS, minPeriods(definition, UO_ROWS), range7, suffix);
  doubleWindows(pressure7, length, UO_ROWS, definition, pressure14);
  doubleWindows(range7, length, UO_ROWS, definition, range14);
  doubleWindows(pressure14, length, 2 * UO_ROWS, definition, pressure28);
  doubleWindows(range14, length, 2 * UO_ROWS, definition, range28);
  for (let t = 0; t < length; t += 1) {
    const short = pressure7[t]! / range7[t]!;
    const medium = pressure14[t]! / range14[t]!;
    const long = pressure28[t]! / range28[t]!;
    uo![t] = (100 * (4 * short + 2 * medium + long)) / 7;
  }
  if (definition === 'causal') dropInfinite(out, length);
};
const UO_ROWS = 7;

/**
 * Stochastic oscillator (stoch): where the close lies between the lowest low and the highest high of 14 rows, 0 to
 * 100, and its mean over 3 rows (stoch_signal). Williams %R (wr) is the same less 100, measured from the high, -100
 * to 0. Close to the high is called overbought. Warm-up 13, 15 and 13; NaN where all 14 bars are one price, and in
 * the signal as long as such a row is in its window.
 * https://en.wikipedia.org/wiki/Stochastic_oscillator
 * https://en.wikipedia.org/wiki/Williams_%25R
 */
const stochasticOscillator: Kernel = ({ length, high, low, close }, out, workspace, definition) => {
  const [stoch, signal, wr] = out;
  const lowest = workspace.floats(0);
  const highest = workspace.floats(1);
  const suffix = workspace.floats(2);
  rollingMin(low, length, STOCH_ROWS, minPeriods(definition, STOCH_ROWS), lowest, suffix);
  rollingMax(high, length, STOCH_ROWS, minPeriods(definition, STOCH_ROWS), highest, suffix);
  for (let t = 0; t < length; t += 1) {
    const range = highest[t]! - lowest[t]!;
    stoch![t] = (100 * (close[t]! - lowest[t]!)) / range;
    wr![t] = (-100 * (highest[t]! - close[t]!)) / range;
  }
  rollingMean(stoch!, length, STOCH_SIGNAL_ROWS, minPeriods(definition, STOCH_SIGNAL_ROWS), signal!, suffix);
  if (definition === 'causal') dropInfinite(out, length);
};
const STOCH_ROWS = 14;
const STOCH_SIGNAL_ROWS = 3;

/**
 * Awesome oscillator: mean of the middles of the bars, (H + L) / 2, over 5 rows less that over 34. Positive while
 * prices of late are above those before. Warm-up 33.
 * https://www.tradingview.com/support/solutions/43000501826-awesome-oscillator-ao/
 */
const awesomeOscillator: Kernel = ({ length, high, low }, out, workspace, definition) => {
  const [ao] = out;
  const middle = workspace.floats(0);
  const slow = workspace.floats(1);
  const suffix = workspace.floats(2);
  for (let t = 0; t < length; t += 1) middle[t] = 0.5 * (high[t]! + low[t]!);
  if (definition === 'causal') {
    rollingMean(middle, length, AO_FAST_ROWS, AO_FAST_ROWS, ao!, suffix);
    rollingMean(middle, length, AO_SLOW_ROWS, AO_SLOW_ROWS, slow, suffix);
  } else {
    // A difference of means that may be equal but for their last digit, which then is all there is.
    pandasRollingMean(middle, length, AO_FAST_ROWS, minPeriods(definition, AO_FAST_ROWS), ao!);
    pandasRollingMean(middle, length, AO_SLOW_ROWS, minPeriods(definition, AO_SLOW_ROWS), slow);
  }
  for (let t = 0; t < length; t += 1) ao![t] = ao![t]! - slow[t]!;
  if (definition === 'causal') dropInfinite(out, length);
};
const AO_FAST_ROWS = 5;
const AO_SLOW_ROWS = 34;

/**
 * Rate of change: the return over 12 rows in percent. Warm-up 12; under `causal` NaN after a close of 0.
 * https://school.stockcharts.com/doku.php?id=technical_indicators:rate_of_change_roc_and_momentum
 */
const rateOfChange: Kernel = ({ length, close }, out, _workspace, definition) => {
  const [roc] = out;
  roc!.fill(Number.NaN, 0, Math.min(ROC_ROWS, length));
  for (let t = ROC_ROWS; t < length; t += 1) {
    const before = close[t - ROC_ROWS]!;
    roc![t] = ((close[t]! - before) / before) * 100;
  }
  if (definition === 'causal') dropInfinite(out, length);
};
const ROC_ROWS = 12;

/** EMA of 12 rows less that of 26 in percent of the latter, its EMA of 9 rows, and the difference of the two. */
function percentageOscillator(
  x: Float64Array,
  n: number,
  out: readonly Float64Array[],
  workspace: Workspace,
  definition: Definition,
): void {
  const [line, signal, histogram] = out;
  const fast = workspace.floats(0);
  const slow = workspace.floats(1);
  ema(x, n, FAST_ROWS, minPeriods(definition, FAST_ROWS), fast);
  ema(x, n, SLOW_ROWS, minPeriods(definition, SLOW_ROWS), slow);
  for (let t = 0; t < n; t += 1) line![t] = ((fast[t]! - slow[t]!) / slow[t]!) * 100;
  ema(line!, n, SIGNAL_ROWS, minPeriods(definition, SIGNAL_ROWS), signal!);
  for (let t = 0; t < n; t += 1) histogram![t] = line![t]! - signal![t]!;
  if (definition === 'causal') dropInfinite(out, n);
}
const FAST_ROWS = 12;
const SLOW_ROWS = 26;
const SIGNAL_ROWS = 9;

/**
 * Percentage price oscillator: MACD of the close in percent of its slow average, so that prices of different size
 * compare, with its signal line and histogram. Warm-up 25, 33 and 33; NaN while all closes so far are 0.
 * https://school.stockcharts.com/doku.php?id=technical_indicators:price_oscillators_ppo
 */
const percentagePriceOscillator: Kernel = ({ length, close }, out, workspace, definition) => {
  percentageOscillator(close, length, out, workspace, definition);
};

/**
 * Percentage volume oscillator: the same of the volume; positive while more is traded than usual. Warm-up 25, 33
 * and 33, counted in known volumes. A day without a known volume is passed over and carries the averages on; NaN
 * while all volumes so far are 0.
 * https://school.stockcharts.com/doku.php?id=technical_indicators:percentage_volume_oscillator_pvo
 */
const percentageVolumeOscillator: Kernel = ({ length, volume }, out, workspace, definition) => {
  percentageOscillator(volume, length, out, workspace, definition);
};

/**
 * Kaufman's adaptive moving average: follows the close with the smoothing constant of an EMA between 2 and 30 rows,
 * fast where prices go straight, slow where they go to and fro. How straight they go is the change over 10 rows over
 * the sum of the absolute daily changes, 0 where there are none.
 *
 * `causal` starts from the close of row 9 and has its first value in row 10, the first with ten changes behind it:
 * warm-up 10. `ta` gives that close as its first value, and takes the end of the series for what lies before its
 * beginning, which shows with `fillna` only.
 * https://school.stockcharts.com/doku.php?id=technical_indicators:kaufman_s_adaptive_moving_average
 */
const adaptiveMovingAverage: Kernel = ({ length, close }, out, workspace, definition) => {
  const [kama] = out;
  const isFilled = definition === 'ta-fill';
  const changes = workspace.floats(0);
  const travelled = workspace.floats(1);
  for (let t = 0; t < length; t += 1) {
    const before = t > 0 ? close[t - 1]! : isFilled ? close[length - 1]! : Number.NaN;
    changes[t] = Math.abs(close[t]! - before);
  }
  rollingSum(changes, length, KAMA_ROWS, minPeriods(definition, KAMA_ROWS), travelled, workspace.floats(2));

  const start = isFilled ? 0 : KAMA_ROWS - 1;
  const fastest = 2 / (KAMA_FAST_ROWS + 1);
  const slowest = 2 / (KAMA_SLOW_ROWS + 1);
  let average = Number.NaN;
  for (let t = 0; t < length; t += 1) {
    const c = close[t]!;
    if (t <= start) {
      average = c;
      kama![t] = t === start && definition !== 'causal' ? c : Number.NaN;
      continue;
    }
    // Only with `fillna` may rows lie before the beginning here, and in a short series before that again.
    const before = t - KAMA_ROWS;
    const change = Math.abs(c - close[before < 0 ? ((before % length) + length) % length : before]!);
    const straightness = travelled[t] === 0 ? 0 : change / travelled[t]!;
    const smoothing = straightness * (fastest - slowest) + slowest;
    average += smoothing * smoothing * (c - average);
    kama![t] = average;
  }
  if (definition === 'causal') dropInfinite(out, length);
};
const KAMA_ROWS = 10;
const KAMA_FAST_ROWS = 2;
const KAMA_SLOW_ROWS = 30;

const { column, indicator } = defineFamily('momentum');

export const MOMENTUM: readonly Indicator[] = [
  indicator(
    'RSI and stochastic RSI',
    { rows: RSI_ROWS, smoothingRows: STOCH_RSI_ROWS },
    [
      column('rsi', 13, 50),
      column('stoch_rsi', 26, 0),
      column('stoch_rsi_k', 28, 0),
      column('stoch_rsi_d', 30, 0),
    ],
    relativeStrength,
  ),
  indicator(
    'true strength index',
    { slowRows: TSI_SLOW_ROWS, fastRows: TSI_FAST_ROWS },
    [column('tsi', 37, 0)],
    trueStrength,
  ),
  indicator(
    'ultimate oscillator',
    { shortRows: UO_ROWS, mediumRows: 2 * UO_ROWS, longRows: 4 * UO_ROWS },
    [column('uo', 28, 50)],
    ultimateOscillator,
  ),
  indicator(
    'stochastic oscillator and Williams %R',
    { rows: STOCH_ROWS, signalRows: STOCH_SIGNAL_ROWS },
    [column('stoch', 13, 50), column('stoch_signal', 15, 50), column('wr', 13, -50)],
    stochasticOscillator,
  ),
  indicator(
    'awesome oscillator',
    { fastRows: AO_FAST_ROWS, slowRows: AO_SLOW_ROWS },
    [column('ao', 33, 0, 1)],
    awesomeOscillator,
  ),
  indicator('rate of change', { rows: ROC_ROWS }, [column('roc', 12, 0)], rateOfChange),
  indicator(
    'percentage price oscillator',
    { fastRows: FAST_ROWS, slowRows: SLOW_ROWS, signalRows: SIGNAL_ROWS },
    [column('ppo', 25, 0), column('ppo_signal', 33, 0), column('ppo_hist', 33, 0)],
    percentagePriceOscillator,
  ),
  indicator(
    'percentage volume oscillator',
    { fastRows: FAST_ROWS, slowRows: SLOW_ROWS, signalRows: SIGNAL_ROWS },
    [column('pvo', 25, 0), column('pvo_signal', 33, 0), column('pvo_hist', 33, 0)],
    percentageVolumeOscillator,
  ),
  indicator(
    'Kaufman adaptive moving average',
    { rows: KAMA_ROWS, fastRows: KAMA_FAST_ROWS, slowRows: KAMA_SLOW_ROWS },
    [column('kama', 10, 'none', 1)],
    adaptiveMovingAverage,
  ),
];
