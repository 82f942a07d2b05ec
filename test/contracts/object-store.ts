import { beforeEach, expect, test } from '@jest/globals';
import pLimit from 'p-limit';
import { ABSENT, ConflictError, type ObjectStore } from '../../jobs/lake/object-store.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

async function textOf(store: ObjectStore, key: string): Promise<string | undefined> {
  const object = await store.get(key);
  return object === undefined ? undefined : Buffer.from(object.body).toString();
}

/** The laws of ObjectStore, for every implementation. */
export function objectStoreContract(open: () => Promise<ObjectStore>): void {
  let store: ObjectStore;
  beforeEach(async () => {
    store = await open();
  });

  test('an object that was never put is not there', async () => {
    expect(await store.get('a/b')).toBeUndefined();
    expect(await keysOf(store, '')).toEqual([]);
  });

  test('get gives what put wrote, with its version', async () => {
    const version = await store.put('a/b.txt', bytes('one'));
    expect(await store.get('a/b.txt')).toEqual({ body: Buffer.from('one'), version });
  });

  test('put replaces, and another content has another version', async () => {
    const first = await store.put('a', bytes('one'));
    const second = await store.put('a', bytes('two'));
    expect(second).not.toBe(first);
    expect(await textOf(store, 'a')).toBe('two');
  });

  test('an empty object is an object', async () => {
    await store.put('empty', bytes(''));
    expect(await textOf(store, 'empty')).toBe('');
  });

  test('put with ABSENT writes a new object and refuses to replace one', async () => {
    await store.put('a', bytes('one'), ABSENT);
    await expect(store.put('a', bytes('two'), ABSENT)).rejects.toThrow(ConflictError);
    expect(await textOf(store, 'a')).toBe('one');
  });

  test('put with a version writes only while that version is there', async () => {
    const first = await store.put('a', bytes('one'));
    const second = await store.put('a', bytes('two'), first);
    await expect(store.put('a', bytes('three'), first)).rejects.toThrow(ConflictError);
    expect(await textOf(store, 'a')).toBe('two');
    await store.put('a', bytes('three'), second);
    expect(await textOf(store, 'a')).toBe('three');
  });

  test('put with a version of an object that is gone is a conflict', async () => {
    const first = await store.put('a', bytes('one'));
    await store.delete('a');
    await expect(store.put('a', bytes('two'), first)).rejects.toThrow(ConflictError);
    expect(await store.get('a')).toBeUndefined();
  });

  test('a conditional put whose content is there already counts as done', async () => {
    await store.put('a', bytes('same'), ABSENT);
    const version = await store.put('a', bytes('same'), ABSENT);
    expect((await store.get('a'))!.version).toBe(version);
  });

  test('list gives the objects below a prefix in key order, with size and version', async () => {
    for (const key of ['b/2', 'b/10', 'a', 'b-c/1', 'b/1/x', 'c']) await store.put(key, bytes(key));
    expect(await keysOf(store, '')).toEqual(['a', 'b-c/1', 'b/1/x', 'b/10', 'b/2', 'c']);
    expect(await keysOf(store, 'b/')).toEqual(['b/1/x', 'b/10', 'b/2']);
    expect(await keysOf(store, 'b/1')).toEqual(['b/1/x', 'b/10']);
    expect(await keysOf(store, 'z')).toEqual([]);
    for await (const { key, bytes: size, version } of store.list('')) {
      expect(size).toBe(key.length);
      expect((await store.get(key))!.version).toBe(version);
    }
  });

  test('list goes beyond one page of a service', async () => {
    const keys = Array.from({ length: 1100 }, (_, index) => `many/${String(index).padStart(4, '0')}`);
    const limit = pLimit(32);
    await Promise.all(keys.map((key) => limit(() => store.put(key, bytes('')))));
    expect(await keysOf(store, 'many/')).toEqual(keys);
  });

  test('keys may hold = and other signs of partitions', async () => {
    const key = 'raw_data/provider=yahoo/month=2026-11/prices.parquet';
    await store.put(key, bytes('x'));
    expect(await keysOf(store, 'raw_data/provider=yahoo/')).toEqual([key]);
  });

  test('delete removes, and removing nothing is fine', async () => {
    await store.put('a', bytes('one'));
    await store.delete('a');
    await store.delete('a');
    expect(await store.get('a')).toBeUndefined();
  });

  test('of many writers that expect the same state exactly one wins', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => store.put('race', bytes(`writer ${index}`), ABSENT)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const winner = results.findIndex(({ status }) => status === 'fulfilled');
    expect(await textOf(store, 'race')).toBe(`writer ${winner}`);
  });
}
