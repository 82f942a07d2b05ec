import type { DayNumber } from '../runtime/dates.ts';

/** Rows that one part of the tickers may put into an era: `start` is its first row, `capacity` how many it has. */
interface BlockPart {
  readonly start: number;
  readonly capacity: number;
}

/** What threads pass to each other: memory that they share, nothing is copied. */
export interface SharedEraBlock {
  readonly era: DayNumber;
  readonly width: number;
  readonly parts: readonly BlockPart[];
  readonly memory: SharedArrayBuffer;
  /** First byte of the block in `memory`. */
  readonly offset: number;
}

/**
 * Rows of one era while they are gathered ticker by ticker: float32 values row by row, NaN for NULL. This is where
 * what was computed along a ticker meets what is written along an era. Each part of the tickers has rows of its own,
 * so that several threads can fill one block.
 */
export class EraBlock {
  readonly shared: SharedEraBlock;
  /** Row r of the block at r * width. */
  readonly values: Float32Array;
  /** Trading day of each row. */
  readonly days: Int32Array;
  /** Number of the ticker of each row. */
  readonly tickers: Int32Array;
  /** Rows that each part has filled. */
  readonly counts: Int32Array;

  constructor(shared: SharedEraBlock) {
    const { memory, offset, parts, width } = shared;
    const capacity = parts.reduce((sum, part) => sum + part.capacity, 0);
    this.shared = shared;
    this.counts = new Int32Array(memory, offset, parts.length);
    this.days = new Int32Array(memory, offset + 4 * parts.length, capacity);
    this.tickers = new Int32Array(memory, offset + 4 * (parts.length + capacity), capacity);
    this.values = new Float32Array(memory, offset + 4 * (parts.length + 2 * capacity), capacity * width);
  }

  /** Memory that a block takes. */
  static bytes(width: number, capacities: readonly number[]): number {
    const rows = capacities.reduce((sum, count) => sum + count, 0);
    return Int32Array.BYTES_PER_ELEMENT * (capacities.length + rows * (width + 2));
  }

  /** An empty block at `offset` of `memory`. */
  static create(
    era: DayNumber,
    width: number,
    capacities: readonly number[],
    memory = new SharedArrayBuffer(EraBlock.bytes(width, capacities)),
    offset = 0,
  ): EraBlock {
    let start = 0;
    const parts = capacities.map((capacity) => {
      start += capacity;
      return { start: start - capacity, capacity };
    });
    const block = new EraBlock({ era, width, parts, memory, offset });
    block.counts.fill(0);
    return block;
  }

  get length(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** Moves the rows of all parts together, in the order of the parts, so that rows 0..length-1 are all there are. */
  close(): void {
    let target = 0;
    const { width, parts } = this.shared;
    for (const [index, { start }] of parts.entries()) {
      const end = start + this.counts[index]!;
      if (start !== target) {
        this.values.copyWithin(target * width, start * width, end * width);
        this.days.copyWithin(target, start, end);
        this.tickers.copyWithin(target, start, end);
      }
      target += end - start;
    }
  }

  /**
   * Adds row `row` of a ticker with its lags: column c, lag k becomes value c * lags + k. With `required` a row that
   * has a gap in one of those columns is left out.
   *
   * @param computed row t of column c at c * stride + t
   * @returns whether the row was added
   */
  add(
    part: number,
    ticker: number,
    day: DayNumber,
    computed: { readonly matrix: Float64Array; readonly stride: number },
    row: number,
    lags: number,
    required: readonly boolean[] | undefined,
  ): boolean {
    const { matrix, stride } = computed;
    if (required !== undefined && !isComplete(matrix, stride, row, lags, required)) return false;
    const position = this.shared.parts[part]!.start + this.counts[part]!;
    const { values } = this;
    const { width } = this.shared;
    const end = (position + 1) * width;
    let from = row;
    for (let target = position * width; target < end; target += lags) {
      for (let lag = 0; lag < lags; lag += 1) values[target + lag] = matrix[from - lag]!;
      from += stride;
    }
    this.days[position] = day;
    this.tickers[position] = ticker;
    this.counts[part]! += 1;
    return true;
  }
}

function isComplete(
  matrix: Float64Array,
  stride: number,
  row: number,
  lags: number,
  required: readonly boolean[],
): boolean {
  for (const [c, isRequired] of required.entries()) {
    if (!isRequired) continue;
    for (let lag = 0; lag < lags; lag += 1) if (Number.isNaN(matrix[c * stride + row - lag]!)) return false;
  }
  return true;
}
