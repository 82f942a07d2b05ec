import { beforeAll, describe, expect, test } from '@jest/globals';
import { Size } from 'aws-cdk-lib';
import { stagedEraKey } from '../../jobs/features/set-change.ts';
import {
  eraIndexKey,
  eraKey,
  pricesKey,
  pricesMarkKey,
  setMarkKey,
  settingsKey,
  stagingFolder,
} from '../../jobs/lake/layout.ts';
import { createUniverse } from '../../lib/config.ts';
import { flatten } from './flatten.ts';
import { resourcesOf, synthesizeStage } from './stages.ts';

/* Every statement of every policy of a stage: who may do what, and where a wildcard stands, why. */

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | string[];
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: Record<string, Record<string, unknown>>;
}
interface Placed {
  /** Logical id of the resource that has the policy. */
  readonly id: string;
  readonly type: string;
  readonly statement: Statement;
}

/** Resources with a wildcard, by where the wildcard stands, each with the actions that need it. */
const EXPLAINED: readonly { readonly resource: RegExp; readonly actions: RegExp; readonly why: string }[] = [
  {
    resource: /^<LakeData\.Arn>\/smoke\/(raw_data\/)?\*$/,
    actions: /^s3:(GetObject|PutObject|AbortMultipartUpload|DeleteObject)$/,
    why: 'everything of a smoke test, which nothing else touches, is below this prefix',
  },
  {
    resource: /^arn:aws:cloudformation:eu-west-1:222222222222:stack\/signals-jobs\/\*$/,
    actions: /^cloudformation:DescribeStacks$/,
    why: 'the id of a stack ends with one that is generated',
  },
  {
    resource: /^arn:aws:ecs:eu-west-1:222222222222:task-definition\/signals-smoke:\*$/,
    actions: /^ecs:RunTask$/,
    why: 'every deployment makes a new revision',
  },
  {
    resource: /^arn:aws:ecs:eu-west-1:222222222222:task\/<JobsCluster>\/\*$/,
    actions: /^ecs:DescribeTasks$/,
    why: 'a task has its name from its start on; a condition keeps it to the cluster',
  },
  {
    resource:
      /^<LakeData\.Arn>\/(raw_data|features|universe|listings\/provider=|staging|marks|runs\/load|runs\/transform)\/?\*(\.json|\/listings\.json)?$/,
    actions: /^s3:(GetObject|PutObject|AbortMultipartUpload)$/,
    why: 'objects below a prefix have their names from the day on which they are written',
  },
  {
    resource:
      /^<LakeData\.Arn>\/(staging\/\*|staging\/\*\/prices\/\*|marks\/(set|provider)=\*\/\*|features\/\*\/era=\*\/features\.parquet)$/,
    actions: /^s3:DeleteObject$/,
    why: 'what is in the making, and eras, have their names from runs and dates',
  },
  {
    resource: /^<LakeAthena\.Arn>\/results\/\*$/,
    actions: /^s3:(GetObject|PutObject|AbortMultipartUpload|ListMultipartUploadParts)$/,
    why: 'Athena names each answer after its query',
  },
  {
    resource: /^arn:aws:logs:eu-west-1:222222222222:log-group:\/aws-glue\/crawlers\*$/,
    actions: /^logs:(CreateLogGroup|CreateLogStream|PutLogEvents)$/,
    why: 'Glue names the log groups of crawlers itself',
  },
  {
    resource: /^<ObjectsBucket\.Arn>\/org\/default\/\*$/,
    actions: /^s3:(GetObject|PutObject|PutObjectTagging|DeleteObject)$/,
    why: 'objects below a prefix have the names that people give them',
  },
  {
    resource: /^\*$/,
    actions: /^(ecr:GetAuthorizationToken|cloudwatch:PutMetricData)$/,
    why: 'the actions know no resource',
  },
  {
    resource: /^arn:aws:ecs:eu-west-1:222222222222:task\/<JobsCluster>\/\*$/,
    actions: /^ecs:TagResource$/,
    why: 'a task has its name from its start on',
  },
  {
    resource: /^<WatchFreshnessFunction\.Arn>:\*$/,
    actions: /^lambda:InvokeFunction$/,
    why: 'any version of the one function',
  },
];

let statements: Placed[];
let types: Map<string, Record<string, any>>;

