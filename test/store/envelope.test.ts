import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { encode, Token, Type } from 'cborg';
import fc from 'fast-check';
import { decodeValue, encodeCanonically, encodeValue } from '../../jobs/store/codec.ts';
import { open, seal } from '../../jobs/store/envelope.ts';
import { IntegrityError, NotSerialisableError } from '../../jobs/store/errors.ts';

const META = { key: 'k', createdAtMs: 1, expiresAtMs: null, creator: 'tester', about: {} };
const there = (value: unknown): unknown => decodeValue(encodeValue(value));

describe('38 what is no plain data is a NotSerialisableError with its path', () => {
  class Point {
    readonly x = 1;
  }
  const cycle: { name: string; self?: unknown } = { name: 'c' };
  cycle.self = [cycle];
  const bottomless = Array.from({ length: 600 }).reduce<unknown>((inner) => [inner], 1);
  test.each([
    ['a function', { a: [1, () => 1] }, '$.a[1]'],
    ['a class instance', { p: new Point() }, '$.p'],
    ['an error', [new Error('x')], '$[0]'],
    ['a promise', { 'a b': Promise.resolve() }, '$["a b"]'],
    ['a cycle', { cycle }, '$.cycle.self[0]'],
    ['a symbol', new Map([['k', Symbol('s')]]), '$.values()[0]'],
    ['a symbol as key', { [Symbol('s')]: 1 }, '$'],
    ['a hole', [1, , 3], '$[1]'], // oxlint-disable-line no-sparse-arrays
    ['half a character', { text: ['\udc00'] }, '$.text[0]'],
    ['shared memory', new Uint8Array(new SharedArrayBuffer(8)), '$'],
    ['an array of half precision', { f: new Float16Array([1, 2]) }, '$.f'],
    ['a boxed number', [Object(1)], '$[0]'],
    ['the field __proto__', JSON.parse('{"a":{"__proto__":{"x":1}}}'), '$.a.__proto__'],
    ['a value 600 levels deep', bottomless, `$${'[0]'.repeat(500)}`],
  ])('%s', async (_what, value, path) => {
    const failure = await seal(META, value).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NotSerialisableError);
    expect(failure).toMatchObject({ path, code: 'store.not-serialisable' });
  });

  test('the same object at two places is no cycle', () => {
    const shared = { a: 1 };
    expect(there([shared, shared])).toEqual([{ a: 1 }, { a: 1 }]);
  });
});

test('39 NaN, -0, ±Inf, 2n**70n, Date, Map, Set, Float64Array, nested undefined round-trip exactly', () => {
  const value = {
    numbers: [NaN, -0, 0, Infinity, -Infinity, 2 ** 60, -(2 ** 53), 5e-324, 1.1],
    big: [2n ** 70n, -(2n ** 70n), 5n, -1n, 0n],
    date: new Date('2022-01-30T12:34:56.789Z'),
    dates: [new Date(8.64e15), new Date(-8.64e15)],
    map: new Map<unknown, unknown>([
      [1, 'one'],
      ['a', { deep: undefined }],
      [NaN, new Map()],
    ]),
    set: new Set([1, 'x', NaN]),
    floats: Float64Array.of(NaN, -0, 1.1),
    ints: Int32Array.of(-1, 2 ** 31 - 1),
    bytes: Uint8Array.of(1, 2),
    missing: undefined,
    list: [undefined, null],
    methods: { toString: 'x' },
  };
  const back = there(value) as typeof value;
  for (const name of Object.keys(value) as (keyof typeof value)[])
    expect([name, back[name]]).toStrictEqual([name, value[name]]);
  expect(Object.keys(back)).toEqual(Object.keys(value));
  expect('missing' in back).toBe(true);
  expect((there(new Date(NaN)) as Date).getTime()).toBeNaN();
  expect(there({ constructor: 1 })).toEqual({ constructor: 1 });
  expect(back.numbers.map((number) => Object.is(number, -0))[1]).toBe(true);
  expect(new BigUint64Array(back.floats.buffer)).toEqual(new BigUint64Array(value.floats.buffer));
});

const leaf = fc.oneof(
  fc.constantFrom(null, undefined, NaN, -0, Infinity, -Infinity, '__proto__ as text'),
  fc.boolean(),
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  fc.string({ unit: 'binary' }),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array(),
  fc.int8Array(),
  fc.uint8ClampedArray(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
);
const key = fc.string({ unit: 'binary' }).filter((text) => text !== '__proto__');
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('value')),
    fc.dictionary(key, tie('value'), { noNullPrototype: true }),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((pairs) => new Map(pairs)),
    fc.array(tie('value')).map((values) => new Set(values)),
  ),
}));

