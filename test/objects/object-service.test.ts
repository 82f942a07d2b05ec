import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { cached, type CachingEnvironment } from '../../jobs/objects/cached.ts';
import type { ObjectService } from '../../jobs/objects/object-service.ts';
import {
  CacheUnavailableError,
  CacheWriteError,
  ConflictError,
  IntegrityError,
  KeyFormatError,
  NotSerialisableError,
} from '../../jobs/store/errors.ts';
import { GuardedLevel } from '../../jobs/store/guarded-level.ts';
import { UNCHANGED, type CacheLevel } from '../../jobs/store/level.ts';
import { MemoryLevel } from '../../jobs/store/memory-level.ts';
import { nameToKey } from '../../jobs/store/names.ts';
import { workspaceFolder } from '../../jobs/store/workspace.ts';
import { awsEndpoint, createBucket } from '../support/aws.ts';
import {
  breakableLevel,
  cacheOver,
  DAY_MS,
  newS3Level,
  newSqliteLevel,
  objectsOf,
  s3LevelAt,
  TEAM,
  testClock,
  type TestClock,
} from '../support/caches.ts';
import { describeWith } from '../support/describe-with.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();
const FOLDER = workspaceFolder(TEAM, 'objects');
const UNIVERSE = new Map([
  ['2022-01-04', ['1225253.SINGLE_STOCK.TRADABLE', '1324073.SINGLE_STOCK.TRADABLE']],
]);

let clock: TestClock;
beforeEach(() => {
  clock = testClock();
});

/** An environment with its objects in a level. */
function environmentOf(objects: ObjectService): () => CachingEnvironment {
  return () => ({
    envDate: '2022-01-30',
    dataDate: async () => '2022-01-28',
    objectService: () => objects,
  });
}

function newObjects(durable: CacheLevel = newSqliteLevel(folder)): ObjectService {
  return objectsOf(cacheOver(durable, clock).cache);
}

