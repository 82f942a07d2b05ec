import { readFileSync } from 'node:fs';
import {
  CloudWatchLogsClient,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { Argument, Command } from 'commander';
import { createAwsClient } from '../jobs/runtime/aws-client.ts';
import { createRunId } from '../jobs/runtime/run-id.ts';
import { createStages, type StageName } from '../lib/config.ts';
import { readSettings } from '../lib/settings.ts';

/* Writes an error line into the log of a stage, as a failing load would: it has to arrive as an email. */

const [stage] = new Command('test-alert')
  .addArgument(new Argument('<stage>').choices(['dev', 'prod']))
  .parse().processedArgs as [StageName];

const { context } = JSON.parse(readFileSync('cdk.json', 'utf8')) as { context?: { signals?: unknown } };
const { names, region } = createStages(readSettings(context?.signals, process.env))[stage];
const client = createAwsClient(CloudWatchLogsClient, region === undefined ? {} : { region });
const now = new Date();
const runId = createRunId(now);
const stream = { logGroupName: names.load, logStreamName: `test-alert/${runId}` };
const line = {
  level: 'error',
  time: now.getTime(),
  job: 'load',
  runId,
  event: 'job.failed',
  code: 'test',
  msg: 'a test of the alerts: nothing has failed',
};
await client.send(new CreateLogStreamCommand(stream));
await client.send(
  new PutLogEventsCommand({
    ...stream,
    logEvents: [{ timestamp: now.getTime(), message: JSON.stringify(line) }],
  }),
);
process.stdout.write(
  `written to ${stream.logGroupName}, ${stream.logStreamName}: an email has to follow in a minute\n`,
);
