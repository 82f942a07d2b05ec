import { TABLES, type TableDefinition } from './tables.ts';

/** What reading and writing items takes. */
export const RUNTIME_ACTIONS = [
  'dynamodb:GetItem',
  'dynamodb:Query',
  'dynamodb:UpdateItem',
  'dynamodb:BatchWriteItem',
] as const;

/** What reading an index takes. */
export const INDEX_ACTIONS = ['dynamodb:Query'] as const;

/** What `cache provision` and `cache drop` take; a deployed cache needs it nowhere at run time. */
const PROVISION_ACTIONS = [
  'dynamodb:CreateTable',
  'dynamodb:DeleteTable',
  'dynamodb:DescribeTable',
  'dynamodb:DescribeTimeToLive',
  'dynamodb:UpdateTimeToLive',
  'dynamodb:TagResource',
] as const;

/** Where the tables are; patterns stand for what is not known. */
export interface TableLocation {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  readonly prefix: string;
}

/**
 * The least that a role has to be allowed to use the cache, without Scan and without wildcards in actions; with
 * `canProvision` also to make and drop the tables. BatchWriteItem deletes as well as it writes, which invalidation needs.
 */
export function iamPolicy(location: TableLocation, canProvision: boolean): object {
  const tables = Object.values(TABLES);
  const indexes = tables.flatMap((table) =>
    table.indexes.map((index) => `${tableArn(location, table)}/index/${index.name}`),
  );
  const allow = (sid: string, actions: readonly string[], resources: readonly string[]): object => ({
    Sid: sid,
    Effect: 'Allow',
    Action: actions,
    Resource: resources,
  });
  const tableArns = tables.map((table) => tableArn(location, table));
  return {
    Version: '2012-10-17',
    Statement: [
      allow('StatisticsItems', RUNTIME_ACTIONS, tableArns),
      allow('StatisticsIndexes', INDEX_ACTIONS, indexes),
      ...(canProvision ? [allow('StatisticsTables', PROVISION_ACTIONS, tableArns)] : []),
    ],
  };
}

function tableArn({ partition, region, account, prefix }: TableLocation, table: TableDefinition): string {
  return `arn:${partition}:dynamodb:${region}:${account}:table/${prefix}${table.name}`;
}
