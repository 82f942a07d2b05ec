import type { IsoDate } from '../runtime/dates.ts';

interface Zone {
  readonly format: Intl.DateTimeFormat;
  /** Dates by epoch second: bars of one exchange open at the same instants, and formatting one takes microseconds. */
  readonly dates: Map<number, IsoDate>;
}

const zones = new Map<string, Zone>();
const MAX_REMEMBERED = 20_000;

/**
 * The calendar date of an instant in a time zone, with the daylight saving rules of that date: the trading date
 * of a bar is the date on the wall of its exchange, which is neither the UTC date (bars of Sydney open at 23:00Z
 * of the day before) nor the date at today's offset.
 *
 * @param epochSeconds seconds since 1970-01-01T00:00:00Z
 * @param timeZone IANA name such as `Australia/Sydney`; RangeError when there is none of that name
 */
export function tradingDate(epochSeconds: number, timeZone: string): IsoDate {
  const { format, dates } = zoneOf(timeZone);
  let date = dates.get(epochSeconds);
  if (date === undefined) {
    if (dates.size >= MAX_REMEMBERED) dates.clear();
    date = format.format(epochSeconds * 1000);
    dates.set(epochSeconds, date);
  }
  return date;
}

/** Whether there is a time zone of that name. */
export function isTimeZone(name: string): boolean {
  try {
    zoneOf(name);
    return true;
  } catch {
    return false;
  }
}

function zoneOf(timeZone: string): Zone {
  let zone = zones.get(timeZone);
  if (zone === undefined) {
    // The Swedish locale writes dates as YYYY-MM-DD.
    const format = new Intl.DateTimeFormat('sv-SE', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
    zone = { format, dates: new Map() };
    zones.set(timeZone, zone);
  }
  return zone;
}
