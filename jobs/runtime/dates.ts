import { UsageError } from './errors.ts';

/** A calendar date `YYYY-MM-DD` without time or zone. Ranges of dates are half-open: `[start, end)`. */
export type IsoDate = string;

/** Whole days since 1970-01-01, the unit that hot loops and Parquet DATE columns use. */
export type DayNumber = number;

const MS_PER_DAY = 86_400_000;

/** Reads `YYYY-MM-DD` or the original system's `YYMMDD` (20YY). Throws UsageError naming `what`. */
export function parseDate(text: string, what: string): IsoDate {
  const short = /^(\d\d)(\d\d)(\d\d)$/.exec(text);
  const iso = short ? `20${short[1]}-${short[2]}-${short[3]}` : text;
  if (!isIsoDate(iso)) {
    const looksRight = /^\d{4}-\d\d-\d\d$/.test(iso);
    const why = looksRight ? 'does not exist in the calendar' : 'is not a date';
    throw new UsageError(`${what} "${text}" ${why}; write YYYY-MM-DD or YYMMDD`);
  }
  return iso;
}

/** True for an existing date written `YYYY-MM-DD`. */
export function isIsoDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return Number.isFinite(ms) && new Date(ms).toISOString().startsWith(text);
}

export function toDay(date: IsoDate): DayNumber {
  return Date.parse(`${date}T00:00:00Z`) / MS_PER_DAY;
}

export function fromDay(day: DayNumber): IsoDate {
  return new Date(day * MS_PER_DAY).toISOString().slice(0, 10);
}

export function addDays(date: IsoDate, days: number): IsoDate {
  return fromDay(toDay(date) + days);
}

/** The UTC date of an instant. */
export function utcDate(instant: Date): IsoDate {
  return instant.toISOString().slice(0, 10);
}

/** A half-open range of dates. */
export interface DateRange {
  readonly start: IsoDate;
  /** First date that is no longer in the range. */
  readonly end: IsoDate;
}
