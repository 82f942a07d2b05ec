import { Decoder, Encoder } from '@msgpack/msgpack';
import { firstLine } from '../../runtime/errors.ts';
import type { AccountState } from '../domain/account.ts';
import type { Currency } from '../domain/currency.ts';
import type { Instrument } from '../domain/instrument.ts';
import type { OrderEvent } from '../domain/order-event.ts';
import type { SyntheticInstrument } from '../domain/synthetic.ts';
import { CorruptStateError } from '../errors.ts';
import { accountState, currencyDetails, instrument, synthetic } from './entities.ts';
import type { Kind, WireFormat } from './kinds.ts';
import { orderEvent } from './order-events.ts';
import { isMap, requireStorable } from './storable.ts';

/** What a strategy or an actor keeps between runs: names to bytes, texts, numbers or nested values of these. */
export type ComponentState = Readonly<Record<string, unknown>>;

/** Kinds of values in the store, each a MessagePack map. */
interface Stored {
  readonly currency: Omit<Currency, 'code'>;
  readonly instrument: Instrument;
  readonly synthetic: SyntheticInstrument;
  readonly account: AccountState;
  readonly order: OrderEvent;
}

const KINDS: { readonly [K in keyof Stored]: Kind<Stored[K]> } = {
  currency: currencyDetails,
  instrument,
  synthetic,
  account: accountState,
  order: orderEvent,
};

/**
 * Values to MessagePack and back, as maps with the field names of NautilusTrader. 64-bit integers are bigints on both
 * sides; reading takes every form of timestamps and of nested values, whatever `format` writes.
 */
export class Codec {
  readonly #format: WireFormat;
  readonly #encoder = new Encoder({ useBigInt64: true });
  readonly #decoder = new Decoder({ useBigInt64: true });

  constructor(format: WireFormat) {
    this.#format = format;
  }

  encode<K extends keyof Stored>(kind: K, value: Stored[K]): Uint8Array {
    // A copy out of the encoder's own memory into Node's pool costs less than a new array for each value.
    return Buffer.from(this.#encoder.encodeSharedRef(KINDS[kind].encode(value, this.#format)));
  }

  /** The bytes that say in every encoded event which one it is: the field with its id. */
  eventMark(eventId: string): Uint8Array {
    // Without the first byte, which says how many fields the map has.
    return Buffer.from(this.#encoder.encodeSharedRef({ event_id: eventId }).subarray(1));
  }

  /** Throws CorruptStateError naming `what`. */
  decode<K extends keyof Stored>(kind: K, bytes: Uint8Array, what: string): Stored[K] {
    try {
      return KINDS[kind].decode(this.#decoder.decode(bytes));
    } catch (error) {
      throw new CorruptStateError(`${what} cannot be read: ${firstLine(error)}`, error);
    }
  }

  /** A currency from the fields of a hash, as old writers store it. Throws CorruptStateError naming `what`. */
  decodeFields(fields: ReadonlyMap<string, Uint8Array>, what: string): Stored['currency'] {
    try {
      const values = [...fields].map(([name, bytes]) => [name, Buffer.from(bytes).toString()]);
      return currencyDetails.decode(Object.fromEntries(values));
    } catch (error) {
      throw new CorruptStateError(`${what} cannot be read: ${firstLine(error)}`, error);
    }
  }

  /** A map of anything that MessagePack has. Throws TypeError naming `what` for anything else. */
  encodeMap(map: ComponentState, what: string): Uint8Array {
    try {
      if (!isMap(map)) throw new TypeError('it is no map');
      const bytes = this.#encoder.encode(map);
      requireStorable(map, 'it');
      return bytes;
    } catch (error) {
      throw new TypeError(`${what} cannot be stored: ${firstLine(error)}`, { cause: error });
    }
  }

  /** Throws CorruptStateError naming `what`. */
  decodeMap(bytes: Uint8Array, what: string): ComponentState {
    try {
      const value = this.#decoder.decode(bytes);
      if (isMap(value)) return value as ComponentState;
    } catch (error) {
      throw new CorruptStateError(`${what} cannot be read: ${firstLine(error)}`, error);
    }
    throw new CorruptStateError(`${what} is no map`);
  }
}
