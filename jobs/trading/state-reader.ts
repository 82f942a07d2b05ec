import { firstLine } from '../runtime/errors.ts';
import type { ReadRequest, StateBackend, Stored } from './backend/backend.ts';
import type { Codec, ComponentState } from './codec/codec.ts';
import { Account } from './domain/account.ts';
import type { Currency } from './domain/currency.ts';
import type { Instrument } from './domain/instrument.ts';
import type { OrderEvent, OrderFilled } from './domain/order-event.ts';
import { Order } from './domain/order.ts';
import { Position } from './domain/position.ts';
import type { SyntheticInstrument } from './domain/synthetic.ts';
import { CorruptStateError, NotFoundError, TradingStateError, WrongTypeError } from './errors.ts';
import type { Collection, Keys, OrderHash } from './keys.ts';
import { OWN_SETS } from './layout.ts';

/** What was loaded, by id. What could not be is in `errors`, and the rest is here all the same. */
export class Loaded<V> extends Map<string, V> {
  readonly errors = new Map<string, TradingStateError>();
}

/** The value of each type of key. */
type ValueOf<T extends ReadRequest['type']> = Extract<Stored, { type: T }>['value'];

/** Keys that are read in one call: enough to keep a connection busy, and no reply of gigabytes. */
const CHUNK = 500;

interface Item {
  readonly id: string;
  readonly key: string;
}

/** Reads the state back, whoever wrote it: both spellings of index keys, hashes and strings, all forms of values. */
export class StateReader {
  readonly #backend: StateBackend;
  readonly #keys: Keys;
  /** The other spelling of the hashes of the index. */
  readonly #otherKeys: Keys;
  readonly #codec: Codec;
  /** Whether there is a set of ids for every collection. */
  readonly #hasOwnSets: boolean;

  constructor(backend: StateBackend, keys: Keys, otherKeys: Keys, codec: Codec, hasOwnSets: boolean) {
    this.#backend = backend;
    this.#keys = keys;
    this.#otherKeys = otherKeys;
    this.#codec = codec;
    this.#hasOwnSets = hasOwnSets;
  }

  async general(): Promise<Loaded<Uint8Array>> {
    return this.#all('general', (items) => this.#loadEach(items, 'string', (value) => value));
  }

