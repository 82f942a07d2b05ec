import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { firstLine } from '../../runtime/errors.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { inTransaction, prepareOnce } from '../../runtime/sqlite.ts';
import { StatisticsError } from '../errors.ts';
import { presentAttributes, type Item, type Selection, type TableStore } from './table-store.ts';
import { TABLES, TTL_ATTRIBUTE, type TableDefinition, type TableName } from './tables.ts';

/** Counts up when the tables change. What an older version has made is made again; a newer one is refused. */
const SCHEMA_VERSION = 2;
/** Another process that writes is waited for this long. */
const BUSY_TIMEOUT_MS = 10_000;

const SQL_TYPES = { S: 'text', N: 'real' } as const;

/**
 * Tables in one SQLite file, with a column per attribute. Each `put` is one transaction; with the write-ahead log
 * readers and one writer at a time do not wait for each other, in this process or in another.
 */
export class SqliteStore implements TableStore {
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #prepare: (sql: string) => StatementSync;

  /** Opens the file, and makes it and its folder when they are not there. What has expired by `now` is removed. */
  constructor(file: string, now = new Date()) {
    this.#file = file;
    let db: DatabaseSync | undefined;
    try {
      if (file !== ':memory:') makeFolder(dirname(file));
      db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
      this.#db = db;
      this.#prepare = prepareOnce(db);
      this.#db.exec('pragma journal_mode = wal; pragma synchronous = normal');
      this.#createSchema();
      this.#removeExpired(now);
    } catch (error) {
      db?.close();
      throw error instanceof StatisticsError
        ? error
        : sqliteFailure(
            `cannot open SQLITE_FILE "${file}"`,
            error,
            '; name a file in a folder that can be written',
          );
    }
  }

