import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { parquetMetadataAsync } from 'hyparquet';
import { listMonths, type MonthObject, type ProviderPrices } from '../lake/choose-provider.ts';
import { copyObjects } from '../lake/copy-objects.ts';
import { stagingFolder } from '../lake/layout.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { parquetRows } from '../runtime/parquet.ts';
import { MovedError, readListed } from '../lake/read-one-state.ts';
import { readPrices, type ReadPorts } from '../lake/read-prices.ts';
import { PRICES_KEY } from '../lake/schema.ts';
import type { IsoDate } from '../runtime/dates.ts';
import { literal, type DuckDBConnection } from '../runtime/duckdb.ts';
import { LakeError, QueryError } from '../runtime/errors.ts';
import type { AthenaEngine } from './athena-engine.ts';

export interface UnloadRequest {
  readonly lake: ObjectStore;
  readonly athena: AthenaEngine;
  readonly db: DuckDBConnection;
  /** An existing folder for copies. */
  readonly scratch: string;
  readonly runId: string;
  readonly provider: string;
  /** First trading date to unload; all when undefined. */
  readonly from: IsoDate | undefined;
  readonly ports: ReadPorts;
}

/** An unload takes a minute, and a load beside it can make several of them void. */
const PATIENCE_MS = 20 * 60_000;

/**
 * Lets Athena unload prices of a lake in S3 into the run's staging area, between two equal looks at the months, and
 * copies them to a file of this machine, sorted. Resolves with the file; with none where the lake has no prices.
 */
export async function unloadPrices(request: UnloadRequest): Promise<string[]> {
  const { lake, provider, ports, from } = request;
  const isWanted = (month: string): boolean => from === undefined || month >= from.slice(0, 7);
  const patient = { ...ports, patienceMs: PATIENCE_MS };
  const file = await readPrices(lake, { provider, isWanted }, patient, (prices) =>
    unloadOnce(prices, request),
  );
  return file === undefined ? [] : [file];
}

async function unloadOnce(prices: ProviderPrices, request: UnloadRequest): Promise<string> {
  const { lake, athena, runId } = request;
  const staged = `${stagingFolder(runId)}prices/`;
  try {
    await athena.unload(unloadQuery(request), `${lake.url}/${staged}`);
    return await copySorted(staged, prices, request);
  } catch (error) {
    // Athena fails when an object is replaced while it reads it.
    if (error instanceof QueryError && (await haveMoved(prices, lake))) throw new MovedError('prices');
    throw error;
  } finally {
    for await (const { key } of lake.list(staged)) await lake.delete(key);
  }
}

async function haveMoved({ provider, months }: ProviderPrices, lake: ObjectStore): Promise<boolean> {
  const now = new Map((await listMonths(lake, provider)).map(({ key, version }) => [key, version]));
  return months.some(({ key, version }) => now.get(key) !== version);
}

/** Objects of an unload come in any number and order; indicators need each ticker in the order of time. */
async function copySorted(staged: string, prices: ProviderPrices, request: UnloadRequest): Promise<string> {
  const { lake, db, scratch, provider } = request;
  const folder = await mkdtemp(join(scratch, 'unloaded-'));
  const copied = await copyObjects(lake, staged, folder);
  if (copied.length === 0) {
    throw new LakeError(
      `Athena has no prices of ${provider} for lake "${lake.url}": the crawler has not added their partitions`,
    );
  }
  const target = join(folder, 'prices.parquet');
  const rows = parquetRows(
    copied.map(({ file }) => file),
    COLUMNS,
  );
  await db.run(`copy (${rows} order by ${PRICES_KEY.join(', ')}) to ${literal(target)} (format parquet)`);
  await checkMonths(target, prices, request);
  return target;
}

/** Athena knows the months that the crawler has told it of: all that the lake has must be among them. */
async function checkMonths(file: string, { months }: ProviderPrices, request: UnloadRequest): Promise<void> {
  const { lake, db, from, provider } = request;
  const found = await db.runAndReadAll(
    `select distinct strftime(date, '%Y-%m') from (${parquetRows([file], ['date'])})`,
  );
  const unloaded = new Set(found.getRowsJson().map((row) => String(row[0])));
  const lacking: string[] = [];
  for (const object of months) {
    const { month } = object;
    // Of the first month the rows from a date on are wanted, which can be none.
    if (unloaded.has(month) || month === from?.slice(0, 7) || (await isEmpty(lake, object))) continue;
    lacking.push(month);
  }
  if (lacking.length === 0) return;
  throw new LakeError(
    `Athena lacks ${lacking.length} months of ${provider} that lake "${lake.url}" has, ${lacking[0]} the first: ` +
      'the crawler has not added their partitions; run it, then run again',
  );
}

async function isEmpty(lake: ObjectStore, month: MonthObject): Promise<boolean> {
  const { buffer, byteOffset, byteLength } = await readListed(lake, month);
  const file = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
  return (await parquetMetadataAsync(file)).num_rows === 0n;
}

/** What a transform reads of `raw_data`. */
const COLUMNS = [...PRICES_KEY, 'open', 'high', 'low', 'close', 'adj_close', 'volume'];

/** In SQL that DuckDB reads alike. */
function unloadQuery({ provider, from }: UnloadRequest): string {
  const since =
    from === undefined ? '' : ` and month >= ${literal(from.slice(0, 7))} and date >= date ${literal(from)}`;
  return `select ${COLUMNS.join(', ')} from raw_data where provider = ${literal(provider)}${since}`;
}
