import type { DayNumber } from '../runtime/dates.ts';

/** No era takes this row. Less than any day: days before 1970 are negative, and -1 is one of them, 1969-12-31. */
export const NO_ERA: DayNumber = -(2 ** 31);

/** Friday of the week of a day; a week runs from Saturday to Friday. Day 1 (1970-01-02) is a Friday. */
export function weekOf(day: DayNumber): DayNumber {
  return day + ((((1 - day) % 7) + 7) % 7);
}

/**
 * The era of each of the first n rows of one ticker, NO_ERA for rows that no era takes. Weekly: the last row of a
 * week belongs to its Friday. Daily: every row to its own day.
 *
 * @param days ascending trading days
 */
export function erasOfRows(days: Int32Array, n: number, sample: 'weekly' | 'daily', eras: Int32Array): void {
  for (let row = 0; row < n; row += 1) {
    const day = days[row]!;
    if (sample === 'daily') {
      eras[row] = day;
      continue;
    }
    const week = weekOf(day);
    eras[row] = row + 1 < n && weekOf(days[row + 1]!) === week ? NO_ERA : week;
  }
}

/** How old the last trading day may be for a decision today, in calendar days. */
const LIVE_DAYS = 5;

/** Live: a ticker's last row on or before `asOf`, unless it is older than LIVE_DAYS, belongs to the era `asOf`. */
export function liveEraOfRows(days: Int32Array, n: number, asOf: DayNumber, eras: Int32Array): void {
  eras.fill(NO_ERA, 0, n);
  for (let row = n - 1; row >= 0; row -= 1) {
    if (days[row]! > asOf) continue;
    if (days[row]! >= asOf - LIVE_DAYS) eras[row] = asOf;
    return;
  }
}
