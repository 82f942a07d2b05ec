import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { firstLine } from '../../runtime/errors.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { BackendError, ConflictError, UnavailableError, type TradingStateError } from '../errors.ts';
import {
  RECENT_ITEMS,
  type AtomicWrite,
  type Command,
  type Guard,
  type Outcome,
  type ReadRequest,
  type StateBackend,
  type Stored,
} from './backend.ts';
import { planBeginning } from './beginning.ts';
import { conflict, notFound } from './outcomes.ts';

export interface SqliteOptions {
  /** FULL: what was acknowledged outlives a power cut. NORMAL: it outlives the process, at several times the speed. */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** Fail where there is no file, instead of making one. */
  readonly mustExist: boolean;
  /** How long to wait for another process that is writing. */
  readonly busyTimeoutMs: number;
}

/**
 * Pages of 8 KiB, and a log of up to 32 MiB before it is copied into the file, take a third off the time of large
 * batches: a page that changes often is split, logged and copied less often. Files that have pages of 4 KiB keep them.
 */
const PRAGMAS = 'PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 4096';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS strings (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS lists (
    key TEXT, position INTEGER, value BLOB NOT NULL, PRIMARY KEY (key, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS hashes (
    key TEXT, field TEXT, value BLOB NOT NULL, PRIMARY KEY (key, field)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS sets (key TEXT, member TEXT, PRIMARY KEY (key, member)) STRICT, WITHOUT ROWID;
`;

const STATEMENTS = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  set: 'INSERT INTO strings VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  last: `
    SELECT position, instr(value, CAST(?2 AS BLOB)) AS follows FROM lists WHERE key = ?1
    ORDER BY position DESC LIMIT 1`,
  item: 'SELECT value FROM lists WHERE key = ? AND position = ?',
  start: 'SELECT value FROM lists WHERE key = ? ORDER BY position LIMIT ?',
  recent: `
    SELECT 1 FROM (SELECT value FROM lists WHERE key = ? ORDER BY position DESC LIMIT ${RECENT_ITEMS})
    WHERE value = ?`,
  // Where the end of the list is not as it should be, the position is NULL and the row is ignored. Both statements
  // have VALUES because an INSERT from a SELECT on the same table takes twice as long, by way of a temporary table.
  extend: `
    INSERT OR IGNORE INTO lists VALUES (
      ?1,
      (SELECT ?2 FROM lists WHERE key = ?1 AND position = ?2 - 1 AND instr(value, CAST(?4 AS BLOB))),
      ?3)`,
  append:
    'INSERT INTO lists VALUES (?1, (SELECT coalesce(max(position) + 1, 0) FROM lists WHERE key = ?1), ?2)',
  addMember: 'INSERT OR IGNORE INTO sets VALUES (?, ?)',
  removeMember: 'DELETE FROM sets WHERE key = ? AND member = ?',
  setField: 'INSERT INTO hashes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  removeField: 'DELETE FROM hashes WHERE key = ? AND field = ?',
  deleteString: 'DELETE FROM strings WHERE key = ?',
  deleteList: 'DELETE FROM lists WHERE key = ?',
  deleteHash: 'DELETE FROM hashes WHERE key = ?',
  deleteSet: 'DELETE FROM sets WHERE key = ?',
  string: 'SELECT value FROM strings WHERE key = ?',
  list: 'SELECT value FROM lists WHERE key = ? ORDER BY position',
  hash: 'SELECT field, value FROM hashes WHERE key = ?',
  members: 'SELECT member FROM sets WHERE key = ?',
  scan: `
    SELECT key FROM strings WHERE key >= ?1 AND key < ?2
    UNION SELECT key FROM lists WHERE key >= ?1 AND key < ?2
    UNION SELECT key FROM hashes WHERE key >= ?1 AND key < ?2
    UNION SELECT key FROM sets WHERE key >= ?1 AND key < ?2`,
} as const;

type Statements = Readonly<Record<keyof typeof STATEMENTS, StatementSync>>;

/**
 * State in one SQLite file in WAL mode; several processes may use it at once. Writes that come together share one
 * transaction, and with it one wait for the disk.
 */
export class SqliteBackend implements StateBackend {
  readonly url: string;
  readonly #db: DatabaseSync;
  readonly #statements: Statements;

  /** Opens the file, or makes it with its folder. Throws BackendError naming it when that cannot be done. */
  constructor(path: string, { synchronous, mustExist, busyTimeoutMs }: SqliteOptions) {
    this.url = `sqlite:${path}`;
    if (mustExist && !existsSync(path)) throw new BackendError(`there is no trading state "${this.url}" yet`);
    try {
      if (path !== ':memory:') makeFolder(dirname(resolve(path)));
      this.#db = new DatabaseSync(path, { timeout: busyTimeoutMs });
      this.#db.exec(`${PRAGMAS}; PRAGMA synchronous = ${synchronous}; ${SCHEMA}`);
      const prepared = Object.entries(STATEMENTS).map(([name, sql]) => [name, this.#db.prepare(sql)]);
      this.#statements = Object.fromEntries(prepared) as Statements;
    } catch (error) {
      throw new BackendError(`cannot open "${this.url}": ${firstLine(error)}`, error);
    }
  }

  async apply(writes: readonly AtomicWrite[]): Promise<readonly Outcome[]> {
    try {
      this.#statements.begin.run();
      const outcomes = writes.map((write) => this.#apply(write));
      this.#statements.commit.run();
      return outcomes;
    } catch (error) {
      if (this.#db.isOpen && this.#db.isTransaction) this.#statements.rollback.run();
      const failure = this.#failure(error);
      return writes.map(() => failure);
    }
  }

  #apply(write: AtomicWrite): Outcome {
    const { guard } = write;
    if (guard?.type === 'begins') {
      const rows = this.#statements.start.all(guard.key, guard.events.length + 1);
      const plan = planBeginning(
        guard,
        write,
        rows.map(({ value }) => value as Uint8Array),
      );
      if (plan instanceof ConflictError) return plan;
      for (const command of plan) this.#run(command);
      return undefined;
    }
    const commands = write.always === undefined ? write.commands : [...write.always, ...write.commands];
    const isExtended = this.#extend(guard, commands[0]);
    if (guard !== undefined && !isExtended) {
      const verdict = this.#check(guard);
      if (verdict !== 'go') return verdict;
    }
    for (const command of isExtended ? commands.slice(1) : commands) this.#run(command);
    return undefined;
  }

  /** Looks at the end of the list and appends in one statement, which is all that nearly every guard comes to. */
  #extend(guard: Guard | undefined, first: Command | undefined): boolean {
    if (guard?.type !== 'continues' || guard.after === undefined) return false;
    const { key, position, value, after } = guard;
    if (first?.type !== 'append' || first.key !== key || first.value !== value) return false;
    return this.#statements.extend.run(key, position, value, after).changes === 1;
  }

  #check(guard: Exclude<Guard, { type: 'begins' }>): 'go' | Outcome {
    const { key, value } = guard;
    if (guard.type === 'absent')
      return this.#statements.recent.get(key, value) === undefined ? 'go' : undefined;
    const { after } = guard;
    const last = this.#statements.last.get(key, after ?? '');
    if (last === undefined) return notFound(key);
    const length = (last['position'] as number) + 1;
    const [place, position] = guard.type === 'replaces' ? [0, length] : [guard.position, guard.position];
    if (length > place) {
      const present = this.#statements.item.get(key, place)?.['value'] as Uint8Array | undefined;
      if (present !== undefined && Buffer.compare(present, value) === 0) return undefined;
    }
    if (after === undefined) return 'go';
    const follows = length === position && last['follows'] !== 0;
    return follows ? 'go' : conflict(key, position, length);
  }

  #run(command: Command): void {
    const { key } = command;
    switch (command.type) {
      case 'set':
        this.#statements.set.run(key, command.value);
        break;
      case 'append':
        this.#statements.append.run(key, command.value);
        break;
      case 'addMember':
      case 'removeMember':
        this.#statements[command.type].run(key, command.member);
        break;
      case 'setField':
        this.#statements.setField.run(key, command.field, command.value);
        break;
      case 'removeField':
        this.#statements.removeField.run(key, command.field);
        break;
      case 'delete':
        for (const name of ['deleteString', 'deleteList', 'deleteHash', 'deleteSet'] as const) {
          this.#statements[name].run(key);
        }
        break;
    }
  }

  async read(requests: readonly ReadRequest[]): Promise<readonly Stored[]> {
    return this.#guarded(() => requests.map((request) => this.#read(request)));
  }

  #read({ type, key }: ReadRequest): Stored {
    switch (type) {
      case 'string':
        return { type, value: this.#statements.string.get(key)?.['value'] as Uint8Array | undefined };
      case 'list':
        return { type, value: this.#statements.list.all(key).map((row) => row['value'] as Uint8Array) };
      case 'hash': {
        const rows = this.#statements.hash.all(key);
        return {
          type,
          value: new Map(rows.map((row) => [row['field'] as string, row['value'] as Uint8Array])),
        };
      }
      case 'set':
        return {
          type,
          value: new Set(this.#statements.members.all(key).map((row) => row['member'] as string)),
        };
    }
  }

  async scan(prefix: string): Promise<readonly string[]> {
    // The first text that no longer starts with the prefix: nothing sorts after U+10FFFF.
    const rows = this.#guarded(() => this.#statements.scan.all(prefix, `${prefix}\u{10FFFF}`));
    return rows.map((row) => row['key'] as string);
  }

  async clear(): Promise<void> {
    this.#guarded(() => {
      this.#db.exec(
        'BEGIN IMMEDIATE; DELETE FROM strings; DELETE FROM lists; DELETE FROM hashes; DELETE FROM sets; COMMIT',
      );
    });
  }

  /** The file is always there; but who tries again should let others have their turn in between. */
  async ready(): Promise<void> {
    await setImmediate();
  }

  async close(): Promise<void> {
    if (this.#db.isOpen) this.#db.close();
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): TradingStateError {
    const message = `"${this.url}": ${firstLine(error)}`;
    // SQLITE_BUSY, SQLITE_LOCKED: somebody else was writing for longer than the timeout.
    const code = Number((error as { errcode?: unknown } | null)?.errcode) & 0xff;
    return code === 5 || code === 6 ? new UnavailableError(message, error) : new BackendError(message, error);
  }
}
