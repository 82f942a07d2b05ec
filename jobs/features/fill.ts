import type { FillValue } from './indicator.ts';

/**
 * What `ta` does to a column with `fillna=True`, in place over the first n rows: infinities become missing, values
 * are carried forward, and leading gaps take `fill`. Carrying back (`back`) looks ahead; that is how `ta` is.
 */
export function fillColumn(column: Float64Array, n: number, fill: FillValue): void {
  if (fill === 'none') return;
  let first = -1;
  let last = Number.NaN;
  for (let t = 0; t < n; t += 1) {
    const value = column[t]!;
    if (Number.isFinite(value)) {
      if (first < 0) first = t;
      last = value;
    } else {
      column[t] = last;
    }
  }
  const gap = first < 0 ? n : first;
  const value = fill !== 'back' ? fill : first < 0 ? Number.NaN : column[first]!;
  column.fill(value, 0, gap);
}

/** Infinite values of the first n rows become NaN, in place: a ratio by zero says nothing. */
export function dropInfinite(columns: readonly Float64Array[], n: number): void {
  for (const values of columns) {
    for (let t = 0; t < n; t += 1) if (!Number.isFinite(values[t]!)) values[t] = Number.NaN;
  }
}
