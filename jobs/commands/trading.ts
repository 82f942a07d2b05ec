import type { Command } from 'commander';
import { FORMATS, formatResult, type Format } from '../query/format.ts';
import { UsageError } from '../runtime/errors.ts';
import type { Job } from '../runtime/run-job.ts';
import type { StateBackend } from '../trading/backend/backend.ts';
import { openBackend } from '../trading/backend/open-backend.ts';
import { toPlain } from '../trading/codec/plain.ts';
import { CacheDatabaseConfig } from '../trading/config.ts';
import { CorruptStateError, NotFoundError } from '../trading/errors.ts';
import { TradingStateDatabase } from '../trading/state-database.ts';
import { findTraders } from '../trading/stored-layout.ts';
import { oneOf } from './options.ts';

interface TradingOptions {
  readonly state?: string;
  readonly trader?: string;
  readonly instance?: string;
  readonly allowEviction?: true;
}

/** A person at a prompt does not want to wait as long as a trader that has to stay up, and not at all for a server. */
const TIMEOUT_SECONDS = 5;
const TABLE_LIMITS = { rows: 100, columns: 12 };

/** What `show` can find, each with how; undefined for what is not there. */
const KINDS: Readonly<Record<string, (db: TradingStateDatabase, id: string) => Promise<unknown>>> = {
  order: async (db, id) => describe(withEvents(await db.loadOrder(id))),
  position: async (db, id) => describe(withEvents(await db.loadPosition(id))),
  account: async (db, id) => describe(withEvents(await db.loadAccount(id))),
  instrument: async (db, id) => describe(await db.loadInstrument(id)),
  synthetic: async (db, id) => describe(await db.loadSynthetic(id)),
  currency: async (db, id) => describe(await db.loadCurrency(id)),
  actor: async (db, id) => unlessEmpty(await db.loadActor(id)),
  strategy: async (db, id) => unlessEmpty(await db.loadStrategy(id)),
};

/** `trading`: look at, check and clear the state of traders. */
export function defineTrading(command: Command, job: Job): void {
  command.description('the state of traders: orders, positions, accounts');
  const add = (name: string, description: string): Command =>
    command
      .command(name)
      .description(description)
      .option('--state <url>', 'sqlite:PATH or redis[s]://HOST[:PORT][/DATABASE] (default: TRADING_STATE)')
      .option('--trader <id>', 'whose state (default: the only one there is)')
      .option('--instance <id>', 'the instance, where keys have one')
      .option('--allow-eviction', 'also use a Redis server that evicts keys when it is full (allkeys-*)');

  const status = add('status', 'how much there is of each trader')
    .option('--format <format>', FORMATS.join(', '), oneOf('--format', FORMATS), 'table')
    .action(() => runStatus(status.opts<TradingOptions & { format: Format }>(), job));
  const show = add('show', 'one thing with its events, as JSON')
    .argument('<kind>', Object.keys(KINDS).join(', '))
    .argument('<id>')
    .action((kind: string, id: string) => runShow(kind, id, show.opts<TradingOptions>(), job));
  const verify = add('verify', 'compare indexes with logs; exit code 1 when they do not agree')
    .option('--repair', 'make the indexes agree, and drop events that are there twice', false)
    .action(() => runVerify(verify.opts<TradingOptions & { repair: boolean }>(), job));
  const flush = add('flush', 'remove the state of a trader')
    .option('--all', 'everything in the backend, of other traders and programs too', false)
    .option('--yes', 'do it', false)
    .action(() => runFlush(flush.opts<TradingOptions & { all: boolean; yes: boolean }>(), job));
}

async function runStatus(
  { format, ...options }: TradingOptions & { format: Format },
  job: Job,
): Promise<void> {
  await withBackend(options, job, async (backend, config) => {
    const traders = options.trader === undefined ? await findTraders(backend) : [options.trader];
    const rows = [];
    for (const trader of traders) {
      const db = await openDatabase(backend, config, trader, options);
      const { layout, sizes, accounts, heartbeat } = await db.summary();
      rows.push([
        trader,
        layout,
        accounts,
        ...SIZES.map((name) => sizes[name]!),
        heartbeat?.toISOString() ?? null,
      ]);
    }
    const columns = ['trader', 'layout', 'accounts', ...SIZES, 'heartbeat'].map((name) => ({
      name,
      type: '',
    }));
    job.print(formatResult({ columns, rows }, format, TABLE_LIMITS));
  });
}

const SIZES = ['orders', 'orders_open', 'orders_inflight', 'orders_emulated', 'positions', 'positions_open'];

