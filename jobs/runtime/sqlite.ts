import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Runs `work` in a transaction that may write from its start on; what throws undoes all of it. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('begin immediate');
  try {
    const result = work();
    db.exec('commit');
    return result;
  } catch (error) {
    // Some failures, such as a full disk, have ended it already.
    if (db.isTransaction) db.exec('rollback');
    throw error;
  }
}

/** Prepares each statement of a database once. */
export function prepareOnce(db: DatabaseSync): (sql: string) => StatementSync {
  const statements = new Map<string, StatementSync>();
  return (sql) => {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const statement = db.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
}
