import { columnsOf } from './catalogue.ts';
import { FeatureComputer } from './compute.ts';
import type { Bars } from './indicator.ts';
import { COMPARABLE, OTHER_DEFINITIONS, type Comparable } from './second-opinion.ts';

export interface Verdict {
  readonly column: string;
  /** Rows on which both have a value. */
  readonly rows: number;
  /** Largest |a - b| / max(|b|, 1e-3 max|column|), 0 where nothing was compared. */
  readonly relative: number;
  /** Largest |a - b|. */
  readonly absolute: number;
  readonly verdict: 'equal' | 'differs' | 'not compared';
  readonly note: string;
}

/** Compares every column that technicalindicators defines alike with ours, under `causal`, on one series. */
export function verify(bars: Bars): Verdict[] {
  const computer = new FeatureComputer('all', 'causal', bars.length);
  computer.compute(bars);
  const names = columnsOf('all');
  const compared = COMPARABLE.map((comparable) =>
    compare(comparable, computer.columns[names.indexOf(comparable.column)]!, bars),
  );
  const others = Object.entries(OTHER_DEFINITIONS).map(([column, note]): Verdict => ({
    column,
    rows: 0,
    relative: 0,
    absolute: 0,
    verdict: 'not compared',
    note,
  }));
  return [...compared, ...others];
}

function compare({ column, skip, tolerance, opinion }: Comparable, ours: Float64Array, bars: Bars): Verdict {
  const theirs = opinion(bars);
  const largest = theirs.reduce(
    (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
    0,
  );
  let rows = 0;
  let relative = 0;
  let absolute = 0;
  for (let t = skip; t < bars.length; t += 1) {
    if (!Number.isFinite(ours[t]!) || !Number.isFinite(theirs[t]!)) continue;
    const apart = Math.abs(ours[t]! - theirs[t]!);
    rows += 1;
    absolute = Math.max(absolute, apart);
    relative = Math.max(relative, apart === 0 ? 0 : apart / Math.max(Math.abs(theirs[t]!), 1e-3 * largest));
  }
  const isEqual = 'relative' in tolerance ? relative <= tolerance.relative : absolute <= tolerance.absolute;
  const note =
    'relative' in tolerance ? `within ${tolerance.relative}` : `within ${tolerance.absolute}, rounded there`;
  return {
    column,
    rows,
    relative,
    absolute,
    verdict: rows === 0 ? 'not compared' : isEqual ? 'equal' : 'differs',
    note: rows === 0 ? 'no rows in common' : note,
  };
}
