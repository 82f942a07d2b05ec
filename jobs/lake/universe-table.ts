import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBDataChunk, VARCHAR } from '@duckdb/node-api';
import type { UniverseEntry } from '../market/universe.ts';
import type { IsoDate } from '../runtime/dates.ts';
import { literal, type DuckDBConnection } from '../runtime/duckdb.ts';
import { firstLine, LakeError } from '../runtime/errors.ts';
import { parseUniverseKey, UNIVERSE_PREFIX, universeKey } from './layout.ts';
import type { ObjectStore } from './object-store.ts';
import { parquetRows } from '../runtime/parquet.ts';
import { UNIVERSE_COLUMNS } from './schema.ts';

/** A universe of the lake, in the order of its ids, and its key. */
export interface StoredUniverse {
  readonly key: string;
  readonly names: readonly UniverseEntry[];
}

const COLUMN_NAMES = UNIVERSE_COLUMNS.map(({ name }) => name);

/** The latest universe of a lake; `undefined` where it has none, or one without a name. */
export async function readUniverseTable(
  store: ObjectStore,
  db: DuckDBConnection,
  scratch: string,
): Promise<StoredUniverse | undefined> {
  const key = await latestKey(store);
  const object = key === undefined ? undefined : await store.get(key);
  if (key === undefined || object === undefined) return undefined;
  const folder = await mkdtemp(join(scratch, 'universe-'));
  try {
    const file = join(folder, 'universe.parquet');
    await writeFile(file, object.body);
    const result = await db.runAndReadAll(`${parquetRows([file], COLUMN_NAMES)} order by id`);
    const names = result.getRowsJson().map((row) => {
      const [id = '', numeraiTicker = '', bloombergTicker = '', yahoo = ''] = row.map((text) =>
        String(text ?? ''),
      );
      return { id, numeraiTicker, bloombergTicker, yahoo };
    });
    return names.length === 0 ? undefined : { key, names };
  } catch (error) {
    throw new LakeError(`${key} in lake "${store.url}" is not readable: ${firstLine(error)}`, error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

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
  const latest = await latestKey(store, universeKey(date));
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
  const stored = parquetRows([file], COLUMN_NAMES);
  const result = await db.runAndReadAll(
    `select count(*)::integer from ((${stored} except from mapped) union all (from mapped except (${stored})))`,
  );
  return result.getRowsJson()[0]![0] === 0;
}

/** Key of the latest universe, up to the key `last` where that is given. */
async function latestKey(store: ObjectStore, last?: string): Promise<string | undefined> {
  let latest: string | undefined;
  for await (const { key } of store.list(UNIVERSE_PREFIX)) {
    const isWanted = parseUniverseKey(key) !== undefined && (last === undefined || key <= last);
    if (isWanted && (latest === undefined || key > latest)) latest = key;
  }
  return latest;
}