  async get(table: TableName, hash: string, range: string): Promise<Item | undefined> {
    const { hash: hashName, range: rangeName } = TABLES[table];
    return this.#attempt(() => {
      const found = this.#prepare(
        `select * from ${table} where "${hashName}" = ? and "${rangeName}" = ?`,
      ).get(hash, range);
      return found === undefined ? undefined : toItem(found);
    });
  }

  async *query(table: TableName, { index: indexName, hash, from, before }: Selection): AsyncIterable<Item> {
    const definition = TABLES[table];
    const index = definition.indexes.find(({ name }) => name === indexName);
    const { hash: hashName, range: rangeName } = index ?? definition;
    const isKeysOnly = index?.projection === 'KEYS_ONLY';
    const keys = new Set([
      definition.hash,
      definition.range,
      hashName,
      ...(rangeName === undefined ? [] : [rangeName]),
    ]);
    const columns = isKeysOnly ? [...keys].map((name) => `"${name}"`).join(', ') : '*';
    const conditions = [
      `"${hashName}" = ?`,
      ...(rangeName === undefined ? [] : [`"${rangeName}" is not null`]),
      ...(from === undefined ? [] : [`"${rangeName}" >= ?`]),
      ...(before === undefined ? [] : [`"${rangeName}" < ?`]),
    ];
    const order = rangeName === undefined ? '' : ` order by "${rangeName}"`;
    const bounds = [from, before].filter((bound) => bound !== undefined);
    const rows = this.#attempt(() =>
      this.#prepare(`select ${columns} from ${table} where ${conditions.join(' and ')}${order}`).all(
        hash,
        ...bounds,
      ),
    );
    for (const row of rows) yield toItem(row);
  }

  async put(table: TableName, items: readonly Item[]): Promise<void> {
    const columns = Object.keys(TABLES[table].attributes);
    const names = columns.map((name) => `"${name}"`).join(', ');
    const statement = `insert or replace into ${table} (${names}) values (${columns.map(() => '?').join(', ')})`;
    this.#transaction(() => {
      for (const item of items.map(presentAttributes))
        this.#prepare(statement).run(...columns.map((name) => item[name] ?? null));
    });
  }

  async merge(table: TableName, item: Item): Promise<void> {
    const { hash, range } = TABLES[table];
    const names = Object.keys(item).filter((name) => item[name] !== undefined);
    const values = presentAttributes(item);
    const changed = names.filter((name) => name !== hash && name !== range);
    const columns = names.map((name) => `"${name}"`).join(', ');
    const updates = changed.map((name) => `"${name}" = excluded."${name}"`).join(', ');
    this.#attempt(() =>
      this.#prepare(
        `insert into ${table} (${columns}) values (${names.map(() => '?').join(', ')})
         on conflict ("${hash}", "${range}") do update set ${updates}`,
      ).run(...names.map((name) => values[name] ?? null)),
    );
  }

  async delete(table: TableName, keys: readonly Item[]): Promise<void> {
    const { hash, range } = TABLES[table];
    this.#transaction(() => {
      for (const key of keys)
        this.#prepare(`delete from ${table} where "${hash}" = ? and "${range}" = ?`).run(
          String(key[hash]),
          String(key[range]),
        );
    });
  }

  async close(): Promise<void> {
    this.#db.close();
  }

  /** Items of each table. */
  count(table: TableName): number {
    return this.#attempt(() =>
      Number(this.#prepare(`select count(*) as items from ${table}`).get()!['items']),
    );
  }

  /** Removes every item of a table. */
  clear(table: TableName): void {
    this.#attempt(() => this.#prepare(`delete from ${table}`).run());
  }

  #createSchema(): void {
    const readVersion = (): number => Number(this.#db.prepare('pragma user_version').get()!['user_version']);
    if (readVersion() === SCHEMA_VERSION) return;
    this.#transaction(() => {
      const version = readVersion();
      // Somebody else made them in the meantime.
      if (version === SCHEMA_VERSION) return;
      const names = this.#db.prepare("select name from sqlite_schema where type = 'table'").all();
      const tables = Object.values(TABLES);
      const known = tables.filter(({ name }) => names.some((row) => row['name'] === name));
      if (version > SCHEMA_VERSION || (version === 0 && known.length > 0)) {
        throw new StatisticsError(
          'cache-schema',
          version === 0
            ? `SQLITE_FILE "${this.#file}" has a table ${known[0]!.name} that is not of this cache; name another file`
            : `SQLITE_FILE "${this.#file}" is of a newer version (${version}) than this program knows ` +
                `(${SCHEMA_VERSION}); name another file or update the program`,
        );
      }
      for (const { name } of known) this.#db.exec(`drop table ${name}`);
      for (const table of tables) this.#db.exec(createStatements(table));
      this.#db.exec(`pragma user_version = ${SCHEMA_VERSION}`);
    });
  }

  #removeExpired(now: Date): void {
    for (const { name, hasTtl } of Object.values(TABLES)) {
      if (hasTtl)
        this.#db.prepare(`delete from ${name} where ${TTL_ATTRIBUTE} <= ?`).run(now.getTime() / 1000);
    }
  }

  #transaction(work: () => void): void {
    this.#attempt(() => inTransaction(this.#db, work));
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof RangeError || error instanceof StatisticsError) throw error;
      throw sqliteFailure(`SQLITE_FILE "${this.#file}" failed`, error);
    }
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const DAMAGED = new Set([11, 26]);

function sqliteFailure(what: string, error: unknown, otherwise = ''): StatisticsError {
  const isDamaged =
    typeof error === 'object' &&
    error !== null &&
    'errcode' in error &&
    DAMAGED.has(Number(error.errcode) & 0xff);
  const hint = isDamaged ? '; it is a cache: remove the file, and it is made again' : otherwise;
  return new StatisticsError('cache', `${what}: ${firstLine(error)}${hint}`, error);
}

function createStatements({ name, hash, range, attributes, indexes }: TableDefinition): string {
  const columns = Object.entries(attributes).map(([column, type]) => `"${column}" ${SQL_TYPES[type]}`);
  return [
    `create table ${name} (${columns.join(', ')}, primary key ("${hash}", "${range}")) without rowid`,
    ...indexes.map(
      (index) =>
        `create index "${name}_${index.name}" on ${name} ` +
        `("${index.hash}"${index.range === undefined ? '' : `, "${index.range}"`})`,
    ),
  ].join(';\n');
}

function toItem(row: Record<string, unknown>): Item {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as Item;
}
