import type { DayNumber } from '../runtime/dates.ts';

/**
 * Rows of one era while they are gathered ticker by ticker: float32 values by column, NaN for NULL. This is where
 * what was computed along a ticker is turned into what is written along an era.
 */
export class EraBlock {
  readonly era: DayNumber;
  readonly tickers: string[] = [];
  readonly #days: Int32Array;
  readonly #values: Float32Array;
  readonly #capacity: number;

  /** @param capacity most rows that may come */
  constructor(era: DayNumber, capacity: number, width: number) {
    this.era = era;
    this.#capacity = capacity;
    this.#days = new Int32Array(capacity);
    this.#values = new Float32Array(capacity * width);
  }

  get length(): number {
    return this.tickers.length;
  }

  /** Trading day of each row. */
  get days(): Int32Array {
    return this.#days.subarray(0, this.length);
  }

  /** Values of one feature column. */
  column(index: number): Float32Array {
    const start = index * this.#capacity;
    return this.#values.subarray(start, start + this.length);
  }

  /**
   * Adds row `row` of a ticker with its lags: column c, lag k becomes feature column c * lags + k. With `required`
   * a row that has a gap in one of those columns is left out.
   *
   * @returns whether the row was added
   */
  add(
    ticker: string,
    day: DayNumber,
    columns: readonly Float64Array[],
    row: number,
    lags: number,
    required: readonly boolean[] | undefined,
  ): boolean {
    const position = this.tickers.length;
    const capacity = this.#capacity;
    const values = this.#values;
    let target = position;
    for (let c = 0; c < columns.length; c += 1) {
      const column = columns[c]!;
      const isRequired = required !== undefined && required[c]!;
      for (let lag = 0; lag < lags; lag += 1) {
        const value = column[row - lag]!;
        if (isRequired && Number.isNaN(value)) return false;
        values[target] = value;
        target += capacity;
      }
    }
    this.tickers.push(ticker);
    this.#days[position] = day;
    return true;
  }
}
