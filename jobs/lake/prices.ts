import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DOUBLE, DuckDBDataChunk, INTEGER, VARCHAR, type DuckDBType } from '@duckdb/node-api';
import type { Bar } from '../market/bar.ts';
import type { Listing } from '../market/provider.ts';
import { toDay, type DateRange } from '../runtime/dates.ts';
import { literal, type DuckDBConnection } from '../runtime/duckdb.ts';
import { firstLine, LakeError } from '../runtime/errors.ts';
import { pricesKey } from './layout.ts';
import { ABSENT, ConflictError, type ObjectStore } from './object-store.ts';
import { RowBuffer } from './row-buffer.ts';
import { PRICES_COLUMNS, PRICES_KEY, PRICES_VALUES } from './schema.ts';

/** Rows of one ticker that a merge found to be new, changed or as they were. */
export interface RowCounts {
  new: number;
  changed: number;
  unchanged: number;
  /** Stood in a range that was replaced whole, and is not in what replaced it. */
  removed: number;
}

export interface MergeResult {
  /** Counts by ticker. */
  readonly rows: ReadonlyMap<string, RowCounts>;
  /** Keys of the objects that were written. */
  readonly written: readonly string[];
}

// Somebody else must win every single race for this to run out.
const MAX_ATTEMPTS = 50;
const CHUNK_ROWS = 2048;

// Rows are sorted by ticker: who reads some of the tickers passes over the other groups of a month.
const ROW_GROUP_ROWS = 10 * 2048;

interface Owner {
  readonly ticker: string;
  readonly currency: string | null;
  readonly exchange: string | null;
}

const FIGURES = PRICES_VALUES.filter(({ type }) => type === 'DOUBLE');

/** Values that a provider can lose for a while. */
const PRICES = new Set(['open', 'high', 'low', 'close', 'adj_close', 'volume']);

const VALUE_NAMES = PRICES_VALUES.map((column) => column.name);
const ROW_NAMES = [...PRICES_KEY, ...VALUE_NAMES];

/**
 * Collects bars of many tickers and merges them into the month objects of one provider, each object read and
 * written once per merge. Rows are unique on (ticker, date), the incoming row wins, rows of other tickers and dates
 * stay as they are unless they are replaced, and a row that says the same as before keeps its `fetched_at`. An
 * object in which nothing changes is not written.
 */
export class PricesWriter {
  readonly #store: ObjectStore;
  readonly #db: DuckDBConnection;
  readonly #provider: string;
  readonly #scratch: string;
  readonly #keepsKnown: boolean;
  #rows = new RowBuffer();
  /** Whose the rows are, by the number they are kept under. */
  #owners: Owner[] = [];
  #replaced: { ticker: string; range: DateRange }[] = [];

  /**
   * @param scratch an existing folder for files that live as long as a merge
   * @param keepsKnown a missing value does not overwrite a known one: a price stays as long as the close beside it is
   *   the same, all prices stay where no close came in
   */
  constructor(
    store: ObjectStore,
    db: DuckDBConnection,
    provider: string,
    scratch: string,
    { keepsKnown }: { readonly keepsKnown: boolean },
  ) {
    this.#store = store;
    this.#db = db;
    this.#provider = provider;
    this.#scratch = scratch;
    this.#keepsKnown = keepsKnown;
  }

  /** Rows that wait for the next merge. */
  get pending(): number {
    return this.#rows.length;
  }

  /** @param replaces rows of the ticker in this range that are not among `bars` are removed */
  add(
    ticker: string,
    bars: readonly Bar[],
    { currency, exchange }: Pick<Listing, 'currency' | 'exchange'>,
    replaces?: DateRange,
  ): void {
    if (replaces !== undefined) this.#replaced.push({ ticker, range: replaces });
    const owner = this.#owners.push({ ticker, currency, exchange }) - 1;
    for (const bar of bars) this.#rows.add(owner, bar);
  }

