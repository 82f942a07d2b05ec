import { ascending, descending, groups } from 'd3-array';
import type { LoadManifest, TickerOutcome } from '../../loader/outcome.ts';

/** A ticker with the number of runs in a row, the last one included, in which the same was true of it. */
export interface Name {
  readonly ticker: string;
  readonly runs: number;
}

/** Tickers of which the same is to be said. */
export interface NameGroup {
  readonly key: string;
  readonly names: readonly Name[];
}

/** A ticker of the last run with its outcomes in all runs that asked for it, newest first. */
export interface TickerHistory {
  readonly outcome: TickerOutcome;
  readonly past: readonly TickerOutcome[];
}

/** Histories of the tickers of the first of `manifests`, which come newest first. */
export function tickerHistories(manifests: readonly LoadManifest[]): TickerHistory[] {
  const histories = new Map<string, { outcome: TickerOutcome; past: TickerOutcome[] }>(
    manifests[0]!.tickers.map((outcome) => [outcome.ticker, { outcome, past: [] }]),
  );
  for (const { tickers } of manifests) {
    for (const outcome of tickers) histories.get(outcome.ticker)?.past.push(outcome);
  }
  return [...histories.values()];
}

/** The tickers for which `holds` in the last run, by `keyOf` their outcome; the largest group first. */
export function groupNames(
  histories: readonly TickerHistory[],
  holds: (outcome: TickerOutcome) => boolean,
  keyOf: (outcome: TickerOutcome) => string,
): NameGroup[] {
  const chosen = histories.filter(({ outcome }) => holds(outcome));
  return groups(chosen, ({ outcome }) => keyOf(outcome))
    .map(([key, members]) => ({
      key,
      names: members
        .map(({ outcome, past }) => ({ ticker: outcome.ticker, runs: runsInARow(past, holds) }))
        .sort((a, b) => ascending(a.ticker, b.ticker)),
    }))
    .sort((a, b) => descending(a.names.length, b.names.length) || ascending(a.key, b.key));
}

function runsInARow(past: readonly TickerOutcome[], holds: (outcome: TickerOutcome) => boolean): number {
  const broken = past.findIndex((outcome) => !holds(outcome));
  return broken === -1 ? past.length : broken;
}

export function countNames(found: readonly NameGroup[]): number {
  return found.reduce((sum, { names }) => sum + names.length, 0);
}
