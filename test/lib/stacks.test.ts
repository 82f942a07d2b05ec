import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Size, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { createUniverse } from '../../lib/config.ts';
import { describeWith } from '../support/describe-with.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { venvProgram } from '../support/venv.ts';
import { createTestApp, resourcesOf, synthesizeStage, type Resource, type StageTemplates } from './stages.ts';

const folder = temporaryFolder();
let stage: StageTemplates;
let dev: StageTemplates;
beforeAll(() => {
  stage = synthesizeStage('prod');
  dev = synthesizeStage('dev');
});

/** Another id is another resource: the old one would be deleted, or stay behind, with what it holds. */
test('what holds data keeps its logical id and is retained', () => {
  const kept = Object.entries(resourcesOf(stage.lake))
    .filter(([, resource]) => resource['DeletionPolicy'] === 'RetainExceptOnCreate')
    .map(([id]) => id);
  expect(kept).toEqual([
    'LakeAccessLogs4431AB8D',
    'LakeData16689F05',
    'LakeAthena32B286AC',
    'CatalogDatabase44483CA3',
  ]);
});

test('nothing in the stack of the jobs is retained', () => {
  const kept = Object.values(resourcesOf(stage.jobs)).filter((resource) =>
    String(resource['DeletionPolicy']).startsWith('Retain'),
  );
  expect(kept).toEqual([]);
});

test('images have the version of the project in their tags', () => {
  const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
  const images = Object.values(resourcesOf(dev.jobs))
    .filter(({ Type }) => Type === 'AWS::ECS::TaskDefinition')
    .flatMap(({ Properties }) => Properties['ContainerDefinitions'])
    .map(({ Image }) => JSON.stringify(Image));
  expect(images).toHaveLength(3);
  for (const image of images) expect(image).toMatch(new RegExp(`:v${version}-[0-9a-f]{64}"`));
});

test('the crawler is made after its role, which has all of its rights from the start', () => {
  const resources = resourcesOf(stage.lake);
  const [[id, role]] = Object.entries(resources).filter(([, { Type }]) => Type === 'AWS::IAM::Role') as [
    [string, Resource],
  ];
  expect(role.Properties['Policies']).toHaveLength(1);
  stage.lake.resourceCountIs('AWS::IAM::Policy', 0);
  stage.lake.hasResource('AWS::Glue::Crawler', { DependsOn: Match.arrayWith([id]) });
});

/**
 * With `Retain`, a first deployment that fails leaves behind what it created: a name that the next one finds taken, or a
 * bucket that belongs to no stack.
 */
test('nothing outlives the rollback of its own creation', () => {
  const full = synthesizeStage('prod', (config) => ({
    ...config,
    trading: { storage: Size.gibibytes(1), ecpuPerSecond: 1000 },
    universe: createUniverse('numerai'),
  }));
  const policies = [full.lake, full.cache, full.network, full.jobs].flatMap((template) =>
    Object.entries(resourcesOf(template)).map(([id, { DeletionPolicy = 'Delete' }]) => [id, DeletionPolicy]),
  );
  expect(policies.filter(([, policy]) => policy !== 'Delete' && policy !== 'RetainExceptOnCreate')).toEqual(
    [],
  );
  expect(policies).toContainEqual(['CatalogDatabase44483CA3', 'RetainExceptOnCreate']);
});

test('every resource that can have tags has the project and the stage', () => {
  for (const template of [stage.lake, stage.cache, stage.jobs]) {
    for (const type of [
      'AWS::S3::Bucket',
      'AWS::DynamoDB::Table',
      'AWS::SQS::Queue',
      'AWS::SNS::Topic',
      'AWS::ECS::Cluster',
      'AWS::IAM::Role',
    ]) {
      for (const { Properties } of Object.values(template.findResources(type))) {
        expect(Properties.Tags).toEqual(
          expect.arrayContaining([
            { Key: 'project', Value: 'signals' },
            { Key: 'stage', Value: 'prod' },
          ]),
        );
      }
    }
  }
});

