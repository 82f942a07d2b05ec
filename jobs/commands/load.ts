import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadPrices, type LoadSummary } from '../lake/load.ts';
import { openLake } from '../lake/open-lake.ts';
import { createCsvProvider, listCsvTickers } from '../market/csv.ts';
import {
  readUniverse,
  selectShard,
  selectTickers,
  type Shard,
  type UniverseEntry,
} from '../market/universe.ts';
import { createYahooProvider } from '../market/yahoo.ts';
import { addDays, parseDate, utcDate, type DateRange } from '../runtime/dates.ts';
import { openDuckDB } from '../runtime/duckdb.ts';
import { UsageError } from '../runtime/errors.ts';
import { packageRoot } from '../runtime/package-root.ts';
import { createProgress } from '../runtime/progress.ts';
import type { Job } from '../runtime/run-job.ts';
import { createRunId } from '../runtime/run-id.ts';
import { versions } from '../runtime/versions.ts';
import { collect, logFile, parseCount, parseShard, parseShare } from './options.ts';

export interface LoadOptions {
  readonly start?: string;
  readonly end?: string;
  readonly ticker: readonly string[];
  readonly ntickers?: number;
  readonly universe?: string;
  readonly shard?: Shard;
  readonly source: 'yahoo' | 'csv';
  readonly path?: string;
  readonly minCoverage: number;
  readonly lake?: string;
  readonly local: boolean;
}

const DEFAULT_DAYS = 14;
const REQUEST_TIMEOUT_MS = 15_000;
const REQUESTS_IN_FLIGHT = 4;

/** `load`: prices into the lake. */
export function defineLoad(command: Command, job: Job): void {
  command
    .description('fetch daily prices into the lake')
    .option('--start <date>', 'first trading date, YYYY-MM-DD or YYMMDD (default: 14 days before the end)')
    .option('--end <date>', 'first trading date no longer wanted (default: tomorrow, UTC)')
    .option('--ticker <name>', 'load this symbol, numerai or Bloomberg ticker only; repeatable', collect, [])
    .option('--ntickers <n>', 'load the first n tickers only', parseCount)
    .option(
      '--universe <file>',
      'CSV file with the names to load (default: data/config/universe.csv for yahoo)',
    )
    .option('--shard <i/n>', 'load the i-th of n shares of the tickers', parseShard)
    .option('--source <name>', 'yahoo or csv', parseSource, 'yahoo')
    .option('--path <folder>', 'folder of <TICKER>.csv files, for --source csv')
    .option('--min-coverage <share>', 'least share of tickers to be answered, 0 to 1', parseShare, 0.95)
    .option('--lake <url>', 'file:PATH or s3://BUCKET[/PREFIX] (default: SIGNALS_LAKE)')
    .option('--local', 'AWS credentials from data/credential/aws.csv', false)
    .action(async () => {
      await runLoad(command.opts<LoadOptions>(), job);
    });
}

export async function runLoad(options: LoadOptions, job: Job): Promise<LoadSummary> {
  const range = resolveRange(options, job.now());
  const lakeUrl = options.lake ?? job.environment.lake;
  const store = await openLake(lakeUrl, options.local);
  const { tickers, universe } = await resolveTickers(options);
  const provider =
    options.source === 'csv'
      ? createCsvProvider(requirePath(options))
      : createYahooProvider({
          baseUrl: job.environment.yahooBaseUrl,
          timeoutMs: REQUEST_TIMEOUT_MS,
          now: job.now,
        });
  const runId = createRunId(job.now());
  const log = job.openLog({ job: 'load', runId }, logFile(lakeUrl, 'load', runId));
  log.info(
    { event: 'load.started', ...range, tickers: tickers.length, source: options.source, lake: lakeUrl },
    `load ${tickers.length} tickers from ${options.source}, trading dates ${range.start} up to before ${range.end}`,
  );
  const scratch = await mkdtemp(join(tmpdir(), 'signals-load-'));
  try {
    const summary = await loadPrices(
      {
        runId,
        tickers,
        range,
        universe,
        minCoverage: options.minCoverage,
        isStrict: options.source === 'csv',
        concurrency: REQUESTS_IN_FLIGHT,
        versions,
      },
      {
        store,
        db: await openDuckDB(scratch),
        provider,
        log,
        progress: createProgress(job.isTerminal),
        signal: job.signal,
        scratch,
        now: job.now,
      },
    );
    job.print(describe(summary, range, store.url));
    return summary;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function resolveRange({ start, end }: LoadOptions, now: Date): DateRange {
  const last = end === undefined ? addDays(utcDate(now), 1) : parseDate(end, '--end');
  const first = start === undefined ? addDays(last, -DEFAULT_DAYS) : parseDate(start, '--start');
  if (first >= last) {
    throw new UsageError(
      `--start ${first} is not before --end ${last}; the end is the first date no longer wanted`,
    );
  }
  return { start: first, end: last };
}

async function resolveTickers(
  options: LoadOptions,
): Promise<{ tickers: string[]; universe: UniverseEntry[] | undefined }> {
  const { ticker, ntickers, source, shard } = options;
  const share = (tickers: string[]): string[] =>
    shard === undefined ? tickers : selectShard(tickers, shard);
  const file =
    options.universe ?? (source === 'yahoo' ? join(packageRoot, 'data/config/universe.csv') : undefined);
  if (file !== undefined) {
    const universe = await readUniverse(file);
    return { tickers: share(selectTickers(universe, ticker, ntickers)), universe };
  }
  const found = ticker.length > 0 ? ticker : await listCsvTickers(requirePath(options));
  return { tickers: share(selectTickers([], found, ntickers)), universe: undefined };
}

function requirePath({ path }: LoadOptions): string {
  if (path === undefined) throw new UsageError('--source csv needs --path, the folder of <TICKER>.csv files');
  return path;
}

function parseSource(text: string): 'yahoo' | 'csv' {
  if (text !== 'yahoo' && text !== 'csv') throw new UsageError(`--source "${text}" is neither yahoo nor csv`);
  return text;
}

function describe({ tickers, rows, written, manifest }: LoadSummary, range: DateRange, lake: string): string {
  const count = (status: string): number => tickers.filter((ticker) => ticker.status === status).length;
  return [
    `load       ${range.start} up to before ${range.end}, lake ${lake}`,
    `tickers    ${tickers.length}: ${count('ok')} with bars, ${count('empty')} without bars in the window, ` +
      `${tickers.length - count('ok') - count('empty')} failed`,
    `rows       ${rows.new} new, ${rows.changed} changed, ${rows.unchanged} unchanged`,
    `objects    ${written.length} month objects written`,
    `manifest   ${manifest}`,
  ].join('\n');
}
