import { BAR_COLUMNS, indicatorsOf } from './catalogue.ts';
import type { EraBlock } from './era-block.ts';
import type { FeatureSettings } from './settings.ts';

/** Counts how much of each family is NULL in what a run writes. */
export class NullShares {
  readonly #families: string[];
  readonly #counts = new Map<string, { nulls: number; values: number }>();

  constructor({ group, lags }: FeatureSettings) {
    const columns = [
      ...BAR_COLUMNS.map(() => 'bars'),
      ...indicatorsOf(group).flatMap(({ family, columns: own }) => own.map(() => family)),
    ];
    this.#families = columns.flatMap((family) => Array.from({ length: lags }, () => family));
  }

  add(block: EraBlock): void {
    for (const [index, family] of this.#families.entries()) {
      const counts = this.#counts.get(family) ?? { nulls: 0, values: 0 };
      const values = block.column(index);
      for (let row = 0; row < values.length; row += 1) if (Number.isNaN(values[row]!)) counts.nulls += 1;
      counts.values += values.length;
      this.#counts.set(family, counts);
    }
  }

  /** Share by family, 0..1, in the order of the columns; families without a value are left out. */
  byFamily(): Record<string, number> {
    return Object.fromEntries(
      [...this.#counts].map(([family, { nulls, values }]) => [family, nulls / values]),
    );
  }
}
