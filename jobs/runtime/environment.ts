import { z } from 'zod';
import { UsageError } from './errors.ts';
import { DEFAULT_SILENCE_MS } from './limits.ts';

const optionalText = z
  .string()
  .optional()
  .transform((value) => (value === '' ? undefined : value));

function numberOr(fallback: number) {
  return optionalText.transform((value) => (value === undefined ? fallback : Number(value)));
}

const workspaceName = z
  .string()
  .regex(/^[\w-]{1,40}$/)
  .default('default');

/** What the tables of a cache in DynamoDB are called and how they are paid for; the infrastructure reads them, too. */
const tableVariables = z.object({
  DYNAMO_BILLING_MODE: optionalText.pipe(
    z.enum(['PAY_PER_REQUEST', 'PROVISIONED']).default('PAY_PER_REQUEST'),
  ),
  DYNAMO_READ_UNITS: optionalText.transform(toNumber).pipe(z.int().min(1).optional()),
  DYNAMO_WRITE_UNITS: optionalText.transform(toNumber).pipe(z.int().min(1).optional()),
  TABLE_PREFIX: optionalText.pipe(
    z
      .string()
      .regex(/^[\w.-]{1,40}$/)
      .default(''),
  ),
});

export const TABLE_VARIABLES = tableVariables.keyof().options;

const schema = tableVariables.extend({
  SIGNALS_LAKE: optionalText,
  SIGNALS_DATABASE: optionalText,
  SIGNALS_WORKGROUP: optionalText,
  SIGNALS_CRAWLER: optionalText,
  SIGNALS_OBJECTS: optionalText,
  SIGNALS_ORGANISATION: optionalText.pipe(workspaceName),
  SIGNALS_WORKSPACE: optionalText.pipe(workspaceName),
  SIGNALS_REQUEST_TIMEOUT: numberOr(DEFAULT_SILENCE_MS / 1000).pipe(z.number().positive().max(3600)),
  TRADING_STATE: optionalText,
  TRADING_STATE_PASSWORD: optionalText,
  YAHOO_BASE_URL: optionalText.pipe(z.url({ protocol: /^https?$/ }).optional()),
  YAHOO_RATE: numberOr(2).pipe(z.number().min(0)),
  YAHOO_IN_FLIGHT: numberOr(4).pipe(z.number().int().min(1)),
  NUMERAI_BASE_URL: optionalText.pipe(z.url({ protocol: /^https?$/ }).optional()),
  NUMERAI_API_KEY: optionalText,
  TREASURY_BASE_URL: optionalText.pipe(z.url({ protocol: /^https?$/ }).optional()),
  CACHE_MODE: optionalText.pipe(z.enum(['sqlite', 'dynamodb', 'memory']).default('sqlite')),
  SQLITE_FILE: optionalText,
  CACHE_PROVISION: optionalText.pipe(z.enum(['never', 'if-missing']).optional()),
  RISK_FREE: optionalText,
  MARKET_PROXY: optionalText,
  // Set by Lambda and Fargate: what runs there finds its tables made.
  AWS_EXECUTION_ENV: optionalText,
  LOG_LEVEL: optionalText.pipe(z.enum(['debug', 'info', 'warn', 'error']).default('info')),
  LOG_FORMAT: optionalText.pipe(z.enum(['pretty', 'json']).optional()),
});

