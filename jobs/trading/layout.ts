import { randomUUID } from 'node:crypto';
import type { AtomicWrite, Command, Guard, LoggedEvent } from './backend/backend.ts';
import { Codec, type ComponentState } from './codec/codec.ts';
import type { WireFormat } from './codec/kinds.ts';
import { toPlain } from './codec/plain.ts';
import type { Account } from './domain/account.ts';
import type { Currency } from './domain/currency.ts';
import type { Instrument } from './domain/instrument.ts';
import { formatMoney, type Money } from './domain/money.ts';
import type { Nanoseconds } from './domain/nanoseconds.ts';
import type { Order } from './domain/order.ts';
import { isEmulated, isInflight, isOpen, type OrderState } from './domain/order-state.ts';
import { isClosedStatus } from './domain/order-status.ts';
import type { PositionState } from './domain/position-state.ts';
import type { Position } from './domain/position.ts';
import { syntheticId, type SyntheticInstrument } from './domain/synthetic.ts';
import {
  ORDER_HASHES,
  ORDER_SETS,
  POSITION_SETS,
  type Collection,
  type Keys,
  type OrderHash,
} from './keys.ts';
import type { CacheDatabaseConfig } from './config.ts';

/** Collections that only the own layout keeps a set of ids for; others have to be looked for among the keys. */
export const OWN_SETS = ['general', 'currencies', 'instruments', 'synthetics', 'accounts'] as const;

export const SCHEMA_VERSION = '1';

const text = (value: string): Uint8Array => Buffer.from(value);

type Membership<T extends readonly string[]> = Readonly<Record<T[number], boolean>>;

/** Which sets the id of an order belongs into. */
export function setsOfOrder(state: OrderState): Membership<typeof ORDER_SETS> {
  return {
    orders: true,
    orders_open: isOpen(state),
    orders_closed: isClosedStatus(state.status),
    orders_emulated: isEmulated(state),
    orders_inflight: isInflight(state),
  };
}

/** Which sets the id of a position belongs into. */
export function setsOfPosition({ side }: PositionState): Membership<typeof POSITION_SETS> {
  return { positions: true, positions_open: side !== 'FLAT', positions_closed: side === 'FLAT' };
}

/** What each change of the state writes, as a value: nothing here talks to a backend. */
export class Layout {
  readonly #keys: Keys;
  readonly #style: CacheDatabaseConfig['settings']['layout'];
  readonly #checkSequence: boolean;
  readonly #format: WireFormat;
  readonly codec: Codec;

  constructor(keys: Keys, { settings }: CacheDatabaseConfig) {
    this.#keys = keys;
    this.#style = settings.layout;
    this.#checkSequence = settings.checkSequence;
    this.#format = {
      timestamps: settings.timestampsAsIso8601 ? 'iso8601' : settings.timestampsAsStr ? 'text' : 'integer',
      nestedAsJson: settings.layout === 'nautilus-1.178',
    };
    this.codec = new Codec(this.#format);
  }

