import type { Logger } from '../runtime/log.ts';
import type { AtomicWrite, StateBackend } from './backend/backend.ts';
import { openBackend } from './backend/open-backend.ts';
import { withPatience } from './backend/patient.ts';
import type { ComponentState } from './codec/codec.ts';
import { CacheDatabaseConfig } from './config.ts';
import { Account } from './domain/account.ts';
import type { Currency } from './domain/currency.ts';
import type { Instrument } from './domain/instrument.ts';
import type { Money } from './domain/money.ts';
import { requireNanoseconds, type Nanoseconds } from './domain/nanoseconds.ts';
import { Order } from './domain/order.ts';
import { Position } from './domain/position.ts';
import { requireId, requireInstance, requireObject } from './domain/require.ts';
import { requireSynthetic, requireSyntheticId, type SyntheticInstrument } from './domain/synthetic.ts';
import { CorruptStateError, NotFoundError, type ConfigError, type TradingStateError } from './errors.ts';
import { ORDER_SETS, POSITION_SETS, type Keys } from './keys.ts';
import { Layout } from './layout.ts';
import { StateReader, type Loaded } from './state-reader.ts';
import { findLayout, newLayout, type StoredLayout } from './stored-layout.ts';
import { checkIntegrity, type IntegrityReport } from './verify.ts';
import { handled, WriteQueue, type QueueOptions } from './write-queue.ts';

/** An actor or a strategy: whatever has an id and can say what it wants to keep. */
export interface Component {
  readonly id: string;
  save(): ComponentState;
}

export interface DatabaseOptions {
  /** Keeps the instances of a trader apart; needed with `useInstanceId`. */
  readonly instanceId?: string;
  /** Hears of warnings, of what cannot be loaded, and of writes that failed. */
  readonly log?: Logger;
  /** Hears of every write that failed; its promise and `sync` reject as well. */
  readonly onWriteError?: (error: TradingStateError) => void;
  /** In place of the backend that the configuration names; must be ready. */
  readonly backend?: StateBackend;
  readonly schedule?: QueueOptions['schedule'];
}

interface AddOptions {
  /** Drop a log that is stored under this id already, instead of comparing it. */
  readonly replace?: boolean;
}

/** Everything of a trader, loaded at once. What could not be loaded is in the `errors` of each map. */
export interface TradingState {
  readonly currencies: Loaded<Currency>;
  readonly instruments: Loaded<Instrument>;
  readonly synthetics: Loaded<SyntheticInstrument>;
  readonly accounts: Loaded<Account>;
  readonly orders: Loaded<Order>;
  readonly positions: Loaded<Position>;
  readonly orderPosition: ReadonlyMap<string, string>;
  readonly orderClient: ReadonlyMap<string, string>;
}

export interface StateSummary {
  /** What all keys of the trader start with. */
  readonly prefix: string;
  /** Who wrote the keys; `none` when there are none. */
  readonly layout: 'own' | 'nautilus' | 'none';
  /** Ids in each set of the index. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly accounts: number;
  readonly heartbeat: Date | undefined;
}

const SLOW_INTERVAL_MS = 1000;
const FLUSH_CHUNK = 500;

/** How the keys of the trader are read and written. */
interface Access {
  readonly keys: Keys;
  readonly layout: Layout;
  readonly reader: StateReader;
  /** Whether there is a set of ids for every collection. */
  readonly hasOwnSets: boolean;
  /** Why nothing may be written: the keys that are there have another layout. */
  readonly readOnlyBecause: ConfigError | undefined;
  /** There was nothing yet, and no write has been acknowledged since. */
  isNew: boolean;
}

function createAccess(backend: StateBackend, stored: StoredLayout, config: CacheDatabaseConfig): Access {
  const { keys, otherKeys, isOwn, isNew, readOnlyBecause } = stored;
  const layout = new Layout(keys, config);
  const hasOwnSets = isOwn || (isNew && config.settings.layout === 'own');
  const reader = new StateReader(backend, keys, otherKeys, layout.codec, hasOwnSets);
  return { keys, layout, reader, hasOwnSets, readOnlyBecause, isNew };
}

/**
 * The state of one trader: orders, positions and accounts as logs of events with indexes beside them, instruments,
 * currencies, and whatever strategies keep. In memory, in SQLite or in Redis.
 *
 * Every method that changes something resolves when the backend has acknowledged it; the promise may be left alone,
 * because `sync` rejects with the first failure and `onWriteError` hears of each. Changes are carried out in the order
 * of the calls, each whole or not at all. What an object is worth at the time of the call is what is written. Loads
 * wait for the changes before them. Arguments of a wrong type throw TypeError at once, impossible values RangeError.
 */
export class TradingStateDatabase {
  readonly #backend: StateBackend;
  readonly #config: CacheDatabaseConfig;
  readonly #queue: WriteQueue;
  readonly #log: Logger | undefined;
  readonly #whenEmpty: () => StoredLayout;
  #access: Access;

