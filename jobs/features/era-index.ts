import { z } from 'zod';
import { eraIndexKey, parseEraKey } from '../lake/layout.ts';
import { ABSENT, type ObjectStore } from '../lake/object-store.ts';
import { retryConflicts } from '../lake/retry-conflicts.ts';
import type { IsoDate } from '../runtime/dates.ts';

const entrySchema = z.strictObject({
  /** Names the prices and the setting that the era was made from. */
  fingerprint: z.string(),
  rows: z.int(),
  bytes: z.int(),
});
const indexSchema = z.record(z.string(), entrySchema);

/** What an era object was made from and what it looks like. */
export type EraEntry = z.infer<typeof entrySchema>;
export type EraIndex = ReadonlyMap<IsoDate, EraEntry>;

/**
 * The eras of a set that stand whole: those in its index whose object is there with the size that the index says,
 * or that have no row and no object.
 * An unreadable index is an empty one: the worst that follows is that eras are computed again.
 */
export async function readStandingEras(store: ObjectStore, set: string): Promise<EraIndex> {
  const index = await readIndex(store, set);
  const standing = new Map([...index.entries].filter(([, { rows }]) => rows === 0));
  for await (const { key, bytes } of store.list(`features/${set}/era=`)) {
    const era = parseEraKey(key)?.era;
    const entry = era === undefined ? undefined : index.entries.get(era);
    if (era !== undefined && entry?.bytes === bytes) standing.set(era, entry);
  }
  return standing;
}

/** Adds what a run wrote to the index of the set; runs side by side lose nothing. */
export async function addToIndex(store: ObjectStore, set: string, added: EraIndex): Promise<void> {
  await retryConflicts(async () => {
    const { entries, version } = await readIndex(store, set);
    const merged = [...entries, ...added].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const text = JSON.stringify(Object.fromEntries(merged), undefined, 1);
    await store.put(eraIndexKey(set), Buffer.from(`${text}\n`), version ?? ABSENT);
  });
}

async function readIndex(
  store: ObjectStore,
  set: string,
): Promise<{ entries: Map<IsoDate, EraEntry>; version: string | undefined }> {
  const object = await store.get(eraIndexKey(set));
  if (object === undefined) return { entries: new Map(), version: undefined };
  let entries: Record<string, EraEntry> = {};
  try {
    entries = indexSchema.parse(JSON.parse(Buffer.from(object.body).toString()));
  } catch {
    // Not an index: every era counts as missing and is written again.
  }
  return { entries: new Map(Object.entries(entries)), version: object.version };
}
