import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createAwsClient } from '../../jobs/runtime/aws-client.ts';
import { describeTables } from '../../jobs/statistics/cache/dynamodb-tables.ts';
import type { Access } from '../access.ts';
import type { StageName } from '../config.ts';
import { createNames } from '../names.ts';
import type { Settings } from '../settings.ts';
import { isMissingStack } from '../stack-states.ts';

/** Tables that a cache has made on first use, or that somebody else has: CloudFormation would stumble over their names. */
export async function findForeignTables(
  access: Access,
  target: StageName,
  settings: Settings,
): Promise<string[]> {
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
async function resourcesOf(access: Access, StackName: string): Promise<Set<string>> {
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
