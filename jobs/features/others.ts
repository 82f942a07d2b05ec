import { defineFamily, type Indicator, type Kernel } from './indicator.ts';

/* Returns, which `ta` keeps in its group `others`. Formulas are those of `ta` 0.11.0. */

/** Daily return in percent, 100 (C[t] / C[t-1] - 1). Warm-up 1; under `causal` NaN after a close of 0. */
const dailyReturn: Kernel = ({ length, close }, [dr], _workspace, definition) => {
  dr![0] = Number.NaN;
  for (let t = 1; t < length; t += 1) dr![t] = finite((close[t]! / close[t - 1]! - 1) * 100, definition);
};

/**
 * Daily log return in percent, 100 (ln C[t] - ln C[t-1]). Warm-up 1; under `causal` NaN where either close is 0.
 */
const dailyLogReturn: Kernel = ({ length, close }, [dlr], _workspace, definition) => {
  let before = Number.NaN;
  for (let t = 0; t < length; t += 1) {
    const log = Math.log(close[t]!);
    dlr![t] = finite((log - before) * 100, definition);
    before = log;
  }
};

/** Return since the first bar in percent, 100 (C[t] / C[0] - 1). No warm-up; under `causal` NaN if C[0] is 0. */
const cumulativeReturn: Kernel = ({ length, close }, [cr], _workspace, definition) => {
  for (let t = 0; t < length; t += 1) cr![t] = finite((close[t]! / close[0]! - 1) * 100, definition);
};

function finite(value: number, definition: string): number {
  return definition === 'causal' && !Number.isFinite(value) ? Number.NaN : value;
}

const { column, indicator } = defineFamily('others');

export const OTHERS: readonly Indicator[] = [
  indicator('daily return', {}, [column('dr', 1, 0)], dailyReturn),
  indicator('daily log return', {}, [column('dlr', 1, 0)], dailyLogReturn),
  indicator('cumulative return', {}, [column('cr', 0, 'back')], cumulativeReturn),
];
