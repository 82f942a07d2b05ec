import { addDays, toDay, type IsoDate } from '../../jobs/runtime/dates.ts';
import type { PlayedChart } from './yahoo-server.ts';

/** Seconds since 1970. */
export const at = (instant: string): number => Date.parse(instant) / 1000;

/** Monday to Friday of a half-open range. */
export function weekdays(start: IsoDate, end: IsoDate): IsoDate[] {
  return Array.from({ length: toDay(end) - toDay(start) }, (_, index) => addDays(start, index)).filter(
    (date) => ![0, 6].includes(new Date(`${date}T00:00:00Z`).getUTCDay()),
  );
}

export type PlayedBar = PlayedChart['bars'][number];

/** A bar that opens at 14:30Z, like a US stock in winter. */
export function bar(date: IsoDate, close: number, over: Partial<PlayedBar> = {}): PlayedBar {
  return {
    at: at(`${date}T14:30:00Z`),
    open: close * 0.999,
    high: close * 1.01,
    low: close * 0.99,
    close,
    adjclose: close,
    volume: 1000,
    ...over,
  };
}

/** A stock that closes at `closeOf(index)` on each weekday from `start` up to before `end`. */
export function stock(
  symbol: string,
  start: IsoDate,
  end: IsoDate,
  closeOf: (index: number) => number = (index) => 100 + index / 10,
  over: Partial<PlayedChart> = {},
): PlayedChart {
  const dates = weekdays(start, end);
  const last = dates.at(-1)!;
  return {
    symbol,
    currency: 'USD',
    exchangeName: 'NYQ',
    timeZone: 'America/New_York',
    gmtoffset: -18000,
    longName: `${symbol} Inc.`,
    session: [at(`${last}T14:30:00Z`), at(`${last}T21:00:00Z`)],
    bars: dates.map((date, index) => bar(date, closeOf(index))),
    ...over,
  };
}