test('every value of the grammar round-trips, through the envelope too', async () => {
  await fc.assert(
    fc.asyncProperty(anyValue, async (value) => {
      const bytes = await seal(META, value);
      expect(await open('k', bytes).value()).toStrictEqual(value);
    }),
    { numRuns: 300 },
  );
});

test('large values are compressed where that makes them smaller', async () => {
  const flat = await seal(META, new Float64Array(100_000));
  expect(flat.length).toBeLessThan(1000);
  const random = crypto.getRandomValues(new Uint8Array(60_000));
  const noise = await seal(META, random);
  expect(noise.length).toBeGreaterThan(60_000);
  expect(await open('k', noise).value()).toStrictEqual(random);
});

test('canonical bytes do not depend on the order of fields', () => {
  expect(encodeCanonically({ a: 1, b: { d: 1, c: 2 } })).toEqual(
    encodeCanonically({ b: { c: 2, d: 1 }, a: 1 }),
  );
  expect(encodeCanonically({ a: 1 })).not.toEqual(encodeCanonically({ a: -0 }));
});

test('a flipped bit never gives a value', async () => {
  const value = { prices: Float64Array.of(1, 2, 3), text: 'x'.repeat(600) };
  const bytes = await seal(META, value);
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const damaged = Uint8Array.from(bytes);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => open('k', damaged)).toThrow(IntegrityError);
  }
});

test('a cut blob, another magic, a later schema and a blob of another key are told apart from values', async () => {
  const bytes = Buffer.from(await seal(META, 'value'));
  const faultOf = (name: string, blob: Uint8Array): string | undefined => {
    try {
      open(name, blob);
      return undefined;
    } catch (error) {
      return (error as IntegrityError).fault;
    }
  };
  for (let length = 0; length < bytes.length; length += 1)
    expect(faultOf('k', bytes.subarray(0, length))).toBe('corrupt');
  const change = (at: number, byte: number): Uint8Array =>
    Uint8Array.from(bytes, (old, i) => (i === at ? byte : old));
  expect(faultOf('k', change(0, 0))).toBe('corrupt');
  expect(faultOf('k', change(4, 2))).toBe('future');
  expect(faultOf('other', bytes)).toBe('corrupt');
  expect(faultOf('k', bytes)).toBeUndefined();
});

test('what is kept of a small value is not a piece of a larger memory', async () => {
  const { buffer, byteLength } = await seal(META, 'value');
  expect(buffer.byteLength).toBe(byteLength);
});

test('what a newer version adds to the meta is passed over', async () => {
  const newer = { ...META, tags: ['added later'] };
  const { meta, value } = open('k', await seal(newer, 'value'));
  expect(Object.keys(meta)).not.toContain('tags');
  expect([meta.key, await value()]).toEqual(['k', 'value']);
});

describe('40 forged content is refused and pollutes nothing', () => {
  test('a key __proto__', () => {
    const forged = encode({ a: JSON.parse('{"__proto__":{"polluted":true}}') });
    expect(() => decodeValue(forged)).toThrow(NotSerialisableError);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test.each([
    ['an object of a class (tag 27)', 27],
    ['a regular expression (tag 21066)', 21066],
    ['a shared value (tag 28)', 28],
    ['a record of cbor-x (tag 105)', 105],
    ['a tag that nobody knows', 99_999],
  ])('%s', (_what, tag) => {
    const forged = encode(
      {},
      {
        typeEncoders: {
          Object: () => [
            new Token(Type.tag, tag),
            new Token(Type.array, 2),
            new Token(Type.string, 'child_process'),
            new Token(Type.string, 'x'),
          ],
        },
      },
    );
    expect(() => decodeValue(forged)).toThrow(/tag not supported/);
  });

  test('a value that says it is larger than any that is stored', async () => {
    const bytes = Buffer.from(await seal(META, 'value'));
    const metaAt = 44;
    const payloadAt = metaAt + bytes.readUInt32LE(8);
    const meta = encodeValue({ ...META, payloadBytes: 2 ** 30 + 1 });
    const forged = Buffer.concat([bytes.subarray(0, metaAt), meta, bytes.subarray(payloadAt)]);
    forged.writeUInt32LE(meta.length, 8);
    const digested = [forged.subarray(0, 12), forged.subarray(metaAt)];
    createHash('sha256').update(Buffer.concat(digested)).digest().copy(forged, 12);
    expect(() => open('k', forged)).toThrow(IntegrityError);
    expect(() => open('k', forged)).toThrow(
      /^k is not usable: meta payloadBytes: .*1073741824; put it again$/,
    );
  });

  test('any bytes give a value or an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeValue(bytes);
        } catch (error) {
          expect(error).toBeDefined();
        }
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});
