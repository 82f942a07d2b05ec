import { manifestKey } from './layout.ts';
import type { ObjectStore } from './object-store.ts';

/** What every run leaves in `runs/<job>/<run id>.json`, beside what the job itself adds. */
export interface RunManifest {
  readonly job: string;
  readonly runId: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly status: 'done' | 'failed' | 'stopped';
  /** The resolved arguments; the window is half-open. */
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly [detail: string]: unknown;
}

/** A run that was stopped and went on later has one manifest, that of its end. */
export async function writeManifest(store: ObjectStore, manifest: RunManifest): Promise<string> {
  const key = manifestKey(manifest.job, manifest.runId);
  await store.put(key, Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`));
  return key;
}
