import type { Bars, Kernel } from './indicator.ts';

/** The acceleration factor starts at `STEP`, grows by it with every new extreme, and ends at `MAX_FACTOR`. */
export const STEP = 0.02;
export const MAX_FACTOR = 0.2;

/**
 * Parabolic stop and reverse: a stop that trails the price and turns when the price passes it. In an up-trend
 * it lies below the price and moves by a factor of its distance to the highest high since the turn; the
 * factor grows with every new high. A down-trend is the mirror image. psar_up has the stop on the rows of an
 * up-trend and NaN on the others, psar_down the other way round; psar_up_indicator and psar_down_indicator
 * are 1 on the row where the trend turns to their side, else 0. Warm-up 2.
 *
 * `causal` is Wilder's definition: the stop never goes beyond the extremes of the two rows before, and after
 * a turn it starts at the furthest price of the trend that ended, the present row included. What comes before
 * the data is chosen from rows 0 and 1: the trend is down if the low fell by more than the high rose, else
 * up, which is no turn; its extreme is theirs, and the opposite extreme is the stop of row 2.
 *
 * `ta` starts upwards with the close of row 1 as stop and row 0 as extreme and calls row 2 a turn. It bounds
 * the stop by one of the two rows only, the older one if that would move it, and after a turn leaves out the
 * present row. With `fillna` psar_up and psar_down carry the stop of the last such trend through the next.
 * https://en.wikipedia.org/wiki/Parabolic_SAR
 */
export const parabolicStopAndReverse: Kernel = (bars, out, _workspace, definition) => {
  const [up, down, upTurn, downTurn] = out;
  const isCausal = definition === 'causal';
  up!.fill(Number.NaN, 0, bars.length);
  down!.fill(Number.NaN, 0, bars.length);
  upTurn!.fill(0, 0, bars.length);
  downTurn!.fill(0, 0, bars.length);
  if (isCausal) {
    upTurn!.fill(Number.NaN, 0, Math.min(2, bars.length));
    downTurn!.fill(Number.NaN, 0, Math.min(2, bars.length));
  }
  if (bars.length <= 2) return;
  if (isCausal) followWilder(bars, up!, down!, upTurn!, downTurn!);
  else followTa(bars, up!, down!, upTurn!, downTurn!);
};

function followWilder(
  { length, high, low }: Bars,
  up: Float64Array,
  down: Float64Array,
  upTurn: Float64Array,
  downTurn: Float64Array,
): void {
  const highest = Math.max(high[0]!, high[1]!);
  const lowest = Math.min(low[0]!, low[1]!);
  let isUp = high[1]! - high[0]! >= low[0]! - low[1]!;
  let extreme = isUp ? highest : lowest;
  let stop = isUp ? lowest : highest;
  let factor = STEP;
  for (let t = 2; t < length; t += 1) {
    const h = high[t]!;
    const l = low[t]!;
    stop += factor * (extreme - stop);
    if (isUp) {
      stop = Math.min(stop, low[t - 1]!, low[t - 2]!);
      if (l < stop) {
        isUp = false;
        downTurn[t] = 1;
        stop = Math.max(extreme, h);
        extreme = l;
        factor = STEP;
      } else if (h > extreme) {
        extreme = h;
        factor = Math.min(factor + STEP, MAX_FACTOR);
      }
    } else {
      stop = Math.max(stop, high[t - 1]!, high[t - 2]!);
      if (h > stop) {
        isUp = true;
        upTurn[t] = 1;
        stop = Math.min(extreme, l);
        extreme = h;
        factor = STEP;
      } else if (l < extreme) {
        extreme = l;
        factor = Math.min(factor + STEP, MAX_FACTOR);
      }
    }
    if (isUp) up[t] = stop;
    else down[t] = stop;
  }
}

function followTa(
  { length, high, low, close }: Bars,
  up: Float64Array,
  down: Float64Array,
  upTurn: Float64Array,
  downTurn: Float64Array,
): void {
  upTurn[2] = 1;
  let isUp = true;
  let extreme = high[0]!;
  let stop = close[1]!;
  let factor = STEP;
  for (let t = 2; t < length; t += 1) {
    const h = high[t]!;
    const l = low[t]!;
    if (isUp) {
      stop += factor * (extreme - stop);
      if (l < stop) {
        isUp = false;
        upTurn[t] = 0;
        downTurn[t] = 1;
        stop = extreme;
        extreme = l;
        factor = STEP;
      } else {
        if (h > extreme) {
          extreme = h;
          factor = Math.min(factor + STEP, MAX_FACTOR);
        }
        if (low[t - 2]! < stop) stop = low[t - 2]!;
        else if (low[t - 1]! < stop) stop = low[t - 1]!;
      }
    } else {
      stop -= factor * (stop - extreme);
      if (h > stop) {
        isUp = true;
        upTurn[t] = 1;
        stop = extreme;
        extreme = h;
        factor = STEP;
      } else {
        if (l < extreme) {
          extreme = l;
          factor = Math.min(factor + STEP, MAX_FACTOR);
        }
        if (high[t - 2]! > stop) stop = high[t - 2]!;
        else if (high[t - 1]! > stop) stop = high[t - 1]!;
      }
    }
    if (isUp) up[t] = stop;
    else down[t] = stop;
  }
}
