import type { ObjectStore } from '../lake/object-store.ts';
import type { ReadPorts } from '../lake/read-prices.ts';
import type { AwsConfig } from '../runtime/aws.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Environment } from '../runtime/environment.ts';
import { DEFAULT_LIMITS } from '../runtime/limits.ts';
import { UsageError } from '../runtime/errors.ts';
import { openCache } from './cache/open-cache.ts';
import { TreasuryProvider } from './interest/treasury.ts';
import { MATURITY_NAMES, type Maturity } from './interest/yields.ts';
import { LakePrices } from './lake-prices.ts';
import type { StatisticsParts } from './statistics.ts';

const TREASURY_TIMEOUT_MS = 20_000;
/** It is asked four times for a year, and that has to end within a minute. */
const TREASURY_SILENCE_MS = 12_000;

/** What statistics are opened with. */
export interface StatisticsSetup {
  readonly environment: Environment;
  readonly lake: ObjectStore;
  /** Whose prices to read; when undefined as in every other command. */
  readonly provider: string | undefined;
  /** For the clients of a cache in DynamoDB. */
  readonly aws: AwsConfig;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  /** How the prices of the lake are read. */
  readonly read: ReadPorts;
}

/** Puts together what statistics are computed with, as the environment says. The caller closes its `store`. */
export async function openStatistics({
  environment,
  lake,
  provider,
  aws,
  now,
  signal,
  read,
}: StatisticsSetup): Promise<StatisticsParts> {
  const maturity = parseMaturity('RISK_FREE', environment.riskFree);
  return {
    store: await openCache(environment.cache, aws, systemClock, signal),
    prices: new LakePrices(lake, provider, read),
    rates: new TreasuryProvider({
      baseUrl: environment.treasuryBaseUrl,
      timeoutMs: TREASURY_TIMEOUT_MS,
      silenceMs: Math.min(TREASURY_SILENCE_MS, (aws.limits ?? DEFAULT_LIMITS).silenceMs),
      clock: systemClock,
    }),
    marketProxy: environment.marketProxy,
    maturity,
    now,
  };
}

/** Throws UsageError naming what the value was given as. */
export function parseMaturity(what: string, text: string): Maturity {
  const maturity = MATURITY_NAMES.find((name) => name === text);
  if (maturity === undefined)
    throw new UsageError(`${what} "${text}" is no maturity; choose ${MATURITY_NAMES.join(', ')}`);
  return maturity;
}
