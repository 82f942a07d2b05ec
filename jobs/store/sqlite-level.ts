import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { ABSENT, type Expectation, type Version } from '../lake/object-store.ts';
import { firstLine } from '../runtime/errors.ts';
import { makeFolder } from '../runtime/make-folder.ts';
import { inTransaction, prepareOnce } from '../runtime/sqlite.ts';
import { CacheUnavailableError, ConflictError, StoreError } from './errors.ts';
import { UNCHANGED, type CacheLevel, type Entry, type ListedEntry, type StoredEntry } from './level.ts';

/** Counts up when the table changes; a file of another version is refused. */
const SCHEMA_VERSION = 1;
/** Another process that writes is waited for this long. */
const BUSY_TIMEOUT_MS = 10_000;
const PAGE = 1000;

/** Autoincrement: the version of an entry that was removed never comes again. */
const SCHEMA = `
  create table entries (
    id integer primary key autoincrement,
    key text not null unique,
    expires_at_ms real,
    origin_version text,
    checked_at_ms real,
    size integer not null,
    body blob not null
  ) strict`;

export interface SqliteLevelOptions {
  /** The oldest entries are removed when all together have more; for copies only. */
  readonly maxBytes?: number;
  /** What has expired by then is removed when the file is opened; milliseconds since 1970. */
  readonly nowMs: number;
}

/** Bytes in one SQLite file that many processes of a machine can have open. Each write is one transaction. */
export class SqliteLevel implements CacheLevel {
  readonly name = 'sqlite';
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #maxBytes: number;
  readonly #prepare: (sql: string) => StatementSync;

  /** Opens the file, and makes it and its folder when they are not there. */
  constructor(file: string, { maxBytes = Infinity, nowMs }: SqliteLevelOptions) {
    this.#file = file;
    this.#maxBytes = maxBytes;
    this.#db = this.#attempt('open', () => {
      if (file !== ':memory:') makeFolder(dirname(file));
      return new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
    });
    this.#prepare = prepareOnce(this.#db);
    try {
      this.#attempt('open', () => {
        this.#db.exec('pragma journal_mode = wal');
        // A durable level says that a put is done when it has reached the disk; a copy can be had again.
        this.#db.exec(`pragma synchronous = ${maxBytes === Infinity ? 'full' : 'normal'}`);
        this.#createSchema();
        this.#prepare('delete from entries where expires_at_ms <= ?').run(nowMs);
      });
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  async get(key: string, unless?: Version): Promise<StoredEntry | typeof UNCHANGED | undefined> {
    return this.#attempt('read', () => {
      if (unless !== undefined && this.#versionOf(key) === unless) return UNCHANGED;
      const row = this.#prepare('select * from entries where key = ?').get(key);
      if (row === undefined) return undefined;
      const { origin_version: version, checked_at_ms: checkedAtMs } = row;
      return {
        bytes: row['body'] as Uint8Array,
        expiresAtMs: (row['expires_at_ms'] as number | null) ?? undefined,
        version: String(row['id']),
        ...(version === null
          ? {}
          : { origin: { version: version as string, checkedAtMs: checkedAtMs as number } }),
      };
    });
  }

  async put(key: string, entry: Entry, expected?: Expectation): Promise<Version> {
    return this.#attempt('write', () =>
      inTransaction(this.#db, () => {
        if (expected !== undefined && expected !== (this.#versionOf(key) ?? ABSENT))
          throw new ConflictError(`${key} is another by now`);
        if (entry.origin !== undefined && this.#refresh(key, entry.origin)) return this.#versionOf(key)!;
        this.#prepare(
          `insert or replace into entries (key, expires_at_ms, origin_version, checked_at_ms, size, body)
           values (?, ?, ?, ?, ?, ?)`,
        ).run(
          key,
          entry.expiresAtMs ?? null,
          entry.origin?.version ?? null,
          entry.origin?.checkedAtMs ?? null,
          entry.bytes.length,
          entry.bytes,
        );
        this.#makeRoom();
        return this.#versionOf(key) ?? 'evicted';
      }),
    );
  }

  async delete(key: string): Promise<ListedEntry | undefined> {
    return this.#attempt('delete', () => {
      const row = this.#prepare('delete from entries where key = ? returning expires_at_ms').get(key);
      return row && { key, expiresAtMs: (row['expires_at_ms'] as number | null) ?? undefined };
    });
  }

  async *list(prefix: string): AsyncIterable<ListedEntry> {
    // Keys are ASCII: nothing that starts with the prefix comes after it with this character.
    const end = `${prefix}\u007f`;
    let after = '';
    for (;;) {
      const rows = this.#attempt('list', () =>
        this.#prepare(
          `select key, expires_at_ms from entries where key >= ? and key < ? and key > ? order by key limit ${PAGE}`,
        ).all(prefix, end, after),
      );
      for (const row of rows) {
        after = row['key'] as string;
        yield { key: after, expiresAtMs: (row['expires_at_ms'] as number | null) ?? undefined };
      }
      if (rows.length < PAGE) return;
    }
  }

  async close(): Promise<void> {
    this.#db.close();
  }

  #versionOf(key: string): Version | undefined {
    const row = this.#prepare('select id from entries where key = ?').get(key);
    return row && String(row['id']);
  }

  /** A copy that is still good only gets the time at which that was seen. */
  #refresh(key: string, { version, checkedAtMs }: NonNullable<Entry['origin']>): boolean {
    const { changes } = this.#prepare(
      'update entries set checked_at_ms = ? where key = ? and origin_version = ?',
    ).run(checkedAtMs, key, version);
    return changes === 1;
  }

  #makeRoom(): void {
    if (this.#maxBytes === Infinity) return;
    this.#prepare(
      `delete from entries where id <= (
         select max(id) from (select id, sum(size) over (order by id desc) as total from entries) where total > ?)`,
    ).run(this.#maxBytes);
  }

  #createSchema(): void {
    inTransaction(this.#db, () => {
      const version = Number(this.#db.prepare('pragma user_version').get()!['user_version']);
      if (version > SCHEMA_VERSION) {
        throw new StoreError(
          'schema',
          `"${this.#file}" is of a newer version (${version}) than this program knows (${SCHEMA_VERSION}); ` +
            'name another file or update the program',
        );
      }
      if (version < SCHEMA_VERSION) {
        this.#db.exec(`${SCHEMA}; pragma user_version = ${SCHEMA_VERSION}`);
      }
    });
  }

  #attempt<T>(what: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new CacheUnavailableError(`cannot ${what} "${this.#file}": ${firstLine(error)}`, error);
    }
  }
}
