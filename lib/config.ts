import { Duration, Size } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { GROUPS } from '../jobs/features/catalogue.ts';
import { createSettings, type FeatureSettings } from '../jobs/features/settings.ts';
import type { CacheTables } from '../jobs/runtime/environment.ts';
import type { FunctionName } from '../jobs/statistics/function-names.ts';
import type { TradingStateLimits } from './constructs/trading-state.ts';
import { createNames, type Names } from './names.ts';
import type { Settings, StageSettings } from './settings.ts';

export type StageName = 'dev' | 'prod';

/** When something runs, in UTC. */
export interface WeeklyTime {
  readonly hour: string;
  readonly minute: string;
  /** `SAT`, `WED`; every day when left out. */
  readonly weekDay?: string;
}

/** A Fargate task that runs on schedule. */
export interface TaskConfig {
  readonly schedule: WeeklyTime;
  /** What follows the name of the program. */
  readonly args: readonly string[];
  /** Share of a processor, in units of 1/1024. */
  readonly cpu: number;
  readonly memory: Size;
  /** Take it from spare capacity: about a third of the price, and it may be stopped with two minutes' notice. */
  readonly spot: boolean;
  /** How long a run takes, for the cost estimate. */
  readonly expectedRun: Duration;
}

/** A task that the lake is stale without. */
interface JobConfig extends TaskConfig {
  /** The longest time between two finished runs that is no fault. */
  readonly maxSilence: Duration;
}

/** How the universe of the lake is refreshed. */
export interface UniverseConfig {
  readonly refresh: TaskConfig;
  /** Name of the secret with Numerai's key. */
  readonly keySecret: string;
}

/** How a release is tried before it goes on. */
export interface SmokeConfig {
  /** Account of the pipeline that may start it, besides the stage's own. */
  readonly releasedFrom: string | undefined;
}

/** Everything in which one environment may differ from another. */
export interface StageConfig {
  readonly name: StageName;
  readonly account: string | undefined;
  readonly region: string | undefined;
  readonly names: Names;
  readonly alertEmails: readonly string[];
  /** Monthly amount in USD from which AWS Budgets warns. */
  readonly budget: number | undefined;
  /** Tickers that a load asks for. */
  readonly tickers: number;
  readonly load: JobConfig;
  readonly transform: JobConfig;
  /** The universe stays as it is when left out. */
  readonly universe: UniverseConfig | undefined;
  /** Releases are not tried here when left out. */
  readonly smoke: SmokeConfig | undefined;
  /** The crawler's own schedule; a transform starts it besides. */
  readonly crawl: WeeklyTime;
  /** The sets that have a table, by name. */
  readonly featureSets: Readonly<Record<string, FeatureSettings>>;
  /** Tables of the statistics cache. */
  readonly tables: CacheTables;
  /** Whether those tables can be restored to any second of the last 35 days. */
  readonly tableRecovery: boolean;
  /** Statistics that have a function of their own beside the one that answers all. */
  readonly statistics: readonly FunctionName[];
  /** Who shares objects and strategies. */
  readonly organisations: readonly string[];
  /** What the state of traders may grow to; there is none when left out. */
  readonly trading: TradingStateLimits | undefined;
  /** How long daily snapshots of the state of traders are kept. */
  readonly snapshotRetention: Duration;
  /** Most bytes that one query may read. */
  readonly scanLimit: Size;
  readonly logRetention: RetentionDays;
  /** How long overwritten and deleted objects of the lake can be had back. */
  readonly versionRetention: Duration;
}

/** Every group with five lags, weekly, as the scheduled transform writes `all`. */
const FEATURE_SETS: Readonly<Record<string, FeatureSettings>> = Object.fromEntries(
  GROUPS.map((group) => [
    group,
    createSettings({
      group,
      provider: 'yahoo',
      definitions: 'causal',
      fill: false,
      lags: 5,
      price: 'close',
      sample: 'weekly',
      na: 'keep',
      window: null,
    }),
  ]),
);

const LOAD: JobConfig = {
  // After the close in New York, the last of the day.
  schedule: { hour: '23', minute: '0' },
  args: [],
  cpu: 512,
  memory: Size.gibibytes(2),
  spot: false,
  // Yahoo is asked for two names a second.
  expectedRun: Duration.minutes(45),
  maxSilence: Duration.hours(30),
};

