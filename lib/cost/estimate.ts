import type { Duration } from 'aws-cdk-lib';
import { featureColumns } from '../../jobs/features/settings.ts';
import { TABLES } from '../../jobs/statistics/cache/tables.ts';
import type { StageConfig, TaskConfig } from '../config.ts';
import { PRICES, SPOT_SHARE } from './prices.ts';

/** What is assumed beside the configuration. */
export interface Usage {
  /** Years of prices and features in the lake. */
  readonly years: number;
  /** Queries that people run in Athena a month, each over a year of features. */
  readonly queries: number;
  /** Answers of the statistics functions a month. */
  readonly statistics: number;
}

export const USUAL: Usage = { years: 10, queries: 100, statistics: 1000 };

export interface CostLine {
  readonly item: string;
  /** What is counted, for people. */
  readonly quantity: string;
  readonly usd: number;
}

const DAYS = 365.25 / 12;
const WEEKS = DAYS / 7;
const TRADING_DAYS_A_YEAR = 252;
const WEEKS_A_YEAR = 52;

// Measured: 2.7 million price rows take 51.6 MB as zstd Parquet, 245.7 million feature values 764 MB.
const BYTES_A_PRICE_ROW = 19.1;
const BYTES_A_VALUE = 3.11;
/** A line of about 300 bytes for each ticker at most, and as much for everything else. */
const LOG_BYTES_A_TICKER = 600;
/** Objects that a run reads, writes and lists, generously. */
const REQUESTS_A_RUN = 500;
/** Names whose history is fetched besides: a 28th in turn, and those with a dividend or split. */
const RENEWED_A_NIGHT = 0.07;
/** Of a crawl; the number of units is Glue's choice, two in its own examples. */
const CRAWLER_DPUS = 2;
const CRAWL_HOURS = 10 / 60;
/** Billed for a serverless cache even when it holds less; work comes to cents. */
const VALKEY_LEAST_GB = 0.1;
/** Two images of this many GB, and those of earlier releases until they are cleaned up. */
const IMAGE_GB = 0.15;
const RELEASES_KEPT = 5;
/** Beside one for each statistics function. */
const ALARMS = 4;
/** Storage, throughput and throttled commands of the state of traders. */
const TRADING_ALARMS = 3;
/** Of an answer that is not in the cache yet: GB-seconds, and items of a window of 100 sessions. */
const ANSWER_GB_SECONDS = 0.5;
const ANSWER_WRITES = 100;
const ANSWER_READS = 10;
/** As stored, with DynamoDB's own 100 bytes. */
const BYTES_AN_ITEM = 200;
/** Most tables never forget, but answers of a year cover most of what is ever asked. */
const MONTHS_IN_TABLES = 12;