  /**
   * Merges what was added. When it throws, objects merged so far are whole and stay; merging the same rows again
   * is harmless.
   *
   * @param afterPartition is called after each month; when it throws, the merge ends there
   */
  async merge(fetchedAt: Date, afterPartition: () => void): Promise<MergeResult> {
    const rows = new Map<string, RowCounts>();
    const written: string[] = [];
    const months = await this.#stage();
    for (const month of months) {
      const key = pricesKey(this.#provider, month);
      const wasWritten = await this.#mergeMonth(key, month, fetchedAt, rows);
      if (wasWritten) written.push(key);
      afterPartition();
    }
    return { rows, written };
  }

  /**
   * Moves what was collected into the tables `incoming`, `owners` and `replaced`; resolves with the months they touch,
   * oldest first. Texts are kept once per ticker: appending them costs more than anything else in a row.
   */
  async #stage(): Promise<string[]> {
    const rows = this.#rows;
    const owners = this.#owners;
    const replaced = this.#replaced;
    this.#rows = new RowBuffer();
    this.#owners = [];
    this.#replaced = [];
    const columns = FIGURES.map(({ name, type }) => `${name} ${type}`).join(', ');
    await this.#append(
      `incoming (owner integer, day integer, ${columns})`,
      [INTEGER, INTEGER, ...FIGURES.map(() => DOUBLE)],
      rows.length,
      (from, to) => rows.columns(from, to),
    );
    await this.#append(
      'owners (owner integer, ticker varchar, currency varchar, exchange varchar)',
      [INTEGER, VARCHAR, VARCHAR, VARCHAR],
      owners.length,
      (from, to) => {
        const slice = owners.slice(from, to);
        return [
          slice.map((_, index) => from + index),
          slice.map(({ ticker }) => ticker),
          slice.map(({ currency }) => currency),
          slice.map(({ exchange }) => exchange),
        ];
      },
    );
    await this.#db.run(`create or replace temp table replaced as
      select * from (values (${literal('')}, date '1970-01-01', date '1970-01-01')
        ${replaced.map(({ ticker, range: { start, end } }) => `, (${literal(ticker)}, date ${literal(start)}, date ${literal(end)})`).join('')}
      ) as ranges(ticker, first_date, end_date) where ticker <> ''`);
    const months = await this.#db.runAndReadAll(`
      select distinct strftime(date '1970-01-01' + day, '%Y-%m') as month from incoming
      union
      select strftime(unnest(generate_series(date_trunc('month', first_date), end_date - 1, interval 1 month)), '%Y-%m')
      from replaced
      order by month`);
    return months.getRowsJson().map((row) => String(row![0]));
  }

  /** Makes a table anew, of columns that `columnsOf` gives for a range of its rows. */
  async #append(
    declaration: string,
    types: readonly DuckDBType[],
    length: number,
    columnsOf: (from: number, to: number) => (string | number | null)[][],
  ): Promise<void> {
    await this.#db.run(`create or replace temp table ${declaration}`);
    const appender = await this.#db.createAppender(declaration.split(' ', 1)[0]!);
    for (let from = 0; from < length; from += CHUNK_ROWS) {
      const to = Math.min(from + CHUNK_ROWS, length);
      const chunk = DuckDBDataChunk.create(types, to - from);
      chunk.setColumns(columnsOf(from, to));
      appender.appendDataChunk(chunk);
    }
    appender.closeSync();
  }

  /** Resolves with whether the object was written; adds to `rows`. */
  async #mergeMonth(
    key: string,
    month: string,
    fetchedAt: Date,
    rows: Map<string, RowCounts>,
  ): Promise<boolean> {
    for (let attempt = 1; ; attempt += 1) {
      const current = await this.#store.get(key);
      const folder = await mkdtemp(join(this.#scratch, 'merge-'));
      try {
        await this.#join(key, current?.body, month, fetchedAt, folder);
        const counts = await this.#count();
        const isChanged = counts.some(({ outcome }) => outcome !== 'unchanged');
        if (isChanged) {
          const body = await this.#encode(join(folder, 'merged.parquet'));
          await this.#store.put(key, body, current?.version ?? ABSENT);
        }
        for (const { ticker, outcome, count } of counts) {
          const total = rows.get(ticker) ?? { new: 0, changed: 0, unchanged: 0, removed: 0 };
          total[outcome] += count;
          rows.set(ticker, total);
        }
        return isChanged;
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        if (attempt === MAX_ATTEMPTS) {
          throw new LakeError(
            `${error.message}, ${MAX_ATTEMPTS} times in a row; load again when it is quiet`,
          );
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }
  }

  /**
   * Makes the table `merged`: every row of the month with its `outcome`, `kept` for rows that did not come in and
   * stay, `removed` for those that go.
   */
  async #join(
    key: string,
    stored: Uint8Array | undefined,
    month: string,
    fetchedAt: Date,
    folder: string,
  ): Promise<void> {
    await this.#readStored(key, stored, join(folder, 'stored.parquet'));
    // Where the past is replaced, what is known of it is on another basis.
    const price = (name: string): string =>
      `case when r.ticker is null and (i.close is null or (i.${name} is null and i.close = s.close))
        then coalesce(i.${name}, s.${name}) else i.${name} end`;
    const value = (name: string): string =>
      this.#keepsKnown && PRICES.has(name) ? `${price(name)} as ${name}` : `i.${name} as ${name}`;
    const tuple = (side: string): string => `(${VALUE_NAMES.map((name) => `${side}.${name}`).join(', ')})`;
    await this.#db.run(`create or replace temp table merged as
      with arriving as (
        select i.ticker, i.date, ${VALUE_NAMES.map(value).join(',\n')}
        from (
          select *, date '1970-01-01' + day as date from incoming join owners using (owner)
          where day >= ${toDay(`${month}-01`)} and day < ${firstDayAfter(month)}
        ) as i
        left join stored as s on i.ticker = s.ticker and i.date = s.date
        left join (select distinct ticker from replaced) as r on i.ticker = r.ticker
      ), judged as (
        select coalesce(a.ticker, s.ticker) as ticker, coalesce(a.date, s.date) as date,
          ${VALUE_NAMES.map((name) => `case when a.ticker is null then s.${name} else a.${name} end as ${name}`).join(',\n')},
          s.fetched_at as known_since,
          case when a.ticker is null then case when exists (
              select 1 from replaced as r where r.ticker = s.ticker
                and s.date >= r.first_date and s.date < r.end_date
            ) then 'removed' else 'kept' end
            when s.ticker is null then 'new'
            when ${tuple('a')} is distinct from ${tuple('s')} then 'changed' else 'unchanged' end as outcome
        from arriving as a full join stored as s on a.ticker = s.ticker and a.date = s.date
      )
      select * exclude (known_since), case when outcome in ('new', 'changed')
        then make_timestamp_ms(${fetchedAt.getTime()})::timestamp_ms else known_since end as fetched_at
      from judged`);
  }

  async #readStored(key: string, body: Uint8Array | undefined, file: string): Promise<void> {
    const columns = PRICES_COLUMNS.map(({ name, type }) => `${name} ${type}`).join(', ');
    await this.#db.run(`create or replace temp table stored (${columns})`);
    if (body === undefined) return;
    await writeFile(file, body);
    try {
      await this.#db.run(`insert into stored by name select * from read_parquet(${literal(file)})`);
    } catch (error) {
      const what = firstLine(error).replaceAll(file, key);
      throw new LakeError(
        `${key} in lake "${this.#store.url}" is not a readable price object (${what}); ` +
          'restore it, or delete it and load its month again',
        error,
      );
    }
  }

  async #count(): Promise<{ ticker: string; outcome: keyof RowCounts; count: number }[]> {
    const result = await this.#db.runAndReadAll(
      `select ticker, outcome, count(*)::integer from merged where outcome <> 'kept' group by all order by all`,
    );
    return result.getRowsJson().map(([ticker, outcome, count]) => ({
      ticker: String(ticker),
      outcome: outcome as keyof RowCounts,
      count: Number(count),
    }));
  }

  async #encode(file: string): Promise<Uint8Array> {
    await this.#db
      .run(`copy (select ${ROW_NAMES.join(', ')}, fetched_at from merged where outcome <> 'removed'
      order by ticker, date)
      to ${literal(file)} (format parquet, compression zstd, row_group_size ${ROW_GROUP_ROWS})`);
    return readFile(file);
  }
}

/** The day number of the first day after a calendar month `YYYY-MM`. */
function firstDayAfter(month: string): number {
  const [year, number] = month.split('-').map(Number);
  return Date.UTC(year!, number!, 1) / 86_400_000;
}
