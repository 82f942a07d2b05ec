import { BAR_COLUMNS, indicatorsOf } from './catalogue.ts';
import type { FeatureSettings } from './settings.ts';

/** Counts how much of each family is NULL in what a run writes. */
export class NullShares {
  /** Family of each feature column. */
  readonly #families: string[];
  readonly #counts = new Map<string, { nulls: number; values: number }>();

  constructor({ group, lags }: FeatureSettings) {
    const columns = [
      ...BAR_COLUMNS.map(() => 'bars'),
      ...indicatorsOf(group).flatMap(({ family, columns: own }) => own.map(() => family)),
    ];
    this.#families = columns.flatMap((family) => Array.from({ length: lags }, () => family));
  }

  /** Counts an era of `rows` rows with so many NULLs in each feature. */
  add(rows: number, nulls: Int32Array): void {
    for (const [index, family] of this.#families.entries()) {
      const counts = this.#counts.get(family) ?? { nulls: 0, values: 0 };
      counts.nulls += nulls[index]!;
      counts.values += rows;
      this.#counts.set(family, counts);
    }
  }

  /** Share by family, 0..1, in the order of the columns. */
  byFamily(): Record<string, number> {
    return Object.fromEntries(
      [...this.#counts].map(([family, { nulls, values }]) => [family, nulls / values]),
    );
  }
}
