import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pLimit from 'p-limit';
import { ABSENT } from '../../jobs/lake/object-store.ts';
import { ConflictError } from '../../jobs/store/errors.ts';
import { UNCHANGED, type CacheLevel, type Entry, type ListedEntry } from '../../jobs/store/level.ts';

const entry = (text: string, expiresAtMs?: number): Entry => ({ bytes: Buffer.from(text), expiresAtMs });

async function listed(level: CacheLevel, prefix: string, mayExpire?: boolean): Promise<ListedEntry[]> {
  const entries: ListedEntry[] = [];
  for await (const one of level.list(prefix, mayExpire)) entries.push(one);
  return entries;
}

/** The laws of CacheLevel, for every implementation. */
export function cacheLevelContract(open: () => Promise<CacheLevel>): void {
  let level: CacheLevel;
  beforeEach(async () => {
    level = await open();
  });
  afterEach(() => level.close());

  const textOf = async (key: string): Promise<string | undefined> => {
    const found = await level.get(key);
    return found === undefined || found === UNCHANGED ? undefined : Buffer.from(found.bytes).toString();
  };
  const keysOf = async (prefix: string): Promise<string[]> =>
    (await listed(level, prefix)).map(({ key }) => key);

  test('an entry that was never put is not there', async () => {
    expect(await level.get('a')).toBeUndefined();
    expect(await level.delete('a')).toBeUndefined();
    expect(await listed(level, '')).toEqual([]);
  });

  test('get gives what put wrote, with its version and when it expires', async () => {
    const version = await level.put('a/b', entry('one', 1_700_000_000_123));
    const found = await level.get('a/b');
    expect(found).toMatchObject({ version, expiresAtMs: 1_700_000_000_123 });
    expect(await textOf('a/b')).toBe('one');
    await level.put('a/b', entry('two'));
    expect(await level.get('a/b')).toMatchObject({ expiresAtMs: undefined });
  });

  test('a version that need not be read again is not read again', async () => {
    const first = await level.put('a', entry('one'));
    expect(await level.get('a', first)).toBe(UNCHANGED);
    await level.put('a', entry('two'));
    expect(await level.get('a', first)).toMatchObject({ bytes: expect.anything() });
    await level.delete('a');
    expect(await level.get('a', first)).toBeUndefined();
  });

  test('another content has another version, and an entry that was removed and put again too', async () => {
    const first = await level.put('a', entry('one'));
    const second = await level.put('a', entry('two'));
    await level.delete('a');
    const third = await level.put('a', entry('three'));
    expect(new Set([first, second, third]).size).toBe(3);
  });

  test('put with ABSENT writes a new entry and refuses to replace one', async () => {
    await level.put('a', entry('one'), ABSENT);
    await expect(level.put('a', entry('two'), ABSENT)).rejects.toThrow(ConflictError);
    expect(await textOf('a')).toBe('one');
  });

  test('put with a version writes only while that version is there', async () => {
    const first = await level.put('a', entry('one'));
    const second = await level.put('a', entry('two'), first);
    await expect(level.put('a', entry('three'), first)).rejects.toThrow(ConflictError);
    expect(await textOf('a')).toBe('two');
    await level.delete('a');
    await expect(level.put('a', entry('three'), second)).rejects.toThrow(ConflictError);
    expect(await level.get('a')).toBeUndefined();
  });

  test('delete tells what it removed', async () => {
    await level.put('a', entry('one', 5));
    expect(await level.delete('a')).toEqual({ key: 'a', expiresAtMs: 5 });
    expect(await level.delete('a')).toBeUndefined();
  });

  test('list gives the entries below a prefix in key order, with when they expire', async () => {
    for (const [index, key] of ['b 2', 'b%2', 'a', 'b.c', 'b', 'c'].entries())
      await level.put(key, entry('x', index === 0 ? 7 : undefined));
    expect(await keysOf('')).toEqual(['a', 'b', 'b 2', 'b%2', 'b.c', 'c']);
    expect(await keysOf('b')).toEqual(['b', 'b 2', 'b%2', 'b.c']);
    expect(await listed(level, 'b 2')).toEqual([{ key: 'b 2', expiresAtMs: 7 }]);
    expect(await keysOf('z')).toEqual([]);
  });

  test('signs that are patterns elsewhere are characters in a prefix', async () => {
    for (const key of ['a%b', 'a*b', 'a_b', 'axb']) await level.put(key, entry('x'));
    expect(await keysOf('a%')).toEqual(['a%b']);
    expect(await keysOf('a*')).toEqual(['a*b']);
    expect(await keysOf('a_')).toEqual(['a_b']);
  });

  test('list goes beyond one page of a service', async () => {
    const keys = Array.from({ length: 1100 }, (_, index) => `many/${String(index).padStart(4, '0')}`);
    const limit = pLimit(32);
    await Promise.all(keys.map((key) => limit(() => level.put(key, entry('')))));
    expect((await listed(level, 'many/', false)).map(({ key }) => key)).toEqual(keys);
  });

  test('of many writers that expect the same state exactly one wins', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => level.put('race', entry(`writer ${index}`), ABSENT)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const winner = results.findIndex(({ status }) => status === 'fulfilled');
    expect(await textOf('race')).toBe(`writer ${winner}`);
  });
}

/** What a level does that has copies of what a slower one has. */
export function copiesContract(open: () => Promise<CacheLevel>): void {
  test('a copy keeps its origin, and one that is still good only gets a new time', async () => {
    const level = await open();
    const copy = { ...entry('one'), origin: { version: 'v1', checkedAtMs: 10 } };
    await level.put('a', copy);
    expect(await level.get('a')).toMatchObject({ origin: { version: 'v1', checkedAtMs: 10 } });
    await level.put('a', { ...copy, origin: { version: 'v1', checkedAtMs: 20 } });
    expect(await level.get('a')).toMatchObject({ origin: { version: 'v1', checkedAtMs: 20 } });
    await level.put('a', { ...entry('two'), origin: { version: 'v2', checkedAtMs: 30 } });
    const found = await level.get('a');
    expect(found).toMatchObject({ origin: { version: 'v2', checkedAtMs: 30 } });
    expect(Buffer.from((found as Entry).bytes).toString()).toBe('two');
    await level.close();
  });
}