const TRANSFORM: JobConfig = {
  // After Friday's load, so that the week is whole.
  schedule: { weekDay: 'SAT', hour: '1', minute: '0' },
  args: ['--cmd', 'all', '--lags', '5', '--reload'],
  cpu: 2048,
  memory: Size.gibibytes(6),
  spot: false,
  // Ten years of 5,000 tickers take 72 s on two cores and 1.9 GB; the rest is the crawl, the unload and S3.
  expectedRun: Duration.minutes(10),
  maxSilence: Duration.days(7).plus(Duration.hours(4)),
};

/** The universe is refreshed with a key of Numerai. */
export function createUniverse(keySecret: string): UniverseConfig {
  const refresh: TaskConfig = {
    // An hour before the load, which takes the latest universe of the lake.
    schedule: { hour: '22', minute: '0' },
    args: ['universe', 'refresh'],
    cpu: 256,
    memory: Size.gibibytes(1),
    spot: false,
    expectedRun: Duration.minutes(2),
  };
  return { refresh, keySecret };
}

const COMMON = {
  // Four days before and three after the transform's own crawl: no event waits in the queue for its 14 days.
  crawl: { weekDay: 'WED', hour: '2', minute: '0' },
  featureSets: FEATURE_SETS,
  transform: TRANSFORM,
  statistics: [],
} as const;

/** dev beside prod. */
export function createStages(settings: Settings): Readonly<Record<StageName, StageConfig>> {
  return {
    dev: {
      ...COMMON,
      ...place(settings.dev),
      name: 'dev',
      tickers: 100,
      load: {
        ...LOAD,
        args: ['--ntickers', '100'],
        spot: true,
        expectedRun: Duration.minutes(2),
      },
      transform: { ...TRANSFORM, spot: true, expectedRun: Duration.minutes(5) },
      scanLimit: Size.gibibytes(1),
      logRetention: RetentionDays.TWO_WEEKS,
      versionRetention: Duration.days(7),
      snapshotRetention: Duration.days(1),
      smoke: { releasedFrom: settings.pipeline?.account },
      tableRecovery: false,
    },
    prod: {
      ...COMMON,
      ...place(settings.prod),
      name: 'prod',
      tickers: 5000,
      load: LOAD,
      scanLimit: Size.gibibytes(20),
      logRetention: RetentionDays.THREE_MONTHS,
      versionRetention: Duration.days(30),
      snapshotRetention: Duration.days(7),
      smoke: undefined,
      tableRecovery: true,
    },
  };
}

function place(
  settings: StageSettings,
): Pick<
  StageConfig,
  | 'account'
  | 'region'
  | 'names'
  | 'alertEmails'
  | 'budget'
  | 'tables'
  | 'trading'
  | 'organisations'
  | 'universe'
> {
  const { account, region, namePrefix, alertEmails, budget, tables, trading, organisations } = settings;
  const { numeraiKeySecret: keySecret } = settings;
  return {
    account,
    region,
    names: createNames(namePrefix),
    alertEmails,
    budget,
    tables,
    organisations,
    universe: keySecret === undefined ? undefined : createUniverse(keySecret),
    trading: trading && { storage: Size.gibibytes(trading.gigabytes), ecpuPerSecond: trading.ecpuPerSecond },
  };
}

/** Throws when the pipeline does not find in the settings what it needs: nobody's environment is there. */
export function assertReleasable(stages: Readonly<Record<StageName, StageConfig>>): void {
  for (const { name, account, region, alertEmails } of Object.values(stages)) {
    const missing = Object.entries({ account, region, alertEmails: alertEmails[0] }).find(
      ([, value]) => !value,
    );
    if (missing === undefined) continue;
    throw new Error(`cdk.json, context signals.${name}.${missing[0]}: the pipeline needs it there`);
  }
}

/** Throws when two stages would give the same names to different things. */
export function assertDistinct({ dev, prod }: Readonly<Record<StageName, StageConfig>>): void {
  const whereOf = ({ account, region, names }: StageConfig): string =>
    [account, region, names.lakeStack].join(' ');
  if (prod.account === undefined || whereOf(dev) !== whereOf(prod)) return;
  throw new Error(
    `dev and prod share account ${prod.account}, region ${prod.region} and the prefix "${prod.names.workgroup}"; ` +
      'give one of them another namePrefix in cdk.json',
  );
}
