import { beforeAll, describe, expect, test } from '@jest/globals';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { featureColumns } from '../../jobs/features/settings.ts';
import { PRICES_COLUMNS } from '../../jobs/lake/schema.ts';
import { listNamedQueries, renderNamedQuery } from '../../jobs/query/named.ts';
import { flatten } from './flatten.ts';
import { resourcesOf, synthesizeStage, type StageTemplates } from './stages.ts';

/*
 * Every resource of the original system, by the words of its README, and the assertion that finds it with its
 * properties in the template of prod.
 */

let stage: StageTemplates;
beforeAll(() => {
  stage = synthesizeStage('prod');
});

const bucket = (prefix: string) => ({ 'Fn::Join': ['', ['s3://', { Ref: 'LakeData16689F05' }, prefix]] });
const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const denyPlain = Match.objectLike({
  Effect: 'Deny',
  Principal: { AWS: '*' },
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
});

function schedule(template: Template, name: string, expression: string): void {
  template.hasResourceProperties('AWS::Scheduler::Schedule', {
    Name: name,
    ScheduleExpression: expression,
    ScheduleExpressionTimezone: 'Etc/UTC',
    State: 'ENABLED',
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: {
      Arn: arn('JobsClusterEB1268C5'),
      DeadLetterConfig: { Arn: arn('DeadLettersBBF8BAAB') },
      RetryPolicy: { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 5 },
      EcsParameters: {
        CapacityProviderStrategy: [{ CapacityProvider: 'FARGATE', Weight: 1 }],
        NetworkConfiguration: {
          AwsvpcConfiguration: {
            AssignPublicIp: 'ENABLED',
            SecurityGroups: [
              Match.objectLike({ 'Fn::GetStackOutput': Match.objectLike({ StackName: 'signals-network' }) }),
            ],
            Subnets: Match.anyValue(),
          },
        },
      },
    },
  });
}

