import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { readCacheTables, TABLE_VARIABLES, type CacheTables } from '../jobs/runtime/environment.ts';

const DEFAULT_PREFIX = 'signals';

const ORGANISATION = /^[\w-]{1,40}$/;

const account = z
  .string()
  .regex(/^\d{12}$/, 'an account is 12 digits')
  .optional();

const stage = z.strictObject({
  /** Account to deploy into; for dev the one of the credentials when left out. */
  account,
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'not a region, such as eu-west-1')
    .optional(),
  /** Profile of the AWS configuration files that deploy.sh uses. */
  profile: z.string().optional(),
  /** Start of every name that a person types. Two stages in one account need two. */
  namePrefix: z
    .string()
    .regex(/^[a-z][a-z0-9-]{1,19}$/, 'small letters, digits and hyphens, 2 to 20, a letter first')
    .default(DEFAULT_PREFIX),
  alertEmails: z.array(z.email()).default([]),
  /** Monthly amount in USD from which AWS Budgets warns; no budget when left out. */
  budget: z.number().positive().optional(),
  /** Who shares objects and strategies, each with all of its own and nobody else. */
  organisations: z
    .array(z.string().regex(ORGANISATION, 'not 1 to 40 letters, digits, _ and -'))
    .default(['default']),
  /**
   * Name of a secret of Secrets Manager with Numerai's key, PUBLIC_ID$SECRET_KEY: with it the universe of the lake is
   * refreshed every day; it is not when left out, because Numerai answers nobody without a key.
   */
  numeraiKeySecret: z
    .string()
    .regex(/^[\w/+=.@-]{1,512}$/, 'not the name of a secret: letters, digits and /_+=.@-')
    .optional(),
  /** The state of traders in a serverless cache, with what it may grow to at the most; no cache when left out. */
  trading: z
    .strictObject({
      gigabytes: z.int().min(1).max(5000).default(1),
      ecpuPerSecond: z.int().min(1000).max(15_000_000).default(1000),
    })
    .optional(),
  /** Variables of the tables of the statistics cache; those of the environment go before them. */
  cache: z.partialRecord(z.enum(TABLE_VARIABLES), z.string()).default({}),
});

const source = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('connection'),
    /** `owner/name` at GitHub, Bitbucket or GitLab. */
    repository: z.string().regex(/^[^/\s]+\/[^/\s]+$/, 'not owner/name'),
    branch: z.string().default('main'),
    /** Made once by hand in the console, because it asks for a login there. */
    connectionArn: z.string().startsWith('arn:'),
  }),
  z.strictObject({
    kind: z.literal('codecommit'),
    repository: z.string().regex(/^[\w.-]+$/, 'not the name of a repository'),
    branch: z.string().default('main'),
  }),
]);

const schema = z.strictObject({
  dev: stage.prefault({}),
  prod: stage.prefault({}),
  /** Where the pipeline runs and what it releases; no pipeline when left out. */
  pipeline: z
    .strictObject({
      account: account.unwrap(),
      region: stage.shape.region.unwrap(),
      profile: stage.shape.profile,
      source,
    })
    .optional(),
});

type Parsed = z.infer<typeof schema>;
export type StageSettings = Omit<Parsed['dev'], 'cache'> & { readonly tables: CacheTables };
export type PipelineSettings = NonNullable<Parsed['pipeline']>;

/** Who and where: what differs between the people who deploy this project. */
export interface Settings {
  readonly dev: StageSettings;
  readonly prod: StageSettings;
  readonly pipeline?: PipelineSettings | undefined;
}

/**
 * Reads the key `signals` of cdk.json. `SIGNALS_ALERT_EMAIL` (addresses with commas between them) replaces the
 * addresses of dev and prod, `TABLE_PREFIX` and `DYNAMO_...` what is given for the tables, and `CDK_DEFAULT_REGION`
 * stands in for a region that is not given. Throws an Error of one line that names the wrong value.
 */
export function readSettings(context: unknown, variables: NodeJS.ProcessEnv): Settings {
  const parsed = schema.safeParse(context ?? {});
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new Error(`cdk.json, context signals.${path.join('.')}: ${message}`);
  }
  const emails = readEmails(variables['SIGNALS_ALERT_EMAIL']);
  const complete = ({ cache, ...given }: Parsed['dev']): StageSettings => ({
    ...given,
    tables: readTables({ ...cache, ...tableVariables(variables) }, given.namePrefix),
    region: given.region ?? variables['CDK_DEFAULT_REGION'],
    alertEmails: emails ?? given.alertEmails,
  });
  const { dev, prod } = parsed.data;
  return { ...parsed.data, dev: complete(dev), prod: complete(prod) };
}

/** As `readSettings`, from cdk.json in the current folder, for programs that the CDK does not run. */
export function readSettingsFile(variables: NodeJS.ProcessEnv): Settings {
  const { context } = JSON.parse(readFileSync('cdk.json', 'utf8')) as { context?: { signals?: unknown } };
  return readSettings(context?.signals, variables);
}

/** Tables keep the names that caches made on first use have, unless the stage has a prefix of its own. */
function readTables(variables: NodeJS.ProcessEnv, namePrefix: string): CacheTables {
  const { tablePrefix, billing } = readCacheTables(variables);
  const ofStage = namePrefix === DEFAULT_PREFIX ? '' : `${namePrefix}-`;
  return { tablePrefix: tablePrefix === '' ? ofStage : tablePrefix, billing };
}

function tableVariables(variables: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    TABLE_VARIABLES.flatMap((name) => (variables[name] ? [[name, variables[name]]] : [])),
  );
}

function readEmails(text: string | undefined): string[] | undefined {
  if (text === undefined || text === '') return undefined;
  const addresses = text.split(',').map((address) => address.trim());
  const wrong = addresses.find((address) => !z.email().safeParse(address).success);
  if (wrong !== undefined) throw new Error(`SIGNALS_ALERT_EMAIL "${wrong}" is not an email address`);
  return addresses;
}
