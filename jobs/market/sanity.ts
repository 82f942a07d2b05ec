import type { IsoDate } from '../runtime/dates.ts';
import type { Bar } from './bar.ts';

/** Bars that can be relied on, and what was left out of an answer to get them. */
export interface CleanBars {
  readonly bars: readonly Bar[];
  /** Dates that came without a close: to be asked for again, never stored as a price. */
  readonly missing: readonly IsoDate[];
  /** Bars whose prices contradict each other. */
  readonly rejected: number;
}

// Highs and lows are rounded apart from opens and closes.
const TOLERANCE = 1e-3;

/**
 * Tells usable bars from unusable ones. A price that is not above zero is a missing price and a volume below zero a
 * missing volume. A bar without a close is left out unless it carries a dividend or split, and so is one with
 * `low > min(open, close)` or `high < max(open, close)` by more than rounding. Pure.
 */
export function cleanBars(bars: readonly Bar[]): CleanBars {
  const kept: Bar[] = [];
  const missing: IsoDate[] = [];
  let rejected = 0;
  for (const raw of bars) {
    const bar = withoutImpossibleValues(raw);
    const isContradiction = !isConsistent(bar);
    if (isContradiction) rejected += 1;
    else if (bar.close === null) missing.push(bar.date);
    if (bar.close !== null && !isContradiction) kept.push(bar);
    else if (bar.dividend !== null || bar.split !== null) kept.push(onlyActions(bar));
  }
  return { bars: kept, missing, rejected };
}

function withoutImpossibleValues(bar: Bar): Bar {
  const { open, high, low, close, adjClose, volume } = bar;
  const isPossible = [open, high, low, close, adjClose].every((price) => price === null || price > 0);
  if (isPossible && (volume === null || volume >= 0)) return bar;
  return {
    ...bar,
    open: positive(open),
    high: positive(high),
    low: positive(low),
    close: positive(close),
    adjClose: positive(adjClose),
    volume: volume !== null && volume >= 0 ? volume : null,
  };
}

function positive(price: number | null): number | null {
  return price !== null && price > 0 ? price : null;
}

function isConsistent({ open, high, low, close }: Bar): boolean {
  const least = Math.min(open ?? Infinity, close ?? Infinity);
  const most = Math.max(open ?? -Infinity, close ?? -Infinity);
  if (low !== null && low > least * (1 + TOLERANCE)) return false;
  if (high !== null && high < most * (1 - TOLERANCE)) return false;
  return low === null || high === null || low <= high * (1 + TOLERANCE);
}

function onlyActions({ date, dividend, split }: Bar): Bar {
  const none = { open: null, high: null, low: null, close: null };
  return { date, ...none, adjClose: null, volume: null, dividend, split };
}
