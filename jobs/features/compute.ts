import { BAR_COLUMNS, columnsOf, indicatorsOf, type Group } from './catalogue.ts';
import { fillColumn } from './fill.ts';
import { Workspace, type Bars, type Definition, type Indicator } from './indicator.ts';

/** Computes all columns of a group for one ticker after another, in buffers that it makes once. */
export class FeatureComputer {
  /** Row t of column c at [c][t]; the order is that of `columnsOf`. Valid until the next `compute`. */
  readonly columns: readonly Float64Array[];
  /** The same values as one array: row t of column c at c * stride + t. */
  readonly matrix: Float64Array;
  readonly stride: number;
  readonly #indicators: readonly { indicator: Indicator; out: readonly Float64Array[] }[];
  readonly #definition: Definition;
  readonly #workspace: Workspace;

  /** @param capacity rows of the longest series */
  constructor(group: Group, definition: Definition, capacity: number) {
    const count = columnsOf(group).length;
    this.stride = capacity;
    this.matrix = new Float64Array(count * capacity);
    this.columns = Array.from({ length: count }, (_, c) =>
      this.matrix.subarray(c * capacity, (c + 1) * capacity),
    );
    let next: number = BAR_COLUMNS.length;
    const take = (): Float64Array => this.columns[next++]!;
    this.#definition = definition;
    this.#workspace = new Workspace(capacity);
    this.#indicators = indicatorsOf(group).map((indicator) => ({
      indicator,
      out: indicator.columns.map(take),
    }));
  }

  compute(bars: Bars): void {
    for (const [index, name] of BAR_COLUMNS.entries()) {
      this.columns[index]!.set(bars[name].subarray(0, bars.length));
    }
    for (const { indicator, out } of this.#indicators) {
      indicator.kernel(bars, out, this.#workspace, this.#definition);
      if (this.#definition !== 'ta-fill') continue;
      for (const [index, { fill }] of indicator.columns.entries()) fillColumn(out[index]!, bars.length, fill);
    }
  }
}
