import { ascending, descending, groups, max } from 'd3-array';
import type { ExchangeSessions, LoadManifest } from '../../loader/outcome.ts';
import { fromDay, toDay, type IsoDate } from '../../runtime/dates.ts';

/** Of how many tickers that answered there is a close. */
export interface SessionCell {
  readonly closes: number;
  readonly tickers: number;
}

/** A week of trading dates with a row per exchange; every week has the same exchanges in the same order. */
export interface SessionWeek {
  readonly dates: readonly IsoDate[];
  readonly exchanges: readonly {
    readonly exchange: string;
    /** One per date; `undefined` where no ticker of the exchange has a close. */
    readonly cells: readonly (SessionCell | undefined)[];
  }[];
}

/** A run that asked for a few tickers of an exchange says little about the others. */
const LEAST_SHARE = 0.5;

/**
 * Closes per exchange and trading date over the last `weeks` weeks that have any, newest week first. A date is
 * taken from the newest run that asked for at least half as many tickers of the exchange as any other run.
 *
 * @param manifests newest first
 */
export function sessionWeeks(manifests: readonly LoadManifest[], weeks: number): SessionWeek[] {
  const exchanges = groups(
    manifests.flatMap(({ sessions }) => sessions),
    ({ exchange }) => exchange,
  )
    .map(([exchange, runs]) => mergeRuns(exchange, runs))
    .sort((a, b) => descending(a.tickers, b.tickers) || ascending(a.exchange, b.exchange));
  const dates = [...new Set(exchanges.flatMap(({ cells }) => [...cells.keys()]))].sort(descending);
  return groups(dates, mondayOf)
    .slice(0, weeks)
    .map(([, days]) => {
      const inOrder = days.toReversed();
      return {
        dates: inOrder,
        exchanges: exchanges.map(({ exchange, cells }) => ({
          exchange,
          cells: inOrder.map((date) => cells.get(date)),
        })),
      };
    });
}

interface MergedExchange {
  readonly exchange: string;
  readonly tickers: number;
  readonly cells: ReadonlyMap<IsoDate, SessionCell>;
}

function mergeRuns(exchange: string, runs: readonly ExchangeSessions[]): MergedExchange {
  const most = max(runs, ({ tickers }) => tickers)!;
  const cells = new Map<IsoDate, SessionCell>();
  for (const { tickers, closes } of runs) {
    if (tickers < LEAST_SHARE * most) continue;
    for (const [date, count] of Object.entries(closes)) {
      if (!cells.has(date)) cells.set(date, { closes: count, tickers });
    }
  }
  return { exchange, tickers: most, cells };
}

// Day 0, 1970-01-01, was a Thursday.
function mondayOf(date: IsoDate): IsoDate {
  const day = toDay(date);
  return fromDay(day - ((((day + 3) % 7) + 7) % 7));
}
