import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { toDay } from '../runtime/dates.ts';
import { literal, type DuckDBConnection } from '../runtime/duckdb.ts';
import { firstLine, LakeError } from '../runtime/errors.ts';
import { pricesKey } from './layout.ts';
import type { HeldMark } from './marks.ts';
import { ABSENT, ConflictError, type ObjectStore, type Version } from './object-store.ts';
import { parquetRows } from '../runtime/parquet.ts';
import { PRICES_COLUMNS, PRICES_KEY, PRICES_VALUES } from './schema.ts';

/*
 * One merge: rows of many tickers into the month objects of one provider. What is merged lies in the tables `incoming`,
 * `owners` and `replaced` of a DuckDB connection, and in `rows.parquet` and `merge.json` below the mark of the merge,
 * from where another process takes it when this one is killed.
 */

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
  /** Versions of the objects that were written, by month. */
  readonly written: ReadonlyMap<string, Version>;
}

const owner = z.object({
  /** What its rows are kept under. */
  number: z.int(),
  ticker: z.string(),
  currency: z.string().nullable(),
  exchange: z.string().nullable(),
});

const mergeSchema = z.object({
  version: z.literal(1),
  provider: z.string(),
  /** Milliseconds since 1970: of rows that are new or change. It is that of the load, whoever carries the merge out. */
  fetchedAtMs: z.int(),
  /** A missing value does not overwrite a known one; see PricesWriter. */
  keepsKnown: z.boolean(),
  months: z.array(z.string()),
  /** Ticker and listing of the rows. */
  owners: z.array(owner),
  /** Rows of a ticker from `start` up to before `end` that are not among the incoming ones are removed. */
  replaced: z.array(z.object({ ticker: z.string(), start: z.string(), end: z.string() })),
});

/** All that a merge is, beside its rows. */
export type Merge = z.infer<typeof mergeSchema>;
export type Owner = Omit<z.infer<typeof owner>, 'number'>;

export interface MergePorts {
  readonly store: ObjectStore;
  readonly db: DuckDBConnection;
  /** An existing folder for files that live as long as a merge. */
  readonly scratch: string;
}

export const FIGURES = PRICES_VALUES.filter(({ type }) => type === 'DOUBLE');

/** Columns of `incoming`: its owner's number, days since 1970, figures. */
export const INCOMING_COLUMNS = [
  'owner integer',
  'day integer',
  ...FIGURES.map(({ name, type }) => `${name} ${type}`),
];

/** Values that a provider can lose for a while. */
const PRICES = new Set(['open', 'high', 'low', 'close', 'adj_close', 'volume']);

const VALUE_NAMES = PRICES_VALUES.map((column) => column.name);
const ROW_NAMES = [...PRICES_KEY, ...VALUE_NAMES];

// Somebody else must win every single race for this to run out.
const MAX_ATTEMPTS = 50;

// Rows are sorted by ticker: who reads some of the tickers passes over the other groups of a month.
const ROW_GROUP_ROWS = 10 * 2048;

