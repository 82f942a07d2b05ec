import { z } from 'zod';
import { ConfigError } from './errors.ts';

/**
 * How keys and values are written. `own` keeps everything; `nautilus` and `nautilus-1.178` write what today's
 * NautilusTrader and version 1.178 expect to read. Reading takes all three.
 */
const LAYOUTS = ['own', 'nautilus', 'nautilus-1.178'] as const;

const schema = z.strictObject({
  /** Where the state is kept. */
  type: z.enum(['memory', 'sqlite', 'redis']).default('sqlite'),
  /** SQLite: the file. */
  path: z.string().min(1).default('data/cache/trading.db'),
  /** SQLite: fail where there is no file, instead of making one. */
  mustExist: z.boolean().default(false),
  /** SQLite: FULL outlives a power cut, NORMAL only the end of the process. */
  synchronous: z.enum(['FULL', 'NORMAL']).default('FULL'),
  host: z.string().min(1).default('127.0.0.1'),
  port: z.int().min(1).max(65_535).default(6379),
  /** Redis: the number of the database. */
  database: z.int().min(0).default(0),
  username: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  ssl: z.boolean().default(false),
  /** Redis: accept a server that evicts keys when its memory is full (`allkeys-*`), and acknowledged events with them. */
  allowEviction: z.boolean().default(false),
  /** Seconds to wait for a connection, and for a backend that went away, before writes are given up. */
  timeout: z.number().positive().default(20),
  /** Milliseconds for which writes gather before they are sent; undefined sends them at once. */
  bufferIntervalMs: z.int().positive().optional(),
  /** Keys start with `trader-`. */
  useTraderPrefix: z.boolean().default(true),
  /** Keys have the instance id after the trader id. */
  useInstanceId: z.boolean().default(false),
  /** Trader id in braces, so that a Redis cluster keeps the keys of a trader in one slot. */
  useHashTag: z.boolean().default(false),
  /** Remove the trader's state before anything else. */
  flushOnStart: z.boolean().default(false),
  /** Timestamps as decimal digits instead of integers. */
  timestampsAsStr: z.boolean().default(true),
  /** Timestamps as ISO 8601 with nanoseconds; goes before `timestampsAsStr`. */
  timestampsAsIso8601: z.boolean().default(false),
  layout: z.enum(LAYOUTS).default('own'),
  /** An update must continue the log exactly as it is stored; otherwise it is a ConflictError. */
  checkSequence: z.boolean().default(true),
  /** Writes that may wait for the backend; more are refused with QueueFullError. */
  maxQueuedWrites: z.int().positive().default(10_000),
});

/** Settings that belong to the place as much as the host does: how the keys are written, what the server may do to them. */
const parametersSchema = z.strictObject({
  layout: z.enum(LAYOUTS).exactOptional(),
  useHashTag: z.stringbool().exactOptional(),
  useTraderPrefix: z.stringbool().exactOptional(),
  allowEviction: z.stringbool().exactOptional(),
});

export type CacheDatabaseSettings = z.input<typeof schema>;
type Settings = Omit<z.output<typeof schema>, 'password'>;

/** Settings of a TradingStateDatabase, checked. Throws ConfigError naming the setting that cannot be used. */
export class CacheDatabaseConfig {
  readonly settings: Settings;
  readonly #password: string | undefined;

  constructor(settings: CacheDatabaseSettings = {}) {
    const parsed = schema.safeParse(settings);
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      const name = issue.path.join('.') || 'settings';
      throw new ConfigError(`${name} of the trading state is not usable: ${issue.message}`);
    }
    const { password, ...rest } = parsed.data;
    this.settings = rest;
    this.#password = password;
  }

  /**
   * `sqlite:PATH`, `memory:`, or `redis[s]://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`, the last one also with
   * `?layout=...&useHashTag=true&useTraderPrefix=false&allowEviction=true`; further settings beside it.
   */
  static fromUrl(url: string, settings: CacheDatabaseSettings = {}): CacheDatabaseConfig {
    return new CacheDatabaseConfig({ ...settings, ...fromUrl(url) });
  }

  /** Apart from the settings, so that it is not printed or logged with them. */
  get password(): string | undefined {
    return this.#password;
  }
}

function fromUrl(url: string): CacheDatabaseSettings {
  if (url === 'memory:') return { type: 'memory' };
  if (url.startsWith('sqlite:') && url.length > 'sqlite:'.length) {
    return { type: 'sqlite', path: url.slice('sqlite:'.length) };
  }
  if (!/^rediss?:\/\//.test(url) || !URL.canParse(url)) {
    throw new ConfigError(
      `"${withoutPassword(url)}" is no place for a trading state; write sqlite:PATH or redis://HOST`,
    );
  }
  const { protocol, hostname, port, username, password, pathname, search, hash, searchParams } = new URL(url);
  if (`${pathname}${search}${hash}`.includes('@')) {
    // Part of the password was taken for what follows the host.
    throw new ConfigError(`"${withoutPassword(url)}" has an @ after the host: ${ENCODE}`);
  }
  const database = /^\/?(\d*)$/.exec(pathname)?.[1];
  if (database === undefined) throw new ConfigError(`"${pathname}" is no number of a Redis database`);
  const parameters = parametersSchema.safeParse(Object.fromEntries(searchParams));
  if (!parameters.success) {
    const { path, message } = parameters.error.issues[0]!;
    const where = `a setting after the ? of "${withoutPassword(url)}"`;
    throw new ConfigError(`${where} is not usable: ${[...path, message].join(' ')}`);
  }
  return {
    ...parameters.data,
    type: 'redis',
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    ssl: protocol === 'rediss:',
    ...(port === '' ? {} : { port: Number(port) }),
    ...(username === '' ? {} : { username: decodeCredential(username) }),
    ...(password === '' ? {} : { password: decodeCredential(password) }),
    ...(database === '' ? {} : { database: Number(database) }),
  };
}

const ENCODE = 'write signs like @ / ? # % in the user name or the password as %40 %2F %3F %23 %25';

function decodeCredential(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new ConfigError(`the user name or the password has a % that stands for nothing: ${ENCODE}`, error);
  }
}

/** For messages: without all that may be part of a password, wherever its signs have led the parser. */
function withoutPassword(url: string): string {
  return url.replace(/^([a-z+]*:?(?:\/\/)?).*@/is, '$1***@').replace(/\?.*$/s, '');
}
