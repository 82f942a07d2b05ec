import { createClient, ErrorReply, RESP_TYPES } from 'redis';
import { firstLine } from '../../runtime/errors.ts';
import { BackendError, ConfigError, TradingStateError, UnavailableError } from '../errors.ts';
import type { AtomicWrite, Outcome, ReadRequest, StateBackend, Stored } from './backend.ts';
import { conflict, differs, notFound, wrongType } from './outcomes.ts';
import { APPLY_SCRIPT, grows, toScriptWrite } from './redis-script.ts';

export interface RedisOptions {
  readonly host: string;
  readonly port: number;
  readonly database: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly ssl: boolean;
  /** How long to wait for a connection, and for the answer to a command. */
  readonly timeoutMs: number;
  /** Accept a server that may evict keys that have no expiry, and acknowledged events with them. */
  readonly allowEviction: boolean;
  /** Hears of what cannot be found out about the server. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** LPOS and the reply types used here need it. */
const LEAST_VERSION = [6, 2] as const;
const SCAN_COUNT = 1000;
/** Longer scripts are hardly faster, and others wait for the end of a script: under a millisecond. */
const WRITES_PER_SCRIPT = 64;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;

/** Answers that say "not now": a restart, a failover, a script that takes long. */
const PASSING = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY) /;

type Client = ReturnType<typeof connectClient>;

/**
 * State in a Redis or Valkey server. A connection that breaks is given up at once and what was under way reported as
 * unavailable; `ready` makes a new one. So nothing waits in the client where the order could be lost.
 */
export class RedisBackend implements StateBackend {
  readonly url: string;
  readonly #options: RedisOptions;
  #client: Client | undefined;
  #connecting: Promise<void> | undefined;
  #script = '';
  #isClosed = false;
  #hasWarned = false;

  /** No connection is made before `ready`. */
  constructor(options: RedisOptions) {
    this.#options = options;
    const { ssl, host, port, database } = options;
    this.url = `${ssl ? 'rediss' : 'redis'}://${host}:${port}/${database}`;
  }

  async apply(writes: readonly AtomicWrite[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    await this.#timed((client) => {
      const sent: Promise<void>[] = [];
      for (const { from, some } of toScripts(writes)) {
        const fill = (index: number, outcome: Outcome): void => void (outcomes[from + index] = outcome);
        sent.push(
          this.#send(client, some).then(
            (found) => found.forEach((outcome, index) => fill(index, outcome)),
            (error: unknown) => some.forEach((_, index) => fill(index, this.#failure(error))),
          ),
        );
      }
      return Promise.all(sent);
    }).catch((error: unknown) => {
      const failure = this.#failure(error);
      for (let index = 0; index < writes.length; index += 1) {
        if (!(index in outcomes)) outcomes[index] = failure;
      }
    });
    if (outcomes.some((outcome) => outcome instanceof UnavailableError)) this.#drop();
    return outcomes;
  }

  /** Carries out some writes in one script. Rejects when none of them was carried out, or nobody knows. */
  async #send(client: Client, writes: readonly AtomicWrite[]): Promise<Outcome[]> {
    const prepared = writes.map(toScriptWrite);
    const names = prepared.flatMap(({ keys }) => keys);
    const rest = [String(names.length), ...names, ...prepared.flatMap(({ values }) => values)];
    const verdicts = await this.#callScript(client, rest);
    return prepared.map(({ keys }, index) => this.#toOutcome(verdicts[index], keys));
  }