/** Puts what is merged where another process finds it, then names it in the mark. */
export async function nameMerge(
  merge: Merge,
  { store, db, scratch }: MergePorts,
  held: HeldMark,
): Promise<void> {
  const folder = await mkdtemp(join(scratch, 'input-'));
  try {
    const file = join(folder, 'rows.parquet');
    await db.run(`copy incoming to ${literal(file)} (format parquet, compression lz4_raw)`);
    await store.put(`${held.input}rows.parquet`, await readFile(file));
    await store.put(`${held.input}merge.json`, Buffer.from(JSON.stringify(merge)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const tickers = [...merge.owners, ...merge.replaced].map(({ ticker }) => ticker);
  await held.name({ input: held.input, parts: merge.months }, [...new Set(tickers)]);
}

/** Makes the tables of a merge from what another process left below its mark. */
export async function readMerge(input: string, { store, db, scratch }: MergePorts): Promise<Merge> {
  const [rows, text] = await Promise.all([
    store.get(`${input}rows.parquet`),
    store.get(`${input}merge.json`),
  ]);
  if (rows === undefined || text === undefined) {
    throw new LakeError(
      `${input} in lake "${store.url}" is gone while its merge was rolled forward; run again`,
    );
  }
  const folder = await mkdtemp(join(scratch, 'input-'));
  try {
    const merge = mergeSchema.parse(JSON.parse(Buffer.from(text.body).toString()));
    const file = join(folder, 'rows.parquet');
    await writeFile(file, rows.body);
    await db.run(`create or replace temp table incoming as ${parquetRows([file], ['*'])}`);
    await makeOwners(db, merge);
    return merge;
  } catch (error) {
    throw new LakeError(
      `the merge of a killed run cannot be carried out: ${input} in lake "${store.url}" is not readable ` +
        `(${firstLine(error)}); restore it, or delete the mark and load its months again: see operations`,
      error,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The tables `owners` and `replaced` of a merge. */
export async function makeOwners(
  db: DuckDBConnection,
  { owners, replaced }: Pick<Merge, 'owners' | 'replaced'>,
): Promise<void> {
  await db.run(`create or replace temp table owners as
    select number as owner, ticker, currency, exchange from (
    ${unnested(owners, { number: 'INTEGER', ticker: 'VARCHAR', currency: 'VARCHAR', exchange: 'VARCHAR' })})`);
  await db.run(`create or replace temp table replaced as
    select ticker, "start" as first_date, "end" as end_date from (
    ${unnested(replaced, { ticker: 'VARCHAR', start: 'DATE', end: 'DATE' })})`);
}

function unnested(records: readonly object[], types: Readonly<Record<string, string>>): string {
  return `select unnest(from_json(${literal(JSON.stringify(records))}, ${literal(JSON.stringify([types]))}), recursive := true)`;
}

/** Months that the tables of a merge touch, oldest first. */
export async function monthsOfMerge(db: DuckDBConnection): Promise<string[]> {
  const months = await db.runAndReadAll(`
    select distinct strftime(date '1970-01-01' + day, '%Y-%m') as month from incoming join owners using (owner)
    union
    select strftime(unnest(generate_series(date_trunc('month', first_date), end_date - 1, interval 1 month)), '%Y-%m')
    from replaced
    order by month`);
  return months.getRowsJson().map((row) => String(row![0]));
}

/**
 * Switches month after month to what it is with the merge. Each is read, the mark is looked at, and the month is put
 * on what was read: a run that slept meanwhile, and whose merge somebody else has carried out, stops at one of the two.
 * When it throws, months switched so far are whole and stay; the rest is rolled forward under the mark.
 *
 * @param afterMonth is called after each month; when it throws, the merge ends there
 */
export async function mergeMonths(
  merge: Merge,
  ports: MergePorts,
  held: HeldMark,
  afterMonth: () => void,
): Promise<MergeResult> {
  const rows = new Map<string, RowCounts>();
  const written = new Map<string, Version>();
  for (const month of merge.months) {
    const version = await mergeMonth(merge, month, ports, held, rows);
    if (version !== undefined) written.set(month, version);
    afterMonth();
  }
  return { rows, written };
}

/** Resolves with the version of the object where it was written; adds to `rows`. */
async function mergeMonth(
  merge: Merge,
  month: string,
  { store, db, scratch }: MergePorts,
  held: HeldMark,
  rows: Map<string, RowCounts>,
): Promise<Version | undefined> {
  const key = pricesKey(merge.provider, month);
  for (let attempt = 1; ; attempt += 1) {
    const current = await store.get(key);
    const folder = await mkdtemp(join(scratch, 'merge-'));
    try {
      await readStored(db, current?.body, join(folder, 'stored.parquet'), key, store.url);
      await joinMonth(db, merge, month);
      const counts = await count(db);
      let version: Version | undefined;
      if (counts.some(({ outcome }) => outcome !== 'unchanged')) {
        const body = await encode(db, join(folder, 'merged.parquet'));
        await held.check();
        version = await store.put(key, body, current?.version ?? ABSENT);
      }
      for (const { ticker, outcome, rows: some } of counts) {
        const total = rows.get(ticker) ?? { new: 0, changed: 0, unchanged: 0, removed: 0 };
        total[outcome] += some;
        rows.set(ticker, total);
      }
      return version;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      if (attempt === MAX_ATTEMPTS) {
        throw new LakeError(`${error.message}, ${MAX_ATTEMPTS} times in a row; load again when it is quiet`);
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
async function joinMonth(
  db: DuckDBConnection,
  { fetchedAtMs, keepsKnown }: Merge,
  month: string,
): Promise<void> {
  // Where the past is replaced, what is known of it is on another basis.
  const price = (name: string): string =>
    `case when r.ticker is null and (i.close is null or (i.${name} is null and i.close = s.close))
        then coalesce(i.${name}, s.${name}) else i.${name} end`;
  const value = (name: string): string =>
    keepsKnown && PRICES.has(name) ? `${price(name)} as ${name}` : `i.${name} as ${name}`;
  const tuple = (side: string): string => `(${VALUE_NAMES.map((name) => `${side}.${name}`).join(', ')})`;
  await db.run(`create or replace temp table merged as
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
        then make_timestamp_ms(${fetchedAtMs})::timestamp_ms else known_since end as fetched_at
      from judged`);
}

async function readStored(
  db: DuckDBConnection,
  body: Uint8Array | undefined,
  file: string,
  key: string,
  url: string,
): Promise<void> {
  const columns = PRICES_COLUMNS.map(({ name, type }) => `${name} ${type}`).join(', ');
  await db.run(`create or replace temp table stored (${columns})`);
  if (body === undefined) return;
  await writeFile(file, body);
  try {
    // All of its columns: one that this version does not know would be lost, and fails here instead.
    await db.run(`insert into stored by name ${parquetRows([file], ['*'])}`);
  } catch (error) {
    const what = firstLine(error).replaceAll(file, key);
    throw new LakeError(
      `${key} in lake "${url}" is not a readable price object (${what}); ` +
        'restore it, or delete it and load its month again',
      error,
    );
  }
}

async function count(
  db: DuckDBConnection,
): Promise<{ ticker: string; outcome: keyof RowCounts; rows: number }[]> {
  const result = await db.runAndReadAll(
    `select ticker, outcome, count(*)::integer from merged where outcome <> 'kept' group by all order by all`,
  );
  return result.getRowsJson().map(([ticker, outcome, rows]) => ({
    ticker: String(ticker),
    outcome: outcome as keyof RowCounts,
    rows: Number(rows),
  }));
}

async function encode(db: DuckDBConnection, file: string): Promise<Uint8Array> {
  await db.run(`copy (select ${ROW_NAMES.join(', ')}, fetched_at from merged where outcome <> 'removed'
      order by ticker, date)
      to ${literal(file)} (format parquet, compression zstd, row_group_size ${ROW_GROUP_ROWS})`);
  return readFile(file);
}

/** The day number of the first day after a calendar month `YYYY-MM`. */
function firstDayAfter(month: string): number {
  const [year, number] = month.split('-').map(Number);
  return Date.UTC(year!, number!, 1) / 86_400_000;
}
