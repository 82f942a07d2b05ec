import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { createStages } from '../../lib/config.ts';
import { PipelineStack } from '../../lib/pipeline-stack.ts';
import { readSettings, type Settings } from '../../lib/settings.ts';
import { describeWith } from '../support/describe-with.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { venvProgram } from '../support/venv.ts';
import { flatten } from './flatten.ts';
import { createTestApp, exampleContext, exampleSettings } from './stages.ts';

const folder = temporaryFolder();

function synthesize(settings: Settings): Template {
  const stages = createStages(settings);
  return Template.fromStack(
    new PipelineStack(createTestApp(), 'Pipeline', { settings: settings.pipeline!, stages }),
  );
}

let template: Template;
let stages: {
  Name: string;
  Actions: { Name: string; ActionTypeId: Record<string, string>; RunOrder: number }[];
}[];
beforeAll(() => {
  template = synthesize(exampleSettings);
  stages = Object.values(template.findResources('AWS::CodePipeline::Pipeline'))[0]!['Properties'].Stages;
});

test('goes from the source over check, self-mutation and assets to dev, a person and prod', () => {
  expect(stages.map(({ Name }) => Name)).toEqual([
    'Source',
    'Build',
    'UpdatePipeline',
    'Assets',
    'dev',
    'prod',
  ]);
  const prod = stages.at(-1)!.Actions.toSorted((a, b) => a.RunOrder - b.RunOrder);
  expect(prod.map(({ ActionTypeId, Name }) => `${ActionTypeId['Provider']} ${Name}`)).toEqual([
    'Manual Release',
    'CloudFormation signals-cache.Prepare',
    'CloudFormation signals-lake.Prepare',
    'CloudFormation signals-network.Prepare',
    'CloudFormation signals-cache.Deploy',
    'CloudFormation signals-lake.Deploy',
    'CloudFormation signals-network.Deploy',
    'CloudFormation signals-jobs.Prepare',
    'CloudFormation signals-jobs.Deploy',
  ]);
});

test('is of the second type and releases each push', () => {
  template.hasResourceProperties('AWS::CodePipeline::Pipeline', {
    Name: 'signals-pipeline',
    PipelineType: 'V2',
    RestartExecutionOnUpdate: true,
    Stages: Match.arrayWith([
      Match.objectLike({
        Name: 'Source',
        Actions: [
          Match.objectLike({
            Configuration: Match.objectLike({
              FullRepositoryId: 'someone/signals',
              BranchName: 'main',
              ConnectionArn: 'arn:aws:codeconnections:eu-west-1:333333333333:connection/abc',
            }),
          }),
        ],
      }),
    ]),
  });
});

test('installs what tests use, checks what a person checks, then synthesizes', () => {
  const specs = Object.values(template.findResources('AWS::CodeBuild::Project')).map(({ Properties }) =>
    String(Properties.Source.BuildSpec),
  );
  expect(specs.filter((spec) => spec.includes('make check'))).toHaveLength(1);
  expect(specs.find((spec) => spec.includes('make check'))).toMatch(
    /make setup.*make check.*npx cdk synth --quiet/s,
  );
});

test('changes itself with the command line of the lock file', () => {
  const { devDependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
  const installed = JSON.parse(readFileSync(join(repository, 'node_modules/aws-cdk/package.json'), 'utf8'));
  expect(installed.version).toBe(devDependencies['aws-cdk']);
  const specs = Object.values(template.findResources('AWS::CodeBuild::Project')).map(({ Properties }) =>
    String(Properties.Source.BuildSpec),
  );
  expect(specs.find((spec) => spec.includes('cdk -a . deploy'))).toContain(`aws-cdk@${installed.version}`);
});

test('builds on ARM64, where images for ARM64 are native', () => {
  for (const { Properties } of Object.values(template.findResources('AWS::CodeBuild::Project'))) {
    expect(Properties.Environment).toMatchObject({
      Type: 'ARM_CONTAINER',
      Image: 'aws/codebuild/amazonlinux-aarch64-standard:4.0',
      EnvironmentVariables: expect.arrayContaining([
        { Name: 'DOCKER_BUILDKIT', Type: 'PLAINTEXT', Value: '1' },
      ]),
    });
  }
});

test('keeps what it passes on encrypted with a key that rotates, and for a month', () => {
  template.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true });
  template.hasResourceProperties('AWS::S3::Bucket', {
    LifecycleConfiguration: { Rules: [Match.objectLike({ ExpirationInDays: 30 })] },
  });
});

/** Wildcards that aws-cdk-lib/pipelines writes itself, by resource, each with the actions that it has them for. */
const WILDCARDS: readonly (readonly [RegExp, RegExp])[] = [
  // The pipeline's bucket, the objects in it, and its key.
  [/^<Artifact(s|Key)\.Arn>(\/\*)?$/, /^(s3:(GetObject|GetBucket|List|DeleteObject|PutObject|Abort)|kms:)/],
  // Logs and reports of the builds.
  [/:log-group:\/aws\/codebuild\/(\*|<\w+>(:\*)?)$/, /^logs:(Create|Put)/],
  [/:report-group\/(\*|<\w+>-\*)$/, /^codebuild:/],
  // Roles of a bootstrap, with a condition on the tag that the bootstrap gave them.
  [/^arn:\*:iam::333333333333:role\/\*$/, /^sts:AssumeRole$/],
  [/^\*$/, /^(cloudformation:DescribeStacks|s3:ListBucket|codebuild:(BatchGetBuilds|StartBuild|StopBuild))$/],
];

test('has no wildcard but those that the library writes, for the actions that need them', () => {
  const unexplained: string[] = [];
  for (const [id, { Properties }] of Object.entries(template.findResources('AWS::IAM::Policy'))) {
    for (const { Action, Resource, Effect } of Properties.PolicyDocument.Statement) {
      for (const action of [Action].flat()) {
        for (const resource of [Resource].flat().map(flatten)) {
          if (Effect !== 'Allow' || !`${action} ${resource}`.includes('*')) continue;
          const isKnown = WILDCARDS.some(([where, what]) => where.test(resource) && what.test(action));
          if (!isKnown) unexplained.push(`${id}: ${action} on ${resource}`);
        }
      }
    }
  }
  expect(unexplained).toEqual([]);
});

describe('CodeCommit', () => {
  test('is a source as well', () => {
    const settings = readSettings(
      {
        ...exampleContext,
        pipeline: {
          account: '333333333333',
          region: 'eu-west-1',
          source: { kind: 'codecommit', repository: 'signals', branch: 'release' },
        },
      },
      {},
    );
    synthesize(settings).hasResourceProperties('AWS::CodePipeline::Pipeline', {
      Stages: Match.arrayWith([
        Match.objectLike({
          Name: 'Source',
          Actions: [
            Match.objectLike({
              ActionTypeId: Match.objectLike({ Provider: 'CodeCommit' }),
              Configuration: Match.objectLike({ RepositoryName: 'signals', BranchName: 'release' }),
            }),
          ],
        }),
      ]),
    });
  });
});

describeWith('Python', 'cfn-lint', () => {
  test('finds no error in the template', () => {
    const file = join(mkdtempSync(join(folder, 'lint-')), 'pipeline.template.json');
    writeFileSync(file, JSON.stringify(template.toJSON()));
    // W3005: CDK writes dependencies out that a reference implies. E3703: inside actions, advice on how to join
    // texts counts as an error.
    const args = ['--regions', 'eu-west-1', '--ignore-checks', 'W3005', 'E3703', '--', file];
    expect(execFileSync(venvProgram('cfn-lint'), args, { encoding: 'utf8' })).toBe('');
  });
});