  /** Says who wrote the keys; only the own layout does. */
  schema(): Command[] {
    if (this.#style !== 'own') return [];
    return [{ type: 'set', key: this.#keys.schema, value: text(SCHEMA_VERSION) }];
  }

  general(key: string, value: Uint8Array): AtomicWrite {
    // What is written is what the bytes are now, not when they are sent.
    return this.#item('general', key, Uint8Array.from(value));
  }

  currency({ code, ...details }: Currency): AtomicWrite {
    if (this.#style !== 'nautilus-1.178') {
      return this.#item('currencies', code, this.codec.encode('currency', details));
    }
    const { precision, iso4217, name, currencyType } = details;
    const fields = { precision, iso4217, name, currency_type: currencyType };
    return this.#hash(
      this.#keys.item('currencies', code),
      Object.entries(fields).map(([field, value]) => [field, text(String(value))]),
    );
  }

  instrument(instrument: Instrument): AtomicWrite {
    return this.#item('instruments', instrument.id, this.codec.encode('instrument', instrument));
  }

  synthetic(synthetic: SyntheticInstrument): AtomicWrite {
    return this.#item('synthetics', syntheticId(synthetic), this.codec.encode('synthetic', synthetic));
  }

  /** The whole log and its index. */
  account({ id, events }: Account, replace: boolean): AtomicWrite {
    const key = this.#keys.item('accounts', id);
    const log = this.#log(key, events, (event) => this.codec.encode('account', event));
    return begin(log, this.#ownSet('accounts', id, 'addMember'), [], replace);
  }

  accountUpdate({ id, events, state }: Account): AtomicWrite {
    return this.#extend(this.#keys.item('accounts', id), events, this.codec.encode('account', state), []);
  }

  /** The whole log and every index. */
  order(
    { id, events, state }: Order,
    links: { readonly positionId?: string | undefined; readonly clientId?: string | undefined },
    replace: boolean,
  ): AtomicWrite {
    const hashes: Command[] = [];
    if (links.positionId !== undefined) hashes.push(this.#setHash('order_position', id, links.positionId));
    if (links.clientId !== undefined) hashes.push(this.#setHash('order_client', id, links.clientId));
    const key = this.#keys.item('orders', id);
    const log = this.#log(key, events, (event) => this.codec.encode('order', event));
    return begin(log, this.orderIndexes(state), hashes, replace);
  }

  /** The last event, and the indexes that it moves the order between. */
  orderUpdate({ id, events, state, before }: Order): AtomicWrite {
    const value = this.codec.encode('order', events.at(-1)!);
    const indexes = this.orderIndexes(state, this.#checkSequence ? before : null);
    return this.#extend(this.#keys.item('orders', id), events, value, indexes);
  }

  /** The whole log of the present cycle and every index. */
  position({ id, events, state }: Position, replace: boolean): AtomicWrite {
    const key = this.#keys.item('positions', id);
    const log = this.#log(key, events, (event) => this.codec.encode('order', event));
    return begin(log, this.positionIndexes(state), [], replace);
  }

  /**
   * The last fill, and every index. The first fill of a new cycle replaces the log of the one before, whose end is
   * kept as a snapshot.
   */
  positionUpdate(position: Position): AtomicWrite {
    const { id, events, state, before, lastClosed, beforeCycle } = position;
    const key = this.#keys.item('positions', id);
    const value = this.codec.encode('order', events.at(-1)!);
    const indexes = this.positionIndexes(state, this.#checkSequence ? before : null);
    if (events.length > 1 || lastClosed === null) return this.#extend(key, events, value, indexes);
    const snapshot = this.#snapshot(describePosition(lastClosed, lastClosed.tsLast));
    const after = this.#checkSequence ? beforeCycle!.eventId : undefined;
    return {
      guard: { type: 'replaces', key, value, after },
      commands: [
        ...replaceList(key, [value]),
        ...indexes,
        { type: 'append', key: this.#keys.snapshots('positions', id), value: snapshot },
      ],
    };
  }

  component(collection: 'actors' | 'strategies', id: string, state: ComponentState): AtomicWrite {
    const key = this.#keys.item(collection, id);
    const what = `state of "${id}"`;
    if (this.#style !== 'nautilus-1.178') {
      return { commands: [{ type: 'set', key, value: this.codec.encodeMap(state, what) }] };
    }
    return this.#hash(
      key,
      Object.entries(state).map(([field, value]) => {
        if (value instanceof Uint8Array) return [field, value];
        if (typeof value === 'string' || typeof value === 'number') return [field, text(String(value))];
        throw new TypeError(`${what} cannot be stored: ${field} is neither bytes nor text nor a number`);
      }),
    );
  }

  deleteComponent(collection: 'actors' | 'strategies', id: string): AtomicWrite {
    return { commands: [{ type: 'delete', key: this.#keys.item(collection, id) }] };
  }

  deleteOrder(id: string): AtomicWrite {
    return {
      commands: [
        { type: 'delete', key: this.#keys.item('orders', id) },
        ...ORDER_SETS.map((name) => this.member(name, id, false)),
        ...ORDER_HASHES.map((name) => this.removeHash(name, id)),
      ],
    };
  }

  deletePosition(id: string): AtomicWrite {
    return {
      commands: [
        { type: 'delete', key: this.#keys.item('positions', id) },
        ...POSITION_SETS.map((name) => this.member(name, id, false)),
      ],
    };
  }

  orderHash(name: OrderHash, orderId: string, id: string): AtomicWrite {
    return { commands: [this.#setHash(name, orderId, id)] };
  }

  orderSnapshot(order: Order): AtomicWrite {
    return this.#appendSnapshot('orders', order.id, this.#snapshot(order.state));
  }

  positionSnapshot(
    position: Position,
    tsSnapshot: Nanoseconds,
    unrealizedPnl: Money | undefined,
  ): AtomicWrite {
    const snapshot = describePosition(position.state, tsSnapshot);
    const extra = unrealizedPnl === undefined ? {} : { unrealizedPnl: formatMoney(unrealizedPnl) };
    return this.#appendSnapshot('positions', position.id, this.#snapshot({ ...snapshot, ...extra }));
  }

  heartbeat(at: Date): AtomicWrite {
    return { commands: [{ type: 'set', key: this.#keys.heartbeat, value: text(at.toISOString()) }] };
  }

  /**
   * The commands that put an order into the sets it belongs into, and out of the others. With `before` only those for
   * what has changed since: the log that this state continues was written together with the indexes of that one.
   */
  orderIndexes(state: OrderState, before: OrderState | null = null): Command[] {
    const { clientOrderId: id, venueOrderId } = state;
    const commands = this.#moves(id, setsOfOrder(state), before && setsOfOrder(before));
    if (venueOrderId !== null && venueOrderId !== before?.venueOrderId) {
      commands.push(this.#setHash('order_ids', id, venueOrderId));
    }
    return commands;
  }

  /** The same for a position. */
  positionIndexes(state: PositionState, before: PositionState | null = null): Command[] {
    return this.#moves(state.positionId, setsOfPosition(state), before && setsOfPosition(before));
  }

  #moves(
    id: string,
    sets: Readonly<Record<string, boolean>>,
    before: Readonly<Record<string, boolean>> | null,
  ): Command[] {
    const commands: Command[] = [];
    for (const name of Object.keys(sets)) {
      if (before === null || before[name] !== sets[name]) commands.push(this.member(name, id, sets[name]!));
    }
    return commands;
  }

  /** A set that has the id, or has it no longer. */
  member(set: string, id: string, isIn: boolean): Command {
    return { type: isIn ? 'addMember' : 'removeMember', key: this.#keys.set(set), member: id };
  }

  removeHash(name: OrderHash, orderId: string): Command {
    if (this.#isSetOfOrders(name)) return this.member(name, orderId, false);
    return { type: 'removeField', key: this.#keys.hash(name), field: orderId };
  }

  #setHash(name: OrderHash, orderId: string, id: string): Command {
    if (this.#isSetOfOrders(name)) return this.member(name, orderId, true);
    return { type: 'setField', key: this.#keys.hash(name), field: orderId, value: text(id) };
  }

  /** Today's NautilusTrader keeps only the order ids that have a venue order id. */
  #isSetOfOrders(name: OrderHash): boolean {
    return name === 'order_ids' && this.#style === 'nautilus';
  }

  #item(collection: (typeof OWN_SETS)[number], id: string, value: Uint8Array): AtomicWrite {
    return {
      commands: [
        { type: 'set', key: this.#keys.item(collection, id), value },
        ...this.#ownSet(collection, id, 'addMember'),
      ],
    };
  }

  #ownSet(collection: Collection, id: string, type: 'addMember' | 'removeMember'): Command[] {
    return this.#style === 'own' ? [{ type, key: this.#keys.set(collection), member: id }] : [];
  }

  #hash(key: string, fields: readonly (readonly [string, Uint8Array])[]): AtomicWrite {
    // A field that is gone must not linger.
    return {
      commands: [
        { type: 'delete', key },
        ...fields.map(([field, value]) => ({ type: 'setField' as const, key, field, value })),
      ],
    };
  }

  #log<E extends { readonly eventId: string }>(
    key: string,
    events: readonly E[],
    encode: (event: E) => Uint8Array,
  ): Log {
    const logged = events.map((event) => ({
      value: encode(event),
      mark: this.codec.eventMark(event.eventId),
    }));
    return { key, events: logged };
  }

  #extend(
    key: string,
    events: readonly { readonly eventId: string }[],
    value: Uint8Array,
    indexes: readonly Command[],
  ): AtomicWrite {
    const position = events.length - 1;
    // The first event follows none. Where a list is there, it begins with this event or belongs to another writer.
    const previous = events[position - 1] ?? events[0]!;
    const after = this.#checkSequence ? previous.eventId : undefined;
    const guard: Guard = { type: 'continues', key, position, value, after };
    return { guard, commands: [{ type: 'append', key, value }, ...indexes] };
  }

  #appendSnapshot(of: 'orders' | 'positions', id: string, value: Uint8Array): AtomicWrite {
    const key = this.#keys.snapshots(of, id);
    return { guard: { type: 'absent', key, value }, commands: [{ type: 'append', key, value }] };
  }

  /** Each snapshot has an id, so that one that is sent twice can be told from one that was taken twice. */
  #snapshot(state: object): Uint8Array {
    const plain = toPlain({ ...state, snapshotId: randomUUID() }, this.#format) as ComponentState;
    return this.codec.encodeMap(plain, 'a snapshot');
  }
}

function describePosition(state: PositionState, tsSnapshot: Nanoseconds): object {
  const durationNs = state.tsClosed === null ? null : state.tsClosed - state.tsOpened;
  return { ...state, durationNs, tsSnapshot };
}

interface Log {
  readonly key: string;
  readonly events: readonly LoggedEvent[];
}

/**
 * Writes a log with its indexes. One that is there must begin with the same events; with `replace` it goes. The indexes
 * are those of the last of these events, and stay as they are where the stored log goes further; links do not depend on
 * events and are written in any case.
 */
function begin(
  { key, events }: Log,
  indexes: readonly Command[],
  links: readonly Command[],
  replace: boolean,
): AtomicWrite {
  if (!replace) return { guard: { type: 'begins', key, events }, always: links, commands: indexes };
  const values = events.map(({ value }) => value);
  return { commands: [...replaceList(key, values), ...indexes, ...links] };
}

/** The commands that make a list of these values, whatever was there. */
export function replaceList(key: string, values: readonly Uint8Array[]): Command[] {
  return [{ type: 'delete', key }, ...values.map((value) => ({ type: 'append' as const, key, value }))];
}
