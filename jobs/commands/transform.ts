import type { Command } from 'commander';
import { GROUPS, type Group } from '../features/catalogue.ts';
import { createSettings, type FeatureSettings } from '../features/settings.ts';
import { transformPrices, type TransformSummary } from '../features/transform.ts';
import { chooseProvider } from '../lake/choose-provider.ts';
import { withLakeScratch } from '../lake/lake-scratch.ts';
import { openLake } from '../lake/open-lake.ts';
import { copyPrices } from '../lake/read-prices.ts';
import { athenaOf } from '../query/athena-names.ts';
import type { ReloadRequest } from '../query/reload.ts';
import { awsConfig } from '../runtime/aws.ts';
import { addDays, parseDate, utcDate, type IsoDate } from '../runtime/dates.ts';
import { openDuckDB } from '../runtime/duckdb.ts';
import { LakeError, UsageError } from '../runtime/errors.ts';
import { createProgress } from '../runtime/progress.ts';
import type { Job } from '../runtime/run-job.ts';
import { createRunId } from '../runtime/run-id.ts';
import { versions } from '../runtime/versions.ts';
import { collect, countFor, logFile, numberFor, oneOf } from './options.ts';
import { readPortsOf } from '../lake/read-ports.ts';
import { resolveTickers } from './universe.ts';

export interface TransformOptions {
  readonly cmd: Group;
  readonly lags: number;
  readonly reload: boolean;
  readonly definitions: 'causal' | 'ta';
  readonly fill?: boolean;
  readonly price: 'close' | 'adj_close';
  readonly sample: 'weekly' | 'daily';
  readonly na: 'keep' | 'drop';
  readonly since?: string;
  readonly window?: number;
  readonly asOf?: string;
  readonly set?: string;
  readonly rebuild: boolean;
  readonly ticker: readonly string[];
  readonly threads?: number;
  readonly provider?: string;
  readonly lake?: string;
  readonly local: boolean;
}

/** `transform`: features into the lake. */
export function defineTransform(command: Command, job: Job): void {
  command
    .description('compute features from the prices of the lake')
    .requiredOption('--cmd <group>', `group of features: ${GROUPS.join(', ')}`, oneOf('--cmd', GROUPS))
    .option('--lags <n>', 'lags of each feature: trading rows 0 to n-1 back', parseLags, 5)
    .option(
      '--reload',
      'compute eras that are up to date as well; on AWS crawl and read the prices through Athena',
      false,
    )
    .option('--definitions <name>', 'causal or ta', oneOf('--definitions', ['causal', 'ta']), 'causal')
    .option('--fill', 'fill gaps as ta does (the default with --definitions ta)')
    .option('--no-fill', 'leave gaps NULL')
    .option('--price <column>', 'close or adj_close', oneOf('--price', ['close', 'adj_close']), 'close')
    .option('--sample <name>', 'weekly or daily eras', oneOf('--sample', ['weekly', 'daily']), 'weekly')
    .option('--na <what>', 'keep or drop rows that have a NULL', oneOf('--na', ['keep', 'drop']), 'keep')
    .option('--since <date>', 'write eras on or after this date only')
    .option(
      '--window <days>',
      'let indicators see this many calendar days of prices only',
      countFor('--window'),
    )
    .option('--as-of <date>', 'one row per ticker for a decision on this date, or `latest`, into <set>_live')
    .option('--set <name>', 'name of the set to write (default: the group)')
    .option('--rebuild', 'replace the set when it was made with another setting', false)
    .option(
      '--ticker <name>',
      'compute this symbol, numerai or Bloomberg ticker only and merge its rows; repeatable',
      collect,
      [],
    )
    .option(
      '--threads <n>',
      'threads to compute on (default: as many as are worth it)',
      countFor('--threads'),
    )
    .option('--provider <name>', 'whose prices to read (default: yahoo, else the only one)')
    .option('--lake <url>', 'file:PATH or s3://BUCKET[/PREFIX] (default: SIGNALS_LAKE)')
    .option('--local', 'AWS credentials from data/credential/aws.csv', false)
    .action(async () => {
      await runTransform(command.opts<TransformOptions>(), job);
    });
}