/** What an object service does wherever it keeps things. */
function objectServiceSuite(openDurable: () => CacheLevel): void {
  test("19 put, get, keys('') and delete as in the sample", async () => {
    const durable = openDurable();
    const objects = newObjects(durable);
    await objects.put('SPX UNIVERSE 2008', ['a']);
    await objects.put('DAX 20220104', UNIVERSE);
    // A session of its own.
    const later = newObjects(durable);
    expect(await later.keys('')).toEqual(['DAX 20220104', 'SPX UNIVERSE 2008']);
    expect(await later.get('DAX 20220104')).toEqual(UNIVERSE);
    expect(await later.delete('DAX 20220104')).toBe(true);
    expect(await later.keys()).toEqual(['SPX UNIVERSE 2008']);
  });

  test('20 get of an unknown name is undefined, delete of one false', async () => {
    const objects = newObjects(openDurable());
    expect([await objects.get('x'), await objects.has('x'), await objects.delete('x')]).toEqual([
      undefined,
      false,
      false,
    ]);
    for (const call of [objects.get(''), objects.put('a\0', 1), objects.keys('\ud800')])
      await expect(call).rejects.toThrow(KeyFormatError);
  });

  test('21 put replaces, and keys has one', async () => {
    const objects = newObjects(openDurable());
    await objects.put('a', 1);
    await objects.put('a', 2);
    expect([await objects.get('a'), await objects.keys()]).toEqual([2, ['a']]);
  });

  test('36 a flipped bit is a miss and an event, and strict an IntegrityError', async () => {
    const durable = openDurable();
    await newObjects(durable).put('a', 'value');
    await damage(durable, 'a', (bytes) => {
      bytes[bytes.length - 1]! ^= 1;
      return bytes;
    });
    const { cache, count } = cacheOver(durable, clock);
    const objects = objectsOf(cache);
    expect([await objects.get('a'), await objects.has('a'), count('corrupt')]).toEqual([undefined, false, 2]);
    await expect(objects.get('a', { strict: true })).rejects.toThrow(IntegrityError);
    // What is made anew takes its place.
    expect(await objects.getOrCreate('a', () => 'again')).toBe('again');
    expect(await newObjects(durable).get('a')).toBe('again');
  });

  test('37 so are a cut blob, another magic, a later schema, and a blob copied to another key', async () => {
    const durable = openDurable();
    const writer = newObjects(durable);
    for (const name of ['cut', 'magic', 'future', 'own']) await writer.put(name, name);
    await damage(durable, 'cut', (bytes) => bytes.subarray(0, -1));
    await damage(durable, 'magic', (bytes) => Buffer.concat([Buffer.from('PKZP'), bytes.subarray(4)]));
    await damage(durable, 'future', (bytes) => {
      bytes[4] = 2;
      return bytes;
    });
    const own = await durable.get(nameToKey(FOLDER, 'own'));
    if (own === undefined || own === UNCHANGED) throw new Error('not there');
    await durable.put(nameToKey(FOLDER, 'copied'), { bytes: own.bytes, expiresAtMs: undefined });
    const { cache, count } = cacheOver(durable, clock);
    const objects = objectsOf(cache);
    const faults: unknown[] = [];
    for (const name of ['cut', 'magic', 'future', 'copied']) {
      expect(await objects.get(name)).toBeUndefined();
      const failure = await objects.get(name, { strict: true }).catch((error: unknown) => error);
      faults.push((failure as IntegrityError).fault);
    }
    expect(faults).toEqual(['corrupt', 'corrupt', 'future', 'corrupt']);
    expect(count('corrupt')).toBe(8);
    // What a later version has written is not replaced behind its back.
    expect(await objects.getOrCreate('future', () => 'mine')).toBe('mine');
    await expect(newObjects(durable).get('future', { strict: true })).rejects.toThrow(/schema 2.*update it/);
  });

  test('43 ifMatch with a version that is gone is a ConflictError', async () => {
    const durable = openDurable();
    const objects = newObjects(durable);
    const first = await objects.put('a', 1, { ifAbsent: true });
    expect((await objects.getEntry('a'))!.version).toBe(first);
    clock.ms += 1;
    const second = await objects.put('a', 2, { ifMatch: first });
    await expect(objects.put('a', 3, { ifMatch: first })).rejects.toThrow(ConflictError);
    await expect(objects.put('a', 3, { ifAbsent: true })).rejects.toThrow(/"a" is there already/);
    expect(await objects.get('a')).toBe(2);
    await objects.delete('a');
    await expect(objects.put('a', 3, { ifMatch: second })).rejects.toThrow(ConflictError);
    expect(await objects.get('a')).toBeUndefined();
  });

  test('what has expired counts as absent to ifAbsent and delete', async () => {
    const objects = newObjects(openDurable());
    await objects.put('a', 1, { expires: '1h' });
    clock.ms += 3_600_000;
    expect(await objects.delete('a')).toBe(false);
    await objects.put('a', 2, { expires: '1h' });
    clock.ms += 3_600_000;
    await objects.put('a', 3, { ifAbsent: true });
    expect(await objects.get('a')).toBe(3);
  });

  test("44 one organisation cannot see another's, whatever names it makes up", async () => {
    const durable = openDurable();
    const { cache } = cacheOver(durable, clock);
    const other = objectsOf(cache, { organisation: 'B', workspace: 'main' });
    await other.put('x', 'secret');
    const objects = objectsOf(cache);
    const key = nameToKey(workspaceFolder({ organisation: 'B', workspace: 'main' }, 'objects'), 'x');
    for (const name of [
      '../B/x',
      '%2e%2e%2fB',
      '../../../../B/ws/main/objects/x',
      key,
      `/${key}`,
      '..',
      '.',
    ]) {
      expect(await objects.get(name)).toBeUndefined();
      expect(await objects.delete(name)).toBe(false);
      await objects.put(name, 'mine');
    }
    for (const prefix of ['', '..', '../', 'org/', '%'])
      expect(await objects.keys(prefix)).not.toContain('x');
    expect(await objects.keys()).toHaveLength(7);
    expect([await other.keys(), await other.get('x')]).toEqual([['x'], 'secret']);
  });

  test('45 memory that is full drops what was used longest ago, which is still there', async () => {
    const { cache, count } = cacheOver(openDurable(), clock, { memoryBytes: 5000 });
    const objects = objectsOf(cache);
    const value = (index: number): Uint8Array => new Uint8Array(400).fill(index);
    for (let index = 0; index < 10; index += 1) await objects.put(`v${index}`, value(index));
    expect(count('evict')).toBeGreaterThan(0);
    expect((await objects.getEntry('v9'))!.level).toBe('memory');
    const old = (await objects.getEntry('v0'))!;
    expect([old.value, old.level]).toEqual([value(0), expect.stringMatching(/sqlite|s3/)]);
  });

  test('46 a hit in a slower level fills memory with the time that is left', async () => {
    const durable = openDurable();
    await newObjects(durable).put('a', 1, { expires: '1h' });
    clock.ms += 3_000_000;
    const { cache } = cacheOver(durable, clock, { revalidateAfterMs: Infinity });
    const objects = objectsOf(cache);
    expect((await objects.getEntry('a'))!.level).not.toBe('memory');
    expect((await objects.getEntry('a'))!.level).toBe('memory');
    clock.ms += 599_999;
    expect(await objects.get('a')).toBe(1);
    clock.ms += 1;
    expect([await objects.get('a'), await objects.keys()]).toEqual([undefined, []]);
  });

  test('what another process overwrites or deletes is seen within the revalidation time', async () => {
    const durable = openDurable();
    const here = newObjects(durable);
    const { cache, count } = cacheOver(durable, clock, { revalidateAfterMs: 60_000 });
    const there = objectsOf(cache);
    await here.put('a', 'old');
    expect(await there.get('a')).toBe('old');
    clock.ms += 1;
    await here.put('a', 'new');
    clock.ms += 59_998;
    expect(await there.get('a')).toBe('old');
    expect(await there.get('a', { fresh: true })).toBe('new');
    clock.ms += 60_000;
    expect([await there.get('a'), count('revalidate')]).toEqual(['new', 1]);
    await here.delete('a');
    clock.ms += 60_000;
    expect(await there.get('a')).toBeUndefined();
  });
}

