import type { LoadManifest } from './outcome.ts';

export type Coverage = LoadManifest['coverage'];

/** A ticker, as far as it counts for the coverage of a run. */
export interface Covered {
  /** It brought bars, or has none for a reason that the provider gave. */
  readonly isGood: boolean;
  /** It did so in its last run. */
  readonly wasGood: boolean;
}

/**
 * How much of what could be expected a run has brought: of the tickers that were good last time, or of all that were
 * asked for where most of them are new. Pure.
 *
 * @param required least share, 0 to 1
 */
export function measureCoverage(tickers: readonly Covered[], required: number): Coverage {
  const before = tickers.filter(({ wasGood }) => wasGood);
  const isKnown = before.length >= tickers.length / 2 && before.length > 0;
  const counted = isKnown ? before : tickers;
  return {
    required,
    baseline: isKnown ? 'good last time' : 'asked for',
    expected: counted.length,
    good: counted.filter(({ isGood }) => isGood).length,
  };
}

export function isCovered({ required, expected, good }: Coverage): boolean {
  return good >= required * expected;
}