/** The monthly bill of one stage in USD, by item, from what it is configured to do. */
export function estimateCosts(config: StageConfig, { years, queries, statistics }: Usage): CostLine[] {
  const { load, transform, universe, tickers, crawl } = config;
  const runs = { load: runsOf(load), transform: runsOf(transform) };
  const crawls = (crawl.weekDay === undefined ? DAYS : WEEKS) + runs.transform;
  const priceBytes = tickers * TRADING_DAYS_A_YEAR * years * BYTES_A_PRICE_ROW;
  const featuresAYear =
    tickers * WEEKS_A_YEAR * featureColumns(config.featureSets['all']!).length * BYTES_A_VALUE;
  const storedGb = (priceBytes + featuresAYear * years) / 1e9;
  const scanned = runs.transform * priceBytes + queries * featuresAYear;
  const logGb = (runs.load * tickers * LOG_BYTES_A_TICKER) / 1e9;
  const reads = (runs.load + runs.transform) * REQUESTS_A_RUN;
  // Each answer of the provider is staged as it comes.
  const writes = reads + runs.load * tickers * (1 + RENEWED_A_NIGHT);
  // Dividends somewhere in the universe change every month of prices every night.
  const overwrittenGb = (priceBytes * config.versionRetention.toDays()) / 1e9;
  const hours =
    runs.load * hoursOf(load.expectedRun) +
    runs.transform * hoursOf(transform.expectedRun) +
    (universe === undefined ? 0 : runsOf(universe.refresh) * hoursOf(universe.refresh.expectedRun));
  const alarms = ALARMS + 1 + config.statistics.length + (config.trading === undefined ? 0 : TRADING_ALARMS);
  const tablesGb = (statistics * MONTHS_IN_TABLES * ANSWER_WRITES * BYTES_AN_ITEM) / 1e9;
  const { usd } = PRICES.crawler;
  return [
    line(
      'load',
      `${count(runs.load)} runs of ${load.expectedRun.toMinutes()} minutes`,
      runs.load * runCost(load),
    ),
    line(
      'transform',
      `${count(runs.transform)} runs of ${transform.expectedRun.toMinutes()} minutes`,
      runs.transform * runCost(transform),
    ),
    ...(universe === undefined
      ? []
      : [
          line(
            'universe',
            `${count(runsOf(universe.refresh))} runs of ${universe.refresh.expectedRun.toMinutes()} minutes`,
            runsOf(universe.refresh) * runCost(universe.refresh),
          ),
        ]),
    line('public addresses of tasks', `${count(hours)} hours`, hours * PRICES.publicAddress.usd),
    line('crawler', `${count(crawls)} crawls of 10 minutes`, crawls * CRAWL_HOURS * CRAWLER_DPUS * usd),
    line('storage', `${storedGb.toFixed(1)} GB, ${years} years`, storedGb * PRICES.storage.usd),
    line('overwritten prices', `${overwrittenGb.toFixed(1)} GB`, overwrittenGb * PRICES.storage.usd),
    line(
      'requests to S3',
      `${count(writes)} writes, ${count(reads)} reads`,
      writes * PRICES.writeRequest.usd + reads * PRICES.readRequest.usd,
    ),
    line('Athena', `${(scanned / 1e9).toFixed(0)} GB, ${queries} queries`, scanned * PRICES.scan.usd),
    line('logs', `${logGb.toFixed(2)} GB`, logGb * PRICES.logs.usd),
    line('alarms', `${alarms}`, alarms * PRICES.alarm.usd),
    line('images', `${RELEASES_KEPT} releases`, 2 * IMAGE_GB * RELEASES_KEPT * PRICES.image.usd),
    line(
      'functions',
      `${count(2 * DAYS)} calls`,
      2 * DAYS * (PRICES.invocation.usd + 5 * PRICES.compute.usd),
    ),
    line(
      'statistics',
      `${count(statistics)} answers`,
      statistics * (PRICES.invocation.usd + ANSWER_GB_SECONDS * PRICES.compute.usd) +
        tablesCost(config, statistics),
    ),
    ...(config.tableRecovery
      ? [line('recovery of tables', `${tablesGb.toFixed(2)} GB`, tablesGb * PRICES.tableRecovery.usd)]
      : []),
    ...(config.trading === undefined
      ? []
      : [
          line(
            'state of traders',
            `${VALKEY_LEAST_GB} GB at least, and its password`,
            VALKEY_LEAST_GB * 24 * DAYS * PRICES.valkey.usd + PRICES.secret.usd,
          ),
        ]),
  ];
}

/** Units are paid for by what is read and written, or for every hour, table and index. */
function tablesCost({ tables: { billing } }: StageConfig, answers: number): number {
  if (billing.mode === 'PAY_PER_REQUEST') {
    return answers * (ANSWER_WRITES * PRICES.itemWrite.usd + ANSWER_READS * PRICES.itemRead.usd);
  }
  const places = Object.values(TABLES).reduce((sum, { indexes }) => sum + 1 + indexes.length, 0);
  const hourly = billing.readUnits * PRICES.readUnit.usd + billing.writeUnits * PRICES.writeUnit.usd;
  return places * hourly * 24 * DAYS;
}

function line(item: string, quantity: string, usd: number): CostLine {
  return { item, quantity, usd };
}

function runsOf({ schedule }: TaskConfig): number {
  return schedule.weekDay === undefined ? DAYS : WEEKS;
}

function runCost({ cpu, memory, spot, expectedRun }: TaskConfig): number {
  const hourly =
    (cpu / 1024) * PRICES.fargateCpu.usd + (memory.toMebibytes() / 1024) * PRICES.fargateMemory.usd;
  return hourly * hoursOf(expectedRun) * (spot ? SPOT_SHARE : 1);
}

function hoursOf(duration: Duration): number {
  return duration.toHours({ integral: false });
}

function count(quantity: number): string {
  return String(Number(quantity.toPrecision(3)));
}
