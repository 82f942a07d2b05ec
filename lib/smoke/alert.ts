import {
  CreateLogStreamCommand,
  PutLogEventsCommand,
  type CloudWatchLogsClient,
} from '@aws-sdk/client-cloudwatch-logs';
import { DeleteMessageCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { createRunId } from '../../jobs/runtime/run-id.ts';
import { poll, type BackOff, type Waiting } from '../../jobs/runtime/poll.ts';

/** A line takes seconds to become a message, a minute when a function has to be started first. */
const ARRIVAL: BackOff = { firstMs: 1000, maxMs: 10_000, timeoutMs: 5 * 60_000 };

/** Writes an error line into a log, as a failing job would. Resolves with the name of its run, which the alert names. */
export async function writeTestAlert(
  logs: CloudWatchLogsClient,
  logGroupName: string,
  now: Date,
): Promise<{ readonly runId: string; readonly logStreamName: string }> {
  const runId = createRunId(now);
  const logStreamName = `test-alert/${runId}`;
  const line = {
    level: 'error',
    time: now.getTime(),
    job: 'load',
    runId,
    event: 'job.failed',
    code: 'test',
    msg: 'a test of the alerts: nothing has failed',
  };
  await logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
  await logs.send(
    new PutLogEventsCommand({
      logGroupName,
      logStreamName,
      logEvents: [{ timestamp: now.getTime(), message: JSON.stringify(line) }],
    }),
  );
  return { runId, logStreamName };
}

/** Whether the alert of a run arrives in a queue that has all alerts of the stage. */
export async function hasArrived(
  sqs: SQSClient,
  QueueUrl: string,
  runId: string,
  waiting: Waiting,
): Promise<boolean> {
  const ask = async (): Promise<true | undefined> => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
    );
    for (const { ReceiptHandle } of Messages) {
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
    return Messages.some(({ Body = '' }) => Body.includes(runId)) ? true : undefined;
  };
  return (await poll(ask, ARRIVAL, waiting)) ?? false;
}
