import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  RECENT_ITEMS,
  type AtomicWrite,
  type Command,
  type Guard,
  type ReadRequest,
  type StateBackend,
} from '../../jobs/trading/backend/backend.ts';
import { ConflictError, NotFoundError } from '../../jobs/trading/errors.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** The laws of StateBackend, for every implementation. `open` gives an empty one that is ready. */
export function tradingBackendContract(open: () => Promise<StateBackend>): void {
  let backend: StateBackend;
  beforeEach(async () => {
    backend = await open();
  });
  afterEach(() => backend.close());

  const run = async (...commands: Command[]): Promise<void> => {
    expect(await backend.apply([{ commands }])).toEqual([undefined]);
  };
  const read = async (type: ReadRequest['type'], key: string): Promise<unknown> => {
    const [stored] = await backend.read([{ type, key }]);
    if (stored === undefined || stored.type === 'error') return stored?.error;
    switch (stored.type) {
      case 'string':
        return stored.value && Buffer.from(stored.value).toString();
      case 'list':
        return stored.value.map((value) => Buffer.from(value).toString());
      case 'hash':
        return Object.fromEntries(
          [...stored.value].map(([name, value]) => [name, Buffer.from(value).toString()]),
        );
      case 'set':
        return [...stored.value].toSorted();
    }
  };
  const append = (key: string, value: string): Command => ({ type: 'append', key, value: bytes(value) });

  test('keys that were never written are empty', async () => {
    expect(await read('string', 'a')).toBeUndefined();
    expect(await read('list', 'a')).toEqual([]);
    expect(await read('hash', 'a')).toEqual({});
    expect(await read('set', 'a')).toEqual([]);
    expect(await backend.read([])).toEqual([]);
    expect(await backend.scan('')).toEqual([]);
    expect(await backend.apply([])).toEqual([]);
  });

  test('each type of value does what its commands say', async () => {
    await run(
      { type: 'set', key: 'string', value: bytes('one') },
      { type: 'set', key: 'string', value: bytes('two') },
      append('list', 'a'),
      append('list', 'b'),
      append('list', 'a'),
      { type: 'addMember', key: 'set', member: 'x' },
      { type: 'addMember', key: 'set', member: 'x' },
      { type: 'addMember', key: 'set', member: 'y' },
      { type: 'setField', key: 'hash', field: 'f', value: bytes('1') },
      { type: 'setField', key: 'hash', field: 'f', value: bytes('2') },
      { type: 'setField', key: 'hash', field: 'g', value: bytes('3') },
    );
    expect(await read('string', 'string')).toBe('two');
    expect(await read('list', 'list')).toEqual(['a', 'b', 'a']);
    expect(await read('set', 'set')).toEqual(['x', 'y']);
    expect(await read('hash', 'hash')).toEqual({ f: '2', g: '3' });
    await run(
      { type: 'removeMember', key: 'set', member: 'x' },
      { type: 'removeMember', key: 'set', member: 'nobody' },
      { type: 'removeMember', key: 'nowhere', member: 'nobody' },
      { type: 'removeField', key: 'hash', field: 'f' },
    );
    expect(await read('set', 'set')).toEqual(['y']);
    expect(await read('hash', 'hash')).toEqual({ g: '3' });
  });

  test('delete removes a key of any type, and removing nothing is fine', async () => {
    await run(
      { type: 'set', key: 'string', value: bytes('one') },
      append('list', 'a'),
      { type: 'addMember', key: 'set', member: 'x' },
      { type: 'setField', key: 'hash', field: 'f', value: bytes('1') },
    );
    await run(
      ...['string', 'list', 'set', 'hash', 'nothing'].map((key) => ({ type: 'delete' as const, key })),
    );
    expect(await backend.scan('')).toEqual([]);
  });

  test('a set or a hash that has become empty is no key any more', async () => {
    await run(
      { type: 'addMember', key: 'set', member: 'x' },
      { type: 'setField', key: 'hash', field: 'f', value: bytes('1') },
    );
    await run(
      { type: 'removeMember', key: 'set', member: 'x' },
      { type: 'removeField', key: 'hash', field: 'f' },
    );
    expect(await backend.scan('')).toEqual([]);
  });

  test('values and names may have any bytes and any sign', async () => {
    const value = Uint8Array.from({ length: 256 }, (_, index) => index);
    const key = 'a:*[x]?%\\ \n{ö}漢𝔘';
    await run(
      { type: 'set', key, value },
      { type: 'set', key: `${key}empty`, value: bytes('') },
      { type: 'addMember', key: `${key}set`, member: key },
      { type: 'setField', key: `${key}hash`, field: key, value },
    );
    const [string, empty, set, hash] = await backend.read([
      { type: 'string', key },
      { type: 'string', key: `${key}empty` },
      { type: 'set', key: `${key}set` },
      { type: 'hash', key: `${key}hash` },
    ]);
    expect([...(string as { value: Uint8Array }).value]).toEqual([...value]);
    expect((empty as { value: Uint8Array }).value).toHaveLength(0);
    expect((set as { value: ReadonlySet<string> }).value).toEqual(new Set([key]));
    expect([...(hash as { value: ReadonlyMap<string, Uint8Array> }).value.get(key)!]).toEqual([...value]);
    expect((await backend.scan(key)).toSorted()).toEqual([key, `${key}empty`, `${key}hash`, `${key}set`]);
  });

  test('scan gives each key once, and takes the prefix literally', async () => {
    const keys = Array.from({ length: 3000 }, (_, index) => `many:${index}`);
    await run(...keys.map((key) => append(key, 'x')), append('many', 'x'), append('Many:1', 'x'));
    expect((await backend.scan('many:')).toSorted()).toEqual(keys.toSorted());
    await run(append('m*:1', 'x'), append('m?:1', 'x'), append('[m]:1', 'x'));
    expect(await backend.scan('m*')).toEqual(['m*:1']);
    expect(await backend.scan('m?')).toEqual(['m?:1']);
    expect(await backend.scan('[m]')).toEqual(['[m]:1']);
  });

  const guarded = (guard: Guard, ...commands: Command[]): AtomicWrite => ({ guard, commands });
  const continues = (position: number, value: string, after: string | null): Guard => ({
    type: 'continues',
    key: 'log',
    position,
    value: bytes(value),
    after: after ?? undefined,
  });

  test('a write that continues a list happens only when the list is there, as long as expected, and ends as expected', async () => {
    const index: Command = { type: 'addMember', key: 'index', member: 'log' };
    const [missing] = await backend.apply([guarded(continues(0, 'a', null), append('log', 'a'), index)]);
    expect(missing).toBeInstanceOf(NotFoundError);
    expect(await backend.scan('')).toEqual([]);
    await run(append('log', 'a'));
    const outcomes = await backend.apply([
      guarded(continues(1, 'b', 'a'), append('log', 'b'), index),
      guarded(continues(3, 'd', 'c'), append('log', 'd')),
      guarded(continues(1, 'x', 'a'), append('log', 'x')),
      guarded(continues(2, 'y', 'x'), append('log', 'y')),
      guarded(continues(2, '<c>', 'b'), append('log', '<c>')),
      guarded(continues(3, 'd', 'c'), append('log', 'd')),
    ]);
    expect(outcomes.map((outcome) => outcome?.constructor)).toEqual([
      undefined,
      ConflictError,
      ConflictError,
      ConflictError,
      undefined,
      undefined,
    ]);
    expect(outcomes[1]!.message).toMatch(/"log" has 2 events where 3 were expected/);
    expect(outcomes[3]!.message).toMatch(/"log" ends with another event than the one that number 2 follows/);
    expect(await read('list', 'log')).toEqual(['a', 'b', '<c>', 'd']);
  });

  test('the first item of a list is found or refused, never appended', async () => {
    const first = guarded(continues(0, 'a', 'a'), append('log', 'a'));
    expect((await backend.apply([first]))[0]).toBeInstanceOf(NotFoundError);
    await run(append('log', 'a'));
    expect(await backend.apply([first])).toEqual([undefined]);
    const [other] = await backend.apply([guarded(continues(0, 'x', 'x'), append('log', 'x'))]);
    expect(other).toBeInstanceOf(ConflictError);
    expect(other!.message).toMatch(/has 1 events where 0 were expected/);
    await run(append('log', 'b'));
    expect(await backend.apply([first])).toEqual([undefined]);
    expect(await read('list', 'log')).toEqual(['a', 'b']);
  });

  test('a list begins anew only when it is there and ends as expected, and only once', async () => {
    const anew = (value: string, after: string | null): AtomicWrite =>
      guarded(
        { type: 'replaces', key: 'log', value: bytes(value), after: after ?? undefined },
        { type: 'delete', key: 'log' },
        append('log', value),
        append('old', value),
      );
    expect((await backend.apply([anew('b', 'a')]))[0]).toBeInstanceOf(NotFoundError);
    await run(append('log', '<a>'), append('log', '<b>'));
    const [late] = await backend.apply([anew('c', 'a')]);
    expect(late).toBeInstanceOf(ConflictError);
    expect(late!.message).toMatch(/"log" ends with another event/);
    expect(await read('list', 'log')).toEqual(['<a>', '<b>']);
    expect(await backend.apply([anew('c', 'b'), anew('c', 'b')])).toEqual([undefined, undefined]);
    expect(await read('list', 'log')).toEqual(['c']);
    await run(append('log', 'd'));
    expect(await backend.apply([anew('c', 'b')])).toEqual([undefined]);
    expect(await backend.apply([anew('e', null)])).toEqual([undefined]);
    expect(await read('list', 'log')).toEqual(['e']);
    expect(await read('list', 'old')).toEqual(['c', 'e']);
  });

  test('a list that begins with certain events is written, caught up with or left alone, never shortened', async () => {
    const add = (...values: string[]): AtomicWrite => ({
      guard: {
        type: 'begins',
        key: 'log',
        events: values.map((value) => ({ value: bytes(value), mark: bytes(value[0]!) })),
      },
      always: [{ type: 'setField', key: 'links', field: values.join(','), value: bytes('x') }],
      commands: [
        { type: 'removeMember', key: 'index', member: 'before' },
        { type: 'addMember', key: 'index', member: values.join(',') },
      ],
    });
    const state = async (): Promise<unknown[]> => [
      await read('list', 'log'),
      await read('set', 'index'),
      Object.keys((await read('hash', 'links')) as object).toSorted(),
    ];
    expect(await backend.apply([add('a')])).toEqual([undefined]);
    expect(await state()).toEqual([['a'], ['a'], ['a']]);
    expect(await backend.apply([add('a', 'b', 'c')])).toEqual([undefined]);
    const index = ['a', 'a,b,c'];
    expect(await state()).toEqual([['a', 'b', 'c'], index, index]);
    // Said again, or less than there is: the index is that of the longer list, and links are written.
    expect(await backend.apply([add('a', 'b', 'c'), add('a*', 'b'), add('a')])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(await state()).toEqual([['a', 'b', 'c'], index, ['a', 'a*,b', 'a,b,c']]);
    const before = await state();
    const outcomes = await backend.apply([add('x'), add('a', 'x', 'c'), add('a', 'b', 'c', 'd')]);
    expect(outcomes.map((outcome) => outcome?.constructor)).toEqual([
      ConflictError,
      ConflictError,
      undefined,
    ]);
    expect(outcomes[0]!.message).toMatch(/^"log" already exists and its event 0 differs/);
    expect(outcomes[1]!.message).toMatch(/event 1 differs/);
    expect(await read('list', 'log')).toEqual(['a', 'b', 'c', 'd']);
    expect((await state())[1]).toEqual([...(before[1] as string[]), 'a,b,c,d']);
  });

  test('without an expectation it happens whenever the list is there', async () => {
    await run(append('log', 'a'), append('log', 'b'));
    expect(await backend.apply([guarded(continues(7, 'x', null), append('log', 'x'))])).toEqual([undefined]);
    expect(await read('list', 'log')).toEqual(['a', 'b', 'x']);
  });

  test('a write that is sent again is not carried out again', async () => {
    await run(append('log', 'a'));
    const writes = ['b', 'c', 'd'].map((value, index) =>
      guarded(continues(index + 1, value, 'abc'[index]!), append('log', value)),
    );
    for (let time = 0; time < 3; time += 1) {
      expect(await backend.apply(writes.slice(0, 2))).toEqual([undefined, undefined]);
    }
    expect(await backend.apply(writes)).toEqual([undefined, undefined, undefined]);
    expect(await read('list', 'log')).toEqual(['a', 'b', 'c', 'd']);
  });

  test('a write that asks for absence happens once', async () => {
    const write = guarded({ type: 'absent', key: 'log', value: bytes('a') }, append('log', 'a'));
    expect(await backend.apply([write, write])).toEqual([undefined, undefined]);
    expect(await read('list', 'log')).toEqual(['a']);
    // Only so far back.
    await run(...Array.from({ length: RECENT_ITEMS }, (_, index) => append('log', String(index))));
    expect(await backend.apply([write])).toEqual([undefined]);
    expect(await read('list', 'log')).toHaveLength(RECENT_ITEMS + 2);
  });

  test('writes happen in their order, and a refused one does not stop the others', async () => {
    const writes = Array.from({ length: 1000 }, (_, index) => ({ commands: [append('log', String(index))] }));
    const calls = [0, 250, 500, 750].map((from) =>
      backend.apply([
        ...writes.slice(from, from + 250),
        guarded(continues(9999, 'x', 'x'), append('log', 'x')),
      ]),
    );
    for (const outcomes of await Promise.all(calls)) {
      expect(outcomes.slice(0, -1).every((outcome) => outcome === undefined)).toBe(true);
      expect(outcomes.at(-1)).toBeInstanceOf(ConflictError);
    }
    expect(await read('list', 'log')).toEqual(writes.map((_, index) => String(index)));
  });

  test('what is written is not changed by changing the bytes afterwards', async () => {
    const value = Uint8Array.from([1, 2, 3]);
    await run({ type: 'set', key: 'a', value });
    value[0] = 9;
    // Nor by changing what was read.
    for (let time = 0; time < 2; time += 1) {
      const [stored] = await backend.read([{ type: 'string', key: 'a' }]);
      const found = (stored as { value: Uint8Array }).value;
      expect([...found]).toEqual([1, 2, 3]);
      found[0] = 9;
    }
  });

  test('clear removes everything', async () => {
    await run(append('a', 'x'), { type: 'addMember', key: 'b', member: 'x' });
    await backend.clear();
    expect(await backend.scan('')).toEqual([]);
  });

  test('ready resolves, and close may be called twice', async () => {
    await backend.ready(1000);
    await backend.close();
    await backend.close();
  });
}
