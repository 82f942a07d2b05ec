import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { openDuckDB } from '../../jobs/runtime/duckdb.ts';

/** Every file below a folder of a lake with its content and time, by path: equal maps are untouched folders. */
export function snapshot(lake: string, below: string): Map<string, string> {
  const root = join(lake, below);
  if (!existsSync(root)) return new Map();
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
      .map((path) => {
        const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
        return [relative(lake, path), `${hash} ${statSync(path, { bigint: true }).mtimeNs}`];
      }),
  );
}

/**
 * Runs SQL in a DuckDB of its own, without any code of the project; `LAKE` in it stands for the folder. The keys of
 * partitions are columns, those of the lake only: a folder above it may be called `date=2024-01-01` as well.
 */
export async function readLake(lake: string, sql: string): Promise<unknown[][]> {
  const db = await openDuckDB(join(lake, '..'));
  try {
    const tables = sql.replaceAll(
      /\b(from|join)\s+(?:read_parquet\('LAKE\/([^']*)'(?:,[^()]*)?\)|'LAKE\/([^']*)')/g,
      (_all, keyword: string, named?: string, bare?: string) =>
        `${keyword} (${rowsOf(lake, named ?? bare!)})`,
    );
    return (await db.runAndReadAll(tables.replaceAll('LAKE', lake))).getRowsJson();
  } finally {
    db.closeSync();
  }
}

function rowsOf(lake: string, pattern: string): string {
  const keys = [...pattern.matchAll(/(\w+)=[^/]*\//g)].map(([, key]) => {
    const value = `regexp_extract(filename[${lake.length + 1}:], '/${key}=([^/]+)/', 1)`;
    return `${value}${key === 'date' || key === 'era' ? '::date' : ''} as ${key}`;
  });
  const files = `read_parquet('${lake}/${pattern}', hive_partitioning = false, filename = true)`;
  return `select ${['* exclude (filename)', ...keys].join(', ')} from ${files}`;
}

export const ALL_PRICES = "read_parquet('LAKE/raw_data/provider=*/month=*/prices.parquet')";
