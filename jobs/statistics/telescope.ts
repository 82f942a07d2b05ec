import { toDay } from '../runtime/dates.ts';
import type { PairProfile, StoredCorrelation, StoredProfile, WindowKey } from './cache/statistic-cache.ts';
import { correlationFromSummary } from './estimators/correlation.ts';
import { estimateFromSummary } from './estimators/estimate.ts';
import type { TimeUnit } from './estimators/series.ts';
import { mergePairSummaries, mergeSummaries, pairSummaryOfOne, summaryOfOne } from './estimators/summary.ts';
import type { OwnProfile } from './cache/statistic-cache.ts';

/*
 * Adjacent windows make a longer one: their summaries add up, with the return between the last close of one and the
 * first of the next. Percentiles do not add up.
 */

/**
 * Windows that follow one upon the other from `wanted.start` to `wanted.end`, as few as a greedy choice of the longest
 * gives; undefined when there are none. Only those whose prices cannot become more take part. Pure.
 */
export function findChain<T extends { readonly window: WindowKey; readonly isFinal: boolean }>(
  known: readonly T[],
  wanted: WindowKey,
): readonly T[] | undefined {
  if (wanted.method === 'percentiles') return undefined;
  const usable = known.filter(
    ({ window, isFinal }) =>
      isFinal &&
      window.method === wanted.method &&
      window.weekends === wanted.weekends &&
      window.start >= wanted.start &&
      window.end <= wanted.end,
  );
  // Dates from which the end can be reached, with the window to take from each.
  const next = new Map<string, T>();
  for (const one of usable.toSorted((a, b) => (a.window.start > b.window.start ? -1 : 1))) {
    const { start, end } = one.window;
    const isReaching = end === wanted.end || next.has(end);
    if (isReaching && (next.get(start)?.window.end ?? '') < end) next.set(start, one);
  }
  const chain: T[] = [];
  for (let at = wanted.start; at < wanted.end;) {
    const one = next.get(at);
    if (one === undefined) return undefined;
    chain.push(one);
    at = one.window.end;
  }
  return chain;
}

/** The profile of a chain. */
export function joinProfiles(
  chain: readonly StoredProfile[],
  method: 'moments' | 'likelihood',
  unit: TimeUnit,
  perYear: number,
): OwnProfile {
  const joined = chain
    .map(({ own: { first, summary, last } }) => ({ first, summary, last }))
    .reduce((before, after) => {
      const bridge = summaryOfOne(
        Math.log(after.first.close / before.last.close),
        elapsed(before.last.date, after.first.date, unit),
      );
      const summary = mergeSummaries(mergeSummaries(before.summary, bridge), after.summary);
      return { first: before.first, summary, last: after.last };
    });
  const { annualReturn, annualVolatility } = estimateFromSummary(joined.summary, method, perYear);
  return { ...joined, annualReturn, annualVolatility };
}

/** The correlation of a chain. */
export function joinPairs(
  chain: readonly StoredCorrelation[],
  unit: TimeUnit,
  names: readonly [string, string],
): PairProfile {
  const joined = chain
    .map(({ pair: { first, summary, last } }) => ({ first, summary, last }))
    .reduce((before, after) => {
      const bridge = pairSummaryOfOne(
        [
          Math.log(after.first.closes[0] / before.last.closes[0]),
          Math.log(after.first.closes[1] / before.last.closes[1]),
        ],
        elapsed(before.last.date, after.first.date, unit),
      );
      const summary = mergePairSummaries(mergePairSummaries(before.summary, bridge), after.summary);
      return { first: before.first, summary, last: after.last };
    });
  return { ...joined, correlation: correlationFromSummary(joined.summary, names) };
}

function elapsed(from: string, to: string, unit: TimeUnit): number {
  return unit === 'days' ? toDay(to) - toDay(from) : 1;
}
