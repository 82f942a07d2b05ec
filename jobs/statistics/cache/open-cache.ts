import type { AwsConfig } from '../../runtime/aws.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { CacheSettings } from '../../runtime/environment.ts';
import { DEFAULT_LIMITS } from '../../runtime/limits.ts';
import { realWaiting, type Waiting } from '../../runtime/poll.ts';
import { MemoryStore } from './memory-store.ts';
import { SqliteStore } from './sqlite-store.ts';
import type { TableStore } from './table-store.ts';
import { TABLES, type TableName } from './tables.ts';

/** What there is of a table. */
export interface TableStatus {
  readonly table: string;
  readonly state: string;
  readonly items: number;
}

/** Opens the cache; one in DynamoDB has its tables made before, where that is wanted. */
export async function openCache(
  settings: CacheSettings,
  aws: AwsConfig,
  clock: Clock,
  signal: AbortSignal,
): Promise<TableStore> {
  switch (settings.mode) {
    case 'memory':
      return new MemoryStore();
    case 'sqlite':
      return new SqliteStore(settings.sqliteFile);
    case 'dynamodb': {
      if (settings.provision === 'if-missing') await provisionCache(settings, aws);
      const { client, DynamoStore } = await connect(aws);
      return new DynamoStore(client, settings.tablePrefix, clock, signal);
    }
  }
}

/** Where the cache is, for messages. */
export function describeCache({ mode, sqliteFile, tablePrefix }: CacheSettings): string {
  if (mode === 'memory') return 'memory';
  return mode === 'sqlite' ? `sqlite:${sqliteFile}` : `dynamodb:${tablePrefix}*`;
}

/** Makes the tables that are not there and checks those that are. */
export async function provisionCache(settings: CacheSettings, aws: AwsConfig): Promise<void> {
  if (settings.mode === 'sqlite') return withSqlite(settings, () => {});
  if (settings.mode === 'memory') return;
  const { client, tables } = await connect(aws);
  await tables.createTables(client, settings.tablePrefix, settings.billing, waitingOf(aws));
  await tables.enableTtl(client, settings.tablePrefix);
}

/** What there is of each table. */
export async function cacheStatus(settings: CacheSettings, aws: AwsConfig): Promise<TableStatus[]> {
  const names = Object.keys(TABLES) as TableName[];
  if (settings.mode === 'memory')
    return names.map((table) => ({ table, state: 'goes with the process', items: 0 }));
  if (settings.mode === 'sqlite') {
    return withSqlite(settings, (store) =>
      names.map((table) => ({ table, state: 'ACTIVE', items: store.count(table) })),
    );
  }
  const { client, tables } = await connect(aws);
  const found = await tables.describeTables(client, settings.tablePrefix);
  return found.map(({ name, state, items }) => ({ table: name, state, items }));
}

/** Removes tables with all that they hold; those of SQLite stay, empty. */
export async function dropCache(
  settings: CacheSettings,
  aws: AwsConfig,
  names: readonly TableName[],
): Promise<void> {
  if (settings.mode === 'memory') return;
  if (settings.mode === 'sqlite') {
    await withSqlite(settings, (store) => {
      for (const table of names) store.clear(table);
    });
    return;
  }
  const { client, tables } = await connect(aws);
  const dropped = names.map((name) => TABLES[name]);
  await tables.dropTables(client, settings.tablePrefix, dropped, waitingOf(aws));
}

async function withSqlite<T>({ sqliteFile }: CacheSettings, work: (store: SqliteStore) => T): Promise<T> {
  const store = new SqliteStore(sqliteFile);
  try {
    return work(store);
  } finally {
    await store.close();
  }
}

function waitingOf({ limits = DEFAULT_LIMITS }: AwsConfig): Waiting {
  return realWaiting(limits.cutOff);
}

/** The SDK takes a while to load, and a cache in a file does not need it. */
async function connect(aws: AwsConfig) {
  const [{ createAwsClient }, { DynamoDBClient }, { DynamoStore }, tables] = await Promise.all([
    import('../../runtime/aws-client.ts'),
    import('@aws-sdk/client-dynamodb'),
    import('./dynamodb-store.ts'),
    import('./dynamodb-tables.ts'),
  ]);
  return { client: createAwsClient(DynamoDBClient, aws), DynamoStore, tables };
}
