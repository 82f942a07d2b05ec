import { DescribeStacksCommand, type CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { z } from 'zod';

const schema = z.strictObject({
  cluster: z.string(),
  task: z.string(),
  subnets: z.array(z.string()),
  securityGroup: z.string(),
  logGroup: z.string(),
  inbox: z.string(),
  bucket: z.string(),
  database: z.string(),
});

/** Where a stage tries a release, as `lib/constructs/smoke-test.ts` writes it into an output of the stack. */
export type SmokePlace = z.infer<typeof schema>;

const OUTPUT = 'SmokeTest';

/** Throws an Error of one line when the stack is not there or has no such place. */
export async function findSmokePlace(client: CloudFormationClient, stackName: string): Promise<SmokePlace> {
  const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: stackName }));
  const output = Stacks[0]?.Outputs?.find(({ OutputKey }) => OutputKey === OUTPUT)?.OutputValue;
  if (output === undefined) {
    throw new Error(`stack ${stackName} has no output ${OUTPUT}: deploy the stage, with this version, first`);
  }
  return schema.parse(JSON.parse(output));
}
