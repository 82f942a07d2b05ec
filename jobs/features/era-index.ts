import { z } from 'zod';
import { eraIndexKey } from '../lake/layout.ts';
import type { HeldMark } from '../lake/marks.ts';
import { ABSENT, type ObjectStore } from '../lake/object-store.ts';
import { retryConflicts } from '../lake/retry-conflicts.ts';
import type { IsoDate } from '../runtime/dates.ts';

export const entrySchema = z.strictObject({
  /** Names the prices and the setting that the era was made from. */
  fingerprint: z.string(),
  rows: z.int(),
  bytes: z.int(),
});

/** What an era object was made from and what it looks like. */
export type EraEntry = z.infer<typeof entrySchema>;
export type EraIndex = ReadonlyMap<IsoDate, EraEntry>;

/** The index object of a set. */
export interface StoredIndex {
  readonly entries: EraIndex;
  /** The last run that replaced or removed eras; undefined where all were only ever added. */
  readonly run: string | undefined;
}

// Beside eras, which are dates.
const RUN = 'run';
const indexSchema = z.record(z.string(), z.union([z.string(), entrySchema]));

/** An unreadable index is an empty one: the worst that follows is that eras are computed again. */
export function parseIndex(body: Uint8Array | undefined): StoredIndex {
  const entries = new Map<IsoDate, EraEntry>();
  let run: string | undefined;
  try {
    if (body !== undefined) {
      for (const [key, value] of Object.entries(
        indexSchema.parse(JSON.parse(Buffer.from(body).toString())),
      )) {
        if (typeof value !== 'string') entries.set(key, value);
        else if (key === RUN) run = value;
      }
    }
  } catch {
    // Not an index.
  }
  return { entries, run };
}

/** An index that replaced eras is never the same bytes again: the run that replaced them is part of it. */
function formatIndex({ entries, run }: StoredIndex): string {
  const sorted = [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const stamp = run === undefined ? [] : [[RUN, run] as const];
  return `${JSON.stringify(Object.fromEntries([...stamp, ...sorted]), undefined, 1)}\n`;
}

/**
 * The eras of a set: those in its index whose object has the size that the index says, or that have no row and no
 * object. Any other object below the set is what a run left half done. Store versions are not compared: a copied lake
 * has others. Pure.
 *
 * @param bytes sizes of the era objects that the set has
 */
export function vouchedEras({ entries }: StoredIndex, bytes: ReadonlyMap<IsoDate, number>): EraIndex {
  return new Map([...entries].filter(([era, entry]) => entry.rows === 0 || bytes.get(era) === entry.bytes));
}

/**
 * Puts the index of a set as `update` makes it from the stored one, under the mark of the set. An index that would be
 * the same is left as it is.
 */
export async function putIndex(
  store: ObjectStore,
  set: string,
  held: HeldMark,
  update: (stored: StoredIndex) => StoredIndex,
): Promise<void> {
  const key = eraIndexKey(set);
  await retryConflicts(async () => {
    const object = await store.get(key);
    const stored = parseIndex(object?.body);
    const updated = update(stored);
    const before = object === undefined ? undefined : Buffer.from(object.body).toString();
    if (formatIndex({ ...updated, run: stored.run }) === before) return;
    await held.check();
    await store.put(key, Buffer.from(formatIndex(updated)), object?.version ?? ABSENT);
  });
}
