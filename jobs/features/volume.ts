import { dropInfinite } from './fill.ts';
import {
  defineFamily,
  minPeriods,
  type Bars,
  type Definition,
  type Indicator,
  type Kernel,
} from './indicator.ts';
import { ema, rollingMean, rollingSum } from './rolling.ts';

/*
 * Indicators of volume. Formulas and parameters are those of `ta` 0.11.0
 * (https://technical-analysis-library-in-python.readthedocs.io), each with what `causal` does otherwise.
 */

/**
 * Close location value times volume: where the close lies in the day's range, from -1 at the low to +1 at the
 * high. A bar without range counts 0. `ta` divides by zero when such a bar closes outside of its range, and stays
 * infinite from then on; `causal` counts that 0 too, and lets no bad bar weigh more than its volume.
 */
function moneyFlow(
  { length, high, low, close, volume }: Bars,
  definition: Definition,
  out: Float64Array,
): void {
  for (let t = 0; t < length; t += 1) {
    const h = high[t]!;
    const l = low[t]!;
    const c = close[t]!;
    const range = h - l;
    let location = (c - l - (h - c)) / range;
    if (Number.isNaN(location)) location = 0;
    if (definition === 'causal') location = range > 0 ? Math.min(1, Math.max(-1, location)) : 0;
    out[t] = location * volume[t]!;
  }
}

/** Running total over the values that are there; NaN where the value itself is missing, as pandas' cumsum. */
function cumulate(x: Float64Array, n: number, out: Float64Array): void {
  let total = 0;
  for (let t = 0; t < n; t += 1) {
    const value = x[t]!;
    total += Number.isNaN(value) ? 0 : value;
    out[t] = Number.isNaN(value) ? Number.NaN : total;
  }
}

/**
 * Accumulation/distribution index: the sum of close location value times volume since the first bar. Rising with
 * the price it confirms a trend, against it it warns. No warm-up; NaN on days without a known volume.
 * https://en.wikipedia.org/wiki/Accumulation/distribution_index
 */
const accumulationDistribution: Kernel = (bars, [adi], workspace, definition) => {
  const flow = workspace.floats(0);
  moneyFlow(bars, definition, flow);
  cumulate(flow, bars.length, adi!);
};

/**
 * On-balance volume: volume added on days that close higher, subtracted on days that close lower, since the first
 * bar. Granville's definition counts an unchanged close, and the first day, as 0; `ta` adds their volume. No
 * warm-up; NaN on days without a known volume.
 * https://en.wikipedia.org/wiki/On-balance_volume
 */
const onBalanceVolume: Kernel = ({ length, close, volume }, [obv], workspace, definition) => {
  const unchanged = definition === 'causal' ? 0 : 1;
  const signed = workspace.floats(0);
  for (let t = 0; t < length; t += 1) {
    const change = t === 0 ? 0 : close[t]! - close[t - 1]!;
    signed[t] = volume[t]! * (change < 0 ? -1 : change > 0 ? 1 : unchanged);
  }
  cumulate(signed, length, obv!);
};

/**
 * Chaikin money flow: money flow volume over volume, both summed over 20 rows, from -1 to +1. Warm-up 19; NaN
 * where the window has no volume or misses one.
 * https://school.stockcharts.com/doku.php?id=technical_indicators:chaikin_money_flow_cmf
 */
const chaikinMoneyFlow: Kernel = (bars, [cmf], workspace, definition) => {
  const { length, volume } = bars;
  const flow = workspace.floats(0);
  const flowSum = workspace.floats(1);
  const suffix = workspace.floats(2);
  moneyFlow(bars, definition, flow);
  rollingSum(flow, length, CMF_ROWS, minPeriods(definition, CMF_ROWS), flowSum, suffix);
  rollingSum(volume, length, CMF_ROWS, minPeriods(definition, CMF_ROWS), cmf!, suffix);
  for (let t = 0; t < length; t += 1) cmf![t] = flowSum[t]! / cmf![t]!;
  if (definition === 'causal') dropInfinite([cmf!], length);
};
const CMF_ROWS = 20;

/**
 * Force index: change of the close times volume, smoothed by an EMA of 13 rows. Its sign is the side in charge,
 * its size how hard it pushes. Warm-up 13; a day without a known volume is passed over.
 * https://en.wikipedia.org/wiki/Force_index
 */
const forceIndex: Kernel = ({ length, close, volume }, [fi], workspace, definition) => {
  const force = workspace.floats(0);
  for (let t = 0; t < length; t += 1) {
    force[t] = t === 0 ? Number.NaN : (close[t]! - close[t - 1]!) * volume[t]!;
  }
  ema(force, length, FI_ROWS, minPeriods(definition, FI_ROWS), fi!);
};
const FI_ROWS = 13;

/**
 * Ease of movement: how far the middle of the range moved per volume it took, times 1e8, and its mean over 14
 * rows. High when little volume lifts the price. Warm-up 1 and 14. NaN on a day without volume, and in the mean as
 * long as such a day is in the window; `ta` gives ±Infinity on a day without volume that moved.
 * https://en.wikipedia.org/wiki/Ease_of_movement
 */
const easeOfMovement: Kernel = ({ length, high, low, volume }, [em, sma], workspace, definition) => {
  for (let t = 0; t < length; t += 1) {
    const moved = t === 0 ? Number.NaN : high[t]! - high[t - 1]! + (low[t]! - low[t - 1]!);
    em![t] = ((moved * (high[t]! - low[t]!)) / (2 * volume[t]!)) * 1e8;
  }
  if (definition === 'causal') dropInfinite([em!], length);
  rollingMean(em!, length, EM_ROWS, minPeriods(definition, EM_ROWS), sma!, workspace.floats(0));
};
const EM_ROWS = 14;

