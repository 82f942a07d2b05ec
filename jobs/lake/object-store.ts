/** Names one state of an object: different content has a different version. Opaque to everyone but its store. */
export type Version = string;

export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  readonly version: Version;
  readonly modifiedAt: Date;
}

/** What must be there for a `put` to happen: a certain version, or no object. */
export type Expectation = Version | typeof ABSENT;
export const ABSENT = Symbol('no object');

/**
 * Whole objects by key. Keys are relative, with `/` between their parts. A reader sees either the old object or
 * the new one, never a part, and a reader that starts after `put` resolved sees the new one. Failures are LakeError.
 */
export interface ObjectStore {
  /** URL of the lake, for messages. */
  readonly url: string;
  /** The folder of this machine that its objects are files in, at their keys; undefined where they are elsewhere. */
  readonly folder: string | undefined;
  /** Objects whose key starts with `prefix`, in key order. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
  get(key: string): Promise<{ readonly body: Uint8Array; readonly version: Version } | undefined>;
  /**
   * Writes an object whole and resolves with its version. With `expected` it is written only while that is what
   * is there; otherwise ConflictError. An object that has exactly `body` already counts as written.
   */
  put(key: string, body: Uint8Array, expected?: Expectation): Promise<Version>;
  /**
   * With `expected` it is deleted only while that is what is there; otherwise ConflictError. Some servers that speak
   * S3 (MinIO) delete it all the same, so that nothing may depend on it that cannot be made again.
   */
  delete(key: string, expected?: Version): Promise<void>;
  /**
   * Makes `file`, which does not exist yet, hold exactly that version of an object; it stays so whatever happens to
   * the object. False when the object no longer has that version. Without copying bytes where that is possible.
   */
  copy(key: string, version: Version, file: string): Promise<boolean>;
}

/** Another writer was faster: read again, merge again, write again. */
export class ConflictError extends Error {
  constructor(key: string) {
    super(`${key} was written by somebody else in the meantime`);
    this.name = 'ConflictError';
  }
}
