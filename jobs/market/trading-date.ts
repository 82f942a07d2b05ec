import type { IsoDate } from '../runtime/dates.ts';

const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * The calendar date of an instant in a time zone, with the daylight saving rules of that date: the trading date
 * of a bar is the date on the wall of its exchange, which is neither the UTC date (bars of Sydney open at 23:00Z
 * of the day before) nor the date at today's offset.
 *
 * @param epochSeconds seconds since 1970-01-01T00:00:00Z
 * @param timeZone IANA name such as `Australia/Sydney`; RangeError when there is none of that name
 */
export function tradingDate(epochSeconds: number, timeZone: string): IsoDate {
  return formatOf(timeZone).format(epochSeconds * 1000);
}

/** Whether there is a time zone of that name. */
export function isTimeZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    // The Swedish locale writes dates as YYYY-MM-DD.
    format = new Intl.DateTimeFormat('sv-SE', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
    formats.set(timeZone, format);
  }
  return format;
}
