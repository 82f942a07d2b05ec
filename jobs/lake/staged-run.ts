import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { firstLine, LakeError } from '../runtime/errors.ts';
import { beat, HEARTBEAT_MS, heartbeatShape, isAlive } from './heartbeat.ts';
import { STAGING_PREFIX, stagingFolder } from './layout.ts';
import { ABSENT, ConflictError, type Expectation, type ObjectStore, type Version } from './object-store.ts';

/*
 * What a run has fetched lies in `staging/<run id>/` until it is merged, so that a run that was killed can be
 * continued by the same command: `run.json` says which command, `part-<n>.zst` hold lines of JSON.
 */

const ownerSchema = z.strictObject({
  /** Equal for runs that were asked for the same. */
  fingerprint: z.string(),
  startedAt: z.iso.datetime(),
  ...heartbeatShape,
});

/** What is left of a run that nobody went on with is removed after so long. */
const KEPT_FOR_MS = 7 * 24 * 3_600_000;
/** Lines that may wait for the disk or the network before the next one has to. */
const MAX_WAITING = 64;

export interface StoppedRun {
  readonly runId: string;
  readonly startedAt: Date;
  /** Who takes it over must be the first to. */
  readonly version: Version;
}

/**
 * The run of the same command that was stopped before its end and started less than `freshMs` ago; `undefined` when
 * there is none. Staging of runs that nobody went on with for a week is removed.
 */
export async function findStoppedRun(
  store: ObjectStore,
  fingerprint: string,
  now: Date,
  freshMs: number,
): Promise<StoppedRun | undefined> {
  const found: StoppedRun[] = [];
  for (const runId of await stagedRunIds(store)) {
    const run = await readOwner(store, runId);
    if (run === undefined) continue;
    const startedAt = new Date(run.startedAt);
    const ageMs = now.getTime() - startedAt.getTime();
    const isWanted = run.fingerprint === fingerprint && ageMs <= freshMs;
    if ((!isWanted && ageMs <= KEPT_FOR_MS) || isAlive(run, now)) continue;
    if (isWanted) found.push({ runId, startedAt, version: run.version });
    else await removeStaging(store, runId);
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
  readonly #owner: z.infer<typeof ownerSchema>;
  #ownerVersion: Version;
  readonly #heart: NodeJS.Timeout;

  private constructor(
    store: ObjectStore,
    runId: string,
    owner: z.infer<typeof ownerSchema>,
    version: Version,
  ) {
    this.#store = store;
    this.#runId = runId;
    this.#owner = owner;
    this.#ownerVersion = version;
    this.#heart = setInterval(() => void this.#beat(), HEARTBEAT_MS).unref();
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
    const owner = { fingerprint, startedAt: startedAt.toISOString(), ...beat(new Date()) };
    const claimed = await store.put(ownerKey(runId), Buffer.from(`${JSON.stringify(owner)}\n`), version);
    const staged = new StagedRun(store, runId, owner, claimed);
    for await (const { key } of store.list(`${stagingFolder(runId)}part-`)) {
      staged.#parts.push(key);
      staged.#nextPart = 1 + Number(/part-(\d+)/.exec(key)![1]);
    }
    const lines: unknown[] = [];
    for await (const line of staged.lines()) lines.push(line);
    return { staged, lines };
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

  /** All lines that are staged, oldest first. */
  async *lines(): AsyncGenerator<unknown> {
    for (const key of this.#parts) {
      const object = await this.#store.get(key);
      if (object === undefined) continue;
      let lines: unknown[];
      try {
        const text = zstdDecompressSync(object.body).toString().trimEnd();
        lines = text === '' ? [] : text.split('\n').map((line) => JSON.parse(line));
      } catch (error) {
        throw new LakeError(
          `${key} in lake "${this.#store.url}" is not readable (${firstLine(error)}); delete it and load again`,
          error,
        );
      }
      yield* lines;
    }
  }

  /** Puts these lines in the place of all others: what is merged need not be kept at length. */
  async compact(lines: readonly unknown[]): Promise<void> {
    await this.settle();
    const replaced = this.#parts;
    this.#parts = [];
    await this.#put(lines.map((line) => JSON.stringify(line)));
    for (const key of replaced) await this.#store.delete(key);
  }

  /** The process is done with the run, which may be continued by another. */
  close(): void {
    clearInterval(this.#heart);
  }

  /** The run is over and has nothing to be continued. */
  async remove(): Promise<void> {
    this.close();
    await this.settle();
    await removeStaging(this.#store, this.#runId);
  }

  async #beat(): Promise<void> {
    const owner = { ...this.#owner, ...beat(new Date()) };
    try {
      const body = Buffer.from(`${JSON.stringify(owner)}\n`);
      this.#ownerVersion = await this.#store.put(ownerKey(this.#runId), body, this.#ownerVersion);
    } catch (error) {
      this.close();
      this.#failure ??= error instanceof ConflictError ? this.#lost() : error;
    }
  }

  #lost(): LakeError {
    return new LakeError(`run ${this.#runId} was taken over by another process, which goes on with it`);
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
    try {
      await this.#store.put(key, zstdCompressSync(`${lines.join('\n')}\n`), ABSENT);
    } catch (error) {
      throw error instanceof ConflictError ? this.#lost() : error;
    }
    this.#parts.push(key);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function parseJson(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
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
  const parsed = z.preprocess(parseJson, ownerSchema).safeParse(Buffer.from(object.body).toString());
  return parsed.success ? { ...parsed.data, version: object.version } : undefined;
}

async function removeStaging(store: ObjectStore, runId: string): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of store.list(stagingFolder(runId))) keys.push(key);
  // The owner last: a run without one is nobody's, and what is left of it would never be removed.
  for (const key of keys.toSorted((a, b) => Number(a === ownerKey(runId)) - Number(b === ownerKey(runId)))) {
    await store.delete(key);
  }
}
