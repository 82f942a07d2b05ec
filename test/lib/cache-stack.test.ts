import { beforeAll, describe, expect, test } from '@jest/globals';
import { Size } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/assertions';
import { readEnvironment, type DynamoBilling } from '../../jobs/runtime/environment.ts';
import { createTableInput } from '../../jobs/statistics/cache/dynamodb-tables.ts';
import { iamPolicy, RUNTIME_ACTIONS } from '../../jobs/statistics/cache/iam-policy.ts';
import { TABLES, TTL_ATTRIBUTE } from '../../jobs/statistics/cache/tables.ts';
import { TTL_DAYS, TTL_TAG } from '../../jobs/store/ttl-class.ts';
import { workspaceFolder } from '../../jobs/store/workspace.ts';
import { FUNCTION_NAMES } from '../../jobs/statistics/function-names.ts';
import { readSettings } from '../../lib/settings.ts';
import { flatten } from './flatten.ts';
import { resourcesOf, synthesizeStage, type Resource, type StageTemplates } from './stages.ts';

const PROVISIONED: DynamoBilling = { mode: 'PROVISIONED', readUnits: 5, writeUnits: 2 };
let stage: StageTemplates;
let provisioned: StageTemplates;
beforeAll(() => {
  stage = synthesizeStage('prod');
  provisioned = synthesizeStage('prod', (config) => ({
    ...config,
    tables: { tablePrefix: 'blue-', billing: PROVISIONED },
    statistics: FUNCTION_NAMES,
    trading: { storage: Size.gibibytes(1), ecpuPerSecond: 1000 },
  }));
});

const ofType = ({ cache, jobs }: StageTemplates, type: string): [string, Resource][] =>
  Object.entries({ ...resourcesOf(cache), ...resourcesOf(jobs) }).filter(([, { Type }]) => Type === type);

/** Order does not matter in a list of definitions. */
const sorted = (definitions: { AttributeName?: string }[]) =>
  definitions.toSorted((a, b) => (a.AttributeName! < b.AttributeName! ? -1 : 1));

describe('the tables of the statistics cache', () => {
  test.each(Object.values(TABLES))('$name is what the cache would make on first use', (definition) => {
    for (const [of, prefix, billing] of [
      [stage, '', { mode: 'PAY_PER_REQUEST' }],
      [provisioned, 'blue-', PROVISIONED],
    ] as const) {
      const wanted = createTableInput(definition, prefix, billing);
      const found = ofType(of, 'AWS::DynamoDB::Table').find(
        ([, { Properties }]) => Properties['TableName'] === wanted.TableName,
      )![1].Properties;
      expect(found['KeySchema']).toEqual(wanted.KeySchema);
      // What CloudFormation takes for granted.
      expect(found['BillingMode'] ?? 'PROVISIONED').toBe(billing.mode);
      expect(sorted(found['AttributeDefinitions'])).toEqual(sorted(wanted.AttributeDefinitions!));
      expect(found['GlobalSecondaryIndexes']).toEqual(wanted.GlobalSecondaryIndexes);
      expect(found['ProvisionedThroughput']).toEqual(wanted.ProvisionedThroughput);
      expect(found['TimeToLiveSpecification']).toEqual(
        definition.hasTtl ? { AttributeName: TTL_ATTRIBUTE, Enabled: true } : undefined,
      );
    }
  });

  test('can be restored to an earlier second in prod, and not in dev, where cdk-nag is told why', () => {
    const recovery = ({ cache }: StageTemplates) =>
      Object.values(cache.findResources('AWS::DynamoDB::Table')).map(
        ({ Properties }) => Properties.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled,
      );
    expect(recovery(stage)).toEqual([true, true, true, true]);
    expect(recovery(synthesizeStage('dev'))).toEqual([false, false, false, false]);
  });

  test('keep their logical ids and what they hold', () => {
    const kept = ofType(stage, 'AWS::DynamoDB::Table').map(
      ([id, { DeletionPolicy, UpdateReplacePolicy }]) => [id, DeletionPolicy, UpdateReplacePolicy],
    );
    expect(kept).toEqual(
      [
        'Statisticsprices75BCB8E8',
        'Statisticsinterest1E72DC78',
        'Statisticsprofile9D685B7C',
        'StatisticscorrelationsCF8E6E20',
      ].map((id) => [id, 'RetainExceptOnCreate', 'Retain']),
    );
  });
});