async function runShow(kind: string, id: string, options: TradingOptions, job: Job): Promise<void> {
  if (!Object.hasOwn(KINDS, kind)) {
    throw new UsageError(`"${kind}" is nothing that can be shown; choose ${Object.keys(KINDS).join(', ')}`);
  }
  await withDatabase(options, job, async (db, trader) => {
    const found = await KINDS[kind]!(db, id).catch((error: unknown) => {
      throw error instanceof RangeError ? new UsageError(error.message, error) : error;
    });
    if (found === undefined) throw new NotFoundError(`trader "${trader}" has no ${kind} "${id}"`);
    job.print(JSON.stringify(found, showBytes, 2));
  });
}

function describe(item: object | undefined): unknown {
  return item && toPlain(item, { timestamps: 'iso8601', nestedAsJson: false });
}

function withEvents(item: { state: unknown; events: unknown } | undefined): object | undefined {
  return item && { state: item.state, events: item.events };
}

function unlessEmpty(state: object): object | undefined {
  return Object.keys(state).length === 0 ? undefined : state;
}

/** Values of a component are mostly bytes, and the bytes mostly text. Buffers come here as JSON already. */
function showBytes(this: Record<string, unknown>, name: string, value: unknown): unknown {
  const bytes = this[name];
  if (typeof bytes === 'bigint') return bytes.toString();
  if (!(bytes instanceof Uint8Array)) return value;
  const text = Buffer.from(bytes).toString();
  return Buffer.from(text).equals(bytes) ? text : { base64: Buffer.from(bytes).toString('base64') };
}

async function runVerify(
  { repair, ...options }: TradingOptions & { repair: boolean },
  job: Job,
): Promise<void> {
  await withDatabase(options, job, async (db, trader) => {
    const { orders, positions, problems, repaired } = await db.verify({ repair });
    job.print(
      `verify     trader ${trader}: ${orders} orders, ${positions} positions, ${problems.length} problems`,
    );
    if (problems.length === 0) return;
    const columns = ['kind', 'collection', 'id', 'repairable', 'detail'].map((name) => ({ name, type: '' }));
    const rows = problems.map(({ kind, collection, id, isRepairable, detail }) => [
      kind,
      collection,
      id,
      isRepairable ? 'yes' : 'no',
      detail,
    ]);
    job.print(`\n${formatResult({ columns, rows }, 'table', TABLE_LIMITS)}`);
    const left = problems.length - repaired;
    if (left > 0) {
      const hint = repair ? 'they cannot be repaired' : 'see what --repair does to them';
      throw new CorruptStateError(`${left} problems are left in the state of trader "${trader}"; ${hint}`);
    }
    job.print(`\n${repaired} repaired`);
  });
}

async function runFlush(
  { all, yes, ...options }: TradingOptions & { all: boolean; yes: boolean },
  job: Job,
): Promise<void> {
  const remove = async (what: string, work: () => Promise<void>): Promise<void> => {
    if (!yes) throw new UsageError(`this removes ${what} for good; say --yes if that is meant`);
    await work();
    job.print(`flush      ${what} is removed`);
  };
  if (all) {
    return withBackend(options, job, (backend) =>
      remove(`everything in "${backend.url}"`, () => backend.clear()),
    );
  }
  return withDatabase(options, job, (db, trader, url) =>
    remove(`the state of trader "${trader}" in "${url}"`, () => db.flush()),
  );
}

async function withDatabase(
  options: TradingOptions,
  job: Job,
  work: (db: TradingStateDatabase, trader: string, url: string) => Promise<void>,
): Promise<void> {
  await withBackend(options, job, async (backend, config) => {
    const trader = options.trader ?? (await onlyTrader(backend));
    await work(await openDatabase(backend, config, trader, options), trader, backend.url);
  });
}

async function withBackend(
  { state, instance, allowEviction }: TradingOptions,
  job: Job,
  work: (backend: StateBackend, config: CacheDatabaseConfig) => Promise<void>,
): Promise<void> {
  const { tradingState, tradingStatePassword: password } = job.environment;
  const config = CacheDatabaseConfig.fromUrl(state ?? tradingState, {
    // The password belongs to the place that the environment names, and is not for another one.
    ...(state === undefined && password !== undefined ? { password } : {}),
    timeout: TIMEOUT_SECONDS,
    mustExist: true,
    useInstanceId: instance !== undefined,
    ...(allowEviction === undefined ? {} : { allowEviction }),
  });
  const backend = await openBackend(config, 0);
  try {
    await work(backend, config);
  } finally {
    await backend.close();
  }
}

function openDatabase(
  backend: StateBackend,
  config: CacheDatabaseConfig,
  trader: string,
  { instance }: TradingOptions,
): Promise<TradingStateDatabase> {
  return TradingStateDatabase.open(trader, config, {
    backend,
    ...(instance === undefined ? {} : { instanceId: instance }),
  });
}

async function onlyTrader(backend: StateBackend): Promise<string> {
  const traders = await findTraders(backend);
  if (traders.length === 1) return traders[0]!;
  const there = traders.length === 0 ? 'there is none' : `there are ${traders.join(', ')}`;
  throw new UsageError(`--trader is needed: ${there} in "${backend.url}"`);
}
