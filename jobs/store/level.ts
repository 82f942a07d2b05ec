import type { Expectation, Version } from '../lake/object-store.ts';

/** An envelope with when it stops to be there. */
export interface Entry {
  readonly bytes: Uint8Array;
  /** Milliseconds since 1970; undefined for never. */
  readonly expiresAtMs: number | undefined;
  /** For a copy of what a slower level has: its version there, and when it was last known to be that. */
  readonly origin?: { readonly version: Version; readonly checkedAtMs: number };
}

export interface StoredEntry extends Entry {
  /** Names this state of the entry in this level; another put has another version. */
  readonly version: Version;
}

export interface ListedEntry {
  readonly key: string;
  readonly expiresAtMs: number | undefined;
}

/** What `get` answers when the version asked about is still the one that is there. */
export const UNCHANGED = Symbol('unchanged');

/**
 * Bytes by key in one place. Keys are printable ASCII. A level does not look at clocks: an entry that has expired is
 * there until it is deleted. Failures are CacheUnavailableError.
 */
export interface CacheLevel {
  readonly name: string;
  /** @param unless a version that need not be read again */
  get(key: string, unless?: Version): Promise<StoredEntry | typeof UNCHANGED | undefined>;
  /**
   * Writes an entry whole and resolves with its version. With `expected` it is written only while that is what is
   * there; otherwise ConflictError.
   */
  put(key: string, entry: Entry, expected?: Expectation): Promise<Version>;
  /** Resolves with what was removed. */
  delete(key: string): Promise<ListedEntry | undefined>;
  /**
   * Entries whose key starts with `prefix`, in key order.
   *
   * @param mayExpire false where nothing below the prefix ever expires, which is faster to list in some levels
   */
  list(prefix: string, mayExpire?: boolean): AsyncIterable<ListedEntry>;
  close(): Promise<void>;
}
