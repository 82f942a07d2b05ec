import { randomUUID } from 'node:crypto';
import {
  linkSync,
  readdirSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  type BigIntStats,
  type Dirent,
} from 'node:fs';
import { open, readdir, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstLine, LakeError, StoppedError } from '../runtime/errors.ts';
import { DEFAULT_LIMITS, type Limits } from '../runtime/limits.ts';
import { makeFolder } from '../runtime/make-folder.ts';
import { MARKS_PREFIX, STAGING_PREFIX } from './layout.ts';
import {
  ABSENT,
  ConflictError,
  type Expectation,
  type ObjectInfo,
  type ObjectStore,
  type Version,
} from './object-store.ts';

const LOCK_FILE = '.lock';
/** Why a file cannot be linked and has to be copied: another file system, another owner, or one without links. */
const NO_LINK = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);
/** The lock is held for a rename, which takes microseconds: who waits longer waits for a process that has stopped. */
const LOCK_TIMEOUT_MS = 60_000;
const LONGEST_LOCK_PAUSE_MS = 50;
const SQLITE_BUSY = 5;
/** A temporary file this old belongs to a writer that was killed. */
const ABANDONED_AFTER_MS = 24 * 3_600_000;

/**
 * A lake in a folder. A new object is written beside the data, flushed to the disk and renamed into place; the
 * check of what it replaces and the rename happen under one lock per lake, an exclusive SQLite transaction, which
 * the operating system releases when its holder is killed.
 */
export class LocalStore implements ObjectStore {
  readonly url: string;
  readonly folder: string;
  readonly #root: string;
  readonly #cutOff: AbortSignal;
  #isReady = false;

  constructor(root: string, { cutOff }: Pick<Limits, 'cutOff'> = DEFAULT_LIMITS) {
    this.#root = resolve(root);
    this.folder = this.#root;
    this.#cutOff = cutOff;
    this.url = `file:${root}`;
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    yield* this.#walk(folder, prefix);
  }

  /** Synchronous: each call takes microseconds, and handing it to a thread ten times as long. */
  *#walk(folder: string, prefix: string): Iterable<ObjectInfo> {
    // A folder sorts as its keys do: with the slash that follows its name.
    const named = this.#entriesOf(folder)
      .filter((entry) => !entry.name.startsWith('.'))
      .map((entry) => folder + entry.name + (this.#isFolder(folder, entry) ? '/' : ''))
      .toSorted();
    for (const name of named) {
      if (name.endsWith('/')) {
        if (name.startsWith(prefix) || prefix.startsWith(name)) yield* this.#walk(name, prefix);
      } else if (name.startsWith(prefix)) {
        const info = this.#statOf(name);
        if (info !== undefined) {
          yield { key: name, bytes: Number(info.size), version: versionOf(info), modifiedAt: info.mtime };
        }
      }
    }
  }

  /** A partition may be a symbolic link to a folder elsewhere. */
  #isFolder(folder: string, entry: Dirent): boolean {
    if (!entry.isSymbolicLink()) return entry.isDirectory();
    return this.#statOf(folder + entry.name)?.isDirectory() ?? false;
  }

