import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { firstLine, LakeError, StoppedError } from '../runtime/errors.ts';
import type { Waiting } from '../runtime/poll.ts';
import { beat, HEARTBEAT_MS, heartbeatShape, isAlive } from './heartbeat.ts';
import { ABSENT, ConflictError, type ObjectStore, type Version } from './object-store.ts';

/*
 * A mark says that a run is switching several objects of the lake that only together make sense: the months of a
 * provider's prices, or the eras of a set. One run at a time holds the mark of each. It first holds an empty mark,
 * under which nothing is switched yet. Then the mark names the change: objects that lie ready below `marks/` and say
 * all that is to be switched. From there on the change never varies, so that whoever finds the mark of a dead run can
 * roll the change forward. Readers that find a mark with a change wait, or roll it forward themselves.
 *
 * A run looks dead when it sleeps. Nothing depends on it being dead: who takes a mark over does so by a conditional
 * put, and a run checks that the mark is still its own between reading an object and putting it on what it read.
 */

const changeSchema = z.object({
  /** What the keys of all that lies ready start with. */
  input: z.string(),
  /** What is switched, for messages: months or eras. */
  parts: z.array(z.string()),
});

const markSchema = z.object({
  version: z.literal(1),
  /** A mark is never deleted: not every store can delete a certain version only. */
  state: z.enum(['free', 'held']),
  /** Who holds it, another name for each time it is taken. */
  owner: z.string(),
  /** The run whose change it is; it stays when another process rolls the change forward. */
  run: z.string(),
  /** Tickers that the change touches; empty where it can be any. */
  names: z.array(z.string()),
  change: changeSchema.nullable(),
  ...heartbeatShape,
});

export type Mark = z.infer<typeof markSchema>;
export type Change = z.infer<typeof changeSchema>;

/** What a process needs to hold a mark. */
export interface MarkPorts extends Waiting {
  now(): Date;
}

/** Carries out the change of a dead run; `held` is the mark under which that is done. */
export type RollForward = (change: Change, held: HeldMark) => Promise<void>;

/** The mark is no longer this run's: it slept for so long that another process took its work over. */
export class LostMarkError extends LakeError {
  constructor(run: string, url: string) {
    super(
      `run ${run} was silent for too long and another process took over its change of lake "${url}"; run the command again`,
    );
  }
}

/** A live holder is asked about again after so long; the wait grows up to the second figure. */
const WAIT_MS = [50, 2000] as const;
/** Nobody holds a mark for so long. */
const MAX_WAIT_MS = 60 * 60_000;

/** The mark at `key`, or undefined when nobody holds it. */
export async function lookAtMark(store: ObjectStore, key: string): Promise<Mark | undefined> {
  const { mark } = await readMark(store, key);
  return mark?.state === 'held' ? mark : undefined;
}

/** Whether the holder of a mark is at work. */
export function isHolderAlive(mark: Mark, now: Date): boolean {
  return isAlive(mark, now);
}

/** A mark that this process holds, with its heartbeat. */
export class HeldMark {
  readonly #store: ObjectStore;
  readonly #key: string;
  readonly #ports: MarkPorts;
  readonly #heart: NodeJS.Timeout;
  #mark: Mark;
  #version: Version;
  #isLost = false;
  /** Puts of the mark follow each other, heartbeats included. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(store: ObjectStore, key: string, mark: Mark, version: Version, ports: MarkPorts) {
    this.#store = store;
    this.#key = key;
    this.#mark = mark;
    this.#version = version;
    this.#ports = ports;
    this.#heart = setInterval(() => void this.#put({}).catch(() => {}), HEARTBEAT_MS).unref();
  }

  /**
   * Takes the mark at `key`, empty. Waits for a live holder; the change of a dead one is rolled forward first. Throws
   * StoppedError when asked to stop meanwhile.
   *
   * @param run whose change it will be
   */
  static async take(
    store: ObjectStore,
    key: string,
    run: string,
    ports: MarkPorts,
    rollForward: RollForward,
  ): Promise<HeldMark> {
    const deadline = ports.now().getTime() + MAX_WAIT_MS;
    for (let wait: number = WAIT_MS[0]; ;) {
      const { mark, version } = await readMark(store, key);
      if (mark?.state === 'held' && isHolderAlive(mark, ports.now())) {
        if (ports.now().getTime() > deadline)
          throw new LakeError(
            `run ${mark.run} has held ${key} in lake "${store.url}" for an hour; stop it first`,
          );
        await sleep(wait, ports, store.url);
        wait = Math.min(wait * 1.5, WAIT_MS[1]);
        continue;
      }
      const change = mark?.state === 'held' ? mark.change : null;
      // Left by runs that ended before they named it, or after they gave their mark back. Listed before the mark is
      // taken: what lies there while a mark names nothing will never be named.
      const orphans = change === null ? await keysBelow(store, folderOf(key)) : [];
      const held = await HeldMark.#claim(store, key, change === null ? undefined : mark, version, run, ports);
      if (held === undefined) continue;
      if (change !== null) {
        await held.use(() => rollForward(change, held));
        continue;
      }
      for (const orphan of orphans) await store.delete(orphan);
      return held;
    }
  }

