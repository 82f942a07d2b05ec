import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  ListTagsOfResourceCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { missingParts, unite } from '../../jobs/statistics/cache/coverage.ts';
import { DynamoStore } from '../../jobs/statistics/cache/dynamodb-store.ts';
import {
  createTables,
  PROVISIONED_BY,
  describeTables,
  dropTables,
  enableTtl,
} from '../../jobs/statistics/cache/dynamodb-tables.ts';
import { MemoryStore } from '../../jobs/statistics/cache/memory-store.ts';
import { PriceCache } from '../../jobs/statistics/cache/price-cache.ts';
import { SqliteStore } from '../../jobs/statistics/cache/sqlite-store.ts';
import type { TableStore } from '../../jobs/statistics/cache/table-store.ts';
import { TABLES } from '../../jobs/statistics/cache/tables.ts';
import { addDays } from '../../jobs/runtime/dates.ts';
import { statisticsCacheContract } from '../contracts/statistics-cache.ts';
import { awsEndpoint, awsEnvironment } from '../support/aws.ts';
import { describeWith } from '../support/describe-with.ts';
import { dynamoClient, startDynamoProxy, useDynalite, type DynamoProxy } from '../support/dynamodb.ts';
import { startScript } from '../support/command.ts';
import { repository, temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();
const ON_DEMAND = { mode: 'PAY_PER_REQUEST' } as const;
const signal = new AbortController().signal;
/** Waits are counted, not waited for. */
function testClock() {
  const slept: number[] = [];
  return {
    slept,
    clock: {
      now: () => new Date('2026-10-05T12:00:00Z'),
      sleep: async (ms: number) => void slept.push(ms),
      random: () => 0.5,
    },
  };
}

let prefixes = 0;
async function openDynamo(client: DynamoDBClient): Promise<DynamoStore> {
  prefixes += 1;
  const prefix = `test${prefixes}-`;
  await createTables(client, prefix, ON_DEMAND);
  return new DynamoStore(client, prefix, testClock().clock, signal);
}

/** Two processes write histories of their own at once; a third one is killed in the middle. */
async function writeFromProcesses(
  cache: string,
  batches: number,
  env: Record<string, string>,
): Promise<void> {
  const script = join(repository, 'test/support/cache-writer.ts');
  const write = (ticker: string, count: number) =>
    startScript(script, [cache, ticker, String(count)], folder, env);
  const both = await Promise.all(['AAPL', 'MSFT'].map((ticker) => write(ticker, batches).finished));
  expect(both.map(({ code, stderr }) => [code, stderr])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  const endless = write('SPY', 1_000_000);
  await once(endless.child.stdout!, 'data');
  endless.child.kill('SIGKILL');
  expect(await endless.finished).toMatchObject({ signal: 'SIGKILL' });
}

async function expectWhole(store: TableStore, batches: number): Promise<void> {
  const prices = new PriceCache(store);
  const end = addDays('2000-01-01', 100 * batches);
  for (const ticker of ['AAPL', 'MSFT']) {
    expect([...(await prices.coverage(ticker)).values()]).toEqual([[{ start: '2000-01-01', end }]]);
    expect(await prices.read(ticker, { start: '2000-01-01', end })).toHaveLength(100 * batches);
  }
  // What is said to be known is there.
  const [known] = [...(await prices.coverage('SPY')).values()][0]!;
  const rows = await prices.read('SPY', known!);
  expect(rows.length % 100).toBe(0);
  expect(addDays(known!.start, rows.length)).toBe(known!.end);
}

describe('memory', () => statisticsCacheContract(async () => new MemoryStore()));

describe('SQLite', () => {
  statisticsCacheContract(async () => new SqliteStore(join(mkdtempSync(join(folder, 'case-')), 'a/b.db')));

  test('keeps what was written when it is opened again', async () => {
    const file = join(mkdtempSync(join(folder, 'case-')), 'statistics.db');
    const first = new SqliteStore(file);
    await first.put('prices', [{ ticker: 'SPY', date: '2026-01-02', close: 1 }]);
    await first.close();
    const second = new SqliteStore(file);
    expect(await second.get('prices', 'SPY', '2026-01-02')).toMatchObject({ close: 1 });
    expect(second.count('prices')).toBe(1);
    await second.close();
  });

  test('two processes write at once, and a killed one leaves nothing half-written', async () => {
    const file = join(mkdtempSync(join(folder, 'case-')), 'shared.db');
    await writeFromProcesses(`sqlite:${file}`, 20, {});
    const store = new SqliteStore(file);
    await expectWhole(store, 20);
    await store.close();
  });

  test('a file that is no database, of something else, or of a newer program, is refused by name', async () => {
    const text = join(mkdtempSync(join(folder, 'case-')), 'text.db');
    writeFileSync(text, 'not a database, but longer than the header of one\n'.repeat(20));
    expect(() => new SqliteStore(text)).toThrow(
      /SQLITE_FILE ".*text\.db": file is not a database; it is a cache: remove the file/,
    );
    const file = join(mkdtempSync(join(folder, 'case-')), 'newer.db');
    const { DatabaseSync } = await import('node:sqlite');
    const db = new DatabaseSync(file);
    db.exec('pragma user_version = 99');
    expect(() => new SqliteStore(file)).toThrow(/is of a newer version \(99\)/);
    db.exec('pragma user_version = 0; create table profile (id integer primary key, name text)');
    expect(() => new SqliteStore(file)).toThrow(
      /has a table profile that is not of this cache; name another/,
    );
    expect(db.prepare('select count(*) as n from profile').get()).toEqual({ n: 0 });
    db.close();
  });

  test('what an older program has made is made again', async () => {
    const file = join(mkdtempSync(join(folder, 'case-')), 'older.db');
    const { DatabaseSync } = await import('node:sqlite');
    const db = new DatabaseSync(file);
    db.exec('create table prices (ticker text, date text); insert into prices values (1, 2)');
    db.exec('pragma user_version = 1');
    db.close();
    const store = new SqliteStore(file);
    expect(store.count('prices')).toBe(0);
    await store.put('prices', [{ ticker: 'SPY', date: '2026-01-02', close: 1 }]);
    expect(store.count('prices')).toBe(1);
    await store.close();
  });

  test('a damaged file is an error that says what to do', async () => {
    const file = join(mkdtempSync(join(folder, 'case-')), 'damaged.db');
    const first = new SqliteStore(file);
    await first.put(
      'prices',
      Array.from({ length: 2000 }, (_, index) => ({
        ticker: 'SPY',
        date: addDays('2020-01-01', index),
        close: 1,
      })),
    );
    await first.close();
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(255, 8192));
    const read = async (): Promise<void> => {
      const store = new SqliteStore(file);
      for await (const _ of store.query('prices', { hash: 'SPY' }));
    };
    await expect(read()).rejects.toThrow(
      /SQLITE_FILE ".*damaged\.db".*malformed; it is a cache: remove the file/,
    );
  });
});

describe('DynamoDB, played by dynalite', () => {
  const endpoint = useDynalite();
  statisticsCacheContract(() => openDynamo(dynamoClient(endpoint())));
});

describeWith('AWS emulator', 'DynamoDB, played by moto', () => {
  statisticsCacheContract(() => openDynamo(dynamoClient(awsEndpoint)));

  test('two processes write at once, and a killed one leaves nothing half-written', async () => {
    const store = await openDynamo(dynamoClient(awsEndpoint));
    await writeFromProcesses(`dynamodb:test${prefixes}-`, 4, awsEnvironment());
    await expectWhole(store, 4);
  });

  test('tables are made once, with time to live where items go stale, and dropped', async () => {
    const client = dynamoClient(awsEndpoint);
    await Promise.all([createTables(client, 'once-', ON_DEMAND), createTables(client, 'once-', ON_DEMAND)]);
    await enableTtl(client, 'once-');
    await enableTtl(client, 'once-');
    expect(await describeTables(client, 'once-')).toEqual(
      ['prices', 'interest', 'profile', 'correlations'].map((name) => ({
        name: `once-${name}`,
        state: 'ACTIVE',
        items: 0,
      })),
    );
    const ttl = async (table: string): Promise<unknown> =>
      (await client.send(new DescribeTimeToLiveCommand({ TableName: `once-${table}` })))
        .TimeToLiveDescription;
    expect(await ttl('profile')).toMatchObject({ TimeToLiveStatus: 'ENABLED', AttributeName: 'expires_at' });
    expect(await ttl('prices')).toMatchObject({ TimeToLiveStatus: 'DISABLED' });
    const { Table } = await client.send(new DescribeTableCommand({ TableName: 'once-profile' }));
    const tags = await client.send(new ListTagsOfResourceCommand({ ResourceArn: Table!.TableArn }));
    expect(tags.Tags).toEqual([PROVISIONED_BY]);
    await dropTables(client, 'once-', Object.values(TABLES));
    await dropTables(client, 'once-', Object.values(TABLES));
    expect((await describeTables(client, 'once-')).map(({ state }) => state)).toEqual(
      Array(4).fill('MISSING'),
    );
  });
});

describe('DynamoDB that is in trouble', () => {
  const endpoint = useDynalite();
  let proxy: DynamoProxy;
  beforeAll(async () => {
    proxy = await startDynamoProxy(endpoint());
  });
  afterAll(() => proxy.close());
  const rows = Array.from({ length: 60 }, (_, index) => ({
    ticker: 'SPY',
    date: addDays('2026-01-01', index),
    close: index + 1,
  }));
  const reset = (): void => {
    proxy.intervene = () => undefined;
    proxy.amend = (_operation, _request, answer) => answer;
    proxy.operations.length = 0;
  };

  test('a batch of which only a part is taken, and one that is throttled, end complete', async () => {
    reset();
    const { clock, slept } = testClock();
    const store = await openDynamo(dynamoClient(proxy.url));
    const name = `test${prefixes}-prices`;
    const retrying = new DynamoStore(dynamoClient(proxy.url), `test${prefixes}-`, clock, signal);
    let batches = 0;
    // Requests overlap: what was cut is remembered by the request.
    const cut = new Set<object>();
    proxy.intervene = (operation, body) => {
      if (operation !== 'BatchWriteItem') return undefined;
      batches += 1;
      // The SDK sends a throttled request once more itself.
      if (batches <= 2) {
        const type = 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException';
        return { status: 400, body: { __type: type, message: 'slow down' } };
      }
      const requests = body.RequestItems[name];
      expect(requests.length).toBeLessThanOrEqual(25);
      if (batches > 5) return undefined;
      cut.add(body);
      return { passOn: { RequestItems: { [name]: requests.slice(0, 10) } } };
    };
    proxy.amend = (_operation, request, answer) =>
      cut.has(request)
        ? { ...answer, UnprocessedItems: { [name]: request.RequestItems[name].slice(10) } }
        : answer;
    await retrying.put('prices', rows);
    reset();
    expect(cut.size).toBe(3);
    expect(slept.length).toBeGreaterThan(0);
    const found: unknown[] = [];
    for await (const { close } of store.query('prices', { hash: 'SPY' })) found.push(close);
    expect(found).toEqual(rows.map(({ close }) => close));
    expect(proxy.operations).not.toContain('Scan');
  });

  test('one that never takes a batch is an error that counts what is left', async () => {
    reset();
    const { clock, slept } = testClock();
    await openDynamo(dynamoClient(proxy.url));
    const name = `test${prefixes}-prices`;
    const store = new DynamoStore(dynamoClient(proxy.url), `test${prefixes}-`, clock, signal);
    proxy.intervene = (operation, body) =>
      operation === 'BatchWriteItem'
        ? { status: 200, body: { UnprocessedItems: { [name]: body.RequestItems[name] } } }
        : undefined;
    await expect(store.put('prices', rows.slice(0, 3))).rejects.toThrow(
      /did not take 3 of 3 items of table test\d+-prices in 10 attempts \(first \["SPY","2026-01-01"\]\)/,
    );
    // Half of 50 ms, doubled each time, up to half of 5 s.
    expect(slept).toEqual([25, 50, 100, 200, 400, 800, 1600, 2500, 2500]);
    reset();
  });

  test('pages are followed to their end', async () => {
    reset();
    const store = await openDynamo(dynamoClient(proxy.url));
    await store.put('prices', rows);
    proxy.intervene = (operation, body) =>
      operation === 'Query' ? { passOn: { ...body, Limit: 7 } } : undefined;
    proxy.operations.length = 0;
    const found: unknown[] = [];
    for await (const { date } of store.query('prices', {
      hash: 'SPY',
      from: '2026-01-05',
      before: '2026-02-20',
    }))
      found.push(date);
    expect(found).toEqual(
      rows.map(({ date }) => date).filter((date) => date >= '2026-01-05' && date < '2026-02-20'),
    );
    expect(proxy.operations.filter((operation) => operation === 'Query').length).toBeGreaterThan(5);
    reset();
  });

  test('tables that are missing, or others of the same name, are named with what to do', async () => {
    reset();
    const client = dynamoClient(proxy.url);
    const store = new DynamoStore(client, 'nowhere-', testClock().clock, signal);
    await expect(store.get('prices', 'SPY', '2026-01-02')).rejects.toThrow(
      /cannot read table nowhere-prices: .*cache provision/,
    );
    const odd = { ...TABLES.prices, range: 'day', attributes: { ticker: 'S', day: 'S' } } as const;
    const { CreateTableCommand } = await import('@aws-sdk/client-dynamodb');
    const { createTableInput } = await import('../../jobs/statistics/cache/dynamodb-tables.ts');
    const { Tags: _tags, ...input } = createTableInput(odd, 'odd-', ON_DEMAND);
    await client.send(new CreateTableCommand(input));
    await expect(createTables(client, 'odd-', ON_DEMAND)).rejects.toThrow(
      'table odd-prices is not the one that is needed: it has key (ticker:S, day:S) instead of key (ticker:S, date:S); set TABLE_PREFIX',
    );
  });
});

test('provisioned units are those of the tables and of each of their indexes', async () => {
  const { createTableInput } = await import('../../jobs/statistics/cache/dynamodb-tables.ts');
  const input = createTableInput(TABLES.correlations, '', {
    mode: 'PROVISIONED',
    readUnits: 3,
    writeUnits: 2,
  });
  const units = { ReadCapacityUnits: 3, WriteCapacityUnits: 2 };
  expect(input).toMatchObject({ BillingMode: 'PROVISIONED', ProvisionedThroughput: units });
  expect(input.GlobalSecondaryIndexes!.map((index) => index.ProvisionedThroughput)).toEqual([
    units,
    units,
    units,
  ]);
});

describe('ranges', () => {
  const date = fc.integer({ min: 0, max: 60 }).map((days) => addDays('2026-01-01', days));
  const range = fc
    .tuple(date, date)
    .filter(([a, b]) => a !== b)
    .map(([a, b]) => (a < b ? { start: a, end: b } : { start: b, end: a }));
  const daysOf = (ranges: readonly { start: string; end: string }[]): Set<string> => {
    const days = new Set<string>();
    for (const { start, end } of ranges)
      for (let day = start; day < end; day = addDays(day, 1)) days.add(day);
    return days;
  };

  test('what is missing and what is known are the whole, without overlap', () => {
    fc.assert(
      fc.property(range, fc.array(range, { maxLength: 6 }), (wanted, known) => {
        const missing = daysOf(missingParts(wanted, known));
        const covered = daysOf(known);
        for (const day of daysOf([wanted])) expect(missing.has(day)).toBe(!covered.has(day));
        for (const day of missing) expect(daysOf([wanted]).has(day)).toBe(true);
        expect(daysOf(unite(known))).toEqual(covered);
      }),
    );
  });
});
