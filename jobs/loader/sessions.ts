import { addDays, toDay, type IsoDate } from '../runtime/dates.ts';
import type { ExchangeSessions } from './outcome.ts';

/** On which of the last dates of a window a ticker has a close. */
export interface RecentCloses {
  readonly ticker: string;
  readonly exchange: string;
  /** Bit k stands for k days before the last date of the window. */
  readonly days: number;
}

/** An exchange whose tickers lack a date that others of it have: the provider's gap, not a holiday. */
export interface Gap {
  readonly exchange: string;
  readonly date: IsoDate;
  readonly lacking: readonly string[];
}

/** So many days before the end of a window are looked at; a number has room for so many bits. */
const RECENT_DAYS = 30;

/** An exchange has a character of its own from so many tickers on. */
const MIN_TICKERS = 5;
/** A date is a session of an exchange when this share of its tickers has a close. */
const SESSION_SHARE = 0.1;
/** Of tickers without a close on a session, this share makes it a gap of the provider. */
const GAP_SHARE = 0.3;
const USUAL_SHARE = 0.5;
const STALE_SESSIONS = 5;

/** The bits of `RecentCloses` for dates with a close; `end` is the first date after the window. */
export function recentDays(dates: Iterable<IsoDate>, end: IsoDate): number {
  let days = 0;
  for (const date of dates) {
    const back = toDay(end) - 1 - toDay(date);
    if (back >= 0 && back < RECENT_DAYS) days |= 1 << back;
  }
  return days;
}

/** Tickers with a close by exchange and date, for dates on which at least one has. Sorted. */
export function countSessions(closes: readonly RecentCloses[], end: IsoDate): ExchangeSessions[] {
  return [...byExchange(closes)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([exchange, tickers]) => {
      const counts: Record<IsoDate, number> = {};
      for (let back = RECENT_DAYS - 1; back >= 0; back -= 1) {
        const count = countOn(tickers, back);
        if (count > 0) counts[addDays(end, -1 - back)] = count;
      }
      return { exchange, tickers: tickers.length, closes: counts };
    });
}

/** Sessions that a good part of an exchange lacks. A ticker that began later or ended before does not count. */
export function findGaps(closes: readonly RecentCloses[], end: IsoDate): Gap[] {
  const gaps: Gap[] = [];
  for (const [exchange, tickers] of byExchange(closes)) {
    if (tickers.length < MIN_TICKERS) continue;
    for (let back = RECENT_DAYS - 1; back >= 0; back -= 1) {
      if (countOn(tickers, back) < Math.max(2, SESSION_SHARE * tickers.length)) continue;
      // Bits above `back` are dates before it.
      const listed = tickers.filter(({ days }) => days >> (back + 1) !== 0 || hasClose(days, back));
      const lacking = listed.filter(({ days }) => !hasClose(days, back));
      if (lacking.length <= GAP_SHARE * listed.length) continue;
      gaps.push({
        exchange,
        date: addDays(end, -1 - back),
        lacking: lacking.map(({ ticker }) => ticker),
      });
    }
  }
  return gaps;
}

/** Tickers whose last close lies several sessions of their own exchange back. */
export function findStale(closes: readonly RecentCloses[]): Set<string> {
  const stale = new Set<string>();
  for (const tickers of byExchange(closes).values()) {
    if (tickers.length < MIN_TICKERS) continue;
    const isUsual = (back: number): boolean => countOn(tickers, back) >= USUAL_SHARE * tickers.length;
    const sessions = Array.from({ length: RECENT_DAYS }, (_, back) => back).filter(isUsual);
    for (const { ticker, days } of tickers) {
      const missed = sessions.filter((back) => days % 2 ** (back + 1) === 0).length;
      if (missed >= STALE_SESSIONS) stale.add(ticker);
    }
  }
  return stale;
}

function byExchange(closes: readonly RecentCloses[]): Map<string, RecentCloses[]> {
  return Map.groupBy(closes, ({ exchange }) => exchange);
}

function countOn(tickers: readonly RecentCloses[], back: number): number {
  let count = 0;
  for (const { days } of tickers) if (hasClose(days, back)) count += 1;
  return count;
}

function hasClose(days: number, back: number): boolean {
  return (days & (1 << back)) !== 0;
}
