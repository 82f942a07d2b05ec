import { DynamoDBServiceException, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  BatchWriteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  paginateQuery,
  UpdateCommand,
  type BatchWriteCommandInput,
} from '@aws-sdk/lib-dynamodb';
import pLimit from 'p-limit';
import type { Clock } from '../../runtime/clock.ts';
import { missingRegion } from '../../runtime/aws.ts';
import { firstLine, type SignalsError } from '../../runtime/errors.ts';
import { StatisticsError } from '../errors.ts';
import { presentAttributes, type Item, type Selection, type TableStore } from './table-store.ts';
import { TABLES, type TableName } from './tables.ts';

/** DynamoDB's own limit. */
const BATCH_ITEMS = 25;
const CONCURRENT_BATCHES = 4;
const MAX_ATTEMPTS = 10;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5_000;

const THROTTLES = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'RequestLimitExceeded',
  'LimitExceededException',
]);

type Requests = NonNullable<BatchWriteCommandInput['RequestItems']>[string];

/**
 * Tables in DynamoDB, under their names behind a prefix. Reads are by key or Query, never Scan; reads of a table are
 * consistent. Names are aliased in every expression, since many of them (`date`, `method`, `value`) are reserved words.
 */
export class DynamoStore implements TableStore {
  readonly #client: DynamoDBClient;
  readonly #documents: DynamoDBDocumentClient;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  constructor(client: DynamoDBClient, prefix: string, clock: Clock, signal: AbortSignal) {
    this.#client = client;
    this.#documents = DynamoDBDocumentClient.from(client);
    this.#prefix = prefix;
    this.#clock = clock;
    this.#signal = signal;
  }

  async get(table: TableName, hash: string, range: string): Promise<Item | undefined> {
    const names = TABLES[table];
    return this.#attempt('read', table, async () => {
      const answer = await this.#documents.send(
        new GetCommand({
          TableName: this.#name(table),
          Key: { [names.hash]: hash, [names.range]: range },
          ConsistentRead: true,
        }),
        { abortSignal: this.#signal },
      );
      return answer.Item as Item | undefined;
    });
  }

  async *query(table: TableName, { index: indexName, hash, from, before }: Selection): AsyncIterable<Item> {
    const definition = TABLES[table];
    const index = definition.indexes.find(({ name }) => name === indexName);
    const { hash: hashName, range: rangeName } = index ?? definition;
    const isRanged = rangeName !== undefined && (from !== undefined || before !== undefined);
    const condition = !isRanged
      ? ''
      : from === undefined
        ? ' and #range < :before'
        : before === undefined
          ? ' and #range >= :from'
          : ' and #range between :from and :before';
    const pages = paginateQuery(
      { client: this.#documents },
      {
        TableName: this.#name(table),
        ...(index === undefined ? { ConsistentRead: true } : { IndexName: index.name }),
        KeyConditionExpression: `#hash = :hash${condition}`,
        ExpressionAttributeNames: { '#hash': hashName, ...(isRanged ? { '#range': rangeName } : {}) },
        ExpressionAttributeValues: {
          ':hash': hash,
          ...(isRanged && from !== undefined ? { ':from': from } : {}),
          ...(isRanged && before !== undefined ? { ':before': before } : {}),
        },
      },
      { abortSignal: this.#signal },
    );
    const iterator = pages[Symbol.asyncIterator]();
    for (;;) {
      const page = await this.#attempt('read', table, () => iterator.next());
      if (page.done === true) return;
      for (const item of (page.value.Items ?? []) as Item[]) {
        // BETWEEN includes its end.
        if (rangeName === undefined || before === undefined || String(item[rangeName]) < before) yield item;
      }
    }
  }

  async put(table: TableName, items: readonly Item[]): Promise<void> {
    const { hash, range } = TABLES[table];
    // One batch may not name a key twice; the last one wins.
    const unique = new Map(items.map((item) => [JSON.stringify([item[hash], item[range]]), item]));
    await this.#writeAll(
      table,
      [...unique.values()].map((item) => ({ PutRequest: { Item: presentAttributes(item) } })),
    );
  }

  async merge(table: TableName, item: Item): Promise<void> {
    const { hash, range } = TABLES[table];
    const values = presentAttributes(item);
    const names = Object.keys(item).filter(
      (name) => name !== hash && name !== range && item[name] !== undefined,
    );
    const set = names.filter((name) => values[name] !== undefined);
    const removed = names.filter((name) => values[name] === undefined);
    const expression = [
      ...(set.length === 0 ? [] : [`set ${set.map((name) => `#${name} = :${name}`).join(', ')}`]),
      ...(removed.length === 0 ? [] : [`remove ${removed.map((name) => `#${name}`).join(', ')}`]),
    ].join(' ');
    await this.#attempt('write', table, () =>
      this.#documents.send(
        new UpdateCommand({
          TableName: this.#name(table),
          Key: { [hash]: item[hash], [range]: item[range] },
          UpdateExpression: expression,
          ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
          ...(set.length === 0
            ? {}
            : {
                ExpressionAttributeValues: Object.fromEntries(set.map((name) => [`:${name}`, values[name]])),
              }),
        }),
        { abortSignal: this.#signal },
      ),
    );
  }

  async delete(table: TableName, keys: readonly Item[]): Promise<void> {
    const { hash, range } = TABLES[table];
    const unique = new Map(keys.map((key) => [JSON.stringify([key[hash], key[range]]), key]));
    await this.#writeAll(
      table,
      [...unique.values()].map((key) => ({
        DeleteRequest: { Key: { [hash]: key[hash], [range]: key[range] } },
      })),
    );
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async #writeAll(table: TableName, requests: Requests): Promise<void> {
    const limit = pLimit(CONCURRENT_BATCHES);
    const batches: Requests[] = [];
    for (let from = 0; from < requests.length; from += BATCH_ITEMS)
      batches.push(requests.slice(from, from + BATCH_ITEMS));
    await Promise.all(batches.map((batch) => limit(() => this.#writeBatch(table, batch))));
  }

  /** Sends a batch, and what of it was not taken, until all of it is. */
  async #writeBatch(table: TableName, batch: Requests): Promise<void> {
    const name = this.#name(table);
    let left = batch;
    for (let attempt = 1; ; attempt += 1) {
      left = await this.#attempt('write', table, async () => {
        try {
          const answer = await this.#documents.send(
            new BatchWriteCommand({ RequestItems: { [name]: left } }),
            {
              abortSignal: this.#signal,
            },
          );
          return answer.UnprocessedItems?.[name] ?? [];
        } catch (error) {
          if (isThrottle(error)) return left;
          throw error;
        }
      });
      if (left.length === 0) return;
      if (attempt === MAX_ATTEMPTS) {
        const first = left[0]!.PutRequest?.Item ?? left[0]!.DeleteRequest?.Key;
        throw new StatisticsError(
          'cache-throttled',
          `DynamoDB did not take ${left.length} of ${batch.length} items of table ${name} in ${MAX_ATTEMPTS} attempts ` +
            `(first ${JSON.stringify([first![TABLES[table].hash], first![TABLES[table].range]])}); ` +
            'raise the units of the table or choose DYNAMO_BILLING_MODE=PAY_PER_REQUEST',
        );
      }
      const longest = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (attempt - 1));
      await this.#clock.sleep(this.#clock.random() * longest, this.#signal);
    }
  }

  #name(table: TableName): string {
    return this.#prefix + TABLES[table].name;
  }

  async #attempt<T>(what: string, table: TableName, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof StatisticsError) throw error;
      throw dynamoFailure(`cannot ${what} table ${this.#name(table)}`, error);
    }
  }
}

/** What DynamoDB's refusal means. */
export function dynamoFailure(what: string, error: unknown): SignalsError {
  if (isThrottle(error))
    return new StatisticsError('cache-throttled', `${what}: DynamoDB is throttling; try again later`, error);
  const name = error instanceof DynamoDBServiceException ? error.name : '';
  const hint =
    name === 'ResourceNotFoundException'
      ? '; make the tables with "signals cache provision" or deploy them'
      : name === 'AccessDeniedException'
        ? '; "signals cache iam-policy" prints what the role has to be allowed'
        : '';
  return missingRegion(error) ?? new StatisticsError('cache', `${what}: ${firstLine(error)}${hint}`, error);
}

function isThrottle(error: unknown): boolean {
  return error instanceof DynamoDBServiceException && THROTTLES.has(error.name);
}