/**
 * Volume-price trend: volume times the relative change of the close, summed since the first bar. Warm-up 1; NaN on
 * a day without a known volume or after a close of 0, which adds nothing to the sum.
 * https://en.wikipedia.org/wiki/Volume%E2%80%93price_trend
 */
const volumePriceTrend: Kernel = ({ length, close, volume }, [vpt], workspace, definition) => {
  const trend = workspace.floats(0);
  for (let t = 0; t < length; t += 1) {
    trend[t] = t === 0 ? Number.NaN : (close[t]! / close[t - 1]! - 1) * volume[t]!;
  }
  if (definition === 'causal') dropInfinite([trend], length);
  cumulate(trend, length, vpt!);
};

/**
 * Volume-weighted average price of the last 14 rows, each with its typical price (high + low + close) / 3.
 * Warm-up 13; NaN where the window has no volume or misses one.
 * https://en.wikipedia.org/wiki/Volume-weighted_average_price
 */
const volumeWeightedAveragePrice: Kernel = (
  { length, high, low, close, volume },
  [vwap],
  workspace,
  definition,
) => {
  const paid = workspace.floats(0);
  const paidSum = workspace.floats(1);
  const suffix = workspace.floats(2);
  for (let t = 0; t < length; t += 1) paid[t] = ((high[t]! + low[t]! + close[t]!) / 3) * volume[t]!;
  rollingSum(paid, length, VWAP_ROWS, minPeriods(definition, VWAP_ROWS), paidSum, suffix);
  rollingSum(volume, length, VWAP_ROWS, minPeriods(definition, VWAP_ROWS), vwap!, suffix);
  for (let t = 0; t < length; t += 1) vwap![t] = paidSum[t]! / vwap![t]!;
  if (definition === 'causal') dropInfinite([vwap!], length);
};
const VWAP_ROWS = 14;

/**
 * Money flow index: an RSI of typical price times volume over 14 rows, 0 to 100. Without any negative flow it is
 * 100. Warm-up 13 (the first row has no direction and counts as no flow); NaN where the window has no flow at all
 * or misses a volume.
 * https://en.wikipedia.org/wiki/Money_flow_index
 */
const moneyFlowIndex: Kernel = ({ length, high, low, close, volume }, [mfi], workspace, definition) => {
  const positive = workspace.floats(0);
  const negative = workspace.floats(1);
  const positiveSum = workspace.floats(2);
  const suffix = workspace.floats(3);
  let before = Number.NaN;
  for (let t = 0; t < length; t += 1) {
    const typical = (high[t]! + low[t]! + close[t]!) / 3;
    const flow = typical * volume[t]!;
    const gap = Number.isNaN(flow) ? Number.NaN : 0;
    positive[t] = typical > before ? flow : gap;
    negative[t] = typical < before ? flow : gap;
    before = typical;
  }
  rollingSum(positive, length, MFI_ROWS, minPeriods(definition, MFI_ROWS), positiveSum, suffix);
  rollingSum(negative, length, MFI_ROWS, minPeriods(definition, MFI_ROWS), mfi!, suffix);
  for (let t = 0; t < length; t += 1) mfi![t] = 100 - 100 / (1 + positiveSum[t]! / mfi![t]!);
};
const MFI_ROWS = 14;

/**
 * Negative volume index: starts at 1000 and moves by the relative change of the close on days whose volume fell,
 * on the idea that quiet days show what informed hands do. No warm-up; a day after a close of 0 leaves it as it is.
 * https://en.wikipedia.org/wiki/Negative_volume_index
 */
const negativeVolumeIndex: Kernel = ({ length, close, volume }, [nvi], _workspace, definition) => {
  let index = 1000;
  for (let t = 0; t < length; t += 1) {
    if (t > 0 && volume[t - 1]! > volume[t]!) {
      const next = index * (1 + (close[t]! / close[t - 1]! - 1));
      if (definition !== 'causal' || Number.isFinite(next)) index = next;
    }
    nvi![t] = index;
  }
};

const { column, indicator } = defineFamily('volume');

export const VOLUME: readonly Indicator[] = [
  indicator('accumulation/distribution index', {}, [column('adi', 0, 0)], accumulationDistribution),
  indicator('on-balance volume', {}, [column('obv', 0, 0)], onBalanceVolume),
  indicator('Chaikin money flow', { rows: CMF_ROWS }, [column('cmf', 19, 0)], chaikinMoneyFlow),
  indicator('force index', { rows: FI_ROWS }, [column('fi', 13, 0, 1)], forceIndex),
  indicator(
    'ease of movement',
    { rows: EM_ROWS },
    [column('em', 1, 0, 2), column('sma_em', 14, 0, 2)],
    easeOfMovement,
  ),
  indicator('volume-price trend', {}, [column('vpt', 1, 0)], volumePriceTrend),
  indicator(
    'volume-weighted average price',
    { rows: VWAP_ROWS },
    [column('vwap', 13, 0, 1)],
    volumeWeightedAveragePrice,
  ),
  indicator('money flow index', { rows: MFI_ROWS }, [column('mfi', 13, 50)], moneyFlowIndex),
  indicator('negative volume index', {}, [column('nvi', 0, 1000)], negativeVolumeIndex),
];