  /**
   * Connects, and clears the trader's state first when the configuration says so. Throws TypeError for a config of
   * another type; rejects with ConfigError for settings or a server that cannot work, with UnavailableError when the
   * server cannot be reached in time.
   */
  static async open(
    traderId: string,
    config: CacheDatabaseConfig = new CacheDatabaseConfig(),
    options: DatabaseOptions = {},
  ): Promise<TradingStateDatabase> {
    requireId(traderId, 'traderId');
    requireInstance(config, CacheDatabaseConfig, 'config');
    const { useInstanceId, flushOnStart, bufferIntervalMs = 0 } = config.settings;
    if (useInstanceId) requireId(options.instanceId, 'instanceId');
    if (bufferIntervalMs > SLOW_INTERVAL_MS) {
      const message = `bufferIntervalMs ${bufferIntervalMs} leaves writes unsaved for more than a second`;
      options.log?.warn({ event: 'trading.slow_buffer', bufferIntervalMs }, message);
    }
    const warn = (message: string): void => options.log?.warn({ event: 'trading.eviction_unknown' }, message);
    const backend = withPatience(
      options.backend ?? (await openBackend(config, undefined, warn)),
      config.settings.timeout * 1000,
    );
    const identity = { traderId, instanceId: options.instanceId };
    try {
      const stored = await findLayout(backend, identity, config);
      const database = new TradingStateDatabase(backend, stored, config, options, () =>
        newLayout(identity, config),
      );
      if (flushOnStart) await database.flush();
      return database;
    } catch (error) {
      // A connection that nobody has cannot be closed, and keeps the process alive.
      if (options.backend === undefined) await backend.close();
      throw error;
    }
  }

