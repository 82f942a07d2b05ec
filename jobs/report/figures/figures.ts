import { ascending, descending, groups } from 'd3-array';
import type { LoadManifest, SeriesFlag, TickerStatus } from '../../loader/outcome.ts';
import type { IsoDate } from '../../runtime/dates.ts';
import { isFailure, STATUS_NAMES } from '../statuses.ts';
import { latencyFigures, type LatencyFigures } from './latency.ts';
import { groupNames, tickerHistories, type NameGroup, type TickerHistory } from './names.ts';
import { runFigures, type RunFigures } from './run.ts';
import { sessionWeeks, type SessionWeek } from './sessions.ts';

/** Everything that the page shows; of the last run unless it says otherwise. */
export interface LoadFigures {
  readonly run: RunFigures;
  /** Oldest first; the last one is `run`. */
  readonly runs: readonly RunFigures[];
  /** Newest first. */
  readonly weeks: readonly SessionWeek[];
  /** Classes of failure that occurred, each by reason. */
  readonly failures: readonly { readonly status: TickerStatus; readonly groups: readonly NameGroup[] }[];
  /** By reason. */
  readonly quarantined: readonly NameGroup[];
  /** Stale ones by the date of their last bar, flat and renamed ones by exchange. */
  readonly flagged: Readonly<Record<SeriesFlag, readonly NameGroup[]>>;
  /** Their history does not reach back to where histories begin; by the date from which it was asked for. */
  readonly short: readonly NameGroup[];
  /** Answered without a bar, by reason. */
  readonly empty: readonly NameGroup[];
  readonly delisted: readonly NameGroup[];
  /** By reason. */
  readonly restated: readonly NameGroup[];
  /** Earlier runs that restated something, newest first. */
  readonly restatedBefore: readonly { readonly startedAt: string; readonly tickers: readonly string[] }[];
  readonly latency: LatencyFigures | undefined;
  /** Dates without a close, newest first. */
  readonly missing: readonly { readonly date: IsoDate; readonly tickers: readonly string[] }[];
  readonly rejected: readonly { readonly ticker: string; readonly bars: number }[];
  readonly exchanges: readonly ExchangeFigures[];
}

export interface ExchangeFigures {
  readonly exchange: string;
  readonly tickers: number;
  readonly counts: Readonly<Record<'ok' | 'empty' | 'failed' | 'quarantined' | 'delisted', number>>;
  /** Tickers whose status is `ok`. */
  readonly good: readonly string[];
}

/** Weeks of sessions on the page. */
const WEEKS = 4;
const UNKNOWN = 'unknown';

/**
 * The figures of a report on loads.
 *
 * @param manifests at least one, newest first
 */
export function loadFigures(manifests: readonly LoadManifest[]): LoadFigures {
  const [last, ...earlier] = manifests;
  const { tickers } = last!;
  const histories = tickerHistories(manifests);
  const byReason = (status: TickerStatus): NameGroup[] =>
    groupNames(
      histories,
      (outcome) => outcome.status === status,
      ({ reason }) => reason ?? 'no reason given',
    );
  const byFlag = (flag: SeriesFlag, key: 'last' | 'exchange'): NameGroup[] =>
    groupNames(
      histories,
      ({ flags }) => flags?.includes(flag) === true,
      (outcome) => outcome[key] ?? UNKNOWN,
    );
  return {
    run: runFigures(last!),
    runs: manifests.map(runFigures).toReversed(),
    weeks: sessionWeeks(manifests, WEEKS),
    failures: STATUS_NAMES.filter(isFailure)
      .map((status) => ({ status, groups: byReason(status) }))
      .filter(({ groups: found }) => found.length > 0),
    quarantined: byReason('quarantined'),
    flagged: {
      stale: byFlag('stale', 'last').sort((a, b) => descending(a.key, b.key)),
      flat: byFlag('flat', 'exchange'),
      renamed: byFlag('renamed', 'exchange'),
    },
    short: groupNames(
      histories,
      ({ historyFrom }) => historyFrom !== undefined,
      ({ historyFrom }) => historyFrom!,
    ),
    empty: byReason('empty'),
    delisted: byReason('delisted'),
    restated: groupNames(
      histories,
      ({ restated }) => restated !== undefined,
      ({ restated }) => restated!,
    ),
    restatedBefore: earlier
      .map((manifest) => ({ startedAt: manifest.startedAt, tickers: restatedTickers(manifest) }))
      .filter((run) => run.tickers.length > 0),
    latency: latencyFigures(tickers),
    missing: groups(
      tickers.flatMap(({ ticker, missing = [] }) => missing.map((date) => ({ ticker, date }))),
      ({ date }) => date,
    )
      .map(([date, found]) => ({ date, tickers: found.map(({ ticker }) => ticker).sort(ascending) }))
      .sort((a, b) => descending(a.date, b.date)),
    rejected: tickers
      .map(({ ticker, rejected = 0 }) => ({ ticker, bars: rejected }))
      .filter(({ bars }) => bars > 0)
      .sort((a, b) => descending(a.bars, b.bars) || ascending(a.ticker, b.ticker)),
    exchanges: exchangeFigures(histories),
  };
}

function restatedTickers({ tickers }: LoadManifest): string[] {
  return tickers
    .filter(({ restated }) => restated !== undefined)
    .map(({ ticker }) => ticker)
    .sort(ascending);
}

/** A ticker that failed has the exchange that an earlier run learned. The largest exchange comes first. */
function exchangeFigures(histories: readonly TickerHistory[]): ExchangeFigures[] {
  return groups(
    histories,
    ({ past }) => past.find(({ exchange }) => exchange !== undefined)?.exchange ?? UNKNOWN,
  )
    .map(([exchange, members]) => {
      const outcomes = members.map(({ outcome }) => outcome);
      const count = (holds: (status: TickerStatus) => boolean): number =>
        outcomes.filter(({ status }) => holds(status)).length;
      return {
        exchange,
        tickers: outcomes.length,
        counts: {
          ok: count((status) => status === 'ok'),
          empty: count((status) => status === 'empty'),
          failed: count(isFailure),
          quarantined: count((status) => status === 'quarantined'),
          delisted: count((status) => status === 'delisted'),
        },
        good: outcomes
          .filter(({ status }) => status === 'ok')
          .map(({ ticker }) => ticker)
          .sort(ascending),
      };
    })
    .sort((a, b) => descending(a.tickers, b.tickers) || ascending(a.exchange, b.exchange));
}