function task(template: Template, name: string, command: string[], cpu: string, memory: string): void {
  template.hasResourceProperties('AWS::ECS::TaskDefinition', {
    Family: name,
    Cpu: cpu,
    Memory: memory,
    NetworkMode: 'awsvpc',
    RequiresCompatibilities: ['FARGATE'],
    RuntimePlatform: { CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' },
    ContainerDefinitions: [
      Match.objectLike({
        ...(command.length === 0 ? {} : { Command: command }),
        ReadonlyRootFilesystem: true,
        StopTimeout: 120,
        MountPoints: [{ ContainerPath: '/tmp', ReadOnly: false, SourceVolume: 'scratch' }],
        LogConfiguration: {
          LogDriver: 'awslogs',
          Options: Match.objectLike({ mode: 'blocking', 'awslogs-stream-prefix': name }),
        },
        Environment: Match.arrayWith([
          { Name: 'SIGNALS_DATABASE', Value: 'signals' },
          { Name: 'SIGNALS_WORKGROUP', Value: 'signals' },
          { Name: 'SIGNALS_CRAWLER', Value: 'signals-crawler' },
          { Name: 'LOG_FORMAT', Value: 'json' },
        ]),
      }),
    ],
  });
}

function encryptedBucket(template: Template, id: string, rules: unknown[], isVersioned: boolean): void {
  template.hasResource('AWS::S3::Bucket', {
    DeletionPolicy: 'RetainExceptOnCreate',
    UpdateReplacePolicy: 'Retain',
    Properties: Match.objectLike({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      LifecycleConfiguration: { Rules: rules.map((rule) => Match.objectLike(rule as object)) },
      LoggingConfiguration: Match.objectLike({ DestinationBucketName: { Ref: 'LakeAccessLogs4431AB8D' } }),
      ...(isVersioned ? { VersioningConfiguration: { Status: 'Enabled' } } : {}),
    }),
  });
  template.hasResourceProperties('AWS::S3::BucketPolicy', {
    Bucket: { Ref: id },
    PolicyDocument: { Statement: Match.arrayWith([denyPlain]) },
  });
}

function subscription(template: Template, logGroup: string): void {
  template.hasResourceProperties('AWS::Logs::SubscriptionFilter', {
    LogGroupName: { Ref: logGroup },
    DestinationArn: arn('AlertsNotificationFunctionA6C0495E'),
    FilterPattern: '{ ($.level = "error") || ($.level = "fatal") }',
  });
}

const table: [string, (stage: StageTemplates) => void][] = [
  ['schedule signals-load', ({ jobs }) => schedule(jobs, 'signals-load', 'cron(0 23 * * ? *)')],
  ['schedule signals-transform', ({ jobs }) => schedule(jobs, 'signals-transform', 'cron(0 1 ? * SAT *)')],
  [
    'VPC signals-vpc: public subnets, no NAT, gateway endpoints, nothing in',
    ({ network, jobs }) => {
      network.hasResourceProperties('AWS::EC2::VPC', {
        Tags: Match.arrayWith([{ Key: 'Name', Value: 'signals-vpc' }]),
      });
      network.resourceCountIs('AWS::EC2::NatGateway', 0);
      network.resourceCountIs('AWS::EC2::Subnet', 2);
      network.resourcePropertiesCountIs('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Gateway' }, 2);
      network.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0);
      expect(flatten(jobs.toJSON()['Outputs']['TaskNetwork'].Value)).toBe(
        'awsvpcConfiguration={subnets=[<NetworkVpcpublicSubnet1Subnet>,<NetworkVpcpublicSubnet2Subnet>],' +
          'securityGroups=[<NetworkOutbound.GroupId>],assignPublicIp=ENABLED}',
      );
      network.hasResourceProperties('AWS::EC2::SecurityGroup', {
        SecurityGroupIngress: Match.absent(),
        SecurityGroupEgress: [
          Match.objectLike({ CidrIp: '0.0.0.0/0', IpProtocol: 'tcp', FromPort: 443, ToPort: 443 }),
        ],
      });
    },
  ],
  [
    'cluster signals-cluster',
    ({ jobs }) => {
      jobs.hasResourceProperties('AWS::ECS::Cluster', { ClusterName: 'signals-cluster' });
      jobs.hasResourceProperties('AWS::ECS::ClusterCapacityProviderAssociations', {
        CapacityProviders: ['FARGATE', 'FARGATE_SPOT'],
      });
    },
  ],
  ['task signals-load', ({ jobs }) => task(jobs, 'signals-load', [], '512', '2048')],
  [
    'task signals-transform',
    ({ jobs }) =>
      task(jobs, 'signals-transform', ['--cmd', 'all', '--lags', '5', '--reload'], '2048', '6144'),
  ],
  [
    'bucket of the data: versions, lifecycle, events below raw_data/',
    ({ lake }) => {
      encryptedBucket(
        lake,
        'LakeData16689F05',
        [
          { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
          { NoncurrentVersionExpiration: { NoncurrentDays: 30 } },
          { ExpiredObjectDeleteMarker: true },
          { Prefix: 'staging/', ExpirationInDays: 7 },
        ],
        true,
      );
      lake.hasResourceProperties('AWS::S3::Bucket', {
        NotificationConfiguration: {
          TopicConfigurations: [
            {
              Event: 's3:ObjectCreated:*',
              Topic: { Ref: 'EventsTopic97220A64' },
              Filter: { S3Key: { Rules: [{ Name: 'prefix', Value: 'raw_data/' }] } },
            },
          ],
        },
      });
      lake.hasOutput('DataBucket', { Value: { Ref: 'LakeData16689F05' } });
    },
  ],
  [
    'bucket of the answers of Athena',
    ({ lake }) => {
      encryptedBucket(
        lake,
        'LakeAthena32B286AC',
        [{ ExpirationInDays: 7, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }],
        false,
      );
      lake.hasOutput('AthenaBucket', { Value: { Ref: 'LakeAthena32B286AC' } });
    },
  ],
  [
    "topic signals-s3-events, which this account's S3 may publish to",
    ({ lake }) => {
      lake.hasResourceProperties('AWS::SNS::Topic', { TopicName: 'signals-s3-events' });
      lake.hasResourceProperties('AWS::SNS::TopicPolicy', {
        PolicyDocument: {
          Statement: Match.arrayWith(
            [
              Match.objectLike({
                Action: 'sns:Publish',
                Principal: { Service: 's3.amazonaws.com' },
                Condition: { StringEquals: { 'aws:SourceAccount': '222222222222' } },
              }),
              Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
            ].toReversed(),
          ),
        },
      });
    },
  ],
  [
    'queue signals-queue: from the topic, kept 14 days, with a dead-letter queue',
    ({ lake }) => {
      lake.hasResourceProperties('AWS::SQS::Queue', {
        QueueName: 'signals-queue',
        MessageRetentionPeriod: 1_209_600,
        SqsManagedSseEnabled: true,
        RedrivePolicy: { deadLetterTargetArn: arn('EventsDeadLetters8A90034E'), maxReceiveCount: 5 },
      });
      lake.hasResourceProperties('AWS::SNS::Subscription', {
        Protocol: 'sqs',
        Endpoint: arn('EventsQueue7396B467'),
        RawMessageDelivery: true,
        RedrivePolicy: { deadLetterTargetArn: arn('EventsDeadLetters8A90034E') },
      });
      lake.hasResourceProperties('AWS::SQS::QueuePolicy', {
        Queues: [{ Ref: 'EventsQueue7396B467' }],
        PolicyDocument: { Statement: Match.arrayWith([denyPlain]) },
      });
    },
  ],
  [
    'crawler signals-crawler: event mode, on the table of the code, which it does not change',
    ({ lake }) =>
      lake.hasResourceProperties('AWS::Glue::Crawler', {
        Name: 'signals-crawler',
        RecrawlPolicy: { RecrawlBehavior: 'CRAWL_EVENT_MODE' },
        SchemaChangePolicy: { UpdateBehavior: 'LOG', DeleteBehavior: 'LOG' },
        Schedule: { ScheduleExpression: 'cron(0 2 ? * WED *)' },
        Configuration: Match.serializedJson(
          Match.objectLike({ CrawlerOutput: { Partitions: { AddOrUpdateBehavior: 'InheritFromTable' } } }),
        ),
        Targets: {
          CatalogTargets: [
            {
              DatabaseName: { Ref: 'CatalogDatabase44483CA3' },
              Tables: [{ Ref: 'CatalogRawDataTable44C6C264' }],
              EventQueueArn: arn('EventsQueue7396B467'),
              DlqEventQueueArn: arn('EventsDeadLetters8A90034E'),
            },
          ],
        },
      }),
  ],
  [
    'database signals',
    ({ lake }) =>
      lake.hasResource('AWS::Glue::Database', {
        DeletionPolicy: 'RetainExceptOnCreate',
        Properties: Match.objectLike({ DatabaseInput: Match.objectLike({ Name: 'signals' }) }),
      }),
  ],
  [
    'table raw_data: the columns that the jobs write, partitions of the crawler',
    ({ lake }) =>
      lake.hasResourceProperties('AWS::Glue::Table', {
        TableInput: Match.objectLike({
          Name: 'raw_data',
          PartitionKeys: [
            { Name: 'provider', Type: 'string' },
            { Name: 'month', Type: 'string' },
          ],
          Parameters: Match.objectLike({ classification: 'parquet', 'projection.enabled': Match.absent() }),
          StorageDescriptor: Match.objectLike({
            Location: bucket('/raw_data/'),
            Columns: PRICES_COLUMNS.map(({ name, type }) => ({
              Name: name,
              Type: { VARCHAR: 'string', DATE: 'date', DOUBLE: 'double', TIMESTAMP_MS: 'timestamp' }[type],
            })),
          }),
        }),
      }),
  ],
  [
    'Athena: workgroup signals with a limit, and the named queries',
    ({ lake, config }) => {
      lake.hasResourceProperties('AWS::Athena::WorkGroup', {
        Name: 'signals',
        RecursiveDeleteOption: true,
        WorkGroupConfiguration: {
          EnforceWorkGroupConfiguration: true,
          BytesScannedCutoffPerQuery: 20 * 2 ** 30,
          EngineVersion: { SelectedEngineVersion: 'Athena engine version 3' },
          ResultConfiguration: {
            OutputLocation: { 'Fn::Join': ['', ['s3://', { Ref: 'LakeAthena32B286AC' }, '/results/']] },
            EncryptionConfiguration: { EncryptionOption: 'SSE_S3' },
            ExpectedBucketOwner: '222222222222',
          },
        },
      });
      const features = featureColumns(config.featureSets['all']!);
      for (const query of listNamedQueries()) {
        lake.hasResourceProperties('AWS::Athena::NamedQuery', {
          Name: query.name,
          Database: { Ref: 'CatalogDatabase44483CA3' },
          WorkGroup: { Ref: 'Workgroup97F88843' },
          QueryString: renderNamedQuery(query, { set: 'all', features }),
        });
      }
    },
  ],
  [
    'log groups signals-load and signals-transform',
    ({ jobs }) => {
      for (const name of ['signals-load', 'signals-transform']) {
        jobs.hasResourceProperties('AWS::Logs::LogGroup', { LogGroupName: name, RetentionInDays: 90 });
      }
    },
  ],
  [
    'subscription filters: the level, not a word',
    ({ jobs }) => {
      subscription(jobs, 'JobsLoadLog2EEE56AE');
      subscription(jobs, 'JobsTransformLog09B99A35');
    },
  ],
  [
    'function signals-error-notification',
    ({ jobs }) =>
      jobs.hasResourceProperties('AWS::Lambda::Function', {
        FunctionName: 'signals-error-notification',
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Handler: 'index.handler',
        Timeout: 30,
        Environment: { Variables: { TOPIC_ARN: { Ref: 'AlertsTopicCF7C81C9' }, STAGE: 'prod' } },
      }),
  ],
  [
    'topic signals-log with the emails',
    ({ jobs }) => {
      jobs.hasResourceProperties('AWS::SNS::Topic', { TopicName: 'signals-log' });
      for (const email of ['ops@example.org', 'second@example.org']) {
        jobs.hasResourceProperties('AWS::SNS::Subscription', {
          Protocol: 'email',
          Endpoint: email,
          TopicArn: { Ref: 'AlertsTopicCF7C81C9' },
        });
      }
    },
  ],
];