async function damage(level: CacheLevel, name: string, change: (bytes: Buffer) => Uint8Array): Promise<void> {
  const key = nameToKey(FOLDER, name);
  const found = await level.get(key);
  if (found === undefined || found === UNCHANGED) throw new Error(`${name} is not there`);
  await level.put(key, { ...found, bytes: change(Buffer.from(found.bytes)) });
}

describe('over SQLite', () => objectServiceSuite(() => newSqliteLevel(folder)));

describe('cached', () => {
  const setUp = (): {
    objects: ObjectService;
    environment: () => CachingEnvironment;
    calls: unknown[][];
    universe: (...args: unknown[]) => { members: string[] };
  } => {
    const objects = newObjects();
    const calls: unknown[][] = [];
    const universe = (...args: unknown[]): { members: string[] } => {
      calls.push(args);
      return { members: ['a', 'b'] };
    };
    return { objects, environment: environmentOf(objects), calls, universe };
  };

  test('22 the key is NAME_ASOF by default, NAME without it, and NAME_ENV_DATA with both', async () => {
    const { objects, environment, universe } = setUp();
    await cached(universe, { name: 'DAX', environment })();
    await cached(universe, { name: 'DAX', addEnvDate: false, environment })();
    await cached(universe, { name: 'DAX', addDataDate: true, environment })();
    expect(await objects.keys()).toEqual(['DAX', 'DAX_2022-01-30', 'DAX_2022-01-30_2022-01-28']);
  });

  test('23 with a hit the function is not called, and the result is equal and nobody else has it', async () => {
    const { environment, universe, calls } = setUp();
    const get = cached(universe, { name: 'DAX', environment });
    const first = await get();
    first.members.push('changed');
    const second = await get();
    expect(second).toEqual({ members: ['a', 'b'] });
    second.members.length = 0;
    expect(await get()).toEqual({ members: ['a', 'b'] });
    const [one, other] = await Promise.all([
      cached(universe, { name: 'X', environment })(),
      cached(universe, { name: 'X', environment })(),
    ]);
    one.members.pop();
    expect([other.members, calls]).toEqual([
      ['a', 'b'],
      [[], []],
    ]);
  });

  test('24 by default it expires after 30 days: a hit one millisecond before, a call at it; null never expires', async () => {
    const { environment, universe, calls } = setUp();
    const get = cached(universe, { name: 'DAX', environment });
    const forever = cached(universe, { name: 'ever', expires: null, environment });
    await get();
    await forever();
    clock.ms += 30 * DAY_MS - 1;
    await get();
    expect(calls).toHaveLength(2);
    clock.ms += 1;
    await get();
    expect(calls).toHaveLength(3);
    clock.ms += 100 * 365 * DAY_MS;
    await forever();
    expect(calls).toHaveLength(3);
    expect(() => cached(universe, { name: 'x', expires: '1y' })).toThrow(RangeError);
  });

  test('26 what the function throws is passed on, nothing is kept, and the next call tries again', async () => {
    const { objects, environment } = setUp();
    let calls = 0;
    const get = cached(
      () => {
        calls += 1;
        if (calls === 1) throw new Error('no data today');
        return calls;
      },
      { name: 'x', environment },
    );
    await expect(get()).rejects.toThrow('no data today');
    expect(await objects.keys()).toEqual([]);
    expect([await get(), await get(), calls]).toEqual([2, 2, 2]);
  });

  test('27 null is kept; undefined is not, unless that is asked for', async () => {
    const { objects, environment } = setUp();
    const calls: string[] = [];
    const make = (name: string, value: unknown, cacheUndefined = false) =>
      cached(
        () => {
          calls.push(name);
          return value;
        },
        { name, addEnvDate: false, cacheUndefined, environment },
      );
    const all = [make('null', null), make('undefined', undefined), make('kept', undefined, true)];
    for (const get of [...all, ...all]) await get();
    expect(calls).toEqual(['null', 'undefined', 'kept', 'undefined']);
    expect(await objects.keys()).toEqual(['kept', 'null']);
    expect([await objects.has('kept'), await objects.getEntry('kept')]).toMatchObject([
      true,
      { value: undefined },
    ]);
  });

  test('28 of 1000 calls at the same time one runs the function', async () => {
    const { environment, universe, calls } = setUp();
    const get = cached(universe, { name: 'DAX', environment });
    const results = await Promise.all(Array.from({ length: 1000 }, () => get()));
    expect([calls.length, new Set(results).size]).toEqual([1, 1000]);
    for (const result of results) expect(result).toEqual({ members: ['a', 'b'] });
  });

  test('29 arguments are part of the key', async () => {
    const { objects, environment, calls, universe } = setUp();
    const get = cached(universe, { name: 'f', environment });
    for (const args of [[1], [2], ['1'], [{ a: 1, b: 2 }], [1, undefined], [-0]]) await get(...args);
    await get({ b: 2, a: 1 });
    await get(1);
    expect([calls.length, (await objects.keys()).length]).toEqual([6, 6]);
    expect((await objects.keys())[0]).toMatch(/^f_[0-9a-f]{32}_2022-01-30$/);
    const named = cached((ticker: string) => ticker, { name: (ticker) => `price of ${ticker}`, environment });
    await named('AAPL');
    expect(await objects.keys('price')).toEqual(['price of AAPL_2022-01-30']);
    await expect(get(() => 1)).rejects.toThrow(NotSerialisableError);
  });
});

