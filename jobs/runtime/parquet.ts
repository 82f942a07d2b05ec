import { literal } from './duckdb.ts';
import { UsageError } from './errors.ts';

/**
 * SQL for the rows of Parquet files that are named exactly. Their columns are those that are asked for, from the
 * files alone: a folder on the way to a file that looks like a partition (`date=2024-01-01`) is just a folder.
 *
 * @param columns names or expressions; `filename` is there where `withPath` is true
 */
export function parquetRows(files: readonly string[], columns: readonly string[], withPath = false): string {
  for (const file of files) refusePattern(file);
  const path = withPath ? ', filename = true' : '';
  return `select ${columns.join(', ')} from read_parquet([${files.map(literal).join(', ')}], hive_partitioning = false${path})`;
}

/** DuckDB takes a path with one of these characters for a pattern and has no way to say otherwise. */
function refusePattern(file: string): void {
  const found = /[*?[\]{}]/.exec(file);
  if (found === null) return;
  throw new UsageError(
    `file "${file}" has the character ${found[0]} in its path; set TMPDIR, or choose a lake, without it`,
  );
}
