import type { DateRange, IsoDate } from '../../runtime/dates.ts';
import { addCoverage, readCoverage, removeCoverage } from './coverage.ts';
import type { Item, TableStore } from './table-store.ts';

/** What statistics need of a bar. A day without a close is no bar, but may have a dividend. */
export interface PriceRow {
  readonly date: IsoDate;
  /** Per share, split-adjusted. */
  readonly open: number | null;
  readonly close: number | null;
  /** Cash per share, on its ex-date. */
  readonly dividend: number | null;
}

/** Prices of tickers in the table `prices`, with what of each history is there. */
export class PriceCache {
  readonly #store: TableStore;

  constructor(store: TableStore) {
    this.#store = store;
  }

  /** Rows ascending by date, whether or not the range is covered. */
  async read(ticker: string, { start, end }: DateRange): Promise<PriceRow[]> {
    const rows: PriceRow[] = [];
    for await (const item of this.#store.query('prices', { hash: ticker, from: start, before: end }))
      rows.push(toRow(item));
    return rows;
  }

  /** The close of a day, whether or not it is covered. */
  async close(ticker: string, date: IsoDate): Promise<number | undefined> {
    return (await this.#store.get('prices', ticker, date))?.['close'] as number | undefined;
  }

  /** Known ranges by where they are from. */
  coverage(ticker: string): Promise<ReadonlyMap<string, readonly DateRange[]>> {
    return readCoverage(this.#store, 'prices', ticker);
  }

  /** Writes all rows of `covered`, then that it is known. */
  async write(ticker: string, rows: readonly PriceRow[], covered: DateRange, source: string): Promise<void> {
    const dates = new Set(rows.map(({ date }) => date));
    const gone = (await this.read(ticker, covered)).filter(({ date }) => !dates.has(date));
    if (gone.length > 0)
      await this.#store.delete(
        'prices',
        gone.map(({ date }) => ({ ticker, date })),
      );
    await this.#store.put(
      'prices',
      rows.map((row) => ({ ticker, ...row, source })),
    );
    await addCoverage(this.#store, 'prices', ticker, source, covered);
  }

  /**
   * Forgets which ranges of a ticker are known, and resolves with their number. The rows stay until others are written
   * over them: if they went, they could be those that somebody else has just made known.
   */
  forget(ticker: string): Promise<number> {
    return removeCoverage(this.#store, 'prices', ticker);
  }
}

function toRow(item: Item): PriceRow {
  const number = (name: string): number | null => (item[name] as number | undefined) ?? null;
  return {
    date: String(item['date']),
    open: number('open'),
    close: number('close'),
    dividend: number('dividend'),
  };
}
