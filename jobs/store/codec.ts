import { types } from 'node:util';
import { decode, encode } from 'cborg';
import type { EncodeOptions } from 'cborg/interface';
import * as tags from 'cborg/taglib';
import { NotSerialisableError } from './errors.ts';

/*
 * Values as CBOR (RFC 8949), typed arrays by the tags of RFC 8746. What can be written is what `check` lets pass, and
 * what can be read is what the table of tags says: no classes, no functions, no references.
 */

const MAX_DEPTH = 500;

const ENCODERS: NonNullable<EncodeOptions['typeEncoders']> = {
  number: tags.negativeZeroEncoder,
  bigint: tags.structBigIntEncoder,
  Date: tags.dateEncoder,
  Map: tags.mapEncoder,
  Set: tags.setEncoder,
  Int8Array: tags.int8ArrayEncoder,
  Uint8Array: tags.uint8ArrayEncoder,
  Uint8ClampedArray: tags.uint8ClampedArrayEncoder,
  Int16Array: tags.int16ArrayEncoder,
  Uint16Array: tags.uint16ArrayEncoder,
  Int32Array: tags.int32ArrayEncoder,
  Uint32Array: tags.uint32ArrayEncoder,
  Float32Array: tags.float32ArrayEncoder,
  Float64Array: tags.float64ArrayEncoder,
  BigInt64Array: tags.bigInt64ArrayEncoder,
  BigUint64Array: tags.bigUint64ArrayEncoder,
};

const DECODERS = {
  [tags.TAG_DATE_EPOCH]: (content: () => unknown) => toDate(content() as number),
  [tags.TAG_BIGINT_POS]: tags.bigIntDecoder,
  [tags.TAG_BIGINT_NEG]: tags.bigNegIntDecoder,
  [tags.TAG_MAP]: tags.mapDecoder,
  [tags.TAG_SET]: tags.setDecoder,
  [tags.TAG_INT8_ARRAY]: tags.int8ArrayDecoder,
  [tags.TAG_UINT8_ARRAY]: tags.uint8ArrayDecoder,
  [tags.TAG_UINT8_CLAMPED_ARRAY]: tags.uint8ClampedArrayDecoder,
  [tags.TAG_INT16_ARRAY_LE]: tags.int16ArrayDecoder,
  [tags.TAG_UINT16_ARRAY_LE]: tags.uint16ArrayDecoder,
  [tags.TAG_INT32_ARRAY_LE]: tags.int32ArrayDecoder,
  [tags.TAG_UINT32_ARRAY_LE]: tags.uint32ArrayDecoder,
  [tags.TAG_FLOAT32_ARRAY_LE]: tags.float32ArrayDecoder,
  [tags.TAG_FLOAT64_ARRAY_LE]: tags.float64ArrayDecoder,
  [tags.TAG_BIGINT64_ARRAY_LE]: tags.bigInt64ArrayDecoder,
  [tags.TAG_BIGUINT64_ARRAY_LE]: tags.bigUint64ArrayDecoder,
};

/**
 * Bytes of null, undefined, booleans, numbers, bigints, strings, Dates, Maps, Sets, typed arrays, and arrays and plain
 * objects of them. Throws NotSerialisableError, with the place, for anything else and for cycles.
 */
export function encodeValue(value: unknown): Uint8Array {
  check(value, '$', new Set());
  return encode(value, { typeEncoders: ENCODERS, mapSorter: asTheyCome });
}

/** The same bytes for the same value, in whatever order its fields were set: for hashes. */
export function encodeCanonically(value: unknown): Uint8Array {
  check(value, '$', new Set());
  return encode(value, { typeEncoders: ENCODERS });
}

/** The value again, a new one each time. Throws for bytes that are not of `encodeValue`. */
export function decodeValue(bytes: Uint8Array): unknown {
  const value: unknown = decode(bytes, {
    tags: DECODERS,
    strict: true,
    allowIndefinite: false,
    allowBigInt: false,
    rejectDuplicateMapKeys: true,
  });
  // As a value the word is harmless, as a key it is refused.
  if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('__proto__')) {
    check(value, '$', new Set());
  }
  return value;
}

/** The whole seconds apart: a double has no room for the milliseconds of late centuries beside them. */
function toDate(seconds: number): Date {
  const whole = Math.floor(seconds);
  return new Date(1000 * whole + Math.round(1000 * (seconds - whole)));
}

function asTheyCome(): number {
  return 0;
}

function check(value: unknown, path: string, above: Set<object>): void {
  if (value === null || value === undefined) return;
  switch (typeof value) {
    case 'boolean':
    case 'number':
    case 'bigint':
      return;
    case 'string':
      if (!value.isWellFormed()) throw new NotSerialisableError(path, 'a text with half a character');
      return;
    case 'object':
      break;
    default:
      throw new NotSerialisableError(path, `a ${typeof value}`);
  }
  if (types.isDate(value) || (types.isTypedArray(value) && isStorable(value))) return;
  if (above.has(value)) throw new NotSerialisableError(path, 'a cycle');
  if (above.size === MAX_DEPTH) throw new NotSerialisableError(path, `something ${MAX_DEPTH} levels deep`);
  above.add(value);
  for (const [part, name] of partsOf(value, path)) check(part, name, above);
  above.delete(value);
}

/** An array that no encoder knows would be taken for an object with its indexes as fields. */
function isStorable(array: NodeJS.TypedArray): boolean {
  return Object.hasOwn(ENCODERS, array[Symbol.toStringTag]) && !types.isSharedArrayBuffer(array.buffer);
}

function* partsOf(value: object, path: string): Iterable<[part: unknown, path: string]> {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      if (!Object.hasOwn(value, index)) throw new NotSerialisableError(`${path}[${index}]`, 'a hole');
      yield [value[index], `${path}[${index}]`];
    }
  } else if (types.isMap(value)) {
    let index = 0;
    for (const [key, part] of value) {
      yield [key, `${path}.keys()[${index}]`];
      yield [part, `${path}.values()[${index}]`];
      index += 1;
    }
  } else if (types.isSet(value)) {
    let index = 0;
    for (const part of value) {
      yield [part, `${path}.values()[${index}]`];
      index += 1;
    }
  } else {
    if (!isPlain(value)) throw new NotSerialisableError(path, `an instance of ${className(value)}`);
    if (Object.getOwnPropertySymbols(value).length > 0)
      throw new NotSerialisableError(path, 'a symbol as key');
    for (const [key, part] of Object.entries(value)) {
      const name = /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
      if (key === '__proto__') throw new NotSerialisableError(name, 'a field of that name');
      check(key, name, new Set());
      yield [part, name];
    }
  }
}

// Objects of another realm (a vm context) have an Object.prototype of their own.
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function className(value: object): string {
  const { constructor } = value;
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'a class';
}
