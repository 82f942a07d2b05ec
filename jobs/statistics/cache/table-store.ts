import type { TableName } from './tables.ts';

/** Attributes of one item by name; one that is missing, undefined or null is not there. */
export type Item = Readonly<Record<string, string | number | null | undefined>>;

/** Items of a table, or of one of its indexes, that share the hash key; ascending by range key. */
export interface Selection {
  /** Name of a global secondary index. It may lag behind the table; with KEYS_ONLY its items have keys only. */
  readonly index?: string;
  readonly hash: string | number;
  /** First range key wanted. */
  readonly from?: string;
  /** First range key no longer wanted. */
  readonly before?: string;
}

/**
 * Items in the tables of `tables.ts`, each found by its hash and range key. Writing the same twice is the same as once.
 * What was written before a `put` resolved is seen by every later `get` and `query` of the table itself. Failures are
 * StatisticsError.
 */
export interface TableStore {
  get(table: TableName, hash: string, range: string): Promise<Item | undefined>;
  query(table: TableName, selection: Selection): AsyncIterable<Item>;
  /** Writes items whole over what has their keys. */
  put(table: TableName, items: readonly Item[]): Promise<void>;
  /** Sets some attributes of one item, made if it is not there, and leaves the others; all at once or not at all. */
  merge(table: TableName, item: Item): Promise<void>;
  /** Removes the items with these keys, whichever are there. */
  delete(table: TableName, keys: readonly Item[]): Promise<void>;
  close(): Promise<void>;
}

/** Every range key that starts with `prefix`. */
export function startingWith(prefix: string): { readonly from: string; readonly before: string } {
  return { from: prefix, before: `${prefix}\u{10ffff}` };
}

/** Throws for numbers that DynamoDB cannot keep, and gives an item without what is not there. */
export function presentAttributes(item: Item): Record<string, string | number> {
  const present: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(item)) {
    if (value === undefined || value === null) continue;
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new RangeError(`attribute ${name} is ${value}, which no table can keep`);
    }
    // There is no -0 in DynamoDB.
    present[name] = value === 0 ? 0 : value;
  }
  return present;
}
