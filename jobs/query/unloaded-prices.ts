import { dirname, join } from 'node:path';
import { pricesFolder, pricesKey, stagingFolder } from '../lake/layout.ts';
import type { Expectation, ObjectInfo, ObjectStore, Version } from '../lake/object-store.ts';
import { PRICES_KEY } from '../lake/schema.ts';
import type { IsoDate } from '../runtime/dates.ts';
import { literal, type DuckDBConnection } from '../runtime/duckdb.ts';
import { LakeError } from '../runtime/errors.ts';
import { makeFolder } from '../runtime/make-folder.ts';
import type { AthenaEngine } from './athena-engine.ts';

export interface UnloadOptions {
  readonly runId: string;
  readonly provider: string;
  /** First trading date to unload; all when undefined. */
  readonly from: IsoDate | undefined;
}

/**
 * A lake in S3 whose prices come out of Athena: it unloads them once into the run's staging area, from where they
 * are copied to this machine and sorted. Everything else is the lake's own.
 */
export class UnloadedPrices implements ObjectStore {
  readonly url: string;
  readonly #lake: ObjectStore;
  readonly #athena: AthenaEngine;
  readonly #db: DuckDBConnection;
  readonly #options: UnloadOptions;

  constructor(lake: ObjectStore, athena: AthenaEngine, db: DuckDBConnection, options: UnloadOptions) {
    this.url = lake.url;
    this.#lake = lake;
    this.#athena = athena;
    this.#db = db;
    this.#options = options;
  }

  async localFolder(prefix: string, scratch: string): Promise<string> {
    if (prefix !== pricesFolder(this.#options.provider)) return this.#lake.localFolder(prefix, scratch);
    const staged = `${stagingFolder(this.#options.runId)}prices/`;
    try {
      await this.#athena.unload(unloadQuery(this.#options), `${this.#lake.url}/${staged}`);
      return await this.#copySorted(staged, scratch);
    } finally {
      for await (const { key } of this.#lake.list(staged)) await this.#lake.delete(key);
    }
  }

  /** Objects of an unload come in any number and order; indicators need each ticker in the order of time. */
  async #copySorted(staged: string, scratch: string): Promise<string> {
    let count = 0;
    for await (const _object of this.#lake.list(staged)) count += 1;
    if (count === 0) {
      throw new LakeError(
        `Athena has no prices of ${this.#options.provider} for lake "${this.url}": the crawler has not added their partitions`,
      );
    }
    const copied = join(await this.#lake.localFolder(staged, scratch), staged, '*');
    const folder = join(scratch, 'unloaded');
    const target = join(folder, pricesKey(this.#options.provider, 'all'));
    makeFolder(dirname(target));
    await this.#db.run(
      `copy (select * from read_parquet(${literal(copied)}) order by ${PRICES_KEY.join(', ')})
       to ${literal(target)} (format parquet)`,
    );
    return folder;
  }

  list(prefix: string): AsyncIterable<ObjectInfo> {
    return this.#lake.list(prefix);
  }

  get(key: string): Promise<{ readonly body: Uint8Array; readonly version: Version } | undefined> {
    return this.#lake.get(key);
  }

  put(key: string, body: Uint8Array, expected?: Expectation): Promise<Version> {
    return this.#lake.put(key, body, expected);
  }

  delete(key: string): Promise<void> {
    return this.#lake.delete(key);
  }
}

/** What a transform reads of `raw_data`. */
const COLUMNS = [...PRICES_KEY, 'open', 'high', 'low', 'close', 'adj_close', 'volume'];

/** In SQL that DuckDB reads alike. */
function unloadQuery({ provider, from }: UnloadOptions): string {
  const since =
    from === undefined ? '' : ` and month >= ${literal(from.slice(0, 7))} and date >= date ${literal(from)}`;
  return `select ${COLUMNS.join(', ')} from raw_data where provider = ${literal(provider)}${since}`;
}
