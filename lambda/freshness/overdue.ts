import { addDays, toDay, utcDate, type IsoDate } from '../../jobs/runtime/dates.ts';

/** What the lake shows of the past; undefined for what never was. */
export interface LakeState {
  /** When runs of a job were finished, oldest first. */
  readonly runs: Readonly<Record<'load' | 'transform', readonly Date[]>>;
  /** When prices were last written. */
  readonly prices: Date | undefined;
}

export interface Overdue {
  readonly job: 'load' | 'transform';
  readonly message: string;
}

/** Weekdays without new prices that are no fault: one, for a holiday. */
const QUIET_TRADING_DAYS = 1;
const HOUR_MS = 3_600_000;

/**
 * What should have happened by `now`.
 *
 * @param maxHours longest time between two finished runs of each job that is no fault
 */
export function findOverdue(
  { runs, prices }: LakeState,
  now: Date,
  maxHours: Readonly<Record<'load' | 'transform', number>>,
): Overdue[] {
  const overdue: Overdue[] = [];
  for (const job of ['load', 'transform'] as const) {
    // A new lake owes its first transform a week after its first load.
    const since = runs[job].at(-1) ?? (job === 'transform' ? runs.load[0] : undefined);
    const hours = since === undefined ? Infinity : (now.getTime() - since.getTime()) / HOUR_MS;
    const isNewLake = job === 'transform' && since === undefined;
    if (hours <= maxHours[job] || isNewLake) continue;
    const last = runs[job].at(-1)?.toISOString() ?? 'never';
    overdue.push({ job, message: `no ${job} has finished for ${maxHours[job]} hours; last: ${last}` });
  }
  const quiet = prices === undefined ? 0 : tradingDaysBetween(utcDate(prices), utcDate(now));
  if (quiet > QUIET_TRADING_DAYS) {
    overdue.push({
      job: 'load',
      message: `no new prices for ${quiet} trading days; last written ${prices!.toISOString()}`,
    });
  }
  return overdue;
}

/** Mondays to Fridays after `from` and before `to`. */
export function tradingDaysBetween(from: IsoDate, to: IsoDate): number {
  let count = 0;
  for (let date = addDays(from, 1); date < to; date = addDays(date, 1)) {
    // 1970-01-01 was a Thursday.
    const weekday = (toDay(date) + 3) % 7;
    if (weekday < 5) count += 1;
  }
  return count;
}