  #entriesOf(folder: string): Dirent[] {
    try {
      return readdirSync(join(this.#root, folder), { withFileTypes: true });
    } catch (error) {
      if (isMissing(error)) return [];
      throw this.#failure('list', folder, error);
    }
  }

  /** Undefined for what has gone since its folder was read. What cannot be looked at is no absence: it may be data. */
  #statOf(key: string): BigIntStats | undefined {
    try {
      return statSync(join(this.#root, key), { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      throw this.#failure('list', key, error);
    }
  }

  async get(key: string): Promise<{ body: Uint8Array; version: Version } | undefined> {
    try {
      await using file = await open(join(this.#root, key));
      const version = versionOf(await file.stat({ bigint: true }));
      return { body: await file.readFile(), version };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw this.#failure('read', key, error);
    }
  }

  async put(key: string, body: Uint8Array, expected?: Expectation): Promise<Version> {
    const target = join(this.#root, key);
    const temporary = join(this.#root, STAGING_PREFIX, `put-${randomUUID()}`);
    try {
      await this.#prepare();
      makeFolder(dirname(target));
      {
        await using file = await open(temporary, 'wx');
        await file.writeFile(body);
        await file.sync();
      }
      const version = await this.#underLock(() => {
        const current = statSync(target, { bigint: true, throwIfNoEntry: false });
        const found = current === undefined ? ABSENT : versionOf(current);
        if (expected !== undefined && expected !== found) return undefined;
        renameSync(temporary, target);
        return versionOf(statSync(target, { bigint: true }));
      });
      if (version !== undefined) return version;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw error instanceof StoppedError ? error : this.#failure('write', key, error);
    }
    await unlink(temporary);
    const current = await this.get(key);
    if (current !== undefined && Buffer.compare(current.body, body) === 0) return current.version;
    throw new ConflictError(key);
  }

  async delete(key: string, expected?: Version): Promise<void> {
    if (expected !== undefined) return this.#deleteVersion(key, expected);
    try {
      await rm(join(this.#root, key), { force: true });
      // The last object of a run that is over takes its folder with it.
      const isShortLived = key.startsWith(STAGING_PREFIX) || key.startsWith(MARKS_PREFIX);
      if (isShortLived) await rmdir(dirname(join(this.#root, key))).catch(() => {});
    } catch (error) {
      throw this.#failure('delete', key, error);
    }
  }

  async #deleteVersion(key: string, expected: Version): Promise<void> {
    const target = join(this.#root, key);
    let isGone: boolean;
    try {
      isGone = await this.#underLock(() => {
        const current = statSync(target, { bigint: true, throwIfNoEntry: false });
        if (current === undefined) return true;
        if (versionOf(current) !== expected) return false;
        unlinkSync(target);
        return true;
      });
    } catch (error) {
      throw error instanceof StoppedError ? error : this.#failure('delete', key, error);
    }
    if (!isGone) throw new ConflictError(key);
  }

  /** Links synchronously: each call takes microseconds, and handing it to a thread ten times as long. */
  async copy(key: string, version: Version, file: string): Promise<boolean> {
    const source = join(this.#root, key);
    try {
      makeFolder(dirname(file));
      // A link to a symbolic link would follow it wherever it points later.
      linkSync(realpathSync.native(source), file);
      if (versionOf(statSync(file, { bigint: true })) === version) return true;
      unlinkSync(file);
      return false;
    } catch (error) {
      if (isMissing(error)) return false;
      if (!NO_LINK.has((error as NodeJS.ErrnoException).code ?? '')) throw this.#failure('copy', key, error);
    }
    return this.#copyBytes(key, version, file);
  }

  /** Content never changes in place, so that what is open is one version from its first byte to its last. */
  async #copyBytes(key: string, version: Version, file: string): Promise<boolean> {
    try {
      await using source = await open(join(this.#root, key));
      if (versionOf(await source.stat({ bigint: true })) !== version) return false;
      await using target = await open(file, 'wx');
      await target.writeFile(source.createReadStream({ autoClose: false }));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw this.#failure('copy', key, error);
    }
  }

  async #prepare(): Promise<void> {
    if (this.#isReady) return;
    const staging = join(this.#root, STAGING_PREFIX);
    makeFolder(staging);
    for (const name of await readdir(staging)) {
      if (!name.startsWith('put-')) continue;
      const info = await stat(join(staging, name)).catch(() => undefined);
      if (info !== undefined && Date.now() - info.mtimeMs > ABANDONED_AFTER_MS) {
        await rm(join(staging, name), { force: true });
      }
    }
    this.#isReady = true;
  }

  /** SQLite's own wait would block the event loop, and with it the signals that ask the process to stop. */
  async #underLock<T>(work: () => T): Promise<T> {
    makeFolder(this.#root);
    const deadline = performance.now() + LOCK_TIMEOUT_MS;
    for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, LONGEST_LOCK_PAUSE_MS)) {
      const lock = new DatabaseSync(join(this.#root, LOCK_FILE), { timeout: 0 });
      try {
        lock.exec('begin exclusive');
        return work();
      } catch (error) {
        if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error;
      } finally {
        lock.close();
      }
      if (this.#cutOff.aborted) throw new StoppedError(`stopped while another process held ${LOCK_FILE}`);
      if (performance.now() > deadline) {
        throw new Error(
          `another process has held ${LOCK_FILE} for ${LOCK_TIMEOUT_MS / 1000} s; end it, or wait`,
        );
      }
      await sleep(pauseMs * Math.random());
    }
  }

  #failure(what: string, key: string, error: unknown): LakeError {
    return new LakeError(`cannot ${what} ${key} in lake "${this.url}": ${firstLine(error)}`, error);
  }
}

// Every write renames a new file into place, so inode and change time tell contents apart.
function versionOf(info: { ino: bigint; size: bigint; mtimeNs: bigint }): Version {
  return `${info.ino}-${info.size}-${info.mtimeNs}`;
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
