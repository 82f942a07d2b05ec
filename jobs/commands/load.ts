import type { Command } from 'commander';
import { withLakeScratch } from '../lake/lake-scratch.ts';
import { openLake } from '../lake/open-lake.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { readUniverseTable } from '../lake/universe-table.ts';
import type { FinishedLoad } from '../loader/finish.ts';
import { loadFiles } from '../loader/load-files.ts';
import { loadFromProvider } from '../loader/load-provider.ts';
import { mergeShards } from '../loader/merge-shards.ts';
import type { LoadManifest } from '../loader/outcome.ts';
import type { LoadPorts, LoadRequest, UniverseToKeep } from '../loader/request.ts';
import { claimRun } from '../loader/resume.ts';
import { summarise } from '../loader/summary.ts';
import { createCsvProvider, listCsvTickers } from '../market/csv.ts';
import {
  readUniverse,
  selectShard,
  selectTickers,
  type Shard,
  SHIPPED_UNIVERSE,
  type UniverseEntry,
} from '../market/universe.ts';
import { systemClock } from '../runtime/clock.ts';
import { addDays, parseDate, utcDate, type DateRange, type IsoDate } from '../runtime/dates.ts';
import { openDuckDB } from '../runtime/duckdb.ts';
import { UsageError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { createProgress } from '../runtime/progress.ts';
import type { Job } from '../runtime/run-job.ts';
import { createRunId } from '../runtime/run-id.ts';
import { versions } from '../runtime/versions.ts';
import {
  collect,
  countFor,
  dateFor,
  logFile,
  numberFor,
  oneOf,
  parseShard,
  positiveFor,
  shareFor,
} from './options.ts';
import { connectYahoo, PATIENCE, type Patience } from './yahoo.ts';

export interface LoadOptions extends Partial<Patience> {
  readonly start?: string;
  readonly end?: string;
  readonly history?: IsoDate;
  readonly ticker: readonly string[];
  readonly ntickers?: number;
  readonly universe?: string;
  readonly shard?: Shard;
  readonly mergeShards?: number;
  readonly source: 'yahoo' | 'csv';
  readonly path?: string;
  readonly minCoverage: number;
  readonly accept?: boolean;
  readonly lake?: string;
  readonly local: boolean;
}

const DEFAULT_DAYS = 14;
// A stopped run is continued for so long: until exchanges may have closed once more, if its window reaches to today.
const TODAY_STAYS_FRESH_MS = 2 * 3_600_000;
const PAST_STAYS_FRESH_MS = 24 * 3_600_000;

/** `load`: prices into the lake. */
export function defineLoad(command: Command, job: Job): void {
  command
    .description('fetch daily prices into the lake')
    .option('--start <date>', 'first trading date, YYYY-MM-DD or YYMMDD (default: 14 days before the end)')
    .option('--end <date>', 'first trading date no longer wanted (default: tomorrow, UTC)')
    .option(
      '--history <date>',
      'first trading date of every history (default: where the lake starts; with --start or --ticker, --start)',
      dateFor('--history'),
    )
    .option('--ticker <name>', 'load this symbol, numerai or Bloomberg ticker only; repeatable', collect, [])
    .option('--ntickers <n>', 'load the first n tickers only', countFor('--ntickers'))
    .option(
      '--universe <file>',
      'CSV file with the names to load; kept in the lake (default for yahoo: the latest universe of the lake, ' +
        'else data/config/universe.csv)',
    )
    .option('--shard <i/n>', 'load the i-th of n shares of the tickers', parseShard)
    .option(
      '--merge-shards <n>',
      'load nothing; put the manifests of n shards together and judge them',
      countFor('--merge-shards'),
    )
    .option('--source <name>', 'yahoo or csv', oneOf('--source', ['yahoo', 'csv']), 'yahoo')
    .option('--path <folder>', 'folder of <TICKER>.csv files, for --source csv')
    .option(
      '--min-coverage <share>',
      'least share of tickers to be good, 0 to 1',
      shareFor('--min-coverage'),
      0.95,
    )
    .option('--accept', 'take answers that would be held back as suspicious', false)
    .option(
      '--rate <n>',
      'requests a second, 0 for no limit (default: YAHOO_RATE, else 2)',
      numberFor('--rate', 'a number of 0 or more', (rate) => rate >= 0),
    )
    .option('--in-flight <n>', 'requests at once (default: YAHOO_IN_FLIGHT, else 4)', countFor('--in-flight'))
    .option(
      '--timeout <seconds>',
      'longest wait for a whole answer',
      positiveFor('--timeout'),
      PATIENCE.timeout,
    )
    .option(
      '--attempts <n>',
      'requests for one ticker, retries included',
      countFor('--attempts'),
      PATIENCE.attempts,
    )
    .option(
      '--backoff <seconds>',
      'longest wait before the first retry; doubles with each one',
      positiveFor('--backoff'),
      PATIENCE.backoff,
    )
    .option(
      '--deadline <minutes>',
      'start no request after so long',
      positiveFor('--deadline'),
      PATIENCE.deadline,
    )
    .option('--lake <url>', 'file:PATH or s3://BUCKET[/PREFIX] (default: SIGNALS_LAKE)')
    .option('--local', 'AWS credentials from data/credential/aws.csv', false)
    .action(async () => {
      await runLoad(command.opts<LoadOptions>(), job);
    });
}

/** Throws what ended the load before it was done, after the summary is printed. */
export async function runLoad(options: LoadOptions, job: Job): Promise<LoadManifest> {
  const range = resolveRange(options, job.now());
  const lake = options.lake ?? job.environment.lake;
  const store = await openLake(lake, options.local, job.limits);
  const { manifest, manifestKey, failure } = await load(options, range, lake, store, job);
  job.print(summarise(manifest, store.url, manifestKey));
  if (failure !== undefined) throw failure;
  return manifest;
}

async function load(
  options: LoadOptions,
  range: DateRange,
  lake: string,
  store: ObjectStore,
  job: Job,
): Promise<FinishedLoad> {
  const { source: provider, minCoverage } = options;
  if (options.mergeShards !== undefined) {
    // Shards that began on two sides of midnight have two default windows.
    const isAnyWindow = options.start === undefined && options.end === undefined;
    const window = isAnyWindow ? undefined : range;
    const request = { count: options.mergeShards, provider, range, window, minCoverage, versions };
    return mergeShards(request, store, job.now());
  }
  return withLakeScratch(store, 'load', async (scratch) => {
    const db = await openDuckDB(scratch);
    const ports = { store, db, signal: job.signal, sleep: systemClock.sleep, scratch, now: job.now };
    const { tickers, universe, names } = await resolveTickers(options, ports);
    const openLog = (runId: string, isContinued: boolean): Logger => {
      const log = job.openLog({ job: 'load', runId }, logFile(lake, 'load', runId));
      log.info(
        {
          event: 'load.started',
          ...range,
          tickers: tickers.length,
          names,
          source: provider,
          lake,
          isContinued,
        },
        `${isContinued ? `go on with run ${runId}: ` : ''}load ${tickers.length} tickers from ${provider}, ` +
          `trading dates ${range.start} up to before ${range.end}` +
          (names === undefined ? '' : `, names of ${names}`),
      );
      return log;
    };
    const request = { tickers, range, shard: options.shard, universe, minCoverage, versions };
    return provider === 'csv'
      ? loadOwnFiles(options, request, ports, openLog, job)
      : loadFromYahoo(options, request, ports, openLog, job);
  });
}

type Request = Omit<LoadRequest, 'runId' | 'startedAt'>;
type Ports = Omit<LoadPorts, 'log' | 'progress' | 'provider'>;
type OpenLog = (runId: string, isContinued: boolean) => Logger;

function loadOwnFiles(
  options: LoadOptions,
  request: Request,
  ports: Ports,
  openLog: OpenLog,
  job: Job,
): Promise<FinishedLoad> {
  const startedAt = job.now();
  const runId = createRunId(startedAt);
  const log = openLog(runId, false);
  const provider = createCsvProvider(requirePath(options));
  const progress = createProgress(job.isTerminal, log);
  return loadFiles({ ...request, runId, startedAt }, { ...ports, provider, log, progress });
}

async function loadFromYahoo(
  options: LoadOptions,
  request: Request,
  ports: Ports,
  openLog: OpenLog,
  job: Job,
): Promise<FinishedLoad> {
  const { now } = job;
  const asked = {
    isRoutine: options.start === undefined && options.ticker.length === 0,
    historyStart: options.history,
    isTrusted: options.accept === true,
  };
  const { tickers, range } = request;
  const command = { provider: options.source, tickers, range, ...asked };
  const freshMs = range.end <= utcDate(now()) ? PAST_STAYS_FRESH_MS : TODAY_STAYS_FRESH_MS;
  const run = await claimRun(ports.store, command, now(), freshMs);
  const log = openLog(run.runId, run.lines !== undefined);
  const { provider, policy } = connectYahoo(job, options);
  const progress = createProgress(job.isTerminal, log);
  return loadFromProvider(
    { ...request, ...asked, ...run, policy },
    { ...ports, provider, log, progress, clock: { ...systemClock, now } },
  );
}

function resolveRange({ start, end }: LoadOptions, now: Date): DateRange {
  const last: IsoDate = end === undefined ? addDays(utcDate(now), 1) : parseDate(end, '--end');
  const first = start === undefined ? addDays(last, -DEFAULT_DAYS) : parseDate(start, '--start');
  if (first >= last) {
    throw new UsageError(
      `--start ${first} is not before --end ${last}; the end is the first date no longer wanted`,
    );
  }
  return { start: first, end: last };
}

/** What to load: provider symbols, the universe to keep in the lake, and where the names come from. */
interface Chosen {
  readonly tickers: readonly string[];
  readonly universe: UniverseToKeep | undefined;
  readonly names: string | undefined;
}

/**
 * A universe file that was given wins, and is kept in the lake; else the lake's own wins over the file that is shipped,
 * which is older wherever `universe refresh` has run.
 */
async function resolveTickers(
  options: LoadOptions,
  { store, db, scratch }: Pick<LoadPorts, 'store' | 'db' | 'scratch'>,
): Promise<Chosen> {
  const { ticker, ntickers, universe: file, source, shard } = options;
  const choose = (universe: readonly UniverseEntry[], asked: readonly string[]): string[] => {
    const chosen = selectTickers(universe, asked, ntickers);
    return shard === undefined ? chosen : selectShard(chosen, shard);
  };
  if (file === undefined && source === 'csv') {
    const asked = ticker.length > 0 ? ticker : await listCsvTickers(requirePath(options));
    return { tickers: choose([], asked), universe: undefined, names: undefined };
  }
  const stored = file === undefined ? await readUniverseTable(store, db, scratch) : undefined;
  if (stored !== undefined) {
    return { tickers: choose(stored.names, ticker), universe: undefined, names: stored.key };
  }
  const names = await readUniverse(file ?? SHIPPED_UNIVERSE);
  const universe = { names, isStandIn: file === undefined };
  return { tickers: choose(names, ticker), universe, names: file ?? SHIPPED_UNIVERSE };
}

function requirePath({ path }: LoadOptions): string {
  if (path === undefined) throw new UsageError('--source csv needs --path, the folder of <TICKER>.csv files');
  return path;
}
