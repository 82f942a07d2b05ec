import { weekOf } from '../features/eras.ts';
import { fromDay, toDay, type IsoDate } from '../runtime/dates.ts';

/** A stretch of the calendar; weeks run from Saturday to Friday. */
export type Period = 'week' | 'month' | 'quarter';

/**
 * When a basket is rebalanced: never, on certain dates, or on the first date of each period. Rules know on the day
 * that it is one of theirs; for the last date of a period one would have to see the next.
 */
export type Schedule = 'never' | readonly IsoDate[] | { readonly firstOf: Period };

/**
 * Indexes of the dates of a schedule, without date 0. A date that is not among `dates` stands for the next that is;
 * one after the last is still to come.
 *
 * @param dates days since 1970-01-01, ascending
 */
export function scheduledIndexes(schedule: Schedule, dates: Int32Array): number[] {
  const indexes = Array.from(dates.keys()).slice(1);
  if (schedule === 'never') return [];
  if ('firstOf' in schedule) {
    const { firstOf } = schedule;
    return indexes.filter((t) => periodOf(dates[t]!, firstOf) !== periodOf(dates[t - 1]!, firstOf));
  }
  const days = schedule.map(toDay);
  return indexes.filter((t) => days.some((day) => day > dates[t - 1]! && day <= dates[t]!));
}

/** Names the period that a day is in: equal for days of the same one, later periods are greater. */
export function periodOf(day: number, period: Period): number {
  if (period === 'week') return weekOf(day);
  const [year, month] = fromDay(day).split('-').map(Number) as [number, number];
  return period === 'month' ? year * 12 + month - 1 : year * 4 + Math.floor((month - 1) / 3);
}