export async function runTransform(options: TransformOptions, job: Job): Promise<TransformSummary> {
  const asOf = resolveAsOf(options, job.now());
  const since = options.since === undefined ? undefined : parseDate(options.since, '--since');
  const set = chooseSet(options);
  if (options.definitions === 'causal' && options.fill === true) {
    throw new UsageError('--fill goes with --definitions ta; causal features leave gaps NULL');
  }
  const lakeUrl = options.lake ?? job.environment.lake;
  const lake = await openLake(lakeUrl, options.local, job.limits);
  const provider = await chooseProvider(lake, options.provider);
  if (provider === undefined) {
    throw new LakeError(`lake "${lakeUrl}" has no prices; fill it with "signals load" first`);
  }
  const tickers = await resolveTickers(options.ticker, lake);
  const settings = createSettings({
    group: options.cmd,
    provider,
    definitions: options.definitions,
    fill: options.definitions === 'ta' && options.fill !== false,
    lags: options.lags,
    price: options.price,
    sample: asOf === undefined ? options.sample : 'live',
    na: options.na,
    window: options.window ?? null,
  });
  const runId = createRunId(job.now());
  const log = job.openLog({ job: 'transform', runId }, logFile(lakeUrl, 'transform', runId));
  log.info({ event: 'transform.started', set, ...settings }, `transform ${options.cmd} into set ${set}`);
  const names = options.reload ? athenaOf(job.environment, lakeUrl) : undefined;
  return withLakeScratch(lake, 'transform', async (scratch) => {
    const db = await openDuckDB(scratch);
    const from =
      options.window === undefined ? undefined : addDays(asOfDate(asOf, job.now()), -options.window);
    const ports = readPortsOf(lake, job);
    const copy = async (isWanted: (month: string) => boolean): Promise<readonly string[]> => {
      if (names !== undefined) {
        return reload({ lake, db, names, log, runId, provider, from, scratch, ports }, options, job);
      }
      const request = { provider, isWanted, ...(tickers.length === 0 ? {} : { tickers }) };
      const prices = await copyPrices(lake, request, scratch, ports);
      return prices?.months.map(({ file }) => file) ?? [];
    };
    const summary = await transformPrices(
      {
        runId,
        set,
        settings,
        since,
        asOf,
        tickers,
        reload: !options.reload ? undefined : names === undefined ? 'lake' : 'athena',
        threads: options.threads,
        isRebuild: options.rebuild,
        versions,
      },
      {
        store: lake,
        db,
        log,
        progress: createProgress(job.isTerminal, log),
        signal: job.signal,
        sleep: ports.sleep,
        scratch,
        now: job.now,
        copyPrices: copy,
      },
    );
    log.info(
      { event: 'transform.done', eras: summary.eras.length, rows: summary.rows },
      `${summary.eras.length} eras written`,
    );
    job.print(describe(summary, set, settings, lake.url));
    return summary;
  });
}

async function reload(
  request: Omit<ReloadRequest, 'config'>,
  { local }: TransformOptions,
  { limits }: Job,
): Promise<readonly string[]> {
  // The SDK takes a while to load, and a lake in a folder does not need it.
  const { reloadThroughAthena } = await import('../query/reload.ts');
  return reloadThroughAthena({ ...request, config: await awsConfig(local, limits) });
}

/** The last date of which a run may see prices. */
function asOfDate(asOf: IsoDate | 'latest' | undefined, now: Date): IsoDate {
  return asOf === undefined || asOf === 'latest' ? utcDate(now) : asOf;
}

function resolveAsOf({ asOf }: TransformOptions, now: Date): IsoDate | 'latest' | undefined {
  if (asOf === undefined || asOf === 'latest') return asOf;
  const date = parseDate(asOf, '--as-of');
  if (date > utcDate(now))
    throw new UsageError(`--as-of ${date} lies in the future; today is ${utcDate(now)}`);
  return date;
}

function chooseSet({ set, cmd, asOf }: TransformOptions): string {
  const name = set ?? (asOf === undefined ? cmd : `${cmd}_live`);
  if (!/^[a-z][a-z0-9_]{0,59}$/.test(name)) {
    throw new UsageError(`--set "${name}" is no name for a set: small letters, digits and _, a letter first`);
  }
  return name;
}

// One ticker rarely has more rows than this, and every lag is a column of its own.
const MAX_LAGS = 1000;

const parseLags = numberFor(
  '--lags',
  `a whole number from 1 to ${MAX_LAGS}`,
  (lags) => Number.isInteger(lags) && lags >= 1 && lags <= MAX_LAGS,
);

function describe(summary: TransformSummary, set: string, settings: FeatureSettings, lake: string): string {
  const { eras, skipped, rows, features, tickers, bytes, nullShare, manifest } = summary;
  const span = eras.length === 0 ? 'all up to date' : `${eras.toSorted()[0]} to ${eras.toSorted().at(-1)}`;
  const shares = Object.entries(nullShare).map(
    ([family, share]) => `${family} ${(share * 100).toFixed(2)} %`,
  );
  return [
    `transform  set ${set} (${settings.definitions}, ${settings.sample}), lake ${lake}`,
    `eras       ${eras.length} written, ${span}`,
    `rows       ${rows} with ${features} features, ${(bytes / 1e6).toFixed(1)} MB`,
    `tickers    ${tickers}, ${skipped.length} of them without a row${skipped.length === 0 ? '' : `: ${shorten(skipped)}`}`,
    `NULL       ${shares.join(', ') || 'nothing written'}`,
    `manifest   ${manifest}`,
  ].join('\n');
}

/** Some of them for a person to read, then how many more; the manifest has all. */
function shorten(skipped: TransformSummary['skipped']): string {
  const shown = skipped.slice(0, 5).map(({ ticker, reason }) => `${ticker} (${reason})`);
  return shown.join(', ') + (skipped.length > 5 ? ` and ${skipped.length - 5} more` : '');
}
