import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { readSettings } from '../../lib/settings.ts';
import { describeWith } from '../support/describe-with.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { venvProgram } from '../support/venv.ts';
import { flatten } from './flatten.ts';
import { exampleContext, exampleSettings, synthesizePipeline } from './stages.ts';

const folder = temporaryFolder();

interface Project {
  readonly Environment: Record<string, any>;
  readonly Source: { readonly BuildSpec: unknown };
}

/** The CodeBuild projects whose commands contain a text. */
function projectsWith(text: string): Project[] {
  return Object.values(template.findResources('AWS::CodeBuild::Project'))
    .map(({ Properties }) => Properties as Project)
    .filter(({ Source }) => specOf(Source).includes(text));
}

/** What a project runs; references are left out. */
function specOf({ BuildSpec }: Project['Source']): string {
  if (typeof BuildSpec === 'string') return BuildSpec;
  return (BuildSpec as { 'Fn::Join': [string, unknown[]] })['Fn::Join'][1]
    .map((part) => (typeof part === 'string' ? part : ''))
    .join('');
}

let template: Template;
let stages: {
  Name: string;
  Actions: { Name: string; ActionTypeId: Record<string, string>; RunOrder: number }[];
}[];
beforeAll(() => {
  template = synthesizePipeline(exampleSettings);
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
    'CodeBuild Protect',
  ]);
  const dev = stages.at(-2)!.Actions.toSorted((a, b) => a.RunOrder - b.RunOrder);
  expect(dev.slice(-3).map(({ ActionTypeId, Name }) => `${ActionTypeId['Provider']} ${Name}`)).toEqual([
    'CloudFormation signals-jobs.Deploy',
    'CodeBuild Protect',
    'CodeBuild Smoke',
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
  const [check, ...others] = projectsWith('make check');
  expect(others).toEqual([]);
  const { phases } = JSON.parse(specOf(check!.Source));
  expect(phases.build.commands).toEqual(['make setup', 'make check', 'npx cdk synth --quiet']);
});

test('checks where `make setup` can install: Debian, with the Node that everything runs on', () => {
  const setup = readFileSync(join(repository, 'test/setup.sh'), 'utf8');
  expect(setup).toContain('apt-get');
  const { devDependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
  const major = devDependencies.node.split('.')[0];
  const [{ Environment } = { Environment: {} }] = projectsWith('make setup');
  // Names of releases of Debian; Alpine and Amazon Linux have no apt, and `slim` has neither make nor Python.
  expect(Environment).toMatchObject({
    Type: 'ARM_CONTAINER',
    ComputeType: 'BUILD_GENERAL1_LARGE',
    Image: expect.stringMatching(
      new RegExp(
        `^public\\.ecr\\.aws/docker/library/node:${major}-(bookworm|trixie)(@sha256:[0-9a-f]{64})?$`,
      ),
    ),
    EnvironmentVariables: expect.arrayContaining([{ Name: 'CI', Type: 'PLAINTEXT', Value: 'true' }]),
    PrivilegedMode: false,
  });
});

test.each([
  ['changes itself', 'cdk -a . deploy', 'aws-cdk'],
  ['publishes files and images', 'cdk-assets --path', 'cdk-assets'],
])('%s with the command line of the lock file', (_what, command, name) => {
  const { devDependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
  const { packages } = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8'));
  expect(packages[`node_modules/${name}`].version).toBe(devDependencies[name]);
  const projects = projectsWith(command);
  expect(projects.length).toBeGreaterThan(0);
  for (const { Source } of projects) expect(specOf(Source)).toContain(`${name}@${devDependencies[name]}`);
});

test('downloads nothing by a tag that moves', () => {
  const specs = projectsWith('').map(({ Source }) => specOf(Source));
  for (const spec of specs) expect(spec).not.toMatch(/@latest|npm install -g [\w-]+"/);
});

test('builds on ARM64, where images for ARM64 are native', () => {
  for (const { Environment } of projectsWith('cdk-assets --path')) {
    expect(Environment).toMatchObject({
      Type: 'ARM_CONTAINER',
      Image: 'aws/codebuild/amazonlinux-aarch64-standard:4.0',
      EnvironmentVariables: expect.arrayContaining([
        { Name: 'DOCKER_BUILDKIT', Type: 'PLAINTEXT', Value: '1' },
      ]),
    });
  }
  for (const { Environment } of projectsWith('')) expect(Environment['Type']).toBe('ARM_CONTAINER');
});

describe('what is done to a stage once it is deployed', () => {
  const roles = (): string[] =>
    Object.values(template.findResources('AWS::IAM::Policy')).flatMap(({ Properties }) =>
      Properties.PolicyDocument.Statement.filter(({ Action }: any) => Action === 'sts:AssumeRole')
        .flatMap(({ Resource }: any) => [Resource].flat().map(flatten))
        .filter((resource: string) => /signals-smoke|deploy-role/.test(resource)),
    );

  test('its stacks are protected, with the role of its bootstrap that deploys it', () => {
    const commands = projectsWith('npm run -s protect').map(({ Source }) => specOf(Source));
    expect(commands).toEqual([
      expect.stringMatching(/make install.*npm run -s protect -- dev --role arn:/s),
      expect.stringMatching(/make install.*npm run -s protect -- prod --role arn:/s),
    ]);
    expect(roles().map((role) => role.split('/')[1])).toEqual(
      expect.arrayContaining([
        'cdk-hnb659fds-deploy-role-111111111111-eu-west-1',
        'cdk-hnb659fds-deploy-role-222222222222-eu-west-1',
      ]),
    );
  });

  test('dev is tried, with the role that can do that alone', () => {
    const commands = projectsWith('npm run -s smoke').map(({ Source }) => specOf(Source));
    expect(commands).toEqual([expect.stringMatching(/make install.*npm run -s smoke -- dev --role arn:/s)]);
    expect(roles().some((role) => role.endsWith(':111111111111:role/signals-smoke-eu-west-1'))).toBe(true);
  });
});

test('emails who is told of alerts when a release fails or waits for a person', () => {
  template.hasResourceProperties('AWS::CodeStarNotifications::NotificationRule', {
    EventTypeIds: [
      'codepipeline-pipeline-pipeline-execution-failed',
      'codepipeline-pipeline-manual-approval-needed',
    ],
    Targets: [{ TargetType: 'SNS', TargetAddress: { Ref: Match.stringLikeRegexp('^Releases') } }],
  });
  const emails = Object.values(template.findResources('AWS::SNS::Subscription')).map(
    ({ Properties }) => Properties.Endpoint,
  );
  expect(emails.toSorted()).toEqual(['dev@example.org', 'ops@example.org', 'second@example.org']);
  template.hasResourceProperties('AWS::SNS::TopicPolicy', {
    PolicyDocument: {
      Statement: Match.arrayWith([
        Match.objectLike({
          Action: 'sns:Publish',
          Principal: { Service: 'codestar-notifications.amazonaws.com' },
        }),
      ]),
    },
  });
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
    synthesizePipeline(settings).hasResourceProperties('AWS::CodePipeline::Pipeline', {
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