test('what others have put into the folder is no object and does not hide those that are', async () => {
  const durable = new MemoryLevel(2 ** 20);
  const objects = newObjects(durable);
  await objects.put('a', 1);
  // As the console of S3 makes a folder, and a file that was copied into it.
  for (const stray of ['', '50% off.csv', 'reports/x.csv'])
    await durable.put(FOLDER + stray, { bytes: Buffer.alloc(0), expiresAtMs: undefined });
  expect(await objects.keys()).toEqual(['a']);
});

test('a value that cannot be stored leaves what was there, at every level', async () => {
  const durable = breakableLevel(newSqliteLevel(folder));
  const objects = newObjects(durable);
  await objects.put('a', 1);
  await expect(objects.put('a', { deep: [() => 1] })).rejects.toThrow(/a function at \$\.deep\[0\]/);
  for (const expires of ['30', '1y', 0])
    await expect(objects.put('a', 2, { expires })).rejects.toThrow(RangeError);
  expect([durable.calls.filter((call) => call === 'put').length, await objects.get('a')]).toEqual([1, 1]);
});

test('a delete while a value is being made wins', async () => {
  const objects = newObjects();
  const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
  const { promise: isRunning, resolve: running } = Promise.withResolvers<void>();
  const making = objects.getOrCreate('a', async () => {
    running();
    await gate;
    return 'made';
  });
  await isRunning;
  await objects.delete('a');
  openGate();
  expect([await making, await objects.get('a')]).toEqual(['made', undefined]);
});

