import { decimal, formatDecimal, type Decimal } from '../domain/decimal.ts';
import type { JsonObject } from '../domain/instrument.ts';
import { formatMoney, money, type Money } from '../domain/money.ts';
import { formatIso, parseNanoseconds, requireNanoseconds, type Nanoseconds } from '../domain/nanoseconds.ts';
import { requireStorable } from './storable.ts';

/** How values are written. Reading takes every form, whatever the writer's settings. */
export interface WireFormat {
  /** Timestamps as decimal digits, as ISO 8601 with nine digits, or as 64-bit integers. */
  readonly timestamps: 'text' | 'iso8601' | 'integer';
  /** Nested objects and lists as JSON inside a string, as NautilusTrader 1.178 and earlier expect them. */
  readonly nestedAsJson: boolean;
}

/** One kind of field: what it is here, and what it is in a MessagePack map. */
export interface Kind<T> {
  encode(value: T, format: WireFormat): unknown;
  /** Throws when the value is not of this kind; undefined stands for a field that is not there. */
  decode(value: unknown): T;
}

export const text: Kind<string> = {
  encode: (value) => value,
  decode(value) {
    if (typeof value === 'string') return value;
    throw new TypeError(`is no text but ${typeName(value)}`);
  },
};

export const flag: Kind<boolean> = {
  encode: (value) => value,
  decode(value) {
    // Hashes of old writers have Python's spelling.
    if (value === undefined || value === null || value === false || value === 'False') return false;
    if (value === true || value === 'True') return true;
    throw new TypeError(`is no truth value but ${typeName(value)}`);
  },
};

export const integer: Kind<number> = {
  encode: (value) => value,
  decode(value) {
    const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
    throw new TypeError(`is no whole number of 0 or more`);
  },
};

export const decimalNumber: Kind<Decimal> = {
  encode: formatDecimal,
  decode(value) {
    if (typeof value === 'string') return decimal(value);
    if (typeof value === 'number' && Number.isSafeInteger(value)) return decimal(String(value));
    throw new TypeError(`is no decimal number in a string but ${typeName(value)}`);
  },
};

export const amount: Kind<Money> = { encode: formatMoney, decode: (value) => money(text.decode(value)) };

export const nanoseconds: Kind<Nanoseconds> = {
  encode(value, { timestamps }) {
    requireNanoseconds(value, 'timestamp');
    if (timestamps === 'text') return value.toString();
    return timestamps === 'iso8601' ? formatIso(value) : value;
  },
  decode: parseNanoseconds,
};

export const json: Kind<JsonObject> = {
  encode(value, { nestedAsJson }) {
    if (nestedAsJson) return toJsonBytes(value);
    requireStorable(value, 'an object of JSON');
    return value;
  },
  decode(value) {
    const object = fromJson(value);
    if (typeof object === 'object' && object !== null && !Array.isArray(object)) return object as JsonObject;
    throw new TypeError(`is no object but ${typeName(object)}`);
  },
};

/** A list of texts; old writers join them with commas. */
export const texts: Kind<readonly string[]> = {
  encode: (value, { nestedAsJson }) => (nestedAsJson ? value.join(',') : value),
  decode(value) {
    const list = typeof value === 'string' ? value.split(',').filter((item) => item !== '') : value;
    if (Array.isArray(list)) return list.map((item) => text.decode(item));
    throw new TypeError(`is no list of texts but ${typeName(value)}`);
  },
};

export function oneOf<T extends string>(values: readonly T[]): Kind<T> {
  return {
    encode: (value) => value,
    decode(value) {
      const found = values.find((candidate) => candidate === value);
      if (found === undefined) throw new RangeError(`is ${String(value)}, not one of ${values.join(', ')}`);
      return found;
    },
  };
}

/** null, or one of that kind. */
export function nullable<T>(kind: Kind<T>): Kind<T | null> {
  return {
    encode: (value, format) => (value === null ? null : kind.encode(value, format)),
    decode: (value) => (value === undefined || value === null ? null : kind.decode(value)),
  };
}

/** One of that kind, or `fallback` where it is not there. */
export function withDefault<T>(kind: Kind<T>, fallback: T): Kind<T> {
  return {
    encode: (value, format) => kind.encode(value, format),
    decode: (value) => (value === undefined || value === null ? fallback : kind.decode(value)),
  };
}

/** A map of its own inside the map. Timestamps in it are integers always: nobody turns them back into such. */
export function nested<T>(kind: Kind<T>): Kind<T> {
  return {
    encode(value, { nestedAsJson }) {
      const map = kind.encode(value, { timestamps: 'integer', nestedAsJson: false });
      return nestedAsJson ? toJsonBytes(map) : map;
    },
    decode: (value) => kind.decode(fromJson(value)),
  };
}

export function listOf<T>(kind: Kind<T>): Kind<readonly T[]> {
  return {
    encode(value, format) {
      const list = value.map((item) => kind.encode(item, { ...format, nestedAsJson: false }));
      return format.nestedAsJson ? toJsonBytes(list) : list;
    },
    decode(value) {
      const list = fromJson(value);
      if (Array.isArray(list)) return list.map((item: unknown) => kind.decode(item));
      throw new TypeError(`is no list but ${typeName(list)}`);
    },
  };
}

/** JSON of today: numbers as they are written, which the declarations of TypeScript do not have yet. */
const exactJson = JSON as unknown as {
  rawJSON(text: string): unknown;
  parse(
    text: string,
    reviver: (name: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
};

/** Integers of any size keep all their digits. */
function toJsonBytes(value: unknown): Uint8Array {
  return Buffer.from(
    JSON.stringify(value, (_name, item: unknown) =>
      typeof item === 'bigint' ? exactJson.rawJSON(item.toString()) : item,
    ),
  );
}

/** Integers that a number cannot hold are bigints. */
function fromJson(value: unknown): unknown {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) return value;
  return exactJson.parse(Buffer.from(value as Uint8Array).toString(), (_name, item, { source = '' }) =>
    typeof item === 'number' && !Number.isSafeInteger(item) && /^-?\d+$/.test(source) ? BigInt(source) : item,
  );
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'missing';
  return Array.isArray(value) ? 'a list' : typeof value;
}
