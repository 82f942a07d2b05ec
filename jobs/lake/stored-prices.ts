import { join } from 'node:path';
import { fromDay, type DateRange, type IsoDate } from '../runtime/dates.ts';
import { literal, type DuckDBConnection } from '../runtime/duckdb.ts';
import { parsePricesKey, pricesFolder } from './layout.ts';
import type { ObjectStore } from './object-store.ts';

/** What the lake has of a bar, as far as a new answer is compared with it. */
export interface StoredBar {
  readonly date: IsoDate;
  readonly close: number | null;
  readonly adjClose: number | null;
  readonly dividend: number | null;
  readonly split: number | null;
}

/** Rows of many tickers in columns, so that a window of years fits into memory: 36 bytes a row. */
export interface StoredPrices {
  /** Ascending by date; empty for a ticker without rows in the range. */
  of(ticker: string): readonly StoredBar[];
}

/** Reads what the lake has of a range of trading dates; `scratch` is for copies of its objects. */
export async function readStoredPrices(
  store: ObjectStore,
  db: DuckDBConnection,
  provider: string,
  range: DateRange,
  scratch: string,
): Promise<StoredPrices> {
  const files: string[] = [];
  for await (const { key } of store.list(pricesFolder(provider))) {
    const month = parsePricesKey(key)?.month;
    if (month === undefined || month < range.start.slice(0, 7) || month > range.end.slice(0, 7)) continue;
    files.push(join(await store.localFolder(key, scratch), key));
  }
  if (files.length === 0) return { of: () => [] };
  const result = await db.stream(`
    select ticker, (date - date '1970-01-01')::integer as day, close, adj_close, dividend, split
    from read_parquet([${files.map(literal).join(', ')}])
    where date >= ${literal(range.start)} and date < ${literal(range.end)}
    order by ticker, date`);

  const firstRow = new Map<string, number>();
  let rows = 0;
  const days: number[] = [];
  const columns: [number[], number[], number[], number[]] = [[], [], [], []];
  for await (const chunk of result) {
    const tickers = chunk.getColumnValues(0);
    for (let index = 0; index < chunk.rowCount; index += 1) {
      const ticker = String(tickers[index]);
      if (!firstRow.has(ticker)) firstRow.set(ticker, rows + index);
    }
    for (const day of chunk.getColumnValues(1)) days.push(day as number);
    for (const [index, column] of columns.entries()) {
      for (const value of chunk.getColumnValues(index + 2))
        column.push(value === null ? NaN : (value as number));
    }
    rows += chunk.rowCount;
  }
  const [close, adjClose, dividend, split] = columns.map((column) => Float64Array.from(column));
  const dayOf = Int32Array.from(days);
  const starts = [...firstRow.values(), rows];
  const order = new Map([...firstRow.keys()].map((ticker, index) => [ticker, index]));
  const at = (column: Float64Array, row: number): number | null =>
    Number.isNaN(column[row]) ? null : column[row]!;
  return {
    of(ticker) {
      const index = order.get(ticker);
      if (index === undefined) return [];
      const found: StoredBar[] = [];
      for (let row = starts[index]!; row < starts[index + 1]!; row += 1) {
        found.push({
          date: fromDay(dayOf[row]!),
          close: at(close!, row),
          adjClose: at(adjClose!, row),
          dividend: at(dividend!, row),
          split: at(split!, row),
        });
      }
      return found;
    },
  };
}