describe('with the durable level away', () => {
  const away = new CacheUnavailableError('connection refused');

  test('what is inside its grace period is served, what is not is an error', async () => {
    const durable = breakableLevel(newSqliteLevel(folder));
    const { cache, count } = cacheOver(durable, clock, { revalidateAfterMs: 60_000, graceMs: 3_600_000 });
    const objects = objectsOf(cache);
    await objects.put('a', 1);
    await objects.put('brief', 2, { expires: '5m' });
    durable.failure = away;
    clock.ms += 3_599_999;
    expect([await objects.get('a'), await objects.has('a'), count('grace')]).toEqual([1, true, 2]);
    // What has expired stays expired.
    await expect(objects.get('brief')).rejects.toThrow(CacheUnavailableError);
    await expect(objects.get('unknown')).rejects.toThrow(/cannot read .*unknown: connection refused/);
    clock.ms += 1;
    await expect(objects.get('a')).rejects.toThrow(CacheUnavailableError);
    durable.failure = undefined;
    expect(await objects.get('a')).toBe(1);
  });

  test('a write is a CacheWriteError and changes no level', async () => {
    const durable = breakableLevel(newSqliteLevel(folder));
    const { cache, memory } = cacheOver(durable, clock);
    const objects = objectsOf(cache);
    await objects.put('a', 1);
    durable.failure = away;
    await expect(objects.put('a', 2)).rejects.toThrow(CacheWriteError);
    await expect(objects.put('b', 2)).rejects.toThrow(CacheWriteError);
    await expect(objects.delete('a')).rejects.toThrow(CacheWriteError);
    expect(await objects.get('a')).toBe(1);
    const keys: string[] = [];
    for await (const { key } of memory.list('')) keys.push(key);
    expect(keys).toEqual([nameToKey(FOLDER, 'a')]);
  });

  test('getOrCreate makes the value, and says that it could not be kept', async () => {
    const durable = breakableLevel(newSqliteLevel(folder));
    const { cache, count } = cacheOver(durable, clock);
    durable.failure = away;
    expect(await objectsOf(cache).getOrCreate('a', () => 'made')).toBe('made');
    expect(count('error')).toBe(1);
    // Goes away between the read and the write.
    const { put } = durable;
    durable.failure = undefined;
    durable.put = () => Promise.reject(away);
    expect(await objectsOf(cache).getOrCreate('a', () => 'made')).toBe('made');
    expect(count('error')).toBe(2);
    durable.put = put;
  });
});