  /**
   * Rolls the change of a dead run forward, where there is one. False when the holder is alive.
   */
  static async rollForward(
    store: ObjectStore,
    key: string,
    ports: MarkPorts,
    rollForward: RollForward,
  ): Promise<boolean> {
    const { mark, version } = await readMark(store, key);
    if (mark?.state !== 'held' || mark.change === null) return true;
    if (isHolderAlive(mark, ports.now())) return false;
    const { change } = mark;
    const held = await HeldMark.#claim(store, key, mark, version, mark.run, ports);
    await held?.use(() => rollForward(change, held));
    return true;
  }

  /** Puts a mark of this process over the version that was read; undefined when somebody else was faster. */
  static async #claim(
    store: ObjectStore,
    key: string,
    takenOver: Mark | undefined,
    version: Version | undefined,
    run: string,
    ports: MarkPorts,
  ): Promise<HeldMark | undefined> {
    const mark: Mark = {
      version: 1,
      state: 'held',
      owner: randomUUID(),
      run: takenOver?.run ?? run,
      names: takenOver?.names ?? [],
      change: takenOver?.change ?? null,
      ...beat(ports.now()),
    };
    try {
      return new HeldMark(store, key, mark, await store.put(key, encode(mark), version ?? ABSENT), ports);
    } catch (error) {
      if (error instanceof ConflictError) return undefined;
      throw error;
    }
  }

  /** Whether nothing is to be switched yet. */
  get isEmpty(): boolean {
    return this.#mark.change === null;
  }

  /** Names the change. From here on it is carried out, by this process or by another one. LostMarkError. */
  async name(change: Change, names: readonly string[]): Promise<void> {
    await this.#put({ change, names: [...names] });
  }

  /** Throws LostMarkError when the mark is no longer this run's. To be called between reading an object and putting it. */
  async check(): Promise<void> {
    const { mark } = await readMark(this.#store, this.#key);
    if (mark?.owner !== this.#mark.owner || mark.state !== 'held') this.#lose();
  }

  /**
   * Gives the mark back; with `isDone` its change is carried out. Otherwise an empty mark is given back, and one with a
   * change is left as that of a dead run, whose change is rolled forward by whoever comes next.
   */
  async #release(isDone: boolean): Promise<void> {
    clearInterval(this.#heart);
    if (this.#isLost) return;
    const { change } = this.#mark;
    if (!isDone && change !== null) return this.#put({ seenAt: new Date(0).toISOString() });
    await this.#put({ state: 'free', change: null, names: [] });
    // Not before the mark is free: until then it is the way forward.
    if (change !== null)
      for (const key of await keysBelow(this.#store, change.input)) await this.#store.delete(key);
  }

  /** What the keys of all that lies ready for the change start with; nobody else uses it. */
  get input(): string {
    return `${folderOf(this.#key)}${this.#mark.owner}/`;
  }

  /** Runs what is done under the mark, and gives it back. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    let result: T;
    try {
      result = await work();
    } catch (error) {
      // What ended the work is what is to be told.
      await this.#release(false).catch(() => {});
      throw error;
    }
    await this.#release(true);
    return result;
  }

  #put(changed: Partial<Mark>): Promise<void> {
    const putting = this.#putAfter(this.#last, changed);
    this.#last = putting.catch(() => {});
    return putting;
  }

  async #putAfter(before: Promise<unknown>, changed: Partial<Mark>): Promise<void> {
    await before;
    if (this.#isLost) this.#lose();
    const mark = { ...this.#mark, ...beat(this.#ports.now()), ...changed };
    try {
      this.#version = await this.#store.put(this.#key, encode(mark), this.#version);
    } catch (error) {
      if (error instanceof ConflictError) this.#lose();
      throw error;
    }
    this.#mark = mark;
  }

  #lose(): never {
    this.#isLost = true;
    clearInterval(this.#heart);
    throw new LostMarkError(this.#mark.run, this.#store.url);
  }
}

async function readMark(
  store: ObjectStore,
  key: string,
): Promise<{ mark: Mark | undefined; version: Version | undefined }> {
  const object = await store.get(key);
  if (object === undefined) return { mark: undefined, version: undefined };
  try {
    return {
      mark: markSchema.parse(JSON.parse(Buffer.from(object.body).toString())),
      version: object.version,
    };
  } catch (error) {
    throw new LakeError(
      `${key} in lake "${store.url}" is not readable (${firstLine(error)}); restore it, ` +
        'or delete it and load the last days again',
      error,
    );
  }
}

/** No two marks have the same bytes, so that an old one never passes for a new one. */
function encode(mark: Mark): Buffer {
  return Buffer.from(`${JSON.stringify({ ...mark, stamp: randomUUID() })}\n`);
}

function folderOf(key: string): string {
  return key.replace(/\.json$/, '/');
}

async function keysBelow(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

async function sleep(ms: number, { sleep: wait, signal }: MarkPorts, url: string): Promise<void> {
  try {
    await wait(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new StoppedError(`stopped by ${String(signal.reason)} while another run changes lake "${url}"`);
  }
}
