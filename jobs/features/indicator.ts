/**
 * Daily bars of one ticker in date order, row t at index t of each array. Prices are finite; volume may be NaN
 * where the provider has none. Arrays may be longer than `length`: what lies behind it means nothing.
 */
export interface Bars {
  readonly length: number;
  readonly open: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly close: Float64Array;
  readonly volume: Float64Array;
}

/**
 * Which definition of an indicator to compute.
 *
 * - `causal`: no value uses a later row, warm-up is NaN, known defects are mended
 * - `ta`: the values of the Python library `ta` 0.11.0 with `fillna=False`
 * - `ta-fill`: the same with `fillna=True`, where windows shorter than their length count from the first row on
 */
export type Definition = 'causal' | 'ta' | 'ta-fill';

export type Family = 'volume' | 'volatility' | 'trend' | 'momentum' | 'others';

/**
 * What `ta` puts in place of a value that is not there when it fills: a number, `back` for the first value of the
 * column, `none` where the definition itself has no gaps to fill. Earlier values are carried forward first.
 */
export type FillValue = number | 'back' | 'none';

export interface ColumnSpec {
  readonly name: string;
  /** Rows before the first value under `causal`; from that row on NaN needs a reason in the kernel's docblock. */
  readonly warmUp: number;
  readonly fill: FillValue;
  /** Multiplying all prices by c multiplies the column by c to this power. */
  readonly priceDegree: 0 | 1 | 2;
  /** NaN about half of the time by nature: such a column does not make a row incomplete. */
  readonly isSparse?: true;
}

/**
 * Computes the columns of one indicator for the first `bars.length` rows of each of `out`, NaN where there is no
 * value. A kernel reads nothing but its arguments and allocates nothing per row; `workspace` arrays hold garbage.
 * In `ta-fill` it leaves the filling itself to its caller.
 */
export type Kernel = (
  bars: Bars,
  out: readonly Float64Array[],
  workspace: Workspace,
  definition: Definition,
) => void;

/** One indicator of the catalogue: a kernel and the columns it computes together. */
export interface Indicator {
  readonly name: string;
  readonly family: Family;
  /** Named windows and factors, in rows and plain numbers. */
  readonly parameters: Readonly<Record<string, number>>;
  readonly columns: readonly ColumnSpec[];
  readonly kernel: Kernel;
}

const LONGEST_WINDOW = 64;

/** Arrays that kernels use in between, made once for the longest series and used again by every kernel. */
export class Workspace {
  readonly #capacity: number;
  readonly #floats: Float64Array[] = [];

  /** @param capacity rows of the longest series */
  constructor(capacity: number) {
    // Windows keep their ends here, and may be longer than a short series.
    this.#capacity = Math.max(capacity, LONGEST_WINDOW);
  }

  /** The array of that number, 0 and up, with garbage in it. */
  floats(index: number): Float64Array {
    while (this.#floats.length <= index) this.#floats.push(new Float64Array(this.#capacity));
    return this.#floats[index]!;
  }
}

/** Values a window of `rows` needs: all of them, or any number where `ta` fills (0: a sum over none is zero). */
export function minPeriods(definition: Definition, rows: number): number {
  return definition === 'ta-fill' ? 0 : rows;
}

/** How the table of a family is written: its name stands before those of its columns. */
export function defineFamily(family: Family): {
  column(name: string, warmUp: number, fill: FillValue, priceDegree?: ColumnSpec['priceDegree']): ColumnSpec;
  indicator(
    name: string,
    parameters: Indicator['parameters'],
    columns: readonly ColumnSpec[],
    kernel: Kernel,
  ): Indicator;
} {
  return {
    column: (name, warmUp, fill, priceDegree = 0) => ({
      name: `${family}_${name}`,
      warmUp,
      fill,
      priceDegree,
    }),
    indicator: (name, parameters, columns, kernel) => ({ name, family, parameters, columns, kernel }),
  };
}