  async #callScript(client: Client, rest: readonly (string | Buffer)[]): Promise<readonly unknown[]> {
    try {
      return await client.sendCommand<unknown[]>(['EVALSHA', this.#script, ...rest]);
    } catch (error) {
      // Somebody has emptied the server's cache of scripts; those after this one in the pipe fail alike, so that
      // sending them whole, in this order, keeps their order.
      if (!isReply(error, 'NOSCRIPT')) throw error;
      return client.sendCommand<unknown[]>(['EVAL', APPLY_SCRIPT, ...rest]);
    }
  }

  async read(requests: readonly ReadRequest[]): Promise<readonly Stored[]> {
    return this.#call(async (client) => {
      const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
      const readOne = async ({ type, key }: ReadRequest): Promise<Stored> => {
        switch (type) {
          case 'string':
            return { type, value: (await bytes.get(key)) ?? undefined };
          case 'list':
            return { type, value: await bytes.lRange(key, 0, -1) };
          case 'hash':
            return { type, value: new Map(Object.entries(await bytes.hGetAll(key))) };
          case 'set':
            return { type, value: new Set(await client.sMembers(key)) };
        }
      };
      return Promise.all(
        requests.map((request) =>
          readOne(request).catch(async (error: unknown): Promise<Stored> => {
            if (!isReply(error, 'WRONGTYPE')) throw error;
            return {
              type: 'error',
              error: wrongType(request.key, request.type, await client.type(request.key)),
            };
          }),
        ),
      );
    });
  }

  async scan(prefix: string): Promise<readonly string[]> {
    return this.#call(async (client) => {
      const MATCH = `${prefix.replace(/[\\*?[\]]/g, String.raw`\$&`)}*`;
      const keys = new Set<string>();
      for await (const some of client.scanIterator({ MATCH, COUNT: SCAN_COUNT })) {
        for (const key of some) keys.add(key);
      }
      return [...keys];
    });
  }

  async clear(): Promise<void> {
    await this.#call((client) => client.flushDb());
  }

  async ready(timeoutMs: number): Promise<void> {
    if (this.#client?.isReady === true) return;
    this.#connecting ??= this.#connect(timeoutMs).finally(() => {
      this.#connecting = undefined;
    });
    await this.#connecting;
  }

  async #connect(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      this.#drop();
      try {
        if (this.#isClosed) throw new Error('the database was closed');
        this.#client = connectClient(this.#options);
        await this.#call(async (client) => {
          await client.connect();
          const [server, memory] = await Promise.all([client.info('server'), client.info('memory')]);
          requireVersion(server, this.url);
          this.#checkEviction(memory);
          this.#script = await client.scriptLoad(APPLY_SCRIPT);
        });
        return;
      } catch (error) {
        this.#drop();
        if (!(error instanceof UnavailableError)) throw error;
        if (this.#isClosed || performance.now() + pauseMs > deadline) {
          throw new UnavailableError(`cannot reach "${this.url}": ${firstLine(error.cause)}`, error.cause);
        }
      }
      await new Promise((resolve) => {
        setTimeout(resolve, pauseMs);
      });
    }
  }

  /**
   * Runs on every connection, so that a policy changed while a trader runs is noticed at the next reconnect. A server
   * that does not report one is accepted with a warning: refusing would shut out proxies and managed services that hide
   * it, such as a serverless cache on AWS, which evicts only keys with an expiry, and ours have none.
   */
  #checkEviction(info: string): void {
    const { allowEviction, onWarning } = this.#options;
    if (allowEviction) return;
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    if (policy === undefined) {
      if (!this.#hasWarned) {
        onWarning?.(
          `"${this.url}" does not report its maxmemory_policy; make sure it is noeviction or volatile-*`,
        );
      }
      this.#hasWarned = true;
    } else if (policy !== 'noeviction' && !policy.startsWith('volatile-')) {
      throw new ConfigError(
        `"${this.url}" has maxmemory_policy "${policy}" and may evict acknowledged events when it is full; set ` +
          'maxmemory-policy noeviction on the server, or accept the loss with allowEviction (--allow-eviction)',
      );
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const client = this.#client;
    this.#client = undefined;
    if (client?.isReady === true) await client.close();
    else client?.destroy();
  }

  async #call<T>(work: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await this.#timed(work);
    } catch (error) {
      const failure = this.#failure(error);
      if (failure instanceof UnavailableError) this.#drop();
      throw failure;
    }
  }

  /** A server that has stopped without closing its connection never answers. */
  async #timed<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (client === undefined) throw new UnavailableError(`not connected to "${this.url}"`);
    const { timeoutMs } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      return await Promise.race([work(client), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #drop(): void {
    const client = this.#client;
    this.#client = undefined;
    if (client?.isOpen === true) client.destroy();
  }

  #failure(error: unknown): TradingStateError {
    if (error instanceof TradingStateError) return error;
    const line = firstLine(error);
    if (!(error instanceof ErrorReply) || PASSING.test(line)) {
      return new UnavailableError(`"${this.url}" cannot be reached: ${line}`, error);
    }
    if (/^(NOAUTH|WRONGPASS|NOPERM)/.test(line)) {
      return new ConfigError(`"${this.url}" refuses these credentials: ${line}`, error);
    }
    if (line.startsWith('CROSSSLOT')) {
      return new ConfigError(`"${this.url}" is a cluster; set useHashTag to keep the keys together`, error);
    }
    return new BackendError(`"${this.url}" answered: ${line}`, error);
  }

  /** What the script said about a write whose keys these are. */
  #toOutcome(verdict: unknown, keys: readonly string[]): Outcome {
    if (verdict === 'ok') return undefined;
    const [word, ...details] = String(verdict).split(' ');
    switch (word) {
      case 'done':
        return undefined;
      case 'missing':
        return notFound(keys[0]!);
      case 'length':
        return conflict(keys[0]!, Number(details[1]), Number(details[0]));
      case 'differs':
        return differs(keys[0]!, Number(details[0]));
      case 'type':
        return wrongType(keys[Number(details[0]) - 1]!, details[1]!, details[2]!);
      case 'full':
        return new BackendError(
          `"${this.url}" is full and refused a write (OOM); free memory or raise maxmemory`,
        );
      default:
        return new BackendError(`an answer to a write is not understood: ${String(verdict)}`);
    }
  }
}

/** Writes in the order given, in groups that share a script: those that grow apart from those that only remove. */
function toScripts(writes: readonly AtomicWrite[]): { from: number; some: AtomicWrite[] }[] {
  const scripts: { from: number; some: AtomicWrite[]; isGrowing: boolean }[] = [];
  for (const [index, write] of writes.entries()) {
    const isGrowing = grows(write);
    const last = scripts.at(-1);
    if (last?.isGrowing === isGrowing && last.some.length < WRITES_PER_SCRIPT) last.some.push(write);
    else scripts.push({ from: index, some: [write], isGrowing });
  }
  return scripts;
}

function connectClient({ host, port, database, username, password, ssl, timeoutMs }: RedisOptions) {
  const socket = { host, port, connectTimeout: timeoutMs, reconnectStrategy: false as const };
  const client = createClient({
    socket: ssl ? { ...socket, tls: true as const } : socket,
    database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    disableOfflineQueue: true,
    // The client would make a timer for each command; there is one for each call of this class.
    commandOptions: { timeout: 0 },
  });
  // Every command that was under way is rejected with the same error; an event without a listener would end the process.
  client.on('error', () => {});
  return client;
}

function requireVersion(info: string, url: string): void {
  const version = /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = LEAST_VERSION;
  if (!(major > leastMajor || (major === leastMajor && minor >= leastMinor))) {
    throw new ConfigError(`"${url}" is Redis ${version}; ${LEAST_VERSION.join('.')} or later is needed`);
  }
}

function isReply(error: unknown, code: string): boolean {
  return error instanceof ErrorReply && error.message.startsWith(code);
}
