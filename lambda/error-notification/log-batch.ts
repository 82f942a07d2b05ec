import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import type { Alert } from './alert.ts';
import { insightsLink } from './console-links.ts';

const batch = z.object({
  messageType: z.string(),
  owner: z.string(),
  logGroup: z.string(),
  logStream: z.string(),
  logEvents: z.array(z.object({ id: z.string(), timestamp: z.number(), message: z.string() })),
});

/** What CloudWatch Logs delivers to a subscription. */
export type LogBatch = z.infer<typeof batch>;

const line = z.object({
  msg: z.string(),
  job: z.string().optional(),
  runId: z.string().optional(),
  code: z.string().optional(),
  event: z.string().optional(),
});

/** Unpacks `awslogs.data`: JSON, gzip, base64. Throws when it is something else. */
export function unpackLogBatch(data: string): LogBatch {
  return batch.parse(JSON.parse(gunzipSync(Buffer.from(data, 'base64')).toString()));
}

/** One alert for each run that has lines in the batch; none for the messages with which CloudWatch tries a filter. */
export function digestLogBatch(
  { messageType, logGroup, logStream, logEvents }: LogBatch,
  region: string,
): Alert[] {
  if (messageType !== 'DATA_MESSAGE') return [];
  const runs = new Map<string, ReadLine[]>();
  for (const { message, timestamp } of logEvents) {
    const read = { ...readLine(message), timestamp };
    const key = read.runId ?? logStream;
    runs.set(key, [...(runs.get(key) ?? []), read]);
  }
  return [...runs.values()].map((lines) => {
    // The line that ended the run says why; others come before it.
    const telling = lines.find(({ isFinal }) => isFinal) ?? lines[0]!;
    const others = lines.filter((other) => other !== telling);
    return {
      job: telling.job ?? logGroup.split('/').at(-1)!,
      code: telling.code,
      lines: [telling, ...others].map(({ text }) => text),
      runId: telling.runId,
      link: insightsLink(region, logGroup, telling.runId, new Date(telling.timestamp)),
      isFinal: telling.isFinal,
    };
  });
}

interface ReadLine {
  readonly text: string;
  readonly job: string | undefined;
  readonly runId: string | undefined;
  readonly code: string;
  readonly isFinal: boolean;
  readonly timestamp: number;
}

/** A line that is not one of ours is told as it is. */
function readLine(message: string): Omit<ReadLine, 'timestamp'> {
  const parsed = line.safeParse(parseJson(message));
  if (!parsed.success) {
    return { text: message.trim(), job: undefined, runId: undefined, code: 'unreadable', isFinal: false };
  }
  const { msg, job, runId, code, event } = parsed.data;
  return { text: msg, job, runId, code: code ?? 'error', isFinal: event === 'job.failed' };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
