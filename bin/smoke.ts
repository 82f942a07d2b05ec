import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { ECSClient } from '@aws-sdk/client-ecs';
import { GlueClient } from '@aws-sdk/client-glue';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { Argument, Command } from 'commander';
import { createAwsClient } from '../jobs/runtime/aws-client.ts';
import { firstLine } from '../jobs/runtime/errors.ts';
import { realWaiting } from '../jobs/runtime/poll.ts';
import { accessAs } from '../lib/access.ts';
import { createStages } from '../lib/config.ts';
import { readSettingsFile } from '../lib/settings.ts';
import { findSmokePlace } from '../lib/smoke/place.ts';
import { smokeTest } from '../lib/smoke/smoke-test.ts';

/* Tries what is deployed: the sample from a file to an answer, and a test alert. Ends with 1 at the first fault. */

const command = new Command('smoke')
  .addArgument(new Argument('<stage>').choices(['dev']))
  .option('--role <arn>', 'role to take on first')
  .parse();
const [stage] = command.processedArgs as ['dev'];
const { role } = command.opts<{ role?: string }>();

const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(name));
try {
  const settings = readSettingsFile(process.env);
  const { names } = createStages(settings)[stage];
  const own = process.env['AWS_PROFILE'] || undefined;
  const access = await accessAs(role, settings[stage], own, 'signals-smoke');
  const place = await findSmokePlace(createAwsClient(CloudFormationClient, access), names.jobsStack);
  await smokeTest(
    {
      ecs: createAwsClient(ECSClient, access),
      logs: createAwsClient(CloudWatchLogsClient, access),
      s3: createAwsClient(S3Client, access),
      glue: createAwsClient(GlueClient, access),
      // The address in a queue's URL is AWS's, wherever the requests are to go.
      sqs: createAwsClient(SQSClient, { ...access, useQueueUrlAsEndpoint: false }),
      waiting: realWaiting(stop.signal),
      now: () => new Date(),
      say: (line) => process.stdout.write(`smoke: ${line}\n`),
    },
    place,
  );
} catch (error) {
  process.stderr.write(`smoke: ${firstLine(error)}\n`);
  process.exitCode = 1;
}
