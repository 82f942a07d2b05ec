import { hostname } from 'node:os';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { firstLine, LakeError } from '../runtime/errors.ts';
import { STAGING_PREFIX, stagingFolder } from './layout.ts';
import type { Expectation, ObjectStore, Version } from './object-store.ts';

/*
 * What a run has fetched lies in `staging/<run id>/` until it is merged, so that a run that was killed can be
 * continued by the same command: `run.json` says which command, `part-<n>.zst` hold lines of JSON.
 */

const ownerSchema = z.strictObject({
  /** Equal for runs that were asked for the same. */
  fingerprint: z.string(),
  startedAt: z.iso.datetime(),
  host: z.string(),
  pid: z.int(),
});

/** Whoever stopped longer ago than this is started anew: prices have moved on. */
const CONTINUED_FOR_MS = 24 * 3_600_000;
/** A sign of life of a run on another machine. */
const SILENT_AFTER_MS = 120_000;
/** Lines that may wait for the disk or the network before the next one has to. */
const MAX_WAITING = 64;

export interface StoppedRun {
  readonly runId: string;
  readonly startedAt: Date;
  /** Who takes it over must be the first to. */
  readonly version: Version;
}

/**
 * The run of the same command that was stopped before its end and can be continued; `undefined` when there is none.
 * Staging of runs that are too old to be continued is removed.
 */
export async function findStoppedRun(
  store: ObjectStore,
  fingerprint: string,
  now: Date,
): Promise<StoppedRun | undefined> {
  const found: StoppedRun[] = [];
  for (const runId of await stagedRunIds(store)) {
    const run = await readOwner(store, runId);
    if (run === undefined) continue;
    const startedAt = new Date(run.startedAt);
    if (now.getTime() - startedAt.getTime() > CONTINUED_FOR_MS) await removeStaging(store, runId);
    else if (run.fingerprint === fingerprint && !(await isAlive(store, runId, run, now))) {
      found.push({ runId, startedAt, version: run.version });
    }
  }
  return found.at(-1);
}

/** The lines that one run stages. Lines that come while others are being written go out together. */
export class StagedRun {
  readonly #store: ObjectStore;
  readonly #runId: string;
  #nextPart = 0;
  #parts: string[] = [];
  #waiting: string[] = [];
  #writing: Promise<void> | undefined;
  #failure: unknown;

  private constructor(store: ObjectStore, runId: string) {
    this.#store = store;
    this.#runId = runId;
  }

  /**
   * Claims a run, a new one or one that was stopped, and resolves with what was staged before, oldest first.
   * ConflictError when another process has taken it over.
   */
  static async open(
    store: ObjectStore,
    { runId, startedAt, version }: Omit<StoppedRun, 'version'> & { readonly version: Expectation },
    fingerprint: string,
  ): Promise<{ staged: StagedRun; lines: unknown[] }> {
    const owner = { fingerprint, startedAt: startedAt.toISOString(), host: hostname(), pid: process.pid };
    await store.put(ownerKey(runId), Buffer.from(`${JSON.stringify(owner)}\n`), version);
    const staged = new StagedRun(store, runId);
    return { staged, lines: await staged.#readParts() };
  }

  /** Stages a line. Resolves at once while few wait to be written, later when many do. */
  async append(line: unknown): Promise<void> {
    this.#throwFailure();
    this.#waiting.push(JSON.stringify(line));
    this.#writing ??= this.#write();
    if (this.#waiting.length >= MAX_WAITING) await this.settle();
  }

  /** Resolves when every line is written. */
  async settle(): Promise<void> {
    await this.#writing;
    this.#throwFailure();
  }

  /** Puts these lines in the place of all others: what is merged need not be kept at length. */
  async compact(lines: readonly unknown[]): Promise<void> {
    await this.settle();
    const replaced = this.#parts;
    this.#parts = [];
    await this.#put(lines.map((line) => JSON.stringify(line)));
    for (const key of replaced) await this.#store.delete(key);
  }

  /** The run is over and has nothing to be continued. */
  async remove(): Promise<void> {
    await this.settle();
    await removeStaging(this.#store, this.#runId);
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#put(this.#waiting.splice(0));
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#writing = undefined;
    }
  }

  async #put(lines: readonly string[]): Promise<void> {
    const key = `${stagingFolder(this.#runId)}part-${String(this.#nextPart).padStart(6, '0')}.zst`;
    this.#nextPart += 1;
    await this.#store.put(key, zstdCompressSync(`${lines.join('\n')}\n`));
    this.#parts.push(key);
  }

  async #readParts(): Promise<unknown[]> {
    const lines: unknown[] = [];
    for await (const { key } of this.#store.list(`${stagingFolder(this.#runId)}part-`)) {
      const object = await this.#store.get(key);
      if (object === undefined) continue;
      try {
        const text = zstdDecompressSync(object.body).toString();
        for (const line of text.trimEnd().split('\n')) if (line !== '') lines.push(JSON.parse(line));
      } catch (error) {
        throw new LakeError(
          `${key} in lake "${this.#store.url}" is not readable (${firstLine(error)}); delete it and load again`,
          error,
        );
      }
      this.#parts.push(key);
      this.#nextPart = 1 + Number(/part-(\d+)/.exec(key)![1]);
    }
    return lines;
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function ownerKey(runId: string): string {
  return `${stagingFolder(runId)}run.json`;
}

async function stagedRunIds(store: ObjectStore): Promise<string[]> {
  const ids: string[] = [];
  for await (const { key } of store.list(STAGING_PREFIX)) {
    const runId = /^staging\/([^/]+)\/run\.json$/.exec(key)?.[1];
    if (runId !== undefined) ids.push(runId);
  }
  return ids;
}

async function readOwner(
  store: ObjectStore,
  runId: string,
): Promise<(z.infer<typeof ownerSchema> & { version: Version }) | undefined> {
  const object = await store.get(ownerKey(runId));
  if (object === undefined) return undefined;
  const parsed = ownerSchema.safeParse(JSON.parse(Buffer.from(object.body).toString()));
  return parsed.success ? { ...parsed.data, version: object.version } : undefined;
}

async function isAlive(
  store: ObjectStore,
  runId: string,
  { host, pid }: z.infer<typeof ownerSchema>,
  now: Date,
): Promise<boolean> {
  if (host === hostname()) return pid !== process.pid && isProcess(pid);
  let latestMs = 0;
  for await (const { modifiedAt } of store.list(stagingFolder(runId))) {
    latestMs = Math.max(latestMs, modifiedAt.getTime());
  }
  return now.getTime() - latestMs < SILENT_AFTER_MS;
}

function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not permitted means that it is there and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function removeStaging(store: ObjectStore, runId: string): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of store.list(stagingFolder(runId))) keys.push(key);
  // The owner last: a run without one is nobody's, and what is left of it would never be removed.
  for (const key of keys.toSorted((a, b) => Number(a === ownerKey(runId)) - Number(b === ownerKey(runId)))) {
    await store.delete(key);
  }
}
