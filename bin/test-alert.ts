import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { Argument, Command } from 'commander';
import { createAwsClient } from '../jobs/runtime/aws-client.ts';
import { createStages, type StageName } from '../lib/config.ts';
import { readSettingsFile } from '../lib/settings.ts';
import { writeTestAlert } from '../lib/smoke/alert.ts';

/* Writes an error line into the log of a stage, as a failing load would: it has to arrive as an email. */

const [stage] = new Command('test-alert')
  .addArgument(new Argument('<stage>').choices(['dev', 'prod']))
  .parse().processedArgs as [StageName];

const { names, region } = createStages(readSettingsFile(process.env))[stage];
const client = createAwsClient(CloudWatchLogsClient, region === undefined ? {} : { region });
const { logStreamName } = await writeTestAlert(client, names.load, new Date());
process.stdout.write(`written to ${names.load}, ${logStreamName}: an email has to follow in a minute\n`);
