import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { createAwsClient } from '../jobs/runtime/aws-client.ts';
import { firstLine } from '../jobs/runtime/errors.ts';
import { accessTo } from './access.ts';
import type { StageName } from './config.ts';
import { KEPT_STACKS, type KeptStack } from './kept-stacks.ts';
import { createNames } from './names.ts';
import { findLakeFormation, findMissingEcsRole, isBootstrapped } from './preflight/account.ts';
import { joinFindings, NOTHING, type Findings } from './preflight/findings.ts';
import { missingSettings } from './preflight/settings.ts';
import { findBlockedStacks } from './preflight/stacks.ts';
import { findForeignTables } from './preflight/tables.ts';
import type { Environment, Target } from './preflight/target.ts';
import type { Settings } from './settings.ts';
import { isFinished, readStackStates, type StackState } from './stack-states.ts';

/** Where a deployment goes, once nothing speaks against it. */
interface Place {
  readonly account: string;
  readonly region: string;
  readonly profile: string | undefined;
  /** What the pipeline releases; undefined for a stage. */
  readonly branch: string | undefined;
  /** The kept stacks of a stage that exist as a whole; none for the pipeline. */
  readonly finished: readonly KeptStack[];
}

/** There is a place when there are no problems. */
interface Preflight extends Findings {
  readonly place: Place | undefined;
}

/**
 * Looks whether a deployment can begin. Asks AWS, and changes nothing.
 *
 * @param profile of the environment, which goes before that of the settings
 */
export async function preflight(
  target: Target,
  settings: Settings,
  profile: string | undefined,
): Promise<Preflight> {
  const missing = { problems: missingSettings(target, settings), notes: [] };
  const without = (more: Findings): Preflight => ({ ...joinFindings([missing, more]), place: undefined });
  if (target === 'pipeline' && settings.pipeline === undefined) return without(NOTHING);
  const given = target === 'pipeline' ? settings.pipeline : settings[target];
  const environment = await reach(target, accessTo(given, profile));
  if (typeof environment === 'string') return without({ problems: [environment], notes: [] });
  const { account, region, access } = environment;
  if (given?.account !== undefined && given.account !== account) {
    const problem = `the credentials are of account ${account}, but ${target} is account ${given.account}`;
    return without({ problems: [problem], notes: [] });
  }
  if (!(await isBootstrapped(access))) {
    const problem = `account ${account}, region ${region} is not prepared: npx cdk bootstrap aws://${account}/${region}`;
    return without({ problems: [problem], notes: [] });
  }
  const states = await readStackStates(
    createAwsClient(CloudFormationClient, access),
    stacksOf(target, settings, environment),
  );
  const found = joinFindings([missing, await inspect(target, settings, environment, states)]);
  if (found.problems.length > 0) return { ...found, place: undefined };
  const branch = target === 'pipeline' ? settings.pipeline?.source.branch : undefined;
  const finished = target === 'pipeline' ? [] : finishedOf(target, settings, states);
  return { ...found, place: { account, region, profile: access.profile, branch, finished } };
}

/** Account and region of the credentials, or a line that says why they are of no use. */
async function reach(target: Target, access: ReturnType<typeof accessTo>): Promise<Environment | string> {
  const sts = createAwsClient(STSClient, access);
  let region: string;
  try {
    region = await sts.config.region();
  } catch {
    return `no region for ${target}: set it in cdk.json, or AWS_REGION`;
  }
  try {
    const { Account } = await sts.send(new GetCallerIdentityCommand({}));
    return { account: Account!, region, access: { ...access, region } };
  } catch (error) {
    const who = access.profile === undefined ? '' : ` for profile "${access.profile}"`;
    return `no usable AWS credentials${who}: ${firstLine(error)}; log in, or set AWS_PROFILE`;
  }
}

/** The stages that a deployment changes and that the credentials reach: the pipeline changes both, wherever they are. */
function reachedStages(target: Target, settings: Settings, { account, region }: Environment): StageName[] {
  if (target !== 'pipeline') return [target];
  return (['dev', 'prod'] as const).filter(
    (stage) => settings[stage].account === account && settings[stage].region === region,
  );
}

function stacksOf(target: Target, settings: Settings, environment: Environment): string[] {
  const ofStages = reachedStages(target, settings, environment).flatMap((stage) => {
    const { lakeStack, networkStack, cacheStack, jobsStack } = createNames(settings[stage].namePrefix);
    return [lakeStack, networkStack, cacheStack, jobsStack];
  });
  return target === 'pipeline' ? [pipelineOf(settings), ...ofStages] : ofStages;
}

async function inspect(
  target: Target,
  settings: Settings,
  environment: Environment,
  states: readonly StackState[],
): Promise<Findings> {
  const stages = reachedStages(target, settings, environment);
  // The settings of Lake Formation are about databases that are yet to be created.
  const isFirst = stages.some((stage) => !finishedOf(stage, settings, states).includes('lake'));
  const [tables, ecs, lakeFormation] = await Promise.all([
    target === 'pipeline' ? [] : findForeignTables(environment.access, target, settings),
    stages.length > 0 ? findMissingEcsRole(environment) : NOTHING,
    isFirst ? findLakeFormation(environment) : NOTHING,
  ]);
  const problems = [...findBlockedStacks(states, environment), ...tables];
  if (target === 'pipeline' && !states.some(({ name }) => name === pipelineOf(settings))) {
    problems.unshift('the pipeline is not there yet: npx cdk deploy Pipeline, once');
  }
  return joinFindings([{ problems, notes: [] }, ecs, lakeFormation]);
}

function finishedOf(stage: StageName, settings: Settings, states: readonly StackState[]): KeptStack[] {
  const names = createNames(settings[stage].namePrefix);
  const finished = new Set(states.filter(isFinished).map(({ name }) => name));
  return KEPT_STACKS.filter((stack) => finished.has(names[`${stack}Stack`]));
}

function pipelineOf({ prod }: Settings): string {
  return createNames(prod.namePrefix).pipelineStack;
}
