import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { openLake } from '../lake/open-lake.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { readUniverseTable, saveUniverse } from '../lake/universe-table.ts';
import { readCorrections } from '../market/corrections.ts';
import { Fetcher } from '../market/fetcher.ts';
import { downloadLive, readNames } from '../market/numerai.ts';
import type { FetchResult } from '../market/provider.ts';
import type { Ask } from '../market/symbols/confirm.ts';
import { currentEvidence, formatEvidence, readEvidence } from '../market/symbols/evidence.ts';
import { mapName, type Mapping, type Name } from '../market/symbols/mapping.ts';
import {
  mergeNames,
  refreshUniverse,
  type RefreshedUniverse,
  type Remark,
} from '../market/symbols/refresh.ts';
import { verifyNames } from '../market/symbols/verify.ts';
import {
  formatUniverse,
  parseUniverse,
  readUniverse,
  resolveSymbols,
  SHIPPED_UNIVERSE,
  type UniverseEntry,
} from '../market/universe.ts';
import { systemClock } from '../runtime/clock.ts';
import { addDays, utcDate } from '../runtime/dates.ts';
import { openDuckDB, type DuckDBConnection } from '../runtime/duckdb.ts';
import { MarketError, UsageError } from '../runtime/errors.ts';
import { packageRoot } from '../runtime/package-root.ts';
import { createProgress } from '../runtime/progress.ts';
import { createRunId } from '../runtime/run-id.ts';
import type { Job } from '../runtime/run-job.ts';
import { withScratch } from '../runtime/scratch.ts';
import { writeOutput } from './output-file.ts';
import { connectYahoo } from './yahoo.ts';

interface RefreshOptions {
  readonly file?: string;
  readonly universe?: string;
  readonly corrections: string;
  readonly verify: boolean;
  readonly dryRun: boolean;
  readonly allowRemovals: boolean;
  readonly lake?: string;
  readonly local: boolean;
}

const CORRECTIONS_FILE = join(packageRoot, 'data/config/ticker_corrections.json');
/** Beside the universe file: what the provider was found to have. */
const EVIDENCE_FILE = 'ticker_evidence.csv';

const API_TIMEOUT_MS = 30_000;
const DOWNLOAD_TIMEOUT_MS = 300_000;
// Five thousand names and a few hundred features take a few MB.
const MAX_DOWNLOAD_BYTES = 500_000_000;

/** A listing that traded in these days before today exists. */
const RECENT_DAYS = 14;

/** A couple of names move a day; more than this share at once looks like another file than Numerai's universe. */
const MAX_REMOVED_SHARE = 0.2;

/** `universe`: the names to load and their symbols. */
export function defineUniverse(command: Command, job: Job): void {
  command.description('the names to load and their symbols');
  const refresh = command.command('refresh');
  refresh
    .description(
      "take over Numerai's live universe: add new names, remove those that are gone, map all to Yahoo",
    )
    .option('--file <file>', 'a .parquet or .csv file with the column numerai_ticker instead of the API')
    .option(
      '--universe <file>',
      'the file to refresh (default: the universe of the lake; data/config/universe.csv where there is no lake)',
    )
    .option('--corrections <file>', 'symbols that win over the rules', CORRECTIONS_FILE)
    .option('--verify', 'ask Yahoo which candidate it has, where the rules leave several', false)
    .option('--dry-run', 'say what would change and write nothing', false)
    .option('--allow-removals', 'remove more than a fifth of the names', false)
    .option('--lake <url>', 'file:PATH or s3://BUCKET[/PREFIX] (default: SIGNALS_LAKE, where there is one)')
    .option('--local', 'AWS credentials from data/credential/aws.csv', false)
    .action(async () => {
      await runRefresh(refresh.opts<RefreshOptions>(), job);
    });
}

