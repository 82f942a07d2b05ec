import type { IsoDate } from '../runtime/dates.ts';
import type { Bar } from './bar.ts';

/** A step between two closes that looks like a change of the unit of prices and not like a price. */
export interface Cliff {
  /** First date on the new level. */
  readonly date: IsoDate;
  /** Close of that date divided by the close before. */
  readonly ratio: number;
  /** `unit`: by about a hundred or more, as between pence and pounds. `split`: by a whole ratio, as a split not applied. */
  readonly kind: 'unit' | 'split';
}

// Ratios that shares are split by. Smaller ones such as 3:2 cannot be told from ordinary moves.
const SPLIT_RATIOS = [2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50];
/** Minor and major units lie a hundred or a thousand apart; no price moves by nearly that much in a day. */
const UNIT_RATIO = 75;
/** How far a close may lie from the exact ratio: a day's ordinary move on top of the step. */
const SPLIT_TOLERANCE = 0.03;
/** The range of the day, against its usual range, from which a step is a price that people traded at. */
const UNUSUAL_RANGE = 2.5;
const USUAL_BARS = 10;
const YEAR_BARS = 250;
/** Prices of few ticks double and halve in ordinary trade. */
const COARSE_TICK = 0.05;
/** Without bars to compare with, a day that moved no more than this share is an ordinary one. */
const ORDINARY_RANGE = 0.06;

/**
 * The cliffs of a series, in order. Closes of a provider are adjusted for splits, so a step of a whole ratio is a split
 * that was not applied (or was applied to a part of the history): the level jumps overnight and the day itself is as
 * calm as any. A crash of the same size comes with a wild day. Pure.
 *
 * @param bars ascending; bars without a close are passed over
 * @param known dates of steps that are taken for real
 */
export function findCliffs(bars: readonly Bar[], known: readonly IsoDate[] = []): Cliff[] {
  const closes = bars.filter((bar) => bar.close !== null);
  const cliffs: Cliff[] = [];
  for (let index = 1; index < closes.length; index += 1) {
    const { date, close } = closes[index]!;
    const ratio = close! / closes[index - 1]!.close!;
    if (known.includes(date)) continue;
    if (isUnitStep(ratio)) cliffs.push({ date, ratio, kind: 'unit' });
    else if (isSplitStep(ratio) && isCalm(closes, index)) cliffs.push({ date, ratio, kind: 'split' });
  }
  return cliffs;
}

/** Whether prices on the two sides of a ratio are in a minor and in a major unit. */
export function isUnitStep(ratio: number): boolean {
  return Math.max(ratio, 1 / ratio) >= UNIT_RATIO;
}

function isSplitStep(ratio: number): boolean {
  const factor = Math.max(ratio, 1 / ratio);
  return SPLIT_RATIOS.some((split) => isNear(factor, split, SPLIT_TOLERANCE));
}

function isNear(value: number, target: number, tolerance: number): boolean {
  return Math.abs(value / target - 1) <= tolerance;
}

/** A day whose open is already on the new level and whose range is like that of the days before. */
function isCalm(bars: readonly Bar[], index: number): boolean {
  const { open, close } = bars[index]!;
  const range = relativeRange(bars[index]!);
  const earlier = bars.slice(Math.max(0, index - USUAL_BARS), index);
  if (isCoarse(bars.slice(Math.max(0, index - YEAR_BARS), index + 1))) return false;
  // A series of closes only tells nothing about the day.
  if (open === null || range === undefined) return true;
  if (Math.abs(open / close! - 1) > 2 * SPLIT_TOLERANCE) return false;
  const before = earlier
    .map(relativeRange)
    .filter((value) => value !== undefined)
    .toSorted((a, b) => a - b);
  const usual = before[Math.floor(before.length / 2)] ?? ORDINARY_RANGE / UNUSUAL_RANGE;
  return range <= Math.max(usual * UNUSUAL_RANGE, ORDINARY_RANGE / 3);
}

/** Whether even the smallest move between closes is large beside the price: it has few ticks. */
function isCoarse(bars: readonly Bar[]): boolean {
  let tick = Infinity;
  let lowest = Infinity;
  for (const [index, { close }] of bars.entries()) {
    lowest = Math.min(lowest, close!);
    const move = index === 0 ? 0 : Math.abs(close! - bars[index - 1]!.close!);
    if (move > 0) tick = Math.min(tick, move);
  }
  return tick > COARSE_TICK * lowest;
}

function relativeRange({ high, low, close }: Bar): number | undefined {
  return high === null || low === null ? undefined : (high - low) / close!;
}
