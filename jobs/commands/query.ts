import type { Command } from 'commander';
import { featureColumns } from '../features/settings.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { withLakeScratch } from '../lake/lake-scratch.ts';
import { openLake } from '../lake/open-lake.ts';
import { athenaOf } from '../query/athena-names.ts';
import { DuckDBEngine, readSets } from '../query/duckdb-engine.ts';
import type { QueryEngine } from '../query/engine.ts';
import { FORMATS, formatResult, type Format } from '../query/format.ts';
import { findNamedQuery, listNamedQueries, renderNamedQuery } from '../query/named.ts';
import { awsConfig } from '../runtime/aws.ts';
import { openDuckDB } from '../runtime/duckdb.ts';
import { UsageError } from '../runtime/errors.ts';
import { realWaiting } from '../runtime/poll.ts';
import type { Job } from '../runtime/run-job.ts';
import { createRunId } from '../runtime/run-id.ts';
import { oneOf } from './options.ts';
import { readPortsOf } from '../lake/read-ports.ts';

export interface QueryOptions {
  readonly name?: string;
  readonly set?: string;
  readonly format: Format;
  readonly provider?: string;
  readonly lake?: string;
  readonly local: boolean;
}

const TABLE_LIMITS = { rows: 40, columns: 8 };

/** `query`: SQL over prices, features and universe. */
export function defineQuery(command: Command, job: Job): void {
  const names = listNamedQueries().map(({ name, description }) => `  ${name.padEnd(10)} ${description}`);
  command
    .description('run SQL over raw_data, features_<set>, universe and universe_history')
    .argument('[sql]', 'a statement; or use --name')
    .option('--name <name>', 'run a named query')
    .option('--set <set>', 'feature set of a named query (default: all, else the only one)')
    .option('--format <format>', `${FORMATS.join(', ')}`, oneOf('--format', FORMATS), 'table')
    .option('--provider <name>', 'whose prices to read (default: yahoo, else the only one)')
    .option('--lake <url>', 'file:PATH or s3://BUCKET[/PREFIX] (default: SIGNALS_LAKE)')
    .option('--local', 'AWS credentials from data/credential/aws.csv', false)
    .addHelpText('after', `\nNamed queries:\n${names.join('\n')}`)
    .action(async (sql: string | undefined) => {
      await runQuery(sql, command.opts<QueryOptions>(), job);
    });
}

export async function runQuery(
  sql: string | undefined,
  options: QueryOptions,
  job: Job,
  limits = TABLE_LIMITS,
): Promise<void> {
  if ((sql === undefined) === (options.name === undefined)) {
    throw new UsageError('give either SQL or --name; "signals query --help" lists the named queries');
  }
  if (options.set !== undefined && (options.name === undefined || !findNamedQuery(options.name).needsSet)) {
    const withSet = listNamedQueries().filter(({ needsSet }) => needsSet);
    throw new UsageError(`--set goes with --name ${withSet.map(({ name }) => name).join(', ')} only`);
  }
  const lakeUrl = options.lake ?? job.environment.lake;
  const store = await openLake(lakeUrl, options.local, job.limits);
  const statement = sql ?? (await renderNamed(options, store));
  await withLakeScratch(store, 'query', async (scratch) => {
    const engine = await openEngine(options, lakeUrl, store, scratch, job);
    try {
      job.print(formatResult(await engine.run(statement), options.format, limits));
    } finally {
      await engine.close();
    }
  });
}

/** Athena for a lake that it has the tables of, DuckDB for any other. */
async function openEngine(
  { provider, local }: QueryOptions,
  lakeUrl: string,
  store: ObjectStore,
  scratch: string,
  job: Job,
): Promise<QueryEngine> {
  const { environment, signal, limits } = job;
  const names = athenaOf(environment, lakeUrl);
  if (names === undefined) {
    return new DuckDBEngine({
      store,
      db: await openDuckDB(scratch),
      provider,
      scratch,
      ports: readPortsOf(store, job),
      warn: (message) => {
        const log = job.openLog({ job: 'query', runId: createRunId(job.now()) });
        log.warn({ event: 'query.damaged' }, message);
      },
    });
  }
  if (provider !== undefined) {
    throw new UsageError('--provider is not for Athena, which has all of them; write "where provider = ..."');
  }
  // The SDK takes a while to load, and most lakes do not need it.
  const { AthenaEngine } = await import('../query/athena-engine.ts');
  return new AthenaEngine(names, await awsConfig(local, limits), realWaiting(signal));
}

async function renderNamed({ name, set }: QueryOptions, store: ObjectStore): Promise<string> {
  const query = findNamedQuery(name!);
  if (!query.needsSet) return renderNamedQuery(query, { set: '', features: [] });
  const sets = await readSets(store);
  const chosen = set ?? (sets.has('all') || sets.size !== 1 ? 'all' : [...sets.keys()][0]!);
  const settings = sets.get(chosen);
  if (settings === undefined) {
    const there = [...sets.keys()].join(', ') || 'none; make one with "signals transform"';
    throw new UsageError(`set "${chosen}" is not in lake "${store.url}"; it has ${there}`);
  }
  return renderNamedQuery(query, { set: chosen, features: featureColumns(settings) });
}