test('every queue is encrypted, refuses plain HTTP, and has a dead-letter queue or is one', () => {
  const queues = [stage.lake, stage.jobs].flatMap((template) =>
    Object.entries(template.findResources('AWS::SQS::Queue')),
  );
  const without = queues
    .filter(([, { Properties }]) => Properties.RedrivePolicy === undefined)
    .map(([id]) => id);
  expect(without).toEqual(['EventsDeadLetters8A90034E', 'DeadLettersBBF8BAAB']);
  for (const [, { Properties }] of queues) expect(Properties.SqsManagedSseEnabled).toBe(true);
});

describe('alerts', () => {
  test('every dead-letter queue and the notification function have an alarm that says what to do and tells the topic', () => {
    const alarms = Object.values(stage.jobs.findResources('AWS::CloudWatch::Alarm')).map(
      ({ Properties }) => Properties,
    );
    expect(
      alarms.map(({ MetricName, Threshold, TreatMissingData }) => [MetricName, Threshold, TreatMissingData]),
    ).toEqual([
      ['ApproximateNumberOfMessagesVisible', 1, 'notBreaching'],
      ['ApproximateNumberOfMessagesVisible', 1, 'notBreaching'],
      ['Errors', 1, 'notBreaching'],
      ['Failures', 1, 'notBreaching'],
      ['Errors', 1, 'notBreaching'],
    ]);
    for (const { AlarmActions, AlarmDescription } of alarms) {
      expect(AlarmActions).toEqual([{ Ref: 'AlertsTopicCF7C81C9' }]);
      expect(AlarmDescription).toMatch(/doc\/operations\.md/);
    }
    const queues = alarms.flatMap(({ Dimensions }) => JSON.stringify(Dimensions));
    expect(queues[0]).toContain('EventsDeadLetters');
    expect(queues[1]).toContain('DeadLettersBBF8BAAB');
  });

  test('alarms may publish to the topic', () => {
    stage.jobs.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: 'sns:Publish',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': '222222222222' } },
          }),
        ]),
      },
    });
  });

  test('tasks that end badly or do not start, and crawls that fail, reach the notification function', () => {
    const target = [
      Match.objectLike({
        Arn: { 'Fn::GetAtt': ['AlertsNotificationFunctionA6C0495E', 'Arn'] },
        DeadLetterConfig: { Arn: { 'Fn::GetAtt': ['DeadLettersBBF8BAAB', 'Arn'] } },
      }),
    ];
    stage.jobs.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.ecs'],
        'detail-type': ['ECS Task State Change'],
        detail: {
          clusterArn: [{ 'Fn::GetAtt': ['JobsClusterEB1268C5', 'Arn'] }],
          lastStatus: ['STOPPED'],
          $or: [{ containers: { exitCode: [{ 'anything-but': 0 }] } }, { stopCode: ['TaskFailedToStart'] }],
        },
      },
      Targets: target,
    });
    stage.jobs.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.glue'],
        'detail-type': ['Glue Crawler State Change'],
        detail: { crawlerName: ['signals-crawler'], state: ['Failed'] },
      },
      Targets: target,
    });
  });

  test('what never ran is looked for once a day, and its finding is an error line like any other', () => {
    stage.jobs.hasResourceProperties('AWS::Scheduler::Schedule', {
      Name: 'signals-freshness',
      ScheduleExpression: 'cron(0 6 * * ? *)',
    });
    stage.jobs.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'signals-freshness',
      Environment: { Variables: Match.objectLike({ MAX_HOURS_LOAD: '30', MAX_HOURS_TRANSFORM: '172' }) },
    });
    stage.jobs.resourceCountIs('AWS::Logs::SubscriptionFilter', 3);
  });

  test('a budget warns where one is set', () => {
    stage.jobs.hasResourceProperties('AWS::Budgets::Budget', {
      Budget: { BudgetLimit: { Amount: 20, Unit: 'USD' }, BudgetType: 'COST', TimeUnit: 'MONTHLY' },
      NotificationsWithSubscribers: Match.arrayWith([
        Match.objectLike({
          Subscribers: [{ SubscriptionType: 'EMAIL', Address: 'ops@example.org' }, Match.anyValue()],
        }),
      ]),
    });
    dev.jobs.resourceCountIs('AWS::Budgets::Budget', 0);
  });
});