describe('who and where', () => {
  const tables = (context: unknown, variables: NodeJS.ProcessEnv = {}) =>
    readSettings(context, variables).prod.tables;

  test('tables have the names that caches know, or those of a stage with a prefix of its own', () => {
    expect(tables({}).tablePrefix).toBe('');
    expect(tables({ prod: { namePrefix: 'green' } }).tablePrefix).toBe('green-');
    const own = { prod: { namePrefix: 'green', cache: { TABLE_PREFIX: 'blue_' } } };
    expect(tables(own).tablePrefix).toBe('blue_');
    expect(tables(own, { TABLE_PREFIX: 'red.' }).tablePrefix).toBe('red.');
  });

  test('how they are paid for is said by the variables that the cache itself reads', () => {
    const variables = { DYNAMO_BILLING_MODE: 'PROVISIONED', DYNAMO_READ_UNITS: '5', DYNAMO_WRITE_UNITS: '2' };
    expect(tables({}, variables).billing).toEqual(PROVISIONED);
    expect(tables({ prod: { cache: variables } }).billing).toEqual(PROVISIONED);
    expect(readEnvironment(variables).cache.billing).toEqual(PROVISIONED);
  });

  test.each([
    [{}, { DYNAMO_BILLING_MODE: 'PROVISIONED' }, 'needs DYNAMO_READ_UNITS and DYNAMO_WRITE_UNITS'],
    [{}, { DYNAMO_READ_UNITS: 'many' }, 'DYNAMO_READ_UNITS "many" is not usable'],
    [{}, { TABLE_PREFIX: 'a b' }, 'TABLE_PREFIX "a b" is not usable'],
    [{ prod: { cache: { CACHE_MODE: 'memory' } } }, {}, 'cdk.json, context signals.prod.cache'],
  ])('%j with %j is refused in one line', (context, variables, message) => {
    expect(() => readSettings(context, variables)).toThrow(message);
  });
});