async function runRefresh(options: RefreshOptions, job: Job): Promise<void> {
  const today = utcDate(job.now());
  const store = await chooseLake(options, job);
  const corrections = await readCorrections(options.corrections);
  const evidenceFile = join(dirname(options.universe ?? SHIPPED_UNIVERSE), EVIDENCE_FILE);
  const evidence = currentEvidence(await readEvidence(evidenceFile), today);
  const log = job.openLog({ job: 'universe', runId: createRunId(job.now()) });
  await withDatabase(async (db, scratch) => {
    const { current, origin, target } = await chooseUniverse(options.universe, store, db, scratch);
    const { source, file } =
      options.file === undefined
        ? await downloadUniverse(job, scratch)
        : { source: options.file, file: options.file };
    const names = await readNames(file, db);
    log.info({ event: 'universe.read', source, names: names.length }, `${names.length} names in ${source}`);
    const { kept, gone } = mergeNames(current, names);
    assertFewRemovals(gone.length, current.length, origin, options);

    const map = (name: Name, known: string): Mapping => mapName(name, known, corrections, evidence);
    if (options.verify) {
      await verifyNames(kept, map, evidence, {
        ask: createAsk(job),
        log,
        progress: createProgress(job.isTerminal, log),
        signal: job.signal,
        today,
        save: async () => {
          if (!options.dryRun) await writeOutput(evidenceFile, formatEvidence(evidence));
        },
      });
    }
    const refreshed = refreshUniverse(kept, map);
    let table = 'not written';
    if (!options.dryRun) {
      const text = formatUniverse(refreshed.universe);
      // What is written has to be what can be read.
      parseUniverse(text, target ?? origin);
      if (target !== undefined) await writeOutput(target, text);
      if (store !== undefined) {
        const isNew = await saveUniverse(store, db, refreshed.universe, today, scratch);
        table = `${store.url}, ${isNew ? 'written' : 'up to date'}`;
      }
    }
    job.print(
      describe(refreshed, gone, { source, universe: target ?? origin, dryRun: options.dryRun, table }),
    );
  });
}

interface ChosenUniverse {
  readonly current: readonly UniverseEntry[];
  /** Where it comes from, for people. */
  readonly origin: string;
  /** The file to write it to; none where the lake has it. */
  readonly target: string | undefined;
}

/**
 * The universe to refresh: a file that was given, else that of the lake. The file that is shipped stands in for what
 * the lake lacks, and is itself refreshed where there is no lake.
 */
async function chooseUniverse(
  file: string | undefined,
  store: ObjectStore | undefined,
  db: DuckDBConnection,
  scratch: string,
): Promise<ChosenUniverse> {
  const stored =
    file === undefined && store !== undefined ? await readUniverseTable(store, db, scratch) : undefined;
  if (stored !== undefined) return { current: stored.names, origin: stored.key, target: undefined };
  const origin = file ?? SHIPPED_UNIVERSE;
  const isWritten = file !== undefined || store === undefined;
  return { current: await readUniverse(origin), origin, target: isWritten ? origin : undefined };
}

/**
 * The provider symbols of names that were asked for by any identifier, by the universe that the lake has, else by
 * the one that is configured.
 */
export async function resolveTickers(asked: readonly string[], store: ObjectStore): Promise<string[]> {
  if (asked.length === 0) return [];
  const known = await withDatabase((db, scratch) => readUniverseTable(store, db, scratch));
  return [...new Set(resolveSymbols(known?.names ?? (await readUniverse(SHIPPED_UNIVERSE)), asked))];
}

/** Runs `work` with a DuckDB and a folder for temporary files. */
function withDatabase<T>(work: (db: DuckDBConnection, scratch: string) => Promise<T>): Promise<T> {
  return withScratch('universe', async (scratch) => {
    const db = await openDuckDB(scratch);
    try {
      return await work(db, scratch);
    } finally {
      db.closeSync();
    }
  });
}

