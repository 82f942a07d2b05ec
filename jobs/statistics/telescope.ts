import { toDay, type IsoDate } from '../runtime/dates.ts';
import type {
  OwnProfile,
  PairProfile,
  StoredCorrelation,
  StoredProfile,
  WindowKey,
} from './cache/statistic-items.ts';
import { correlationFromSummary } from './estimators/correlation.ts';
import { estimateFromSummary } from './estimators/estimate.ts';
import type { TimeUnit } from './estimators/series.ts';
import { mergePairSummaries, mergeSummaries, pairSummaryOfOne, summaryOfOne } from './estimators/summary.ts';

/*
 * Adjacent windows make a longer one: their summaries add up, with the return between the last close of one and the
 * first of the next. Percentiles do not add up.
 */

/** Dates at which the next window of a chain is looked for. */
const MAX_LOOKUPS = 12;

/**
 * Windows that follow one upon the other from `wanted.start` to `wanted.end`, the longest first; undefined when a few
 * look-ups find none. Only those whose prices are settled take part.
 *
 * @param startingOn finds what is known of windows that start on a date
 */
export async function findChain<T extends { readonly window: WindowKey; readonly isFinal: boolean }>(
  startingOn: (start: IsoDate) => Promise<readonly T[]>,
  wanted: WindowKey,
): Promise<readonly T[] | undefined> {
  const visited = new Set<IsoDate>();
  const chainFrom = async (start: IsoDate): Promise<readonly T[] | undefined> => {
    if (start === wanted.end) return [];
    if (visited.has(start) || visited.size === MAX_LOOKUPS) return undefined;
    visited.add(start);
    const usable = (await startingOn(start)).filter(
      ({ window, isFinal }) =>
        isFinal &&
        window.method === wanted.method &&
        window.weekends === wanted.weekends &&
        window.sessions === wanted.sessions &&
        window.end <= wanted.end,
    );
    for (const one of usable.toSorted((a, b) => (a.window.end > b.window.end ? -1 : 1))) {
      const rest = await chainFrom(one.window.end);
      if (rest !== undefined) return [one, ...rest];
    }
    return undefined;
  };
  return chainFrom(wanted.start);
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
