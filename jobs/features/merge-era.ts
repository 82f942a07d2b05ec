import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { literal, type DuckDBConnection } from '../runtime/duckdb.ts';

/**
 * An era in which `fresh` takes the place of all rows of `tickers`, sorted by ticker; rows of other
 * tickers stay as they are. Both are whole objects of the same set.
 */
export async function mergeEra(
  db: DuckDBConnection,
  standing: Uint8Array,
  fresh: Uint8Array,
  tickers: readonly string[],
  metadata: Readonly<Record<string, string>>,
  scratch: string,
): Promise<{ body: Uint8Array; rows: number }> {
  const [standingFile, freshFile, mergedFile] = ['standing', 'fresh', 'merged'].map((name) =>
    literal(join(scratch, `${name}.parquet`)),
  );
  await writeFile(join(scratch, 'standing.parquet'), standing);
  await writeFile(join(scratch, 'fresh.parquet'), fresh);
  const pairs = Object.entries(metadata).map(([key, value]) => `${literal(key)}: ${literal(value)}`);
  await db.run(`copy (
      select * from read_parquet(${standingFile}, hive_partitioning = false)
      where ticker not in (${tickers.map(literal).join(', ')})
      union all by name select * from read_parquet(${freshFile}, hive_partitioning = false)
      order by ticker)
    to ${mergedFile} (format parquet, compression zstd, kv_metadata {${pairs.join(', ')}})`);
  const counted = await db.runAndReadAll(`select count(*)::integer from read_parquet(${mergedFile})`);
  return {
    body: await readFile(join(scratch, 'merged.parquet')),
    rows: Number(counted.getRowsJson()[0]![0]),
  };
}
