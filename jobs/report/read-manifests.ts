import { manifestFolder } from '../lake/layout.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { parseManifest } from '../loader/manifest-schema.ts';
import type { LoadManifest } from '../loader/outcome.ts';
import type { Logger } from '../runtime/log.ts';

export interface SkippedManifest {
  readonly key: string;
  readonly reason: string;
}

export interface ReadManifests {
  /** Newest first. */
  readonly manifests: readonly LoadManifest[];
  /** Among the newest, but no manifest that this version reads. */
  readonly skipped: readonly SkippedManifest[];
}

/**
 * Reads the manifests of the newest `runs` loads of a lake. One that is damaged or of another version is skipped,
 * and a line of the log says so. Throws LakeError when the lake cannot be read.
 */
export async function readManifests(store: ObjectStore, runs: number, log: Logger): Promise<ReadManifests> {
  const keys: string[] = [];
  // Keys sort by the start of their runs.
  for await (const { key } of store.list(manifestFolder('load'))) if (key.endsWith('.json')) keys.push(key);

  const manifests: LoadManifest[] = [];
  const skipped: SkippedManifest[] = [];
  for (const key of keys.toReversed().slice(0, runs)) {
    const object = await store.get(key);
    // Removed by somebody since it was listed.
    if (object === undefined) continue;
    const read = parseManifest(object.body);
    if (typeof read === 'string') {
      skipped.push({ key, reason: read });
      log.warn({ event: 'report.skipped', key }, `${key} is left out: ${read}`);
    } else {
      manifests.push(read);
    }
  }
  return { manifests, skipped };
}