async function downloadUniverse(
  { environment, signal, limits }: Job,
  scratch: string,
): Promise<{ source: string; file: string }> {
  if (environment.numeraiApiKey === undefined) {
    throw new UsageError(
      "NUMERAI_API_KEY is not set: make a key in Numerai's account settings and set PUBLIC_ID$SECRET_KEY, or give --file",
    );
  }
  const { dataset, file } = await downloadLive(
    {
      baseUrl: environment.numeraiBaseUrl,
      apiKey: environment.numeraiApiKey,
      timeoutMs: API_TIMEOUT_MS,
      silenceMs: limits.silenceMs,
      downloadTimeoutMs: DOWNLOAD_TIMEOUT_MS,
      maxBytes: MAX_DOWNLOAD_BYTES,
      signal,
    },
    scratch,
  );
  return { source: dataset, file };
}

/** The lake that gets the table: the one asked for, else the default one unless it is a folder that is not there. */
async function chooseLake(
  { lake, local }: RefreshOptions,
  { environment, limits }: Job,
): Promise<ObjectStore | undefined> {
  const folder = /^file:(?:\/\/)?(.+)$/.exec(environment.lake)?.[1];
  if (lake === undefined && folder !== undefined) {
    const isThere = await stat(folder).then(
      () => true,
      () => false,
    );
    if (!isThere) return undefined;
  }
  return openLake(lake ?? environment.lake, local, limits);
}

function assertFewRemovals(
  gone: number,
  total: number,
  universe: string,
  { allowRemovals }: RefreshOptions,
): void {
  if (allowRemovals || gone <= MAX_REMOVED_SHARE * total) return;
  throw new UsageError(
    `${gone} of the ${total} names in "${universe}" would be removed; if that is meant, say --allow-removals`,
  );
}

/** Asks for one symbol at a time, under the same policy as a load. */
function createAsk(job: Job): Ask {
  const { provider, policy } = connectYahoo(job, { inFlight: 1 });
  const fetcher = new Fetcher(provider, policy, systemClock, job.signal);
  const today = utcDate(job.now());
  const range = { start: addDays(today, -RECENT_DAYS), end: addDays(today, 1) };
  return async (symbol) => {
    let result: FetchResult = { kind: 'blocked', reason: 'not asked' };
    await fetcher.fetch(symbol, range, 0, async ({ answer }) => {
      if (fetcher.silence !== undefined)
        throw new MarketError(`${fetcher.silence}; answers are kept, run again to go on`);
      result = answer.kind === 'unattempted' ? { kind: 'blocked', reason: answer.reason } : answer;
    });
    return result;
  };
}

/** A line for each name that needs a look, then the counts. */
function describe(
  { universe, added, changed, unmapped, unverified }: RefreshedUniverse,
  gone: readonly UniverseEntry[],
  {
    source,
    universe: file,
    dryRun,
    table,
  }: { source: string; universe: string; dryRun: boolean; table: string },
): string {
  const remark = (what: string, { id, yahoo, reason }: Remark): string =>
    [what, id, yahoo || '-', reason].join('  ');
  const mapped = universe.filter(({ yahoo }) => yahoo !== '').length;
  return [
    ...added.map(({ id, yahoo }) => ['added', id, yahoo || '-'].join('  ')),
    ...gone.map(({ id, yahoo }) => ['gone', id, yahoo || '-'].join('  ')),
    ...changed.map((name) => remark('changed', name)),
    ...unverified.map((name) => remark('unverified', name)),
    ...unmapped.map((name) => remark('unmapped', name)),
    '',
    `universe   ${file}${dryRun ? ', not written (--dry-run)' : ''}`,
    `source     ${source}`,
    `names      ${universe.length}: ${added.length} added, ${gone.length} gone, ${changed.length} with another symbol`,
    `mapped     ${mapped}, ${unverified.length} of them unverified`,
    `unmapped   ${unmapped.length}`,
    `table      ${table}`,
  ].join('\n');
}
