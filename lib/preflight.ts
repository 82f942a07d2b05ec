import {
  CloudFormationClient,
  CloudFormationServiceException,
  DescribeStacksCommand,
  paginateListStackResources,
} from '@aws-sdk/client-cloudformation';
import { GetParameterCommand, ParameterNotFound, SSMClient } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createAwsClient } from '../jobs/runtime/aws-client.ts';
import { firstLine } from '../jobs/runtime/errors.ts';
import { describeTables } from '../jobs/statistics/cache/dynamodb-tables.ts';
import type { StageName } from './config.ts';
import { createNames } from './names.ts';
import type { Settings } from './settings.ts';

export type Target = StageName | 'pipeline';

/** Where a deployment goes, once nothing speaks against it. */
interface Place {
  readonly account: string;
  readonly region: string;
  readonly profile: string | undefined;
  /** What the pipeline releases; undefined for a stage. */
  readonly branch: string | undefined;
}

/** What has to be put right before anything is changed, one line each; none when there is a place. */
export interface Findings {
  readonly problems: readonly string[];
  readonly place: Place | undefined;
}

/** What `cdk bootstrap` leaves in every account and region. */
const BOOTSTRAP_PARAMETER = '/cdk-bootstrap/hnb659fds/version';

/**
 * Looks whether a deployment can begin. Asks AWS, and changes nothing.
 *
 * @param profile of the environment, which goes before that of the settings
 */
export async function preflight(
  target: Target,
  settings: Settings,
  profile: string | undefined,
): Promise<Findings> {
  const problems = missingSettings(target, settings);
  if (target === 'pipeline' && settings.pipeline === undefined) return { problems, place: undefined };
  const given = target === 'pipeline' ? settings.pipeline : settings[target];
  const chosen = profile ?? given?.profile;
  const access = {
    ...(chosen === undefined ? {} : { profile: chosen }),
    ...(given?.region === undefined ? {} : { region: given.region }),
  };
  const sts = createAwsClient(STSClient, access);
  let region: string;
  try {
    region = await sts.config.region();
  } catch {
    return {
      problems: [...problems, `no region for ${target}: set it in cdk.json, or AWS_REGION`],
      place: undefined,
    };
  }
  let account: string;
  try {
    account = (await sts.send(new GetCallerIdentityCommand({}))).Account!;
  } catch (error) {
    const who = chosen === undefined ? '' : ` for profile "${chosen}"`;
    const problem = `no usable AWS credentials${who}: ${firstLine(error)}; log in, or set AWS_PROFILE`;
    return { problems: [...problems, problem], place: undefined };
  }
  if (given?.account !== undefined && given.account !== account) {
    problems.push(`the credentials are of account ${account}, but ${target} is account ${given.account}`);
  } else if (!(await isBootstrapped(access, region))) {
    problems.push(
      `account ${account}, region ${region} is not prepared: npx cdk bootstrap aws://${account}/${region}`,
    );
  } else if (target !== 'pipeline') {
    problems.push(...(await findForeignTables(access, target, settings)));
  } else if (!(await hasPipeline(access, settings))) {
    problems.push('the pipeline is not there yet: npx cdk deploy Pipeline, once');
  }
  const branch = target === 'pipeline' ? settings.pipeline?.source.branch : undefined;
  return { problems, place: problems.length > 0 ? undefined : { account, region, profile: chosen, branch } };
}

function missingSettings(target: Target, settings: Settings): string[] {
  const problems: string[] = [];
  for (const stage of target === 'pipeline' ? (['dev', 'prod'] as const) : [target]) {
    if (settings[stage].alertEmails.length === 0) {
      const orVariable = target === 'pipeline' ? '' : ', or SIGNALS_ALERT_EMAIL';
      problems.push(
        `no address for alerts of ${stage}: set signals.${stage}.alertEmails in cdk.json${orVariable}`,
      );
    }
    if (settings[stage].account === undefined && (stage === 'prod' || target === 'pipeline')) {
      problems.push(`no account for ${stage}: set signals.${stage}.account in cdk.json`);
    }
  }
  if (target === 'pipeline' && settings.pipeline === undefined) {
    problems.push('no pipeline: set signals.pipeline in cdk.json, or use --direct');
  }
  return problems;
}

async function isBootstrapped(access: object, region: string): Promise<boolean> {
  try {
    await createAwsClient(SSMClient, { ...access, region }).send(
      new GetParameterCommand({ Name: BOOTSTRAP_PARAMETER }),
    );
    return true;
  } catch (error) {
    if (error instanceof ParameterNotFound) return false;
    throw error;
  }
}

/** Tables that a cache has made on first use, or that somebody else has: CloudFormation would stumble over their names. */
async function findForeignTables(access: object, target: StageName, settings: Settings): Promise<string[]> {
  const { namePrefix, tables } = settings[target];
  const existing = (await describeTables(createAwsClient(DynamoDBClient, access), tables.tablePrefix))
    .filter(({ state }) => state !== 'MISSING')
    .map(({ name }) => name);
  if (existing.length === 0) return [];
  const own = await resourcesOf(access, createNames(namePrefix).cacheStack);
  const foreign = existing.filter((name) => !own.has(name));
  if (foreign.length === 0) return [];
  return [
    `tables ${foreign.join(', ')} exist and belong to no stack, as when a cache made them on first use: take them over ` +
      `with npx cdk deploy ${target}/Cache --import-existing-resources, or set another TABLE_PREFIX`,
  ];
}

/** Physical ids of what a stack consists of; none when there is no such stack. */
async function resourcesOf(access: object, StackName: string): Promise<Set<string>> {
  const ids = new Set<string>();
  try {
    const pages = paginateListStackResources(
      { client: createAwsClient(CloudFormationClient, access) },
      { StackName },
    );
    for await (const { StackResourceSummaries = [] } of pages) {
      for (const { PhysicalResourceId } of StackResourceSummaries) ids.add(PhysicalResourceId ?? '');
    }
  } catch (error) {
    if (!isMissingStack(error)) throw error;
  }
  return ids;
}

async function hasPipeline(access: object, { prod }: Settings): Promise<boolean> {
  const StackName = createNames(prod.namePrefix).pipelineStack;
  try {
    await createAwsClient(CloudFormationClient, access).send(new DescribeStacksCommand({ StackName }));
    return true;
  } catch (error) {
    if (isMissingStack(error)) return false;
    throw error;
  }
}

function isMissingStack(error: unknown): boolean {
  return error instanceof CloudFormationServiceException && error.name === 'ValidationError';
}