beforeAll(() => {
  const { config: _config, ...templates } = synthesizeStage('prod', (config) => ({
    ...config,
    trading: { storage: Size.gibibytes(1), ecpuPerSecond: 1000 },
    universe: createUniverse('numerai-key'),
    smoke: { releasedFrom: '333333333333' },
  }));
  types = new Map(Object.values(templates).flatMap((template) => Object.entries(resourcesOf(template))));
  statements = [...types].flatMap(([id, { Type: type, Properties = {} }]) => {
    const documents = [
      Properties['PolicyDocument'],
      Properties['AssumeRolePolicyDocument'],
      ...(Properties['Policies'] ?? []).map((policy: any) => policy.PolicyDocument),
    ];
    return documents
      .flatMap((document) => document?.Statement ?? [])
      .map((statement: Statement) => ({ id, type, statement }));
  });
});

const list = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

function wildcardsOf({ statement }: Placed): { resource: string; action: string }[] {
  const resources = list(statement.Resource ?? []).map((resource) => {
    // Outputs of other kinds than ARNs cannot hold a wildcard.
    return JSON.stringify(resource).includes('*') ? flatten(resource) : '';
  });
  return resources
    .filter((resource) => resource.includes('*'))
    .flatMap((resource) => list(statement.Action).map((action) => ({ resource, action })));
}

test('there are statements to look at', () => {
  expect(statements.length).toBeGreaterThan(50);
});

test('no statement allows a wildcard action', () => {
  const wild = statements.filter(
    ({ statement }) =>
      statement.Effect === 'Allow' && list(statement.Action).some((action) => action.includes('*')),
  );
  expect(wild).toEqual([]);
});

test('every wildcard in a resource is on the list, for the actions that need it', () => {
  const unexplained = statements
    .filter(({ statement, type }) => statement.Effect === 'Allow' && type.startsWith('AWS::IAM::'))
    .flatMap((placed) => wildcardsOf(placed).map((wildcard) => ({ id: placed.id, ...wildcard })))
    .filter(
      ({ resource, action }) =>
        !EXPLAINED.some((known) => known.resource.test(resource) && known.actions.test(action)),
    );
  expect(unexplained).toEqual([]);
});

test('nothing is on the list in vain', () => {
  const used = statements.flatMap(wildcardsOf);
  for (const { resource, why } of EXPLAINED) {
    expect({ why, uses: used.filter((wildcard) => resource.test(wildcard.resource)).length }).not.toEqual({
      why,
      uses: 0,
    });
  }
});

test('policies of queues, topics and buckets name a principal, and services only for this account or a source', () => {
  const open = statements.filter(({ type, statement }) => {
    if (type.startsWith('AWS::IAM::') || statement.Effect === 'Deny') return false;
    const service = (statement.Principal as { Service?: string }).Service;
    const conditions = Object.values(statement.Condition ?? {}).flatMap((tests) => Object.keys(tests));
    return (
      service === undefined ||
      !conditions.some((key) => /^aws:(SourceAccount|SourceArn|PrincipalArn)$/i.test(key))
    );
  });
  expect(open).toEqual([]);
});

test('schedules take on their roles for this account only', () => {
  const roles = statements.filter(({ statement }) =>
    JSON.stringify(statement.Principal ?? '').includes('scheduler.amazonaws.com'),
  );
  expect(roles).toHaveLength(4);
  for (const { statement } of roles) {
    expect(statement.Condition).toEqual({ StringEquals: { 'aws:SourceAccount': '222222222222' } });
  }
});

test('no role has a managed policy: those that are there are for people', () => {
  const managed = [...types].filter(
    ([, { Type, Properties }]) =>
      (Type === 'AWS::IAM::ManagedPolicy' &&
        (Properties['Roles'] ?? Properties['Users'] ?? Properties['Groups'])) ||
      (Type === 'AWS::IAM::Role' && Properties['ManagedPolicyArns'] !== undefined),
  );
  expect(managed).toEqual([]);
});

