import type { GlueClient } from '@aws-sdk/client-glue';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { firstLine } from '../../jobs/runtime/errors.ts';
import { hasArrived, writeTestAlert } from './alert.ts';
import { clear } from './clear.ts';
import type { SmokePlace } from './place.ts';
import { SMOKE_COMMANDS } from './sample.ts';
import { readLines, runTask, type TaskPorts } from './task.ts';

export interface SmokePorts extends TaskPorts {
  readonly s3: S3Client;
  readonly glue: GlueClient;
  readonly sqs: SQSClient;
  readonly now: () => Date;
  /** Takes a line about each step that is done. */
  readonly say: (line: string) => void;
}

/**
 * Takes the sample from a file to an answer in a lake of its own, sends a test alert to where alerts go, and takes
 * away what it has made.
 *
 * @throws Error of one line, which begins with the step that failed
 */
export async function smokeTest(ports: SmokePorts, place: SmokePlace): Promise<void> {
  const { s3, glue, say } = ports;
  await clear(s3, glue, place);
  try {
    for (const [name, run] of Object.entries(STEPS)) {
      try {
        say(`${name}: ${await run(ports, place)}`);
      } catch (error) {
        throw new Error(`${name}: ${firstLine(error)}`, { cause: error });
      }
    }
  } finally {
    await clear(s3, glue, place);
  }
}

type Step = (ports: SmokePorts, place: SmokePlace) => Promise<string>;

/** In order; each resolves with what there is to say about it. */
const STEPS: Readonly<Record<string, Step>> = {
  load: async (ports, place) => {
    await runTask(ports, place, SMOKE_COMMANDS.load);
    return 'prices are in the lake';
  },
  transform: async (ports, place) => {
    await runTask(ports, place, SMOKE_COMMANDS.transform);
    return 'crawled, and features are in the lake';
  },
  query: async (ports, place) => {
    const stream = await runTask(ports, place, SMOKE_COMMANDS.query);
    const lines = await readLines(ports, place.logGroup, stream);
    const count = Number(lines.findLast((line) => /^\d+$/.test(line.trim())) ?? Number.NaN);
    if (Number.isNaN(count)) throw new Error(`no count in log ${place.logGroup}, stream ${stream}`);
    if (count === 0) throw new Error('Athena sees no row of the features that were just written');
    return `Athena counts ${count} rows`;
  },
  alert: async ({ logs, sqs, now, waiting }, place) => {
    const { runId } = await writeTestAlert(logs, place.logGroup, now());
    if (!(await hasArrived(sqs, place.inbox, runId, waiting))) {
      throw new Error(`the line of run ${runId} in log ${place.logGroup} has not become an alert`);
    }
    return 'an error line became an alert';
  },
};