function toNumber(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** How the tables of a cache in DynamoDB are paid for. */
export type DynamoBilling =
  | { readonly mode: 'PAY_PER_REQUEST' }
  | { readonly mode: 'PROVISIONED'; readonly readUnits: number; readonly writeUnits: number };

export interface CacheTables {
  /** What the names of the tables in DynamoDB start with. */
  readonly tablePrefix: string;
  readonly billing: DynamoBilling;
}

/** Where the statistics cache is. */
export interface CacheSettings extends CacheTables {
  readonly mode: 'sqlite' | 'dynamodb' | 'memory';
  readonly sqliteFile: string;
  /** Whether tables that are not there are made on first use. */
  readonly provision: 'never' | 'if-missing';
}

/** Where objects and strategies are kept, and whose they are: everything below one organisation is shared by it. */
interface ObjectSettings {
  readonly url: string;
  readonly organisation: string;
  readonly workspace: string;
}

/** Names of what answers for a lake in S3 on AWS. */
export interface AthenaNames {
  readonly database: string;
  readonly workgroup: string;
  readonly crawler: string;
}

/** What the jobs read from environment variables, once, at their entry. README lists the meaning of each. */
export interface Environment {
  readonly lake: string;
  /** Undefined when none of its variables is set: then a lake in S3 is read without Athena. */
  readonly athena: AthenaNames | undefined;
  readonly objects: ObjectSettings;
  /** A request of the AWS SDK fails when its connection is silent for this long. */
  readonly requestTimeoutMs: number;
  readonly tradingState: string;
  /** A secret: never part of a message. */
  readonly tradingStatePassword: string | undefined;
  readonly yahooBaseUrl: string | undefined;
  /** Requests a second, 0 for no limit. */
  readonly yahooRate: number;
  readonly yahooInFlight: number;
  readonly numeraiBaseUrl: string | undefined;
  /** A secret: never part of a message. */
  readonly numeraiApiKey: string | undefined;
  readonly treasuryBaseUrl: string | undefined;
  readonly cache: CacheSettings;
  /** Maturity of the yield that is the risk-free rate. */
  readonly riskFree: string;
  /** Ticker that stands for the market. */
  readonly marketProxy: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'pretty' | 'json' | undefined;
}

/** Throws UsageError naming the first variable that has no usable value. */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const { YAHOO_BASE_URL, YAHOO_RATE, YAHOO_IN_FLIGHT, NUMERAI_BASE_URL, NUMERAI_API_KEY, ...others } = parse(
    schema,
    variables,
  );
  return {
    lake: others.SIGNALS_LAKE ?? 'file:./data/lake',
    athena: readAthena(others),
    objects: {
      url: others.SIGNALS_OBJECTS ?? 'file:data/objects',
      organisation: others.SIGNALS_ORGANISATION,
      workspace: others.SIGNALS_WORKSPACE,
    },
    requestTimeoutMs: others.SIGNALS_REQUEST_TIMEOUT * 1000,
    tradingState: others.TRADING_STATE ?? 'sqlite:data/cache/trading.db',
    tradingStatePassword: others.TRADING_STATE_PASSWORD,
    yahooBaseUrl: YAHOO_BASE_URL,
    yahooRate: YAHOO_RATE,
    yahooInFlight: YAHOO_IN_FLIGHT,
    numeraiBaseUrl: NUMERAI_BASE_URL,
    numeraiApiKey: NUMERAI_API_KEY,
    treasuryBaseUrl: others.TREASURY_BASE_URL,
    cache: {
      mode: others.CACHE_MODE,
      sqliteFile: others.SQLITE_FILE ?? 'data/cache/statistics.db',
      ...toCacheTables(others),
      provision: others.CACHE_PROVISION ?? (others.AWS_EXECUTION_ENV === undefined ? 'if-missing' : 'never'),
    },
    riskFree: others.RISK_FREE ?? 'TEN_YEAR',
    marketProxy: others.MARKET_PROXY ?? 'SPY',
    logLevel: others.LOG_LEVEL,
    logFormat: others.LOG_FORMAT,
  };
}

/** The part of the environment that the infrastructure shares. Throws UsageError as readEnvironment does. */
export function readCacheTables(variables: NodeJS.ProcessEnv): CacheTables {
  return toCacheTables(parse(tableVariables, variables));
}

function parse<T extends z.ZodObject>(wanted: T, variables: NodeJS.ProcessEnv): z.output<T> {
  const parsed = wanted.safeParse(variables);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const name = String(issue.path[0]);
  const why = issue.message.replace(/^Invalid (?:input|option|string): /, '');
  throw new UsageError(`${name} "${variables[name]}" is not usable: ${why}`);
}

function toCacheTables({
  DYNAMO_BILLING_MODE: mode,
  DYNAMO_READ_UNITS: readUnits,
  DYNAMO_WRITE_UNITS: writeUnits,
  TABLE_PREFIX: tablePrefix,
}: z.output<typeof tableVariables>): CacheTables {
  if (mode === 'PAY_PER_REQUEST') return { tablePrefix, billing: { mode } };
  if (readUnits === undefined || writeUnits === undefined) {
    throw new UsageError('DYNAMO_BILLING_MODE "PROVISIONED" needs DYNAMO_READ_UNITS and DYNAMO_WRITE_UNITS');
  }
  return { tablePrefix, billing: { mode, readUnits, writeUnits } };
}

/** One of the names is enough to ask for Athena; the others are then those that the infrastructure gives. */
function readAthena({
  SIGNALS_DATABASE: database,
  SIGNALS_WORKGROUP: workgroup,
  SIGNALS_CRAWLER: crawler,
}: Partial<Record<`SIGNALS_${'DATABASE' | 'WORKGROUP' | 'CRAWLER'}`, string | undefined>>):
  AthenaNames | undefined {
  if (database === undefined && workgroup === undefined && crawler === undefined) return undefined;
  return {
    database: database ?? 'signals',
    workgroup: workgroup ?? 'signals',
    crawler: crawler ?? 'signals-crawler',
  };
}
