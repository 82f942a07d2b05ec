import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parquetRows } from '../runtime/parquet.ts';
import { literal, type DuckDBConnection } from '../runtime/duckdb.ts';

/**
 * An era in which `fresh` takes the place of all rows of `tickers`, sorted by ticker; rows of other
 * tickers stay as they are. Both are whole objects of the same set. Undefined where that changes no row.
 */
export async function mergeEra(
  db: DuckDBConnection,
  standing: Uint8Array,
  fresh: Uint8Array,
  tickers: readonly string[],
  metadata: Readonly<Record<string, string>>,
  scratch: string,
): Promise<{ body: Uint8Array; rows: number } | undefined> {
  const [standingFile, freshFile, mergedFile] = ['standing', 'fresh', 'merged'].map((name) =>
    join(scratch, `${name}.parquet`),
  ) as [string, string, string];
  await writeFile(standingFile, standing);
  await writeFile(freshFile, fresh);
  const [rows, freshRows] = [parquetRows([standingFile], ['*']), parquetRows([freshFile], ['*'])];
  const names = tickers.map(literal).join(', ');
  const replaced = `${rows} where ticker in (${names})`;
  const differing = await db.runAndReadAll(`select count(*)::integer from (
      ((${replaced}) except all (${freshRows})) union all ((${freshRows}) except all (${replaced})))`);
  if (Number(differing.getRowsJson()[0]![0]) === 0) return undefined;
  const pairs = Object.entries(metadata).map(([key, value]) => `${literal(key)}: ${literal(value)}`);
  await db.run(`copy (
      ${rows} where ticker not in (${names})
      union all by name ${freshRows}
      order by ticker)
    to ${literal(mergedFile)} (format parquet, compression zstd, kv_metadata {${pairs.join(', ')}})`);
  const counted = await db.runAndReadAll(`${parquetRows([mergedFile], ['count(*)::integer'])}`);
  return { body: await readFile(mergedFile), rows: Number(counted.getRowsJson()[0]![0]) };
}
