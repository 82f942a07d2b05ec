import { Aws } from 'aws-cdk-lib';
import { ComputeType, type IBuildImage } from 'aws-cdk-lib/aws-codebuild';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { CodeBuildStep, type IFileSetProducer } from 'aws-cdk-lib/pipelines';
import { smokeRoleName } from './constructs/smoke-test.ts';
import type { SignalsStage } from './signals-stage.ts';

/** What a step runs with. */
export interface StepTools {
  /** The commit that is released. */
  readonly source: IFileSetProducer;
  /** Has Node and make. */
  readonly image: IBuildImage;
}

/** Of the bootstrap: what CloudFormation is asked with, termination protection included. */
const DEPLOY_ROLE = 'cdk-hnb659fds-deploy-role';

/** Switches termination protection on once the stacks are there: a pipeline's own deployments never do. */
export function protectStep(stage: SignalsStage, tools: StepTools): CodeBuildStep {
  const { account, region } = stage.config;
  return step('Protect', stage, `${DEPLOY_ROLE}-${account}-${region}`, 'protect', tools);
}

/** Takes the sample the whole way through the stage, and stops the release when that fails. */
export function smokeStep(stage: SignalsStage, tools: StepTools): CodeBuildStep {
  const { names, region } = stage.config;
  return step('Smoke', stage, smokeRoleName(names, region!), 'smoke', tools);
}

/** Runs one of the scripts of package.json for a stage, with a role of the stage's account. */
function step(
  id: string,
  { config: { name, account } }: SignalsStage,
  roleName: string,
  script: string,
  { source, image }: StepTools,
): CodeBuildStep {
  const role = `arn:${Aws.PARTITION}:iam::${account}:role/${roleName}`;
  return new CodeBuildStep(id, {
    input: source,
    commands: ['make install', `npm run -s ${script} -- ${name} --role ${role}`],
    buildEnvironment: { buildImage: image, computeType: ComputeType.SMALL },
    rolePolicyStatements: [new PolicyStatement({ actions: ['sts:AssumeRole'], resources: [role] })],
  });
}