describe('what the jobs may do', () => {
  const allowed = (id: string): string[] =>
    statements
      .filter((placed) => placed.id.startsWith(id) && placed.statement.Effect === 'Allow')
      .flatMap(({ statement }) =>
        list(statement.Resource ?? []).flatMap((resource) =>
          list(statement.Action).map(
            (action) => `${action} ${JSON.stringify(resource).replaceAll(/.*"\/([^"]*)".*/g, '$1')}`,
          ),
        ),
      )
      .filter((text) => text.startsWith('s3:') && text.includes('*'))
      .toSorted();

  test('load writes prices, never features, and deletes only what is in the making', () => {
    expect(allowed('JobsLoadTaskTaskRoleDefaultPolicy').filter((text) => !text.startsWith('s3:Get'))).toEqual(
      [
        's3:AbortMultipartUpload listings/provider=*/listings.json',
        's3:AbortMultipartUpload marks/*',
        's3:AbortMultipartUpload raw_data/*',
        's3:AbortMultipartUpload runs/load/*.json',
        's3:AbortMultipartUpload staging/*',
        's3:AbortMultipartUpload universe/*',
        's3:DeleteObject marks/provider=*/*',
        's3:DeleteObject staging/*',
        's3:PutObject listings/provider=*/listings.json',
        's3:PutObject marks/*',
        's3:PutObject raw_data/*',
        's3:PutObject runs/load/*.json',
        's3:PutObject staging/*',
        's3:PutObject universe/*',
      ],
    );
  });

  test('a refresh of the universe writes universes and nothing else', () => {
    expect(allowed('JobsUniverseRefreshTaskTaskRoleDefaultPolicy')).toEqual([
      's3:AbortMultipartUpload universe/*',
      's3:GetObject universe/*',
      's3:PutObject universe/*',
    ]);
  });

  test('transform writes features, and prices only to finish the merge of a load that was killed', () => {
    const writing = allowed('JobsTransformTaskTaskRoleDefaultPolicy').filter((text) =>
      /^s3:(Put|Delete)/.test(text),
    );
    expect(writing).toEqual([
      's3:DeleteObject features/*/era=*/features.parquet',
      's3:DeleteObject marks/provider=*/*',
      's3:DeleteObject marks/set=*/*',
      's3:DeleteObject staging/*/prices/*',
      's3:PutObject features/*',
      's3:PutObject marks/*',
      's3:PutObject raw_data/*',
      's3:PutObject results/*',
      's3:PutObject runs/transform/*.json',
      's3:PutObject staging/*',
    ]);
  });

  test('transform may delete what it makes, and neither what a set is described by nor a mark', () => {
    const patterns = allowed('JobsTransformTaskTaskRoleDefaultPolicy')
      .filter((text) => text.startsWith('s3:DeleteObject '))
      .map((text) => text.split(' ')[1]!.replaceAll('.', '\\.').replaceAll('*', '.*'))
      .map((pattern) => RegExp(`^${pattern}$`));
    const mayDelete = (key: string): boolean => patterns.some((pattern) => pattern.test(key));
    const input = setMarkKey('all').replace('.json', '/owner/');
    const made = [
      eraKey('all', '2026-11-20'),
      stagedEraKey(input, '2026-11-20'),
      `${input}change.json`,
      pricesMarkKey('yahoo').replace('.json', '/owner/part'),
      `${stagingFolder('run')}prices/0.parquet`,
    ];
    expect(made.filter((key) => !mayDelete(key))).toEqual([]);
    const kept = [
      settingsKey('all'),
      eraIndexKey('all'),
      setMarkKey('all'),
      pricesMarkKey('yahoo'),
      pricesKey('yahoo', '2026-11'),
      `${stagingFolder('run')}run.json`,
    ];
    expect(kept.filter(mayDelete)).toEqual([]);
  });

  test('the crawler sends metrics of Glue only, and adds partitions to one table', () => {
    const own = statements.filter(({ id }) => id.startsWith('CrawlerRole'));
    const metrics = own.find(({ statement }) => statement.Action === 'cloudwatch:PutMetricData')!;
    expect(metrics.statement.Condition).toEqual({ StringEquals: { 'cloudwatch:namespace': 'Glue' } });
    const glue = own.filter(({ statement }) => list(statement.Action)[0]!.startsWith('glue:'));
    expect(glue).toHaveLength(1);
    expect(list(glue[0]!.statement.Resource).map(flatten)).toEqual([
      'arn:aws:glue:eu-west-1:222222222222:catalog',
      'arn:aws:glue:eu-west-1:222222222222:database/<CatalogDatabase>',
      'arn:aws:glue:eu-west-1:222222222222:table/<CatalogDatabase>/<CatalogRawDataTable>',
    ]);
    expect(glue[0]!.statement.Action).toEqual(
      expect.arrayContaining(['glue:BatchUpdatePartition', 'glue:GetDatabases', 'glue:GetTables']),
    );
  });

  test('statistics read prices and marks, and write nothing of the lake', () => {
    expect(allowed('StatisticsRouterRoleDefaultPolicy')).toEqual([
      's3:GetObject marks/*',
      's3:GetObject raw_data/*',
    ]);
  });
});
