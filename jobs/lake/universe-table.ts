import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBDataChunk, VARCHAR } from '@duckdb/node-api';
import type { UniverseEntry } from '../market/universe.ts';
import type { IsoDate } from '../runtime/dates.ts';
import { literal, type DuckDBConnection } from '../runtime/duckdb.ts';
import { copyObjects } from './copy-objects.ts';
import { parseUniverseKey, UNIVERSE_PREFIX, universeKey } from './layout.ts';
import type { ObjectStore } from './object-store.ts';
import { parquetRows } from './parquet.ts';
import { UNIVERSE_COLUMNS } from './schema.ts';

/**
 * Keeps the mapped universe as a table of the lake: writes the one of `date` when the latest that is there says
 * something else. Resolves with whether it wrote. Empty identifiers are NULL.
 */
export async function saveUniverse(
  store: ObjectStore,
  db: DuckDBConnection,
  universe: readonly UniverseEntry[],
  date: IsoDate,
  scratch: string,
): Promise<boolean> {
  let latest: string | undefined;
  for await (const { key } of store.list(UNIVERSE_PREFIX)) if (key <= universeKey(date)) latest = key;

  const columns = UNIVERSE_COLUMNS.map(({ name, type }) => `${name} ${type}`).join(', ');
  await db.run(`create or replace temp table mapped (${columns})`);
  const appender = await db.createAppender('mapped');
  for (const { id, numeraiTicker, bloombergTicker, yahoo } of universe) {
    const chunk = DuckDBDataChunk.create([VARCHAR, VARCHAR, VARCHAR, VARCHAR], 1);
    chunk.setRows([[id, numeraiTicker, bloombergTicker, yahoo].map((text) => (text === '' ? null : text))]);
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();

  const folder = await mkdtemp(join(scratch, 'universe-'));
  try {
    const file = join(folder, 'universe.parquet');
    await db.run(
      `copy (select * from mapped order by id) to ${literal(file)} (format parquet, compression zstd)`,
    );
    if (latest !== undefined && (await hasSameRows(store, db, latest, join(folder, 'latest.parquet'))))
      return false;
    await store.put(universeKey(date), await readFile(file));
    return true;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function hasSameRows(
  store: ObjectStore,
  db: DuckDBConnection,
  key: string,
  file: string,
): Promise<boolean> {
  const object = await store.get(key);
  if (object === undefined) return false;
  await writeFile(file, object.body);
  const names = UNIVERSE_COLUMNS.map((column) => column.name);
  const stored = parquetRows([file], names);
  const result = await db.runAndReadAll(
    `select count(*)::integer from ((${stored} except from mapped) union all (from mapped except (${stored})))`,
  );
  return result.getRowsJson()[0]![0] === 0;
}

/** The latest universe of a lake; empty where it has none. Identifiers that are NULL are empty. */
export async function readLatestUniverse(
  store: ObjectStore,
  db: DuckDBConnection,
  scratch: string,
): Promise<UniverseEntry[]> {
  const folder = await mkdtemp(join(scratch, 'universe-'));
  try {
    const files = await copyObjects(store, UNIVERSE_PREFIX, folder);
    const latest = files.findLast(({ key }) => parseUniverseKey(key) !== undefined);
    if (latest === undefined) return [];
    const columns = UNIVERSE_COLUMNS.map(({ name }) => `coalesce(${name}, '')`);
    const result = await db.runAndReadAll(`${parquetRows([latest.file], columns)} order by id`);
    return result.getRowsJson().map((row) => {
      const [id = '', numeraiTicker = '', bloombergTicker = '', yahoo = ''] = row.map(String);
      return { id, numeraiTicker, bloombergTicker, yahoo };
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
