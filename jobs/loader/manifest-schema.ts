import { z } from 'zod';
import { firstLine } from '../runtime/errors.ts';
import { FETCH_SCOPES, SERIES_FLAGS, TICKER_STATUSES, type LoadManifest } from './outcome.ts';

const count = z.int().nonnegative();
const date = z.iso.date();
const rowCounts = z.object({ new: count, changed: count, unchanged: count, removed: count });

const outcome = z.object({
  ticker: z.string().min(1),
  status: z.enum(TICKER_STATUSES),
  reason: z.string().exactOptional(),
  scope: z.enum(FETCH_SCOPES),
  attempts: count,
  bytes: count,
  latencyMs: z.number().nonnegative().exactOptional(),
  first: date.exactOptional(),
  last: date.exactOptional(),
  lastStamp: z.number().exactOptional(),
  rows: rowCounts.exactOptional(),
  exchange: z.string().exactOptional(),
  currency: z.string().exactOptional(),
  quotedIn: z.string().exactOptional(),
  restated: z.string().exactOptional(),
  missing: z.array(date).exactOptional(),
  rejected: count.exactOptional(),
  flags: z.array(z.enum(SERIES_FLAGS)).exactOptional(),
  historyFrom: date.exactOptional(),
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
    history: z.object({ start: date, short: count }).exactOptional(),
    written: z.array(z.string()),
    usage: z.object({ cpuSeconds: z.number(), peakMemoryMB: z.number() }),
    tickers: z.array(outcome),
  })
  .refine(({ counts, tickers }) => counts.total === tickers.length, {
    path: ['counts', 'total'],
    error: 'is not the number of tickers',
  });

/** The manifest of a load, or in one line why it is none: damaged, or of another version. */
export function parseManifest(body: Uint8Array): LoadManifest | string {
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
