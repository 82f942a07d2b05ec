import { z } from 'zod';
import type { ObjectStore } from '../lake/object-store.ts';
import type { LoadManifest } from '../loader/outcome.ts';
import { firstLine } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { FLAG_NAMES, SCOPE_NAMES, STATUS_NAMES } from './statuses.ts';

/** Keys of load manifests start with this and sort by the start of their runs. */
const LOAD_MANIFESTS = 'runs/load/';

const count = z.int().nonnegative();
const date = z.iso.date();
const rowCounts = z.object({ new: count, changed: count, unchanged: count, removed: count });

const outcome = z.object({
  ticker: z.string().min(1),
  status: z.enum(STATUS_NAMES),
  reason: z.string().exactOptional(),
  scope: z.enum(SCOPE_NAMES),
  attempts: count,
  bytes: count,
  latencyMs: z.number().nonnegative().exactOptional(),
  first: date.exactOptional(),
  last: date.exactOptional(),
  rows: rowCounts.exactOptional(),
  exchange: z.string().exactOptional(),
  currency: z.string().exactOptional(),
  quotedIn: z.string().exactOptional(),
  restated: z.string().exactOptional(),
  missing: z.array(date).exactOptional(),
  rejected: count.exactOptional(),
  flags: z.array(z.enum(FLAG_NAMES)).exactOptional(),
});

const manifest: z.ZodType<LoadManifest> = z
  .looseObject({
    job: z.literal('load'),
    runId: z.string(),
    startedAt: z.iso.datetime(),
    finishedAt: z.iso.datetime(),
    status: z.enum(['done', 'failed', 'stopped']),
    arguments: z.record(z.string(), z.unknown()),
    versions: z.record(z.string(), z.string()),
    counts: z.object({ total: count }).catchall(count),
    rows: rowCounts,
    requests: z.object({ made: count, retries: count, pauses: count, pausedMs: z.number().nonnegative() }),
    coverage: z.object({
      required: z.number().min(0).max(1),
      baseline: z.enum(['good last time', 'asked for']),
      expected: count,
      good: count,
    }),
    sessions: z.array(z.object({ exchange: z.string(), tickers: count, closes: z.record(date, count) })),
    written: z.array(z.string()),
    tickers: z.array(outcome),
  })
  .refine(({ counts, tickers }) => counts.total === tickers.length, {
    path: ['counts', 'total'],
    error: 'is not the number of tickers',
  });

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
  for await (const { key } of store.list(LOAD_MANIFESTS)) if (key.endsWith('.json')) keys.push(key);

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

/** The manifest, or in one line why it is none. */
function parseManifest(body: Uint8Array): LoadManifest | string {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(body).toString());
  } catch (error) {
    return `not JSON: ${firstLine(error)}`;
  }
  const parsed = manifest.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `${issue!.path.join('.')} ${issue!.message}`;
}
