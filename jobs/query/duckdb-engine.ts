import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '@duckdb/node-api';
import { copySet } from '../features/read-set.ts';
import { readSettings } from '../features/set-objects.ts';
import type { FeatureSettings } from '../features/settings.ts';
import { copyObjects } from '../lake/copy-objects.ts';
import { FEATURES_PREFIX, parseSettingsKey, parseUniverseKey, UNIVERSE_PREFIX } from '../lake/layout.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { nameObjects } from '../lake/read-one-state.ts';
import { copyPrices, type ReadPorts } from '../lake/read-prices.ts';
import type { DuckDBConnection } from '../runtime/duckdb.ts';
import { firstLine, QueryError } from '../runtime/errors.ts';
import type { QueryEngine, QueryResult, ResultValue } from './engine.ts';
import { featuresView, rawDataView, universeHistoryView, universeView } from './views.ts';

export interface DuckDBEngineOptions {
  readonly store: ObjectStore;
  readonly db: DuckDBConnection;
  /** Whose prices `raw_data` shows: the usual choice when undefined. */
  readonly provider: string | undefined;
  /** Folder for copies of objects. */
  readonly scratch: string;
  readonly ports: ReadPorts;
  /** Is told what is left out of a table because it is damaged. */
  readonly warn?: (message: string) => void;
}

/**
 * Queries a lake with DuckDB. Only the tables that a query names are prepared, so that a lake in S3 is copied no
 * further than needed.
 */
export class DuckDBEngine implements QueryEngine {
  readonly #options: DuckDBEngineOptions;

  constructor(options: DuckDBEngineOptions) {
    this.#options = options;
  }

  async run(sql: string): Promise<QueryResult> {
    const { db } = this.#options;
    try {
      for (const table of tablesIn(sql)) await this.#prepare(table);
      const result = await db.runAndReadAll(sql);
      const types = result.columnTypes().map(String);
      if (types.length === 0) throw new QueryError(`there is no statement in "${sql}"; give one`);
      return {
        columns: result.columnNames().map((name, index) => ({ name, type: types[index]! })),
        rows: result.getRowsJson().map((row) => row.map((value, index) => readValue(value, types[index]!))),
      };
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  async close(): Promise<void> {
    this.#options.db.closeSync();
  }

  /** An error of DuckDB in one line; where a table is not there, with those that are. */
  async #explain(error: unknown): Promise<unknown> {
    const message = nameObjects(firstLine(error));
    if (!/ Error: /.test(message)) return error;
    if (!/Table with name \S+ does not exist/.test(message))
      return new QueryError(`the query failed: ${message}`, error);
    const sets = [...(await readSets(this.#options.store)).keys()].map((set) => `features_${set}`);
    const tables = ['raw_data', ...sets, 'universe', 'universe_history'].join(', ');
    return new QueryError(`the query failed: ${message} There are ${tables}`, error);
  }

  /** Makes the view behind a table of the lake; any other name is left to DuckDB. */
  async #prepare(table: string): Promise<void> {
    const { store, db, scratch, ports } = this.#options;
    if (table === 'raw_data') {
      const request = { provider: this.#options.provider };
      const folder = await mkdtemp(join(scratch, 'raw_data-'));
      const { provider, months } = (await copyPrices(store, request, folder, ports)) ?? {
        provider: 'none',
        months: [],
      };
      await db.run(
        rawDataView(
          provider,
          months.map(({ file }) => file),
        ),
      );
    } else if (table === 'universe' || table === 'universe_history') {
      const files = await copyObjects(store, UNIVERSE_PREFIX, await mkdtemp(join(scratch, 'universe-')));
      const universes = files.filter(({ key }) => parseUniverseKey(key) !== undefined);
      await db.run(universeHistoryView(universes.map(({ file }) => file)));
      await db.run(universeView());
    } else if (table.startsWith('features_')) {
      const set = table.slice('features_'.length);
      const files = await copySet(store, set, await mkdtemp(join(scratch, 'features-')), ports);
      if (files === undefined) return;
      this.#warnOf(set, files.damaged);
      await db.run(
        featuresView(
          set,
          files.settings,
          files.eras.map(({ file }) => file),
        ),
      );
    }
  }

  #warnOf(set: string, damaged: readonly string[]): void {
    if (damaged.length === 0) return;
    const more = damaged.length === 1 ? '' : ` and ${damaged.length - 1} more`;
    this.#options.warn?.(
      `era ${damaged[0]}${more} of set "${set}" is left out: what lies there is not what its index says; run transform`,
    );
  }
}

/** The feature sets of a lake with their settings, by name. */
export async function readSets(store: ObjectStore): Promise<Map<string, FeatureSettings>> {
  const sets = new Map<string, FeatureSettings>();
  for await (const { key } of store.list(FEATURES_PREFIX)) {
    const set = parseSettingsKey(key);
    const object = set === undefined ? undefined : await store.get(key);
    if (object !== undefined) sets.set(set!, readSettings(object.body, key));
  }
  return sets;
}

/**
 * Tables of the lake that a statement mentions. DuckDB's own list misses those beside an unnest; a name in a text or a
 * comment only makes a view that nobody reads.
 */
function tablesIn(sql: string): Set<string> {
  return new Set(sql.toLowerCase().match(/\b(?:raw_data|universe(?:_history)?|features_[a-z0-9_]+)\b/g));
}

function readValue(value: Json, type: string): ResultValue {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value !== 'string') return JSON.stringify(value);
  const isInteger = type.endsWith('INT') && Number.isSafeInteger(Number(value));
  // A double holds every decimal of 15 digits.
  const isShortDecimal = Number(/^DECIMAL\((\d+)/.exec(type)?.[1]) <= 15;
  return isInteger || isShortDecimal ? Number(value) : value;
}
