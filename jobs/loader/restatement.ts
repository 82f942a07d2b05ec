import type { StoredBar } from '../lake/stored-prices.ts';
import type { Bar } from '../market/bar.ts';
import type { IsoDate } from '../runtime/dates.ts';

/** How an answer differs from what the lake has on the same dates. */
export interface Difference {
  /** Why the past was restated; `undefined` when it was not. */
  readonly reason: string | undefined;
  /** Median of answered to stored closes; 1 without a common date. */
  readonly ratio: number;
  /** Product of the splits that the lake does not have yet; 1 without any. */
  readonly splits: number;
}

// A dividend of a hundredth of a percent moves adjusted closes by more; rounding moves them by less.
const TOLERANCE = 2e-5;

/**
 * Compares an answer with the rows of the lake on their common dates. A provider restates closes and volumes of all
 * the past at each split, and adjusted closes at each dividend or split: a ratio between the two, or an action that
 * the lake does not have, means that rows outside of the answer are out of date as well. Single bars that were
 * repaired do not. Pure.
 *
 * @param bars ascending
 * @param stored ascending
 */
export function compareWithStored(bars: readonly Bar[], stored: readonly StoredBar[]): Difference {
  const lake = new Map<IsoDate, StoredBar>(stored.map((bar) => [bar.date, bar]));
  const last = stored.at(-1)?.date;
  const closes: number[] = [];
  const adjusted: number[] = [];
  const actions: string[] = [];
  let splits = 1;
  for (const bar of bars) {
    const before = lake.get(bar.date);
    const isPast = last !== undefined;
    if (isPast && bar.split !== null && bar.split !== (before?.split ?? null)) {
      actions.push(`split of ${bar.date}, ${Number(bar.split.toPrecision(6))} for 1`);
      splits *= bar.split;
    }
    if (isPast && bar.dividend !== null && !isClose(bar.dividend, before?.dividend ?? null)) {
      actions.push(`dividend of ${bar.date}, ${Number(bar.dividend.toPrecision(6))}`);
    }
    if (before === undefined) continue;
    if (bar.close !== null && before.close !== null) closes.push(bar.close / before.close);
    if (bar.adjClose !== null && before.adjClose !== null) adjusted.push(bar.adjClose / before.adjClose);
  }
  const ratio = median(closes) ?? 1;
  const adjustedRatio = median(adjusted) ?? 1;
  const reasons = [...actions];
  if (Math.abs(ratio - 1) > TOLERANCE) reasons.push(`closes are ${Number(ratio.toPrecision(6))} of before`);
  else if (Math.abs(adjustedRatio - 1) > TOLERANCE) {
    reasons.push(`adjusted closes are ${Number(adjustedRatio.toPrecision(6))} of before`);
  }
  return { reason: reasons.length === 0 ? undefined : reasons.join('; '), ratio, splits };
}

function isClose(a: number, b: number | null): boolean {
  return b !== null && Math.abs(a - b) <= TOLERANCE * Math.abs(b);
}

function median(values: number[]): number | undefined {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
