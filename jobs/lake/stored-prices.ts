import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DATE, DuckDBDataChunk, DuckDBDateValue, VARCHAR } from '@duckdb/node-api';
import { addDays, fromDay, toDay, type DateRange, type IsoDate } from '../runtime/dates.ts';
import type { DuckDBConnection } from '../runtime/duckdb.ts';
import { listMonths } from './choose-provider.ts';
import type { ObjectStore } from './object-store.ts';
import { parquetRows } from '../runtime/parquet.ts';
import { copyPrices, type ReadPorts } from './read-prices.ts';

/** What the lake has of a bar, as far as a new answer is compared with it. */
export interface StoredBar {
  readonly date: IsoDate;
  readonly close: number | null;
  readonly adjClose: number | null;
  readonly dividend: number | null;
  readonly split: number | null;
}

/** Rows of many tickers in columns, so that windows of years fit into memory: 36 bytes a row. */
export interface StoredPrices {
  /** Ascending by date; empty for a ticker without rows in its range. */
  of(ticker: string): readonly StoredBar[];
}

const FIGURES = ['close', 'adj_close', 'dividend', 'split'];
const CHUNK_ROWS = 2048;
/** A load has nothing else to do than to wait until another one has merged. */
const LOAD_PATIENCE_MS = 30 * 60_000;

/**
 * Reads what the lake has of each ticker in a range of its own, and only the months that a range touches; `scratch` is
 * for copies of their objects.
 */
export async function readStoredPrices(
  store: ObjectStore,
  db: DuckDBConnection,
  provider: string,
  ranges: ReadonlyMap<string, DateRange>,
  scratch: string,
  ports: ReadPorts,
): Promise<StoredPrices> {
  const wanted = monthsOfRanges(ranges.values());
  const months = (await listMonths(store, provider)).filter(({ month }) => wanted.has(month));
  if (months.length === 0) return { of: () => [] };
  const folder = await mkdtemp(join(scratch, 'stored-'));
  try {
    const request = {
      provider,
      isWanted: (month: string) => wanted.has(month),
      tickers: [...ranges.keys()],
    };
    const copy = (await copyPrices(store, request, folder, { ...ports, patienceMs: LOAD_PATIENCE_MS }))!;
    const files = copy.months.map(({ file }) => file);
    return files.length === 0 ? { of: () => [] } : await readFiles(db, files, ranges);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The months that any of the ranges touches. */
export function monthsOfRanges(ranges: Iterable<DateRange>): ReadonlySet<string> {
  return new Set([...ranges].flatMap(monthsOf));
}

async function readFiles(
  db: DuckDBConnection,
  files: readonly string[],
  ranges: ReadonlyMap<string, DateRange>,
): Promise<StoredPrices> {
  await db.run('create or replace temp table ranges (ticker varchar, start_date date, end_date date)');
  const appender = await db.createAppender('ranges');
  const entries = [...ranges];
  for (let from = 0; from < entries.length; from += CHUNK_ROWS) {
    const slice = entries.slice(from, from + CHUNK_ROWS);
    const chunk = DuckDBDataChunk.create([VARCHAR, DATE, DATE], slice.length);
    chunk.setColumns([
      slice.map(([ticker]) => ticker),
      slice.map(([, { start }]) => new DuckDBDateValue(toDay(start))),
      slice.map(([, { end }]) => new DuckDBDateValue(toDay(end))),
    ]);
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
  await db.run(`create or replace temp table wanted as
    select p.ticker, (date - date '1970-01-01')::integer as day, ${FIGURES.join(', ')}
    from (${parquetRows(files, ['ticker', 'date', ...FIGURES])}) as p join ranges as r on p.ticker = r.ticker
    where date >= start_date and date < end_date`);
  try {
    return await readColumns(db);
  } finally {
    await db.run('drop table wanted');
  }
}

async function readColumns(db: DuckDBConnection): Promise<StoredPrices> {
  const total = Number((await db.runAndReadAll('select count(*)::integer from wanted')).getRowsJson()[0]![0]);
  const days = new Int32Array(total);
  const figures = FIGURES.map(() => new Float64Array(total));
  const firstRow = new Map<string, number>();
  let rows = 0;
  const result = await db.stream(
    `select ticker, day, ${FIGURES.join(', ')} from wanted order by ticker, day`,
  );
  for await (const chunk of result) {
    for (const [index, ticker] of chunk.getColumnValues(0).entries()) {
      if (!firstRow.has(String(ticker))) firstRow.set(String(ticker), rows + index);
    }
    days.set(chunk.getColumnValues(1) as number[], rows);
    for (const [column, values] of figures.entries()) {
      const numbers = chunk
        .getColumnValues(column + 2)
        .map((value) => (value === null ? NaN : (value as number)));
      values.set(numbers, rows);
    }
    rows += chunk.rowCount;
  }
  const starts = [...firstRow.values(), rows];
  const order = new Map([...firstRow.keys()].map((ticker, index) => [ticker, index]));
  const figureOf = (column: number, row: number): number | null => {
    const value = figures[column]![row]!;
    return Number.isNaN(value) ? null : value;
  };
  return {
    of(ticker) {
      const index = order.get(ticker);
      if (index === undefined) return [];
      const from = starts[index]!;
      return Array.from({ length: starts[index + 1]! - from }, (_, offset) => ({
        date: fromDay(days[from + offset]!),
        close: figureOf(0, from + offset),
        adjClose: figureOf(1, from + offset),
        dividend: figureOf(2, from + offset),
        split: figureOf(3, from + offset),
      }));
    },
  };
}

function monthsOf({ start, end }: DateRange): string[] {
  const last = addDays(end, -1).slice(0, 7);
  const months: string[] = [];
  for (let month = start.slice(0, 7); month <= last;) {
    months.push(month);
    month = addDays(`${month}-28`, 4).slice(0, 7);
  }
  return months;
}
