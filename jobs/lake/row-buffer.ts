import type { Bar } from '../market/bar.ts';
import { toDay } from '../runtime/dates.ts';

/** Figures of a bar in the order of their columns. */
const FIGURES = 8;
const FIRST_CAPACITY = 4096;

/** Bars that wait to be merged, 72 bytes each; whose they are is a number that the caller gives. */
export class RowBuffer {
  #length = 0;
  #owners = new Int32Array(FIRST_CAPACITY);
  #days = new Int32Array(FIRST_CAPACITY);
  /** NaN for a missing figure. */
  #figures = new Float64Array(FIRST_CAPACITY * FIGURES);

  get length(): number {
    return this.#length;
  }

  add(owner: number, { date, open, high, low, close, adjClose, volume, dividend, split }: Bar): void {
    if (this.#length === this.#days.length) this.#grow();
    const at = this.#length * FIGURES;
    this.#owners[this.#length] = owner;
    this.#days[this.#length] = toDay(date);
    this.#figures[at] = open ?? NaN;
    this.#figures[at + 1] = high ?? NaN;
    this.#figures[at + 2] = low ?? NaN;
    this.#figures[at + 3] = close ?? NaN;
    this.#figures[at + 4] = adjClose ?? NaN;
    this.#figures[at + 5] = volume ?? NaN;
    this.#figures[at + 6] = dividend ?? NaN;
    this.#figures[at + 7] = split ?? NaN;
    this.#length += 1;
  }

  /** Columns of the rows `from` up to before `to`: owner, day, the eight figures. */
  columns(from: number, to: number): (number | null)[][] {
    const figures = Array.from({ length: FIGURES }, (_, column) =>
      Array.from({ length: to - from }, (__, row) => {
        const figure = this.#figures[(from + row) * FIGURES + column]!;
        return Number.isNaN(figure) ? null : figure;
      }),
    );
    return [[...this.#owners.subarray(from, to)], [...this.#days.subarray(from, to)], ...figures];
  }

  #grow(): void {
    this.#owners = enlarge(this.#owners, new Int32Array(this.#owners.length * 2));
    this.#days = enlarge(this.#days, new Int32Array(this.#days.length * 2));
    this.#figures = enlarge(this.#figures, new Float64Array(this.#figures.length * 2));
  }
}

function enlarge<T extends Int32Array | Float64Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