describe('the original system', () => {
  test.each(table)('%s', (_name, find) => find(stage));
});

test('a table for each feature set, with the columns that the jobs write and computed partitions', () => {
  const tables = Object.values(resourcesOf(stage.lake))
    .filter(({ Type }) => Type === 'AWS::Glue::Table')
    .map(({ Properties }) => Properties['TableInput'] as Record<string, any>)
    .filter((input) => String(input['Name']).startsWith('features_'));
  expect(tables.map((input) => input['Name']).toSorted()).toEqual(
    ['all', 'momentum', 'other', 'trend', 'volatility', 'volume'].map((set) => `features_${set}`),
  );
  for (const input of tables) {
    const set = String(input['Name']).slice('features_'.length);
    const columns = featureColumns(stage.config.featureSets[set]!);
    expect(input['StorageDescriptor']['Location']).toEqual(bucket(`/features/${set}/`));
    expect(input['StorageDescriptor']['Columns']).toEqual([
      { Name: 'ticker', Type: 'string' },
      { Name: 'date', Type: 'date' },
      ...columns.map((name) => ({ Name: name, Type: 'float' })),
    ]);
    expect(input['PartitionKeys']).toEqual([{ Name: 'era', Type: 'date' }]);
    expect(input['Parameters']).toMatchObject({
      classification: 'parquet',
      'projection.enabled': 'true',
      'projection.era.type': 'date',
      'projection.era.format': 'yyyy-MM-dd',
      'projection.era.range': '1962-01-05,NOW+7DAYS',
      'projection.era.interval': '7',
      'projection.era.interval.unit': 'DAYS',
      'storage.location.template': bucket(`/features/${set}/era=\${era}/`),
    });
  }
  // 91 columns with five lags each.
  expect(featureColumns(stage.config.featureSets['all']!)).toHaveLength(455);
});

test('the eras that Athena computes are the Fridays that the jobs write', () => {
  expect(new Date('1962-01-05T00:00:00Z').getUTCDay()).toBe(5);
});
