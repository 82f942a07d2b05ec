import type { DateRange, IsoDate } from '../../runtime/dates.ts';
import type { Maturity, YieldCurve } from '../interest/yields.ts';
import { addCoverage, readCoverage } from './coverage.ts';
import type { TableStore } from './table-store.ts';

export interface YieldRow {
  readonly date: IsoDate;
  /** As published; null for a day without one. */
  readonly percent: number | null;
}

/** Years are fetched with all maturities: what is covered is one history under this name. */
const ALL = 'ALL';

/** Par yields in the table `interest`. */
export class RateCache {
  readonly #store: TableStore;

  constructor(store: TableStore) {
    this.#store = store;
  }

  async read(maturity: Maturity, { start, end }: DateRange): Promise<YieldRow[]> {
    const rows: YieldRow[] = [];
    for await (const item of this.#store.query('interest', { hash: maturity, from: start, before: end }))
      rows.push({ date: String(item['date']), percent: (item['value'] as number | undefined) ?? null });
    return rows;
  }

  coverage(): Promise<ReadonlyMap<string, readonly DateRange[]>> {
    return readCoverage(this.#store, 'interest', ALL);
  }

  async write(curves: readonly YieldCurve[], covered: DateRange, source: string): Promise<void> {
    await this.#store.put(
      'interest',
      curves.flatMap(({ date, percent }) =>
        [...percent].map(([maturity, value]) => ({ maturity, date, value, source })),
      ),
    );
    await addCoverage(this.#store, 'interest', ALL, source, covered);
  }
}
