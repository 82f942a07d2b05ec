import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  UpdateTimeToLiveCommand,
  type CreateTableCommandInput,
  type DynamoDBClient,
  type KeySchemaElement,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import type { DynamoBilling } from '../../runtime/environment.ts';
import { DEFAULT_LIMITS } from '../../runtime/limits.ts';
import { poll, realWaiting, type BackOff, type Waiting } from '../../runtime/poll.ts';
import { SignalsError } from '../../runtime/errors.ts';
import { StatisticsError } from '../errors.ts';
import { dynamoFailure } from './dynamodb-store.ts';
import { keyAttributes, TABLES, TTL_ATTRIBUTE, type TableDefinition } from './tables.ts';

/** A table is made in seconds; the SDK's own waiter would go on asking a server that does not answer. */
const BACK_OFF: BackOff = { firstMs: 250, maxMs: 5_000, timeoutMs: 300_000 };
const UNBOUND = realWaiting(DEFAULT_LIMITS.cutOff);
/** Marks tables that were made on first use, which no stack owns. */
export const PROVISIONED_BY = { Key: 'signals:provisioned-by', Value: 'first-use' } as const;

export interface DynamoTable {
  readonly name: string;
  readonly state: string;
  /** As DynamoDB counts them, every six hours. */
  readonly items: number;
}

/** What CreateTable is asked for. Units of a provisioned table are those of each of its indexes, too. */
export function createTableInput(
  table: TableDefinition,
  prefix: string,
  billing: DynamoBilling,
): CreateTableCommandInput {
  const throughput =
    billing.mode === 'PROVISIONED'
      ? {
          ProvisionedThroughput: {
            ReadCapacityUnits: billing.readUnits,
            WriteCapacityUnits: billing.writeUnits,
          },
        }
      : {};
  return {
    TableName: prefix + table.name,
    BillingMode: billing.mode,
    ...throughput,
    AttributeDefinitions: Object.entries(keyAttributes(table)).map(([AttributeName, AttributeType]) => ({
      AttributeName,
      AttributeType,
    })),
    KeySchema: keySchema(table),
    ...(table.indexes.length === 0
      ? {}
      : {
          GlobalSecondaryIndexes: table.indexes.map((index) => ({
            IndexName: index.name,
            KeySchema: keySchema(index),
            Projection: { ProjectionType: index.projection },
            ...throughput,
          })),
        }),
    Tags: [PROVISIONED_BY],
  };
}

/** Makes the tables that are not there, waits until all can be used, and checks that each is what it should be. */
export async function createTables(
  client: DynamoDBClient,
  prefix: string,
  billing: DynamoBilling,
  waiting: Waiting = UNBOUND,
): Promise<void> {
  // DynamoDB makes one table with indexes at a time.
  for (const table of Object.values(TABLES)) {
    const name = prefix + table.name;
    try {
      const known = await describe(client, name);
      if (known === undefined) await create(client, table, prefix, billing);
      const isActive = ({ TableStatus }: TableDescription): boolean => TableStatus === 'ACTIVE';
      const active =
        known !== undefined && isActive(known)
          ? known
          : await waitFor(name, 'active', waiting, async () => {
              const found = await describe(client, name);
              return found !== undefined && isActive(found) ? found : undefined;
            });
      checkSchema(table, name, active);
    } catch (error) {
      if (error instanceof SignalsError) throw error;
      throw dynamoFailure(`cannot provision table ${name}`, error);
    }
  }
}

/** Lets DynamoDB remove items that went stale. */
export async function enableTtl(client: DynamoDBClient, prefix: string): Promise<void> {
  for (const { name: plain, hasTtl } of Object.values(TABLES)) {
    if (!hasTtl) continue;
    const name = prefix + plain;
    try {
      const known = await client.send(new DescribeTimeToLiveCommand({ TableName: name }));
      const status = known.TimeToLiveDescription?.TimeToLiveStatus;
      if (status === 'ENABLED' || status === 'ENABLING') continue;
      const specification = { AttributeName: TTL_ATTRIBUTE, Enabled: true };
      await client.send(
        new UpdateTimeToLiveCommand({ TableName: name, TimeToLiveSpecification: specification }),
      );
    } catch (error) {
      throw dynamoFailure(`cannot set the time to live of table ${name}`, error);
    }
  }
}