test('dev runs on spare capacity, a hundred names a day', () => {
  dev.jobs.hasResourceProperties('AWS::Scheduler::Schedule', {
    Name: 'signals-load',
    Target: Match.objectLike({
      EcsParameters: Match.objectLike({
        CapacityProviderStrategy: [{ CapacityProvider: 'FARGATE_SPOT', Weight: 1 }],
      }),
    }),
  });
  dev.jobs.hasResourceProperties('AWS::ECS::TaskDefinition', {
    ContainerDefinitions: [Match.objectLike({ Command: ['--ntickers', '100'] })],
  });
});

test('another prefix renames everything that a person types', () => {
  const renamed = synthesizeStage('dev', (config) => ({
    ...config,
    names: Object.fromEntries(
      Object.entries(config.names).map(([key, name]) => [
        key,
        name.replace('signals', key === 'database' ? 'blue_x' : 'blue-x'),
      ]),
    ) as unknown as typeof config.names,
  }));
  const names = [renamed.lake, renamed.cache, renamed.network, renamed.jobs].flatMap((template) =>
    Object.values(resourcesOf(template)).flatMap(({ Properties = {} }) =>
      Object.entries(Properties)
        .filter(([key]) => /Name$|^Name$|^Family$/.test(key))
        .map(([, value]) => value),
    ),
  );
  expect(
    names.filter((name) => typeof name === 'string' && /^\/?(aws\/lambda\/)?signals/.test(name)),
  ).toEqual([]);
  expect(names).toContain('blue-x-queue');
});

test('a finding of cdk-nag that nobody took note of fails the synthesis', () => {
  const stack = new Stack(createTestApp(), 'Careless');
  new Bucket(stack, 'Bucket');
  expect(() => Template.fromStack(stack)).toThrow(/access logs disabled.*AwsSolutions-S1'/s);
});

test('the view of the universe is what Athena itself would write', () => {
  const [history, latest] = ['universe_history', 'universe'].map((name) => {
    const found = Object.values(resourcesOf(stage.lake)).find(
      ({ Type, Properties }) => Type === 'AWS::Glue::Table' && Properties['TableInput']['Name'] === name,
    )!;
    const { TableType, Parameters, ViewOriginalText } = found.Properties['TableInput'];
    expect([TableType, Parameters]).toEqual(['VIRTUAL_VIEW', { presto_view: 'true' }]);
    const encoded = /^\/\* Presto View: (\S+) \*\/$/.exec(ViewOriginalText)![1]!;
    return JSON.parse(Buffer.from(encoded, 'base64').toString());
  });
  expect(history).toMatchObject({ catalog: 'awsdatacatalog', schema: 'signals' });
  expect(history.originalSql).toContain('from universe_objects');
  expect(history.columns.at(-1)).toEqual({ name: 'date', type: 'date' });
  expect(latest.columns.map(({ name }: { name: string }) => name)).toEqual([
    'id',
    'numerai_ticker',
    'bloomberg_ticker',
    'yahoo',
  ]);
});

describeWith('Python', 'cfn-lint', () => {
  test('finds no error in any template', async () => {
    const { config: _config, ...templates } = stage;
    const files = Object.entries(templates).map(([name, template]) => {
      const file = join(mkdtempSync(join(folder, 'lint-')), `${name}.template.json`);
      writeFileSync(file, JSON.stringify(template.toJSON()));
      return file;
    });
    // W3005: CDK writes dependencies out that a reference implies.
    const lint = promisify(execFile)(venvProgram('cfn-lint'), [
      '--regions',
      'eu-west-1',
      '--ignore-checks',
      'W3005',
      '--',
      ...files,
    ]);
    await expect(lint).resolves.toMatchObject({ stdout: '' });
  });
});
