import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { Argument, Command, Option } from 'commander';
import { createAwsClient } from '../jobs/runtime/aws-client.ts';
import { firstLine } from '../jobs/runtime/errors.ts';
import { accessAs } from '../lib/access.ts';
import { createStages, type StageName } from '../lib/config.ts';
import { protectStacks } from '../lib/protect-stacks.ts';
import { readSettingsFile } from '../lib/settings.ts';

/*
 * Switches termination protection on after a deployment. The CDK's command line would do it before it executes the
 * change set, and a first deployment that fails would leave a stack that nothing can replace.
 */

const command = new Command('protect')
  .description('switch termination protection on for the stacks that hold data')
  .addArgument(new Argument('<stage>').choices(['dev', 'prod']))
  .addOption(new Option('--role <arn>', 'role to take on first, as a pipeline in another account does'))
  .parse();
const [stage] = command.processedArgs as [StageName];
const { role } = command.opts<{ role?: string }>();

try {
  const settings = readSettingsFile(process.env);
  const own = process.env['AWS_PROFILE'] || undefined;
  const access = await accessAs(role, settings[stage], own, 'signals-protect');
  const client = createAwsClient(CloudFormationClient, access);
  for await (const line of protectStacks(client, createStages(settings)[stage].names)) {
    process.stdout.write(`${line}\n`);
  }
} catch (error) {
  process.stderr.write(`protect: ${firstLine(error)}\n`);
  process.exitCode = 1;
}
