import pLimit from 'p-limit';
import { z } from 'zod';
import { eraKey, setMarkKey, settingsKey } from '../lake/layout.ts';
import { HeldMark, type MarkPorts, type RollForward } from '../lake/marks.ts';
import { ABSENT, type ObjectStore } from '../lake/object-store.ts';
import { retryConflicts } from '../lake/retry-conflicts.ts';
import type { IsoDate } from '../runtime/dates.ts';
import { firstLine, LakeError, StoppedError } from '../runtime/errors.ts';
import { entrySchema, putIndex } from './era-index.ts';

/*
 * A change of a set that replaces or removes eras. New eras lie ready below the mark of the set, and `change.json` beside
 * them says all that is to be switched: the settings, the eras, and last the index that vouches for them. Whoever finds
 * the mark of a dead run carries the same change out; doing it twice is doing it once.
 */

const schema = z.object({
  version: z.literal(1),
  set: z.string(),
  /** The run whose change it is. */
  run: z.string(),
  /** Text of the settings object; null where it stays. */
  settings: z.string().nullable(),
  /** Whether `entries` are all that the set has; else they are added to those of its index. */
  isWhole: z.boolean(),
  entries: z.record(z.string(), entrySchema),
  /** Eras whose new objects lie ready. */
  replaced: z.array(z.string()),
  /** Eras whose objects go. */
  removed: z.array(z.string()),
});

export type SetChange = Omit<z.infer<typeof schema>, 'version'>;

/** Objects that are switched side by side. */
const CONCURRENT = 4;

/** Where the new object of an era lies ready. */
export function stagedEraKey(input: string, era: IsoDate): string {
  return `${input}${era}`;
}

/** Puts what a change is where another process finds it, then names it in the mark. */
export async function nameChange(change: SetChange, store: ObjectStore, held: HeldMark): Promise<void> {
  await store.put(changeKey(held.input), Buffer.from(JSON.stringify({ version: 1, ...change })));
  await held.name({ input: held.input, parts: [...change.replaced, ...change.removed] }, []);
}

/**
 * Switches everything that a change is. Throws StoppedError when asked to stop; the change is then rolled forward by
 * the next process that needs the set.
 *
 * @param input what the keys of all that lies ready start with
 */
export async function carryOut(
  change: SetChange,
  input: string,
  {
    store,
    held,
    signal,
  }: { readonly store: ObjectStore; readonly held: HeldMark; readonly signal: AbortSignal },
): Promise<void> {
  const { set, run, settings, isWhole, replaced, removed } = change;
  if (settings !== null) await replace(store, held, settingsKey(set), async () => Buffer.from(settings));
  const limit = pLimit(CONCURRENT);
  const each = async (work: () => Promise<void>): Promise<void> => {
    if (signal.aborted)
      throw new StoppedError(
        `stopped by ${String(signal.reason)} while set ${set} changes; run again to go on`,
      );
    await work();
  };
  const switching = [
    ...replaced.map(
      (era) => () => replace(store, held, eraKey(set, era), () => readStaged(store, held, input, era)),
    ),
    ...removed.map((era) => () => remove(store, held, eraKey(set, era))),
  ];
  const results = await Promise.allSettled(switching.map((work) => limit(each, work)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const entries = Object.entries(change.entries);
  await putIndex(store, set, held, (stored) => ({
    entries: new Map(isWhole ? entries : [...stored.entries, ...entries]),
    run,
  }));
}

/** Carries out the change of a dead run of a set, where there is one; false where its run is alive. */
export function rollSetForward(store: ObjectStore, set: string, ports: MarkPorts): Promise<boolean> {
  return HeldMark.rollForward(store, setMarkKey(set), ports, setRollForward(store, ports));
}

export function setRollForward(store: ObjectStore, { signal }: MarkPorts): RollForward {
  return async ({ input }, held) => {
    const object = await store.get(changeKey(input));
    let change: SetChange;
    try {
      change = schema.parse(JSON.parse(Buffer.from(object?.body ?? []).toString()));
    } catch (error) {
      throw new LakeError(
        `the change of a killed run cannot be carried out: ${changeKey(input)} in lake "${store.url}" is ` +
          `${object === undefined ? 'missing' : `not readable (${firstLine(error)})`}; restore it, ` +
          'or delete the mark and transform the set with --rebuild',
        error,
      );
    }
    await carryOut(change, input, { store, held, signal });
  };
}

async function readStaged(
  store: ObjectStore,
  held: HeldMark,
  input: string,
  era: IsoDate,
): Promise<Uint8Array> {
  const staged = await store.get(stagedEraKey(input, era));
  if (staged === undefined) {
    // Who took the mark over has carried the change out and cleaned up.
    await held.check();
    throw new LakeError(
      `the change of a killed run cannot be carried out: ${stagedEraKey(input, era)} in lake "${store.url}" is missing; ` +
        'restore it, or delete the mark and transform the set with --rebuild',
    );
  }
  return staged.body;
}

/** Reads the object, checks that the mark is still this run's, and puts the new one on what was read. */
async function replace(
  store: ObjectStore,
  held: HeldMark,
  key: string,
  read: () => Promise<Uint8Array>,
): Promise<void> {
  const body = await read();
  await retryConflicts(async () => {
    const current = await store.get(key);
    if (current !== undefined && Buffer.compare(current.body, body) === 0) return;
    await held.check();
    await store.put(key, body, current?.version ?? ABSENT);
  });
}

/**
 * Reads the object, checks that the mark is still this run's, and deletes what was read. Where a server deletes whatever
 * is there, a run that falls asleep before that can take away an era that came later: its index entry then vouches for
 * nothing, readers say so, and the next run writes it again.
 */
async function remove(store: ObjectStore, held: HeldMark, key: string): Promise<void> {
  await retryConflicts(async () => {
    const current = await store.get(key);
    if (current === undefined) return;
    await held.check();
    await store.delete(key, current.version);
  });
}

function changeKey(input: string): string {
  return `${input}change.json`;
}
