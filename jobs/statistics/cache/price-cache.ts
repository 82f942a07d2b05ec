import type { DateRange, IsoDate } from '../../runtime/dates.ts';
import { addCoverage, readCoverage } from './coverage.ts';
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

  /** Writes rows, then that `covered` is known. */
  async write(ticker: string, rows: readonly PriceRow[], covered: DateRange, source: string): Promise<void> {
    await this.#store.put(
      'prices',
      rows.map((row) => ({ ticker, ...row, source })),
    );
    await addCoverage(this.#store, 'prices', ticker, source, covered);
  }

  /** Removes all that is known of a ticker: first that it is known, then the rows. */
  async forget(ticker: string): Promise<number> {
    const dates: string[] = [];
    for await (const item of this.#store.query('prices', { hash: ticker })) dates.push(String(item['date']));
    // What is covered sorts behind the rows and has to go first.
    await this.#store.delete(
      'prices',
      dates.filter((date) => date.startsWith('~')).map((date) => ({ ticker, date })),
    );
    await this.#store.delete(
      'prices',
      dates.filter((date) => !date.startsWith('~')).map((date) => ({ ticker, date })),
    );
    return dates.length;
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