/** What there is of the tables. Throws StatisticsError for one with other keys or indexes. */
export async function describeTables(client: DynamoDBClient, prefix: string): Promise<DynamoTable[]> {
  const found: DynamoTable[] = [];
  for (const table of Object.values(TABLES)) {
    const name = prefix + table.name;
    try {
      const description = await describe(client, name);
      if (description !== undefined) checkSchema(table, name, description);
      found.push({
        name,
        state: description?.TableStatus ?? 'MISSING',
        items: description?.ItemCount ?? 0,
      });
    } catch (error) {
      if (error instanceof SignalsError) throw error;
      throw dynamoFailure(`cannot describe table ${name}`, error);
    }
  }
  return found;
}

/** Deletes tables with all they hold, and waits until they are gone. */
export async function dropTables(
  client: DynamoDBClient,
  prefix: string,
  tables: readonly TableDefinition[],
  waiting: Waiting = UNBOUND,
): Promise<void> {
  for (const { name: plain } of tables) {
    const name = prefix + plain;
    try {
      if ((await describe(client, name)) === undefined) continue;
      await client.send(new DeleteTableCommand({ TableName: name }));
      await waitFor(name, 'gone', waiting, async () =>
        (await describe(client, name)) === undefined ? true : undefined,
      );
    } catch (error) {
      if (error instanceof SignalsError) throw error;
      throw dynamoFailure(`cannot drop table ${name}`, error);
    }
  }
}

async function create(
  client: DynamoDBClient,
  table: TableDefinition,
  prefix: string,
  billing: DynamoBilling,
): Promise<void> {
  try {
    await client.send(new CreateTableCommand(createTableInput(table, prefix, billing)));
  } catch (error) {
    // Somebody else makes it at the same time.
    if (!(error instanceof ResourceInUseException)) throw error;
  }
}

async function waitFor<T>(
  name: string,
  state: string,
  waiting: Waiting,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const found = await poll(ask, BACK_OFF, waiting);
  if (found !== undefined) return found;
  throw new Error(`table ${name} was not ${state} within ${BACK_OFF.timeoutMs / 1000} s`);
}

async function describe(client: DynamoDBClient, name: string): Promise<TableDescription | undefined> {
  try {
    return (await client.send(new DescribeTableCommand({ TableName: name }))).Table;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

function keySchema({ hash, range }: { hash: string; range?: string }): KeySchemaElement[] {
  return [
    { AttributeName: hash, KeyType: 'HASH' },
    ...(range === undefined ? [] : [{ AttributeName: range, KeyType: 'RANGE' as const }]),
  ];
}

function checkSchema(table: TableDefinition, name: string, found: TableDescription): void {
  const expected = describeSchema(table, table.indexes, keyAttributes(table));
  const keys = (schema: readonly KeySchemaElement[] = []): { hash: string; range?: string } => {
    const of = (type: string): string | undefined =>
      schema.find(({ KeyType }) => KeyType === type)?.AttributeName;
    const range = of('RANGE');
    return { hash: of('HASH') ?? '', ...(range === undefined ? {} : { range }) };
  };
  const actual = describeSchema(
    keys(found.KeySchema),
    (found.GlobalSecondaryIndexes ?? []).map((index) => ({
      name: index.IndexName ?? '',
      ...keys(index.KeySchema),
      projection: index.Projection?.ProjectionType ?? '',
    })),
    Object.fromEntries(
      (found.AttributeDefinitions ?? []).map((one) => [one.AttributeName, one.AttributeType]),
    ),
  );
  if (actual === expected) return;
  throw new StatisticsError(
    'cache-schema',
    `table ${name} is not the one that is needed: it has ${actual} instead of ${expected}; ` +
      'set TABLE_PREFIX to use other tables, or drop this one',
  );
}

function describeSchema(
  key: { hash: string; range?: string },
  indexes: readonly { name: string; hash: string; range?: string; projection: string }[],
  types: Readonly<Record<string, string>>,
): string {
  const typed = ({ hash, range }: { hash: string; range?: string }): string =>
    [hash, range].flatMap((name) => (name === undefined ? [] : [`${name}:${types[name]}`])).join(', ');
  const sorted = indexes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return [
    `key (${typed(key)})`,
    ...sorted.map((index) => `index ${index.name} (${typed(index)}) ${index.projection}`),
  ].join(', ');
}