describe('the functions', () => {
  test('are one for all, and one each for those that are named', () => {
    const named = (of: StageTemplates) =>
      ofType(of, 'AWS::Lambda::Function')
        .map(([, { Properties }]) => [Properties['FunctionName'], Properties['Handler']])
        .filter(([name]) => String(name).startsWith('signals-statistics'));
    expect(named(stage)).toEqual([['signals-statistics', 'index.router']]);
    expect(named(provisioned)).toEqual([
      ['signals-statistics', 'index.router'],
      ...FUNCTION_NAMES.map((name) => [`signals-statistics-${name}`, `index.handlers.${name}`]),
    ]);
  });

  test('find the tables and the lake, and make none', () => {
    const [, { Properties }] = ofType(provisioned, 'AWS::Lambda::Function').find(
      ([, resource]) => resource.Properties['FunctionName'] === 'signals-statistics',
    )!;
    const variables = Properties['Environment'].Variables as Record<string, string>;
    const lake = flatten(variables['SIGNALS_LAKE']);
    expect(readEnvironment({ ...variables, SIGNALS_LAKE: lake })).toMatchObject({
      lake: expect.stringMatching(/^s3:\/\/<LakeData/),
      cache: { mode: 'dynamodb', tablePrefix: 'blue-', provision: 'never' },
    });
  });

  test('may do with the tables what the generated policy says, and nothing else', () => {
    const policies = ofType(provisioned, 'AWS::IAM::Policy').filter(([id]) => id.startsWith('Statistics'));
    expect(policies).toHaveLength(1 + FUNCTION_NAMES.length);
    const wanted = iamPolicy(
      { partition: 'aws', region: 'eu-west-1', account: '222222222222', prefix: 'blue-' },
      false,
    ) as { Statement: { Action: string[]; Resource: string[] }[] };
    const [items, indexes] = wanted.Statement.map(({ Action, Resource }) => [
      Action.toSorted(),
      Resource.map((arn) => arn.replace(/^.*:table\/blue-/, '')).toSorted(),
    ]);
    const list = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);
    for (const [, { Properties }] of policies) {
      const granted = (
        Properties['PolicyDocument'].Statement as { Action: string | string[]; Resource: any }[]
      )
        .filter(({ Action }) => list(Action)[0]!.startsWith('dynamodb:'))
        .map(({ Action, Resource }) => [
          list(Action).toSorted(),
          list(Resource)
            .map((arn) => flatten(arn).replace(/^<Statistics(\w+)\.Arn>/, '$1'))
            .toSorted(),
        ]);
      expect(granted).toEqual([items, indexes]);
    }
    expect(RUNTIME_ACTIONS).not.toContain('dynamodb:Scan');
  });

  test('are at a URL for those whom IAM allows it', () => {
    stage.jobs.hasResourceProperties('AWS::Lambda::Url', { AuthType: 'AWS_IAM' });
    stage.jobs.hasOutput('StatisticsUrl', {});
  });

  test('have a policy for callers of the URL, with the two actions that a URL takes, on that function only', () => {
    const [[id, policy]] = ofType(stage, 'AWS::IAM::ManagedPolicy').filter(([, { Properties }]) =>
      Properties['ManagedPolicyName'].startsWith('signals-statistics'),
    ) as [[string, Resource]];
    expect(policy.Properties['ManagedPolicyName']).toBe('signals-statistics-caller');
    const router = '<StatisticsRouterFunction.Arn>';
    expect(
      (policy.Properties['PolicyDocument'].Statement as Record<string, any>[]).map(
        ({ Action, Resource, Condition }) => [Action, flatten(Resource), Condition],
      ),
    ).toEqual([
      ['lambda:InvokeFunctionUrl', router, { StringEquals: { 'lambda:FunctionUrlAuthType': 'AWS_IAM' } }],
      ['lambda:InvokeFunction', router, { Bool: { 'lambda:InvokedViaFunctionUrl': true } }],
    ]);
    stage.jobs.hasOutput('StatisticsCallerPolicy', { Value: { Ref: id } });
  });

  test('have an alarm for failures, and one each for ends without an answer', () => {
    const alarms = ofType(provisioned, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
    const failures = alarms.filter(({ MetricName }) => MetricName === 'Failures');
    expect(failures).toEqual([expect.objectContaining({ Namespace: 'signals-statistics', Threshold: 1 })]);
    expect(alarms.filter(({ MetricName }) => MetricName === 'Errors')).toHaveLength(
      1 + 1 + FUNCTION_NAMES.length,
    );
    const filters = ofType(provisioned, 'AWS::Logs::MetricFilter').map(([, { Properties }]) => Properties);
    expect(filters).toHaveLength(1 + FUNCTION_NAMES.length);
    for (const { FilterPattern, MetricTransformations } of filters) {
      expect(FilterPattern).toBe('{ $.level = "error" }');
      expect(MetricTransformations).toEqual([
        expect.objectContaining({ MetricNamespace: 'signals-statistics', MetricName: 'Failures' }),
      ]);
    }
  });
});