test('copies on disk are used by the next process, and dropped when they are damaged', async () => {
  const [disk, durable] = [newSqliteLevel(folder, 2 ** 24), breakableLevel(newSqliteLevel(folder))];
  const open = (): ReturnType<typeof cacheOver> =>
    cacheOver(durable, clock, { between: [disk], revalidateAfterMs: 60_000 });
  await objectsOf(open().cache).put('a', 'value');
  durable.calls.length = 0;
  expect(await objectsOf(open().cache).getEntry('a')).toMatchObject({ value: 'value', level: 'sqlite' });
  expect(durable.calls).toEqual([]);

  const key = nameToKey(FOLDER, 'a');
  const { bytes, origin } = (await disk.get(key)) as {
    bytes: Uint8Array;
    origin: { version: string; checkedAtMs: number };
  };
  const damaged = Uint8Array.from(bytes, (byte, index) => (index === 60 ? byte ^ 1 : byte));
  await disk.put(key, { bytes: damaged, expiresAtMs: undefined, origin: { ...origin, version: 'other' } });
  const { cache, count } = open();
  expect(await objectsOf(cache).get('a')).toBe('value');
  expect([count('corrupt'), durable.calls]).toEqual([1, ['get']]);
});

test('listings, values and deletions are those of a map, whatever happens in whatever order', async () => {
  const names = fc.constantFrom('a', 'a b', 'a%', 'é', 'b/c', '..');
  const command = fc.oneof(
    fc.record({
      type: fc.constant('put' as const),
      name: names,
      value: fc.integer(),
      ttlMs: fc.option(fc.integer({ min: 1, max: 100 })),
    }),
    fc.record({ type: fc.constant('delete' as const), name: names }),
    fc.record({ type: fc.constant('clock' as const), ms: fc.integer({ min: -50, max: 100 }) }),
    fc.record({ type: fc.constant('create' as const), name: names, value: fc.integer() }),
    fc.record({ type: fc.constant('restart' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
      clock = testClock();
      const durable = new MemoryLevel(2 ** 20);
      let objects = newObjects(durable);
      const model = new Map<string, { value: number; expiresAtMs: number }>();
      const isThere = (name: string): boolean => clock.ms < (model.get(name)?.expiresAtMs ?? -Infinity);
      for (const one of commands) {
        if (one.type === 'put') {
          await objects.put(one.name, one.value, { expires: one.ttlMs });
          model.set(one.name, { value: one.value, expiresAtMs: clock.ms + (one.ttlMs ?? Infinity) });
        } else if (one.type === 'delete') {
          expect(await objects.delete(one.name)).toBe(isThere(one.name));
          model.delete(one.name);
        } else if (one.type === 'clock') {
          clock.ms += one.ms;
        } else if (one.type === 'create') {
          const expected = isThere(one.name) ? model.get(one.name)!.value : one.value;
          expect(await objects.getOrCreate(one.name, () => one.value)).toBe(expected);
          if (!isThere(one.name)) model.set(one.name, { value: one.value, expiresAtMs: Infinity });
        } else {
          objects = newObjects(durable);
        }
        const there = [...model.keys()].filter(isThere).toSorted();
        expect(await objects.keys()).toEqual(there);
        for (const name of ['a', 'é', '..'])
          expect(await objects.get(name)).toBe(isThere(name) ? model.get(name)!.value : undefined);
      }
    }),
  );
});

describeWith('AWS emulator', 'over S3', () => {
  let proxy: FaultProxy;
  let bucket: string;
  beforeAll(async () => {
    proxy = await startFaultProxy(awsEndpoint);
    bucket = await createBucket();
  });
  afterAll(() => proxy.close());
  beforeEach(() => {
    proxy.decide = () => 'pass';
  });
  objectServiceSuite(() => newS3Level(bucket, proxy.url));

  const fault = (status: number, code: string): { status: number; body: string } => ({
    status,
    body: `<Error><Code>${code}</Code><Message>x</Message></Error>`,
  });

  test('42 two answers 409 and then 200 are a success', async () => {
    const level = newS3Level(bucket, proxy.url);
    let puts = 0;
    proxy.decide = (method) => {
      puts += method === 'PUT' ? 1 : 0;
      return method === 'PUT' && puts <= 2 ? fault(409, 'ConditionalRequestConflict') : 'pass';
    };
    const objects = newObjects(level);
    await objects.put('a', 1, { ifAbsent: true });
    expect([puts, await objects.get('a', { fresh: true })]).toEqual([3, 1]);
  });

  test('an acknowledgement that is lost is not taken for somebody else', async () => {
    const objects = newObjects(newS3Level(bucket, proxy.url));
    let puts = 0;
    proxy.decide = (method) => {
      puts += method === 'PUT' ? 1 : 0;
      return method === 'PUT' && puts === 1 ? 'lose-answer' : 'pass';
    };
    await objects.put('a', 1, { ifAbsent: true });
    expect([puts, await objects.get('a', { fresh: true })]).toEqual([2, 1]);
  });

  test('a revalidation of what has not changed moves no value', async () => {
    const { cache } = cacheOver(newS3Level(bucket, proxy.url), clock, { revalidateAfterMs: 1000 });
    const objects = objectsOf(cache);
    await objects.put('a', new Float64Array(1000));
    clock.ms += 1000;
    proxy.seen.length = 0;
    expect((await objects.getEntry('a'))!.level).toBe('memory');
    expect(proxy.seen).toMatchObject([
      { method: 'GET', ifNoneMatch: expect.stringMatching(/^"[0-9a-f]+"$/) },
    ]);
    expect((await objects.getEntry('a'))!.level).toBe('memory');
    expect(proxy.seen).toHaveLength(1);
  });

  test('with S3 away an entry inside its grace period is served without waiting for S3 each time', async () => {
    const level = new GuardedLevel(newS3Level(bucket, proxy.url, 1), {
      timeoutMs: 10_000,
      failures: 2,
      pauseMs: 60_000,
    });
    const { cache, count } = cacheOver(level, clock, { revalidateAfterMs: 1000 });
    const objects = objectsOf(cache);
    await objects.put('a', 1);
    clock.ms += 1000;
    proxy.decide = () => fault(503, 'SlowDown');
    proxy.seen.length = 0;
    for (let time = 0; time < 5; time += 1) expect(await objects.get('a')).toBe(1);
    expect([proxy.seen.length, count('grace')]).toEqual([2, 5]);
  });

  test('writers that race under injected 409, 412, cut connections and lost answers end with one value that one of them wrote', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.constantFrom<'pass' | 'lose-answer' | 409 | 412 | 500>('pass', 'lose-answer', 409, 412, 500),
          { maxLength: 12 },
        ),
        fc.integer({ min: 2, max: 4 }),
        async (faults, writers) => {
          const prefix = `race-${crypto.randomUUID()}`;
          const services = Array.from({ length: writers }, () =>
            newObjects(s3LevelAt(bucket, prefix, proxy.url)),
          );
          const pending = [...faults];
          proxy.decide = (method) => {
            const next = method === 'PUT' ? (pending.shift() ?? 'pass') : 'pass';
            if (next === 'pass' || next === 'lose-answer') return next;
            return fault(
              next,
              { 409: 'ConditionalRequestConflict', 412: 'PreconditionFailed', 500: 'InternalError' }[next]!,
            );
          };
          const results = await Promise.allSettled(
            services.map((service, index) => service.put('a', `writer ${index}`, { ifAbsent: true })),
          );
          proxy.decide = () => 'pass';
          const values = await Promise.all(services.map((service) => service.get('a', { fresh: true })));
          expect(new Set(values).size).toBe(1);
          const winners = results.flatMap(({ status }, index) =>
            status === 'fulfilled' ? [`writer ${index}`] : [],
          );
          // Whoever was told that it is written has written what is there.
          expect(winners.length).toBeLessThanOrEqual(1);
          if (winners.length === 1) expect(values[0]).toBe(winners[0]);
        },
      ),
      { numRuns: 20 },
    );
  });
});
