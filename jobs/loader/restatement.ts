import type { StoredBar } from '../lake/stored-prices.ts';
import type { Bar } from '../market/bar.ts';
import type { IsoDate } from '../runtime/dates.ts';

/** How an answer differs from what the lake has on the same dates. */
export interface Difference {
  /** Why the past was restated; `undefined` when it was not. */
  readonly reason: string | undefined;
  /** Median of answered to stored closes of the oldest common bars; 1 without a common date. */
  readonly ratio: number;
  /** Product of the splits that the lake does not have yet; 1 without any. */
  readonly splits: number;
}

// A dividend of a hundredth of a percent moves adjusted closes by more; rounding moves them by less.
const TOLERANCE = 2e-5;
/** A restated past shows in the oldest of the common bars, also where it is restated up to an ex-date among them. */
const OLDEST = 3;

const NOTHING = { close: null, adjClose: null, split: null, dividend: null };

/**
 * Compares an answer with the rows of the lake on their common dates. A provider restates closes and volumes of all
 * the past at each split, and adjusted closes at each dividend or split: a ratio between the two, or an action that
 * came, changed or went, means that rows outside of the answer are out of date as well. Single bars that were
 * repaired do not. Pure.
 *
 * @param bars ascending
 * @param stored ascending
 */
export function compareWithStored(bars: readonly Bar[], stored: readonly StoredBar[]): Difference {
  if (stored.length === 0) return { reason: undefined, ratio: 1, splits: 1 };
  const lake = new Map<IsoDate, StoredBar>(stored.map((bar) => [bar.date, bar]));
  const closes: number[] = [];
  const adjusted: number[] = [];
  const reasons: string[] = [];
  let splits = 1;
  const dates = new Set(bars.map(({ date }) => date));
  const isCovered = (date: IsoDate): boolean => date >= bars[0]!.date && date <= bars.at(-1)!.date;
  const withdrawn = stored.filter(({ date }) => isCovered(date) && !dates.has(date));
  for (const bar of [...bars, ...withdrawn.map(({ date }) => ({ ...NOTHING, date }))]) {
    // What lies before the lake's rows is an older past, not a changed one.
    if (bar.date < stored[0]!.date) continue;
    const before = lake.get(bar.date);
    const was = before ?? NOTHING;
    if (!isSame(bar.split, was.split)) {
      reasons.push(describeAction('split', bar.date, bar.split, was.split));
      splits *= (bar.split ?? 1) / (was.split ?? 1);
    }
    if (!isSame(bar.dividend, was.dividend)) {
      reasons.push(describeAction('dividend', bar.date, bar.dividend, was.dividend));
    }
    if (before === undefined) continue;
    if (bar.close !== null && before.close !== null) closes.push(bar.close / before.close);
    if (bar.adjClose !== null && before.adjClose !== null) adjusted.push(bar.adjClose / before.adjClose);
  }
  const ratio = median(closes.slice(0, OLDEST)) ?? 1;
  const adjustedRatio = median(adjusted.slice(0, OLDEST)) ?? 1;
  if (Math.abs(ratio - 1) > TOLERANCE) reasons.push(`closes are ${Number(ratio.toPrecision(6))} of before`);
  else if (Math.abs(adjustedRatio - 1) > TOLERANCE) {
    reasons.push(`adjusted closes are ${Number(adjustedRatio.toPrecision(6))} of before`);
  }
  return { reason: reasons.length === 0 ? undefined : reasons.join('; '), ratio, splits };
}

function describeAction(what: string, date: IsoDate, now: number | null, before: number | null): string {
  const text = (value: number): string =>
    `${Number(value.toPrecision(6))}${what === 'split' ? ' for 1' : ''}`;
  if (now === null) return `${what} of ${date} withdrawn, ${text(before!)}`;
  return `${what} of ${date}, ${text(now)}${before === null ? '' : ` instead of ${text(before)}`}`;
}

function isSame(a: number | null, b: number | null): boolean {
  if (a === null || b === null) return a === b;
  return Math.abs(a - b) <= TOLERANCE * Math.abs(b);
}

function median(values: number[]): number | undefined {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
