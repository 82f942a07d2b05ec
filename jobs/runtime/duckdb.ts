import type { DuckDBConnection } from '@duckdb/node-api';

export type { DuckDBConnection } from '@duckdb/node-api';

/**
 * An in-memory DuckDB that never reaches out for extensions: what is not linked in fails at once instead of
 * starting a download. Larger-than-memory work spills into `spillFolder`.
 *
 * @param limits threads to use (default: all) and memory before it spills (default: most of the machine's)
 */
export async function openDuckDB(
  spillFolder: string,
  limits: { readonly threads?: number; readonly memoryMB?: number } = {},
): Promise<DuckDBConnection> {
  // Its native part need not be there for programs that never come here.
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    temp_directory: spillFolder,
    // Every object is read once: keeping its bytes would only take memory.
    enable_external_file_cache: 'false',
    ...(limits.threads === undefined ? {} : { threads: String(limits.threads) }),
    ...(limits.memoryMB === undefined ? {} : { memory_limit: `${limits.memoryMB}MB` }),
  });
  return instance.connect();
}

/** A SQL string literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A quoted SQL identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
