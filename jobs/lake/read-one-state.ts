import { join } from 'node:path';
import pLimit from 'p-limit';
import { LakeBusyError, StoppedError } from '../runtime/errors.ts';
import { isHolderAlive, lookAtMark, LostMarkError, type Mark, type MarkPorts } from './marks.ts';
import type { ObjectStore, Version } from './object-store.ts';

/*
 * The one way to read objects that are switched one by one and only together make sense: the months of a provider, the
 * eras of a set. What is read while they are switched can be a mixture. A reader lists them, looks for a mark, reads,
 * and lists again. What it read counts only when there was no mark with a change and both lists are the same; this
 * order, and no other of the same steps, lets no mixture pass.
 */

/** An object by its key, in one version. */
export interface VersionedObject {
  readonly key: string;
  readonly version: Version;
}

export interface StatePorts extends MarkPorts {
  /** How long to wait for a change that is under way: two minutes when undefined. */
  readonly patienceMs?: number;
}

/** What is read in one state. */
export interface Subject<L> {
  /** Undefined where there is nothing to read. */
  list(): Promise<L | undefined>;
  /** The objects that have to stay what they are while they are read, in key order. */
  objects(listed: L): readonly VersionedObject[];
  markKey(listed: L): string;
  /** For messages: `prices of yahoo`. */
  name(listed: L): string;
  /** For messages: what a run with the mark does, `merging`. */
  readonly verb: string;
  /** Carries out the change of a dead run; false when that run turns out to be alive. Left out by who cannot. */
  readonly rollForward?: (listed: L) => Promise<boolean>;
  /** Throws LakeBusyError where a dead run's change, which nobody here can carry out, hides what is to be read. */
  acceptUnfinished(mark: Mark): void;
}

/** An object is no longer of the version that was listed: somebody has switched it. Readers start over. */
export class MovedError extends Error {
  constructor(key: string) {
    super(`${key} was replaced while it was being read`);
    this.name = 'MovedError';
  }
}

/** A change takes seconds; one of many objects some minutes. */
const PATIENCE_MS = 120_000;
const WAIT_MS = [20, 2000] as const;
const CONCURRENT_COPIES = 8;

/**
 * Resolves with what `read` makes of one state; undefined where there is nothing to read. `read` is called again when
 * the objects were changed meanwhile; it throws MovedError where one is not of the version listed. Throws LakeBusyError,
 * naming the run, when a change is under way for longer than a reader waits.
 *
 * @param read is also given the mark of a dead run whose change nobody here can carry out, where it was accepted
 */
export async function readOneState<L, T>(
  store: ObjectStore,
  subject: Subject<L>,
  ports: StatePorts,
  read: (listed: L, unfinished: Mark | undefined) => Promise<T>,
): Promise<T | undefined> {
  const { patienceMs = PATIENCE_MS } = ports;
  const deadline = ports.now().getTime() + patienceMs;
  let inTheWay: string | undefined;
  for (let wait: number = WAIT_MS[0]; ; wait = Math.min(wait * 1.5, WAIT_MS[1])) {
    if (inTheWay !== undefined) {
      if (ports.now().getTime() > deadline) {
        throw new LakeBusyError(
          `${inTheWay} in lake "${store.url}", for longer than ${patienceMs / 1000} s; run again when it is done`,
        );
      }
      await pause(wait, ports);
    }
    const listed = await subject.list();
    if (listed === undefined) return undefined;
    const mark = await lookAtMark(store, subject.markKey(listed));
    let unfinished: Mark | undefined;
    if (mark !== undefined && mark.change !== null) {
      inTheWay = `run ${mark.run} is ${subject.verb} ${subject.name(listed)}`;
      if (isHolderAlive(mark, ports.now())) continue;
      if (await isRolledForward(listed, subject)) continue;
      subject.acceptUnfinished(mark);
      unfinished = mark;
    } else {
      inTheWay = `${subject.name(listed)} keep being replaced`;
    }
    let result: T;
    try {
      result = await read(listed, unfinished);
    } catch (error) {
      if (error instanceof MovedError) continue;
      throw error;
    }
    const again = await subject.list();
    if (again !== undefined && isSame(subject.objects(listed), subject.objects(again))) return result;
  }
}

/** An object in the version that was listed. Throws MovedError when it has another one by now. */
export async function readListed(store: ObjectStore, { key, version }: VersionedObject): Promise<Uint8Array> {
  const object = await store.get(key);
  if (object?.version !== version) throw new MovedError(key);
  return object.body;
}

/**
 * Copies objects below `folder`, which is used by nobody else: links, where they can be had. Called again, it does not
 * copy what has not changed since. The copying throws MovedError where an object has another version by now.
 *
 * @returns gives the file of each object, by key
 */
export function createCopier(
  store: ObjectStore,
  folder: string,
): (objects: readonly VersionedObject[]) => Promise<ReadonlyMap<string, string>> {
  const copied = new Map<string, string>();
  const limit = pLimit(CONCURRENT_COPIES);
  let attempt = 0;
  return async (objects) => {
    attempt += 1;
    const copy = async ({ key, version }: VersionedObject): Promise<readonly [string, string]> => {
      const known = copied.get(`${key} ${version}`);
      if (known !== undefined) return [key, known];
      const file = join(folder, String(attempt), copyName(key));
      if (!(await store.copy(key, version, file))) throw new MovedError(key);
      copied.set(`${key} ${version}`, file);
      return [key, file];
    };
    // All of them end before another attempt begins.
    const results = await Promise.allSettled(objects.map((object) => limit(copy, object)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return new Map(
      results.map((result) => (result as PromiseFulfilledResult<readonly [string, string]>).value),
    );
  };
}

/** One folder for all copies: a folder for each takes longer to make than its link. */
function copyName(key: string): string {
  return key.replaceAll('/', '+');
}

/** A message about copies, with the keys of their objects in the place of paths that are gone when it is read. */
export function nameObjects(message: string): string {
  return message.replaceAll(/[^'" ]*\/([a-z_]+\+[^'" /]*\.parquet)/g, (_path, name: string) =>
    name.replaceAll('+', '/'),
  );
}

function isSame(before: readonly VersionedObject[], after: readonly VersionedObject[]): boolean {
  return (
    after.length === before.length &&
    before.every(({ key, version }, index) => after[index]!.key === key && after[index]!.version === version)
  );
}

/** Whether it is worth another look: the dead run's change was carried out, or the run is alive after all. */
async function isRolledForward<L>(listed: L, { rollForward }: Subject<L>): Promise<boolean> {
  if (rollForward === undefined) return false;
  try {
    await rollForward(listed);
    return true;
  } catch (error) {
    if (isDenied(error)) return false;
    if (error instanceof LostMarkError) return true;
    throw error;
  }
}

/** Whether a store refused for want of rights. */
function isDenied(error: unknown): boolean {
  const cause = (error as { cause?: unknown }).cause as
    { code?: string; name?: string; $metadata?: { httpStatusCode?: number } } | undefined;
  if (cause === undefined) return false;
  return (
    ['EACCES', 'EPERM', 'EROFS'].includes(cause.code ?? '') ||
    cause.$metadata?.httpStatusCode === 403 ||
    isDenied(cause)
  );
}

async function pause(ms: number, { sleep, signal }: StatePorts): Promise<void> {
  try {
    await sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new StoppedError(`stopped by ${String(signal.reason)}; run again to go on`);
  }
}
