import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AthenaClient, CreateWorkGroupCommand } from '@aws-sdk/client-athena';
import { CreateCrawlerCommand, GlueClient } from '@aws-sdk/client-glue';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { S3Store } from '../../jobs/lake/s3-store.ts';
import { DuckDBEngine } from '../../jobs/query/duckdb-engine.ts';
import { literal, openDuckDB } from '../../jobs/runtime/duckdb.ts';
import { awsClientConfig, awsEndpoint } from './aws.ts';
import { startFaultProxy, type Fault, type FaultProxy } from './fault-proxy.ts';
import { reading } from './prices.ts';

/** Answers that the emulator gives to the next queries, in the form in which Athena would: all text, names first. */
export async function seedAthena(...answers: readonly SeededAnswer[]): Promise<void> {
  await seedAthenaIn(awsClientConfig.region, answers);
}

export interface SeededAnswer {
  readonly columns: readonly (readonly [string, string])[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** The answer that the emulator gives in a region to the next `select count(*) as n`. */
export async function seedCount(region: string, count: number): Promise<void> {
  await seedAthenaIn(region, [{ columns: [['n', 'bigint']], rows: [[String(count)]] }]);
}

async function seedAthenaIn(region: string, answers: readonly SeededAnswer[]): Promise<void> {
  const results = answers.map(({ columns, rows }) => ({
    rows: [columns.map(([name]) => name), ...rows].map((row) => ({
      Data: row.map((value) => (value === null ? {} : { VarCharValue: value })),
    })),
    column_info: columns.map(([Name, Type]) => ({
      CatalogName: 'hive',
      SchemaName: '',
      TableName: '',
      Name,
      Label: Name,
      Type,
      Precision: 0,
      Scale: 0,
      Nullable: 'UNKNOWN',
      CaseSensitive: false,
    })),
  }));
  const answer = await fetch(`${awsEndpoint}/moto-api/static/athena/query-results`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ account_id: '123456789012', region, results }),
  });
  if (!answer.ok) throw new Error(`the emulator answered ${answer.status}`);
}

/** Makes a workgroup and a crawler in event mode, as the lake stack does, whose crawls take a moment. */
export async function createAthena(name: string): Promise<void> {
  await new AthenaClient(awsClientConfig).send(new CreateWorkGroupCommand({ Name: name }));
  await new GlueClient(awsClientConfig).send(
    new CreateCrawlerCommand({
      Name: `${name}-crawler`,
      Role: 'arn:aws:iam::123456789012:role/crawler',
      DatabaseName: name,
      Targets: { CatalogTargets: [{ DatabaseName: name, Tables: ['raw_data'] }] },
      RecrawlPolicy: { RecrawlBehavior: 'CRAWL_EVENT_MODE' },
    }),
  );
  await letCrawlsTake(0.2);
}

/** How long crawls of the emulator take; otherwise they never end. */
export async function letCrawlsTake(seconds: number): Promise<void> {
  await fetch(`${awsEndpoint}/moto-api/state-manager/set-transition`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model_name: 'glue::crawl', transition: { progression: 'time', seconds } }),
  });
}

/**
 * The emulator, with unloads carried out: the query is run by DuckDB over the lake at `bucket/prefix`, and its rows
 * are written in several objects in no order. With a region, `select count(*)` is answered likewise.
 */
export async function startUnloadingAthena(
  bucket: string,
  prefix: string,
  scratch: string,
  { answersIn }: { readonly answersIn?: string } = {},
): Promise<FaultProxy & { readonly unloads: string[] }> {
  const unloads: string[] = [];
  const proxy = await startFaultProxy(awsEndpoint);
  proxy.decide = async (_method, _path, { target, body }): Promise<Fault> => {
    if (target !== 'AmazonAthena.StartQueryExecution') return 'pass';
    const { QueryString } = JSON.parse(body.toString()) as { QueryString: string };
    const unload =
      /^unload \((.*)\) to 's3:\/\/([^/]+)\/(.*)' with \(format = 'PARQUET', compression = 'ZSTD'\)$/s.exec(
        QueryString,
      );
    if (unload !== null) {
      unloads.push(QueryString);
      await writeUnordered(unload[1]!, unload[2]!, unload[3]!);
    } else if (answersIn !== undefined) {
      const { rows } = await withEngine((engine) => engine.run(QueryString));
      await seedCount(answersIn, Number(rows[0]![0]));
    }
    return 'pass';
  };

  async function withEngine<T>(work: (engine: DuckDBEngine, folder: string) => Promise<T>): Promise<T> {
    const folder = mkdtempSync(join(scratch, 'athena-'));
    const store = new S3Store(bucket, prefix, awsClientConfig);
    const engine = new DuckDBEngine({
      store,
      db: await openDuckDB(folder),
      provider: undefined,
      scratch: folder,
      ports: reading(store),
    });
    try {
      return await work(engine, folder);
    } finally {
      await engine.close();
    }
  }

  async function writeUnordered(query: string, toBucket: string, toPrefix: string): Promise<void> {
    const client = new S3Client(awsClientConfig);
    await withEngine(async (engine, folder) => {
      for (const part of [0, 1, 2]) {
        const file = join(folder, String(part));
        await engine.run(
          `copy (select * from (${query}) as q where hash(ticker, date) % 3 = ${part} order by hash(date, ticker))
           to ${literal(file)} (format parquet)`,
        );
        const Key = `${toPrefix}20261121_010203_00004_abcde_${part}`;
        await client.send(new PutObjectCommand({ Bucket: toBucket, Key, Body: readFileSync(file) }));
      }
    });
  }

  return Object.assign(proxy, { unloads });
}