  async currency(code: string): Promise<Currency | undefined> {
    return one(await this.#currencies([this.#item('currencies', code)]), code);
  }

  async currencies(): Promise<Loaded<Currency>> {
    return this.#all('currencies', (items) => this.#currencies(items));
  }

  async #currencies(items: readonly Item[]): Promise<Loaded<Currency>> {
    const what = (code: string): string => `currency "${code}"`;
    const loaded = await this.#loadEach(items, 'string', (bytes, code) => ({
      code,
      ...this.#codec.decode('currency', bytes!, what(code)),
    }));
    // Old writers keep a hash of fields.
    const hashes = items.filter(({ id }) => isMissingOrOther(loaded, id));
    const fromHashes = await this.#loadEach(hashes, 'hash', (fields, code) =>
      fields.size === 0 ? undefined : { code, ...this.#codec.decodeFields(fields, what(code)) },
    );
    return merge(loaded, fromHashes);
  }

  async instrument(id: string): Promise<Instrument | undefined> {
    return one(await this.#instruments([this.#item('instruments', id)]), id);
  }

  async instruments(): Promise<Loaded<Instrument>> {
    return this.#all('instruments', (items) => this.#instruments(items));
  }

  #instruments(items: readonly Item[]): Promise<Loaded<Instrument>> {
    return this.#loadEach(items, 'string', (bytes, id) =>
      this.#codec.decode('instrument', bytes!, `instrument "${id}"`),
    );
  }

  async synthetic(id: string): Promise<SyntheticInstrument | undefined> {
    return one(await this.#synthetics([this.#item('synthetics', id)]), id);
  }

  async synthetics(): Promise<Loaded<SyntheticInstrument>> {
    return this.#all('synthetics', (items) => this.#synthetics(items));
  }

  #synthetics(items: readonly Item[]): Promise<Loaded<SyntheticInstrument>> {
    return this.#loadEach(items, 'string', (bytes, id) =>
      this.#codec.decode('synthetic', bytes!, `synthetic instrument "${id}"`),
    );
  }

  async account(id: string): Promise<Account | undefined> {
    return one(await this.#accounts([this.#item('accounts', id)]), id);
  }

  async accounts(): Promise<Loaded<Account>> {
    return this.#all('accounts', (items) => this.#accounts(items));
  }

  #accounts(items: readonly Item[]): Promise<Loaded<Account>> {
    return this.#loadEach(items, 'list', (log, id) =>
      log.length === 0
        ? undefined
        : Account.replay(
            log.map((bytes, at) => this.#codec.decode('account', bytes, eventOf('account', id, at))),
          ),
    );
  }

  async order(id: string): Promise<Order | undefined> {
    return one(await this.#orders([this.#item('orders', id)]), id);
  }

  async orders(): Promise<Loaded<Order>> {
    return this.#all('orders', (items) => this.#orders(items));
  }

  #orders(items: readonly Item[]): Promise<Loaded<Order>> {
    return this.#loadEach(items, 'list', (log, id) =>
      log.length === 0 ? undefined : this.replayOrder(id, log),
    );
  }

  /** The order of a log. Throws CorruptStateError naming it. */
  replayOrder(id: string, log: readonly Uint8Array[]): Order {
    const events = log.map((bytes, at) => this.#codec.decode('order', bytes, eventOf('order', id, at)));
    requireUniqueEvents(`order "${id}"`, events);
    return replay(`order "${id}"`, () => Order.replay(events));
  }

  async position(id: string): Promise<Position | undefined> {
    return one(await this.#positions([this.#item('positions', id)]), id);
  }

  async positions(): Promise<Loaded<Position>> {
    return this.#all('positions', (items) => this.#positions(items));
  }

  async #positions(items: readonly Item[]): Promise<Loaded<Position>> {
    const logs = await this.#loadEach(items, 'list', (log, id) => this.decodeFills(id, log));
    const wanted = new Set(
      [...logs.values()].flatMap((fills) => fills.slice(0, 1).map((fill) => fill.instrumentId)),
    );
    const instruments = await this.#instruments([...wanted].map((id) => this.#item('instruments', id)));
    const positions = new Loaded<Position>();
    for (const [id, error] of logs.errors) positions.errors.set(id, error);
    for (const [id, fills] of logs) {
      if (fills.length === 0) continue;
      attempt(positions, id, () => this.replayPosition(id, fills, instruments.get(fills[0]!.instrumentId)));
    }
    return positions;
  }

  /** The fills of a log. Throws CorruptStateError naming it. */
  decodeFills(id: string, log: readonly Uint8Array[]): OrderFilled[] {
    const fills = log.map((bytes, at) => {
      const event = this.#codec.decode('order', bytes, eventOf('position', id, at));
      if (event.type === 'OrderFilled') return event;
      throw new CorruptStateError(`${eventOf('position', id, at)} is ${event.type}, not a fill`);
    });
    requireUniqueEvents(`position "${id}"`, fills);
    return fills;
  }

  /** The position of its fills. Throws NotFoundError without an instrument, else CorruptStateError, naming it. */
  replayPosition(id: string, fills: readonly OrderFilled[], instrument: Instrument | undefined): Position {
    if (instrument === undefined) {
      throw new NotFoundError(
        `position "${id}" cannot be rebuilt: instrument "${fills[0]!.instrumentId}" is not stored`,
      );
    }
    const named = fills.map((fill) => (fill.positionId === null ? { ...fill, positionId: id } : fill));
    return replay(`position "${id}"`, () => Position.replay(instrument, named));
  }

  /** What a component keeps; empty when nothing is stored. */
  async component(collection: 'actors' | 'strategies', id: string): Promise<ComponentState> {
    const what = `state of "${id}"`;
    const { key } = this.#item(collection, id);
    const [asString] = await this.#read('string', [key]);
    if (asString !== undefined && !(asString instanceof TradingStateError)) {
      return this.#codec.decodeMap(asString, what);
    }
    const [asHash] = await this.#read('hash', [key]);
    if (asHash instanceof TradingStateError) throw asHash;
    return Object.fromEntries(asHash!);
  }

  /** A hash of the index, in both spellings of its key. */
  async hash(name: OrderHash): Promise<Map<string, string>> {
    const keys = [this.#otherKeys.hash(name), this.#keys.hash(name)];
    const hashes = await this.#read('hash', keys);
    const merged = new Map<string, string>();
    for (const hash of hashes) {
      if (hash instanceof TradingStateError) throw hash;
      for (const [field, value] of hash) merged.set(field, Buffer.from(value).toString());
    }
    return merged;
  }

  /** Venue order ids by order id. Where the index has lost them, as today's NautilusTrader does, from the logs. */
  async venueOrderIds(): Promise<Map<string, string>> {
    try {
      const stored = await this.hash('order_ids');
      if (stored.size > 0) return stored;
    } catch (error) {
      if (!(error instanceof WrongTypeError)) throw error;
    }
    const ids = [...(await this.orders()).values()].map(({ id, state }) => [id, state.venueOrderId] as const);
    return new Map(ids.filter((pair): pair is [string, string] => pair[1] !== null));
  }

  /** The ids in a set of the index. */
  async set(name: string): Promise<ReadonlySet<string>> {
    const [members] = await this.#read('set', [this.#keys.set(name)]);
    if (members instanceof TradingStateError) throw members;
    return members!;
  }

  async ids(collection: Collection): Promise<string[]> {
    return (await this.#items(collection)).map(({ id }) => id);
  }

  async text(key: string): Promise<string | undefined> {
    const [bytes] = await this.#read('string', [key]);
    if (bytes instanceof TradingStateError) throw bytes;
    return bytes === undefined ? undefined : Buffer.from(bytes).toString();
  }

  /** Logs by key; an error in place of one that cannot be read. */
  lists(keys: readonly string[]): Promise<(readonly Uint8Array[] | TradingStateError)[]> {
    return this.#read('list', keys);
  }

  /** All keys of this trader, without those of other instances and other programs. */
  async keys(): Promise<string[]> {
    const keys = await this.#backend.scan(this.#keys.prefix);
    return keys.filter((key) => this.#keys.owns(key));
  }

  /** A whole collection. What the index names and nobody has stored is an error like what cannot be read. */
  async #all<V>(
    collection: Collection,
    load: (items: readonly Item[]) => Promise<Loaded<V>>,
  ): Promise<Loaded<V>> {
    const items = await this.#items(collection);
    const loaded = await load(items);
    for (const { id, key } of this.#isIndexed(collection) ? items : []) {
      if (loaded.has(id) || loaded.errors.has(id)) continue;
      loaded.errors.set(id, new NotFoundError(`"${key}" does not exist, but is in the index`));
    }
    return loaded;
  }

  #isIndexed(collection: Collection): boolean {
    if (collection === 'orders' || collection === 'positions') return true;
    return this.#hasOwnSets && (OWN_SETS as readonly string[]).includes(collection);
  }

  async #items(collection: Collection): Promise<Item[]> {
    if (this.#isIndexed(collection)) {
      return [...(await this.set(collection))].map((id) => this.#item(collection, id));
    }
    const keys = await this.#backend.scan(this.#keys.collection(collection));
    return keys.map((key) => ({ id: this.#keys.idOf(collection, key), key }));
  }

  #item(collection: Collection, id: string): Item {
    return { id, key: this.#keys.item(collection, id) };
  }

  /** Turns what each key holds into a value; undefined leaves it out. */
  async #loadEach<T extends ReadRequest['type'], V>(
    items: readonly Item[],
    type: T,
    toValue: (stored: NonNullable<ValueOf<T>>, id: string) => V | undefined,
  ): Promise<Loaded<V>> {
    const loaded = new Loaded<V>();
    for (let from = 0; from < items.length; from += CHUNK) {
      const chunk = items.slice(from, from + CHUNK);
      const values = await this.#read(
        type,
        chunk.map(({ key }) => key),
      );
      for (const [index, { id }] of chunk.entries()) {
        const value = values[index];
        if (value instanceof TradingStateError) loaded.errors.set(id, value);
        else if (value !== undefined)
          attempt(loaded, id, () => toValue(value as NonNullable<ValueOf<T>>, id));
      }
    }
    return loaded;
  }

  async #read<T extends ReadRequest['type']>(
    type: T,
    keys: readonly string[],
  ): Promise<(ValueOf<T> | TradingStateError)[]> {
    const stored = await this.#backend.read(keys.map((key) => ({ type, key })));
    return stored.map((item) => (item.type === 'error' ? item.error : (item.value as ValueOf<T>)));
  }
}

function eventOf(kind: string, id: string, at: number): string {
  return `event ${at} of ${kind} "${id}"`;
}

function requireUniqueEvents(what: string, events: readonly (OrderEvent | OrderFilled)[]): void {
  const seen = new Set<string>();
  for (const { eventId } of events) {
    if (seen.has(eventId)) throw new CorruptStateError(`${what} has event "${eventId}" twice`);
    seen.add(eventId);
  }
}

function replay<T>(what: string, build: () => T): T {
  try {
    return build();
  } catch (error) {
    throw new CorruptStateError(`${what} cannot be rebuilt from its log: ${firstLine(error)}`, error);
  }
}

function attempt<V>(loaded: Loaded<V>, id: string, build: () => V | undefined): void {
  try {
    const value = build();
    if (value !== undefined) loaded.set(id, value);
  } catch (error) {
    const known =
      error instanceof TradingStateError
        ? error
        : new CorruptStateError(`"${id}": ${firstLine(error)}`, error);
    loaded.errors.set(id, known);
  }
}

/** The only thing that was asked for. */
function one<V>(loaded: Loaded<V>, id: string): V | undefined {
  const error = loaded.errors.get(id);
  if (error !== undefined) throw error;
  return loaded.get(id);
}

function isMissingOrOther<V>(loaded: Loaded<V>, id: string): boolean {
  const error = loaded.errors.get(id);
  return error === undefined ? !loaded.has(id) : error instanceof WrongTypeError;
}

function merge<V>(first: Loaded<V>, second: Loaded<V>): Loaded<V> {
  for (const [id, value] of second) {
    first.set(id, value);
    first.errors.delete(id);
  }
  for (const [id, error] of second.errors) first.errors.set(id, error);
  return first;
}
