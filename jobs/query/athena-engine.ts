import {
  AthenaClient,
  AthenaServiceException,
  GetQueryExecutionCommand,
  paginateGetQueryResults,
  StartQueryExecutionCommand,
  StopQueryExecutionCommand,
  type QueryExecution,
} from '@aws-sdk/client-athena';
import { createAwsClient } from '../runtime/aws-client.ts';
import { missingRegion, type AwsConfig } from '../runtime/aws.ts';
import type { AthenaNames } from '../runtime/environment.ts';
import { firstLine, QueryError, SignalsError } from '../runtime/errors.ts';
import { literal } from '../runtime/duckdb.ts';
import { poll, type BackOff, type Waiting } from '../runtime/poll.ts';
import { readResultPage } from './athena-results.ts';
import type { QueryEngine, QueryResult, ResultValue } from './engine.ts';

/** Most queries take seconds; Athena itself ends them after half an hour. */
const BACK_OFF: BackOff = { firstMs: 250, maxMs: 5000, timeoutMs: 40 * 60_000 };

/** Queries in a workgroup have a common limit: one that meets it is worth a few more attempts. */
const MAX_ATTEMPTS = 8;

/**
 * Queries the tables of a Glue database with Athena. A query that is no longer wanted is cancelled there.
 */
export class AthenaEngine implements QueryEngine {
  readonly #client: AthenaClient;
  readonly #names: AthenaNames;
  readonly #waiting: Waiting;

  constructor(names: AthenaNames, config: AwsConfig, waiting: Waiting) {
    this.#client = createAwsClient(AthenaClient, { ...config, maxAttempts: MAX_ATTEMPTS });
    this.#names = names;
    this.#waiting = waiting;
  }

  async run(sql: string): Promise<QueryResult> {
    return this.#attempt(async () => {
      const execution = await this.#execute(sql);
      // Only queries have the names of the columns as their first row; SHOW and the like have not.
      let isHeader = execution.StatementType === 'DML';
      let columns: QueryResult['columns'] = [];
      const rows: ResultValue[][] = [];
      const pages = paginateGetQueryResults(
        { client: this.#client },
        { QueryExecutionId: execution.QueryExecutionId },
      );
      for await (const { ResultSet } of pages) {
        const page = readResultPage(ResultSet!);
        columns = page.columns;
        for (const row of isHeader ? page.rows.slice(1) : page.rows) rows.push(row);
        isHeader = false;
      }
      return { columns, rows };
    });
  }

  /**
   * Lets Athena write the answer of a query as Parquet objects, in no order and of any number, below `location`,
   * which has to be empty.
   */
  async unload(sql: string, location: string): Promise<void> {
    const statement = `unload (${sql}) to ${literal(location)} with (format = 'PARQUET', compression = 'ZSTD')`;
    await this.#attempt(() => this.#execute(statement));
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  /** Starts a statement and waits for its end; cancels it when the wait is broken off. */
  async #execute(sql: string): Promise<QueryExecution> {
    const { database, workgroup } = this.#names;
    const { QueryExecutionId: id } = await this.#client.send(
      new StartQueryExecutionCommand({
        QueryString: sql,
        QueryExecutionContext: { Database: database, Catalog: 'AwsDataCatalog' },
        WorkGroup: workgroup,
      }),
    );
    let execution: QueryExecution | undefined;
    try {
      execution = await poll(() => this.#finished(id!), BACK_OFF, this.#waiting);
    } finally {
      if (execution === undefined)
        await this.#client.send(new StopQueryExecutionCommand({ QueryExecutionId: id }));
    }
    if (execution === undefined) throw new QueryError(`query ${id} did not end in time and was cancelled`);
    const { State: state, StateChangeReason: reason = 'no reason given' } = execution.Status!;
    if (state !== 'SUCCEEDED') {
      const outcome = state === 'CANCELLED' ? 'was cancelled' : 'failed';
      throw new QueryError(`the query ${outcome} in Athena: ${firstLine({ message: reason })} (query ${id})`);
    }
    return execution;
  }

  async #finished(id: string): Promise<QueryExecution | undefined> {
    const { QueryExecution: execution } = await this.#client.send(
      new GetQueryExecutionCommand({ QueryExecutionId: id }),
    );
    const isUnderWay = ['QUEUED', 'RUNNING'].includes(execution!.Status!.State!);
    return isUnderWay ? undefined : execution;
  }

  async #attempt<T>(asking: () => Promise<T>): Promise<T> {
    try {
      return await asking();
    } catch (error) {
      if (error instanceof SignalsError) throw error;
      const what = error instanceof AthenaServiceException ? `${error.name}: ` : '';
      const message = `Athena (workgroup "${this.#names.workgroup}") cannot be asked: ${what}${firstLine(error)}`;
      throw missingRegion(error) ?? new QueryError(message, error);
    }
  }
}
