import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { literal, type DuckDBConnection } from '../../jobs/runtime/duckdb.ts';

/*
 * Whether two lakes have the same rows, value by value, read with DuckDB alone: NULL equals NULL, NaN equals NaN, and
 * no number is rounded. When a row was fetched and which bytes hold it are no part of it.
 */

/** A folder with the objects of a lake at their keys. */
type Folder = string;

/** Eras in which two states of a feature set differ. */
export function differingEras(
  db: DuckDBConnection,
  set: string,
  one: Folder,
  two: Folder,
): Promise<string[]> {
  return differences(db, (folder) => rowsBelow(join(folder, 'features', set), 'era', 'filename'), one, two);
}

/** Months of a provider in which two states of the prices differ. */
export function differingMonths(
  db: DuckDBConnection,
  provider: string,
  one: Folder,
  two: Folder,
): Promise<string[]> {
  const prices = join('raw_data', `provider=${provider}`);
  return differences(
    db,
    (folder) => rowsBelow(join(folder, prices), 'month', 'filename, fetched_at'),
    one,
    two,
  );
}

async function differences(
  db: DuckDBConnection,
  rowsOf: (folder: Folder) => string | undefined,
  one: Folder,
  two: Folder,
): Promise<string[]> {
  const [a, b] = [rowsOf(one), rowsOf(two)];
  if (a === undefined && b === undefined) return [];
  if (a === undefined || b === undefined) return ['all'];
  const result = await db.runAndReadAll(
    `with a as (${a}), b as (${b})
     select distinct part from ((from a except all from b) union all (from b except all from a)) order by part`,
  );
  return result.getRowsJson().map((row) => String(row![0]));
}

/** Rows of the objects in the folders `KEY=VALUE`, with that as their `part`; undefined when there are none. */
function rowsBelow(folder: Folder, key: string, excluded: string): string | undefined {
  const all = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  const files = all.filter((path) => path.startsWith(`${key}=`) && path.endsWith('.parquet'));
  if (files.length === 0) return undefined;
  const list = files.map((path) => literal(join(folder, path))).join(', ');
  return `select * exclude (${excluded}), regexp_extract(filename, '([^/]+)/[^/]+$', 1) as part
    from read_parquet([${list}], hive_partitioning = false, filename = true)`;
}