describe('the state of traders', () => {
  test('is there only where a stage asks for it', () => {
    stage.cache.resourceCountIs('AWS::ElastiCache::ServerlessCache', 0);
    stage.jobs.resourceCountIs('AWS::ECS::TaskDefinition', 2);
    const { dev, prod } = readSettings({ dev: { trading: {} } }, {});
    expect([dev.trading, prod.trading]).toEqual([{ gigabytes: 1, ecpuPerSecond: 1000 }, undefined]);
  });

  test('has alarms near its limits and on throttled commands, that the dashboard shows', () => {
    const alarms = ofType(provisioned, 'AWS::CloudWatch::Alarm').filter(
      ([, { Properties }]) => Properties['Namespace'] === 'AWS/ElastiCache',
    );
    const [dashboard] = Object.values(provisioned.jobs.findResources('AWS::CloudWatch::Dashboard'));
    for (const [id, { Properties }] of alarms) {
      expect(Properties['Dimensions']).toEqual([{ Name: 'clusterId', Value: 'signals-trading' }]);
      expect(Properties['AlarmDescription']).toMatch(/doc\/operations\.md, "State of traders"/);
      expect(JSON.stringify(dashboard)).toContain(`"Fn::GetAtt":["${id}","Arn"]`);
    }
    // 80 % of 1 GB, and of 1,000 units a second for five minutes.
    expect(
      alarms.map(([, { Properties }]) => [
        Properties['MetricName'],
        Properties['Statistic'],
        Properties['Threshold'],
      ]),
    ).toEqual([
      ['BytesUsedForCache', 'Maximum', 0.8e9],
      ['ElastiCacheProcessingUnits', 'Sum', 240_000],
      ['ThrottledCmds', 'Sum', 1],
    ]);
  });

  test('is kept, in the network of the tasks', () => {
    const [[, cache]] = ofType(provisioned, 'AWS::ElastiCache::ServerlessCache') as [[string, Resource]];
    expect(cache).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: { SnapshotRetentionLimit: 7 },
    });
    expect(cache.Properties['SubnetIds'].map(flatten)).toEqual([
      '<NetworkVpcpublicSubnet1Subnet>',
      '<NetworkVpcpublicSubnet2Subnet>',
    ]);
  });

  test('has a task to look at it with, which gets the password from the secret', () => {
    provisioned.jobs.hasResourceProperties('AWS::ECS::TaskDefinition', {
      Family: 'signals-trading',
      ContainerDefinitions: [
        Match.objectLike({
          Command: ['trading', 'status'],
          Environment: Match.arrayWith([{ Name: 'TRADING_STATE', Value: Match.anyValue() }]),
          Secrets: [{ Name: 'TRADING_STATE_PASSWORD', ValueFrom: Match.anyValue() }],
        }),
      ],
    });
    provisioned.jobs.resourceCountIs('AWS::Logs::SubscriptionFilter', 4);
  });
});

describe('the bucket of shared objects', () => {
  test('is kept, and takes expired objects away by their tags', () => {
    const [id, { Properties, DeletionPolicy }] = ofType(stage, 'AWS::S3::Bucket').find(
      ([, bucket]) => bucket.Properties['VersioningConfiguration'] !== undefined,
    )!;
    expect([id, DeletionPolicy]).toEqual(['ObjectsBucket5A707942', 'RetainExceptOnCreate']);
    const rules = Properties['LifecycleConfiguration'].Rules as Record<string, any>[];
    expect(
      rules
        .filter(({ TagFilters }) => TagFilters)
        .map(({ TagFilters, ExpirationInDays }) => [TagFilters, ExpirationInDays]),
    ).toEqual(TTL_DAYS.map((days) => [[{ Key: TTL_TAG, Value: String(days) }], days + 1]));
    stage.cache.hasOutput('ObjectsBucket', { Value: { Ref: id } });
  });

  test('lets an organisation do with its own prefix what a level does, and see nothing else', () => {
    const { cache } = synthesizeStage('dev', (config) => ({ ...config, organisations: ['a', 'b-2'] }));
    const policies = Object.values(cache.findResources('AWS::IAM::ManagedPolicy')).map(
      ({ Properties }) => Properties,
    );
    expect(policies.map(({ ManagedPolicyName }) => ManagedPolicyName)).toEqual([
      'signals-objects-a',
      'signals-objects-b-2',
    ]);
    const statements = policies[1]!.PolicyDocument.Statement as Record<string, any>[];
    expect(
      statements.map(({ Action, Resource, Condition }) => [Action, flatten(Resource), Condition]),
    ).toEqual([
      ['s3:ListBucket', '<ObjectsBucket.Arn>', { StringLike: { 's3:prefix': 'org/b-2/*' } }],
      [
        ['s3:DeleteObject', 's3:GetObject', 's3:PutObject', 's3:PutObjectTagging'],
        '<ObjectsBucket.Arn>/org/b-2/*',
        undefined,
      ],
    ]);
    expect(workspaceFolder({ organisation: 'b-2', workspace: 'x' }, 'objects')).toMatch(/^org\/b-2\//);
    cache.hasOutput('ObjectsPolicyb2', {});
    expect(() => readSettings({ dev: { organisations: ['a/b'] } }, {})).toThrow('organisations.0');
  });
});