  private constructor(
    backend: StateBackend,
    stored: StoredLayout,
    config: CacheDatabaseConfig,
    { log, onWriteError, schedule = scheduleWithTimer }: DatabaseOptions,
    whenEmpty: () => StoredLayout,
  ) {
    const { bufferIntervalMs = 0, timeout, maxQueuedWrites } = config.settings;
    this.#backend = backend;
    this.#config = config;
    this.#log = log;
    this.#whenEmpty = whenEmpty;
    this.#access = createAccess(backend, stored, config);
    this.#queue = new WriteQueue(backend, {
      limit: maxQueuedWrites,
      intervalMs: bufferIntervalMs,
      patienceMs: timeout * 1000,
      schedule,
      onError: (error) => {
        log?.error({ event: 'trading.write_failed', code: error.code }, error.message);
        onWriteError?.(error);
      },
    });
  }

  /** Keeps bytes under a name; replaces what is there. */
  add(key: string, value: Uint8Array): Promise<void> {
    requireId(key, 'key');
    return this.#write(this.#access.layout.general(key, requireInstance(value, Uint8Array, 'value')));
  }

  addCurrency(currency: Currency): Promise<void> {
    requireId(requireObject(currency, 'currency').code, 'currency.code');
    return this.#write(this.#access.layout.currency(currency));
  }

  addInstrument(instrument: Instrument): Promise<void> {
    requireId(requireObject(instrument, 'instrument').id, 'instrument.id');
    return this.#write(this.#access.layout.instrument(instrument));
  }

  /** Throws RangeError for fewer than two components or no formula. */
  addSynthetic(synthetic: SyntheticInstrument): Promise<void> {
    requireId(requireObject(synthetic, 'synthetic').symbol, 'synthetic.symbol');
    return this.#write(this.#access.layout.synthetic(requireSynthetic(synthetic)));
  }

  /** Writes all states of the account, under the rules of `addOrder`. */
  addAccount(account: Account, { replace = false }: AddOptions = {}): Promise<void> {
    return this.#write(this.#access.layout.account(requireInstance(account, Account, 'account'), replace));
  }

  /**
   * Writes all events of the order and its indexes. A stored log is never shortened: one that begins with the same
   * events stays, one that lags behind is continued, and anything else is a ConflictError that changes nothing. With
   * `replace` the stored log is dropped first, whatever it is. Links are written in any case but the conflict.
   */
  addOrder(
    order: Order,
    { replace = false, ...links }: AddOptions & { positionId?: string; clientId?: string } = {},
  ): Promise<void> {
    requireInstance(order, Order, 'order');
    if (links.positionId !== undefined) requireId(links.positionId, 'positionId');
    if (links.clientId !== undefined) requireId(links.clientId, 'clientId');
    return this.#write(this.#access.layout.order(order, links, replace));
  }

  /** Writes the fills of the position's present cycle and its indexes, under the rules of `addOrder`. */
  addPosition(position: Position, { replace = false }: AddOptions = {}): Promise<void> {
    return this.#write(
      this.#access.layout.position(requireInstance(position, Position, 'position'), replace),
    );
  }

  /** Appends the last state. Rejects with NotFoundError for an account that was never added, or ConflictError. */
  updateAccount(account: Account): Promise<void> {
    return this.#write(this.#access.layout.accountUpdate(requireInstance(account, Account, 'account')));
  }

  /**
   * Appends the last event and moves the order between the indexes. Rejects with NotFoundError for an order that was
   * never added, and with ConflictError when the stored log is not the one that this event continues.
   */
  updateOrder(order: Order): Promise<void> {
    return this.#write(this.#access.layout.orderUpdate(requireInstance(order, Order, 'order')));
  }

  /**
   * Appends the last fill and moves the position between the indexes; the first fill of a new cycle replaces the log,
   * and the end of the cycle before becomes a snapshot. Rejects as `updateOrder` does.
   */
  updatePosition(position: Position): Promise<void> {
    return this.#write(this.#access.layout.positionUpdate(requireInstance(position, Position, 'position')));
  }

  /** Replaces what the actor keeps by what it saves now. */
  updateActor(actor: Component): Promise<void> {
    requireId(requireObject(actor, 'actor').id, 'actor.id');
    return this.#write(
      this.#access.layout.component('actors', actor.id, requireObject(actor.save(), 'state')),
    );
  }

  /** Replaces what the strategy keeps by what it saves now. */
  updateStrategy(strategy: Component): Promise<void> {
    requireId(requireObject(strategy, 'strategy').id, 'strategy.id');
    return this.#write(
      this.#access.layout.component('strategies', strategy.id, requireObject(strategy.save(), 'state')),
    );
  }

  /** Removes the log and every index; nothing happens when there is none. Snapshots stay. */
  deleteOrder(clientOrderId: string): Promise<void> {
    return this.#write(this.#access.layout.deleteOrder(requireId(clientOrderId, 'clientOrderId')));
  }

  /** Removes the log and every index; nothing happens when there is none. Snapshots stay. */
  deletePosition(positionId: string): Promise<void> {
    return this.#write(this.#access.layout.deletePosition(requireId(positionId, 'positionId')));
  }

  deleteActor(componentId: string): Promise<void> {
    return this.#write(this.#access.layout.deleteComponent('actors', requireId(componentId, 'componentId')));
  }

  deleteStrategy(strategyId: string): Promise<void> {
    return this.#write(
      this.#access.layout.deleteComponent('strategies', requireId(strategyId, 'strategyId')),
    );
  }

  indexOrderPosition(clientOrderId: string, positionId: string): Promise<void> {
    requireId(clientOrderId, 'clientOrderId');
    return this.#write(
      this.#access.layout.orderHash('order_position', clientOrderId, requireId(positionId, 'positionId')),
    );
  }

  indexVenueOrderId(clientOrderId: string, venueOrderId: string): Promise<void> {
    requireId(clientOrderId, 'clientOrderId');
    return this.#write(
      this.#access.layout.orderHash('order_ids', clientOrderId, requireId(venueOrderId, 'venueOrderId')),
    );
  }

  /** Adds the state of the order to its history, which no load reads. */
  snapshotOrderState(order: Order): Promise<void> {
    return this.#write(this.#access.layout.orderSnapshot(requireInstance(order, Order, 'order')));
  }

  /** Adds the state of the position to its history, which no load reads. */
  snapshotPositionState(position: Position, tsSnapshot: Nanoseconds, unrealizedPnl?: Money): Promise<void> {
    requireInstance(position, Position, 'position');
    requireNanoseconds(tsSnapshot, 'tsSnapshot');
    return this.#write(this.#access.layout.positionSnapshot(position, tsSnapshot, unrealizedPnl));
  }

  /** Notes that the trader was alive at that time. */
  heartbeat(at: Date): Promise<void> {
    requireInstance(at, Date, 'at');
    if (Number.isNaN(at.getTime())) throw new RangeError('at is no time');
    return this.#write(this.#access.layout.heartbeat(at));
  }

  /** The last heartbeat, undefined when there was none. Rejects with CorruptStateError for what is no time. */
  async lastHeartbeat(): Promise<Date | undefined> {
    const text = await this.#after((reader) => reader.text(this.#access.keys.heartbeat));
    if (text === undefined) return undefined;
    const at = new Date(text);
    if (Number.isNaN(at.getTime())) throw new CorruptStateError(`the heartbeat "${text}" is no time`);
    return at;
  }

  /** All bytes that `add` keeps, by name. */
  async load(): Promise<Loaded<Uint8Array>> {
    return this.#report('general object', await this.#after((reader) => reader.general()));
  }

  async loadCurrency(code: string): Promise<Currency | undefined> {
    requireId(code, 'code');
    return this.#after((reader) => reader.currency(code));
  }

  async loadCurrencies(): Promise<Loaded<Currency>> {
    return this.#report('currency', await this.#after((reader) => reader.currencies()));
  }

  async loadInstrument(instrumentId: string): Promise<Instrument | undefined> {
    requireId(instrumentId, 'instrumentId');
    return this.#after((reader) => reader.instrument(instrumentId));
  }

  async loadInstruments(): Promise<Loaded<Instrument>> {
    return this.#report('instrument', await this.#after((reader) => reader.instruments()));
  }

  /** Rejects with RangeError when the id is not that of a synthetic instrument. */
  async loadSynthetic(instrumentId: string): Promise<SyntheticInstrument | undefined> {
    requireSyntheticId(requireId(instrumentId, 'instrumentId'));
    return this.#after((reader) => reader.synthetic(instrumentId));
  }

  async loadSynthetics(): Promise<Loaded<SyntheticInstrument>> {
    return this.#report('synthetic instrument', await this.#after((reader) => reader.synthetics()));
  }

  async loadAccount(accountId: string): Promise<Account | undefined> {
    requireId(accountId, 'accountId');
    return this.#after((reader) => reader.account(accountId));
  }

  async loadAccounts(): Promise<Loaded<Account>> {
    return this.#report('account', await this.#after((reader) => reader.accounts()));
  }

  /** Rebuilds an order from its log. Rejects with CorruptStateError naming it when that cannot be done. */
  async loadOrder(clientOrderId: string): Promise<Order | undefined> {
    requireId(clientOrderId, 'clientOrderId');
    return this.#after((reader) => reader.order(clientOrderId));
  }

  async loadOrders(): Promise<Loaded<Order>> {
    return this.#report('order', await this.#after((reader) => reader.orders()));
  }

  /** Like `loadOrder`. A position whose instrument is not stored is undefined, and the log says so. */
  async loadPosition(positionId: string): Promise<Position | undefined> {
    requireId(positionId, 'positionId');
    return this.#after((reader) => reader.position(positionId)).catch((error: unknown) => {
      if (!(error instanceof NotFoundError)) throw error;
      this.#logFailure('position', positionId, error);
      return undefined;
    });
  }

  async loadPositions(): Promise<Loaded<Position>> {
    return this.#report('position', await this.#after((reader) => reader.positions()));
  }

  /** What the actor has saved last; empty when nothing. */
  async loadActor(componentId: string): Promise<ComponentState> {
    requireId(componentId, 'componentId');
    return this.#after((reader) => reader.component('actors', componentId));
  }

  /** What the strategy has saved last; empty when nothing. */
  async loadStrategy(strategyId: string): Promise<ComponentState> {
    requireId(strategyId, 'strategyId');
    return this.#after((reader) => reader.component('strategies', strategyId));
  }

  /** Position ids by client order id. */
  async loadIndexOrderPosition(): Promise<ReadonlyMap<string, string>> {
    return this.#after((reader) => reader.hash('order_position'));
  }

  /** Ids of execution clients by client order id. */
  async loadIndexOrderClient(): Promise<ReadonlyMap<string, string>> {
    return this.#after((reader) => reader.hash('order_client'));
  }

  /** Venue order ids by client order id. */
  async loadIndexVenueOrderIds(): Promise<ReadonlyMap<string, string>> {
    return this.#after((reader) => reader.venueOrderIds());
  }

  async loadAll(): Promise<TradingState> {
    return {
      currencies: await this.loadCurrencies(),
      instruments: await this.loadInstruments(),
      synthetics: await this.loadSynthetics(),
      accounts: await this.loadAccounts(),
      orders: await this.loadOrders(),
      positions: await this.loadPositions(),
      orderPosition: await this.loadIndexOrderPosition(),
      orderClient: await this.loadIndexOrderClient(),
    };
  }

  /** How much there is, from the indexes alone. */
  async summary(): Promise<StateSummary> {
    const sizes: Record<string, number> = {};
    for (const name of [...ORDER_SETS, ...POSITION_SETS]) {
      sizes[name] = (await this.#after((reader) => reader.set(name))).size;
    }
    const accounts = await this.#after((reader) => reader.ids('accounts'));
    const heartbeat = await this.lastHeartbeat();
    const { keys, isNew, hasOwnSets } = this.#access;
    const layout = isNew ? 'none' : hasOwnSets ? 'own' : 'nautilus';
    return { prefix: keys.prefix, layout, sizes, accounts: accounts.length, heartbeat };
  }

  /**
   * Removes the state: of this trader (and instance) only, or with `database` everything in the backend, other traders
   * and other programs included.
   */
  flush({ scope = 'trader' }: { scope?: 'trader' | 'database' } = {}): Promise<void> {
    return handled(this.#flush(scope));
  }

  async #flush(scope: 'trader' | 'database'): Promise<void> {
    const { reader, keys, readOnlyBecause } = this.#access;
    const refuse = (error: TradingStateError): Promise<never> => this.#queue.refuse(error);
    const removed = this.#queue.exclusively(async (write) => {
      if (scope === 'database') return this.#backend.clear().catch(refuse);
      const others = (await reader.keys().catch(refuse)).filter((key) => key !== keys.schema);
      // Last what says how to read the rest, should only a part be removed.
      const all = [...others, keys.schema];
      for (let from = 0; from < all.length; from += FLUSH_CHUNK) {
        const some = all.slice(from, from + FLUSH_CHUNK);
        await write({ commands: some.map((key) => ({ type: 'delete', key })) });
      }
    });
    // What could not be written beside the old state can be written once that is gone; anything else comes after it.
    if (readOnlyBecause !== undefined) await removed;
    this.#access = createAccess(this.#backend, this.#whenEmpty(), this.#config);
    await removed;
  }

  /** Resolves when everything so far is acknowledged. Rejects with the first failure since the last call. */
  sync(): Promise<void> {
    return this.#queue.sync();
  }

  /** Resolves when the queue has room: for producers that do not wait for each write. */
  ready(): Promise<void> {
    return this.#queue.ready();
  }

  /**
   * Compares indexes with logs, and keys with indexes. With `repair`, indexes are made to agree with the logs and events
   * that are in a log twice are removed; what cannot be read is reported and left alone. Changes of this process wait
   * meanwhile; another one that writes should be stopped before a repair.
   */
  verify({ repair = false }: { repair?: boolean } = {}): Promise<IntegrityReport> {
    const { reader, layout, keys, hasOwnSets, readOnlyBecause } = this.#access;
    return this.#queue.exclusively((write) => {
      const mend = readOnlyBecause === undefined ? write : () => this.#queue.refuse(readOnlyBecause);
      return checkIntegrity({ reader, layout, keys, hasOwnSets, ...(repair ? { write: mend } : {}) });
    });
  }

  /** Sends what waits and disconnects. Rejects with the first failure since the last `sync`. */
  async close(): Promise<void> {
    try {
      await this.#queue.sync();
    } finally {
      await this.#backend.close();
    }
  }

  #write(write: AtomicWrite): Promise<void> {
    const access = this.#access;
    if (access.readOnlyBecause !== undefined) return this.#queue.refuse(access.readOnlyBecause);
    if (!access.isNew) return this.#queue.push(write);
    // Together with the first data, so that there is never data of which nobody knows who wrote it.
    const written = this.#queue.push({ ...write, commands: [...write.commands, ...access.layout.schema()] });
    written.then(
      () => (access.isNew = false),
      () => {},
    );
    return written;
  }

  /** Reads after the changes so far. */
  async #after<T>(read: (reader: StateReader) => Promise<T>): Promise<T> {
    await this.#queue.idle();
    return read(this.#access.reader);
  }

  #report<V>(what: string, loaded: Loaded<V>): Loaded<V> {
    for (const [id, error] of loaded.errors) this.#logFailure(what, id, error);
    return loaded;
  }

  #logFailure(what: string, id: string, error: TradingStateError): void {
    this.#log?.error({ event: 'trading.load_failed', what, id, code: error.code }, error.message);
  }
}

function scheduleWithTimer(run: () => void, ms: number): { cancel(): void } {
  const timer = setTimeout(run, ms);
  return { cancel: () => clearTimeout(timer) };
}
