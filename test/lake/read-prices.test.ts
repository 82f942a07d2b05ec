import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { holdPrices } from '../../jobs/lake/held-prices.ts';
import { pricesKey, pricesMarkKey } from '../../jobs/lake/layout.ts';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import { HeldMark, type MarkPorts } from '../../jobs/lake/marks.ts';
import type { ObjectStore } from '../../jobs/lake/object-store.ts';
import { readListed } from '../../jobs/lake/read-one-state.ts';
import { copyPrices, readPrices, type ReadPorts } from '../../jobs/lake/read-prices.ts';
import { LakeBusyError, LakeError } from '../../jobs/runtime/errors.ts';
import { temporaryFolder } from '../support/folders.ts';

/*
 * Objects of these lakes hold a word instead of Parquet: the state that they are in. A merge switches both months from
 * `old` to `new`; whoever reads must see two equal words.
 */

const folder = temporaryFolder();
const MONTHS = ['2020-01', '2020-02'];
const MARK = pricesMarkKey('csv');
const NOW = Date.parse('2026-11-30T12:00:00Z');

async function newLake(): Promise<LocalStore> {
  const store = new LocalStore(mkdtempSync(join(folder, 'lake-')));
  for (const month of MONTHS) await put(store, month, 'old');
  return store;
}

async function put(store: ObjectStore, month: string, word: string): Promise<void> {
  await store.put(pricesKey('csv', month), Buffer.from(word));
}

function clock(onSleep?: () => Promise<unknown>): MarkPorts & { slept: number } {
  const ports = {
    slept: 0,
    signal: new AbortController().signal,
    now: () => new Date(NOW + ports.slept),
    async sleep(ms: number) {
      ports.slept += ms;
      await onSleep?.();
    },
  };
  return ports;
}

async function words(
  store: ObjectStore,
  ports: ReadPorts,
  tickers?: string[],
): Promise<string[] | undefined> {
  const request = { provider: undefined, ...(tickers === undefined ? {} : { tickers }) };
  return readPrices(store, request, ports, async ({ months }) => {
    const read: string[] = [];
    for (const month of months) read.push(Buffer.from(await readListed(store, month)).toString());
    return read;
  });
}

const nothing = async (): Promise<void> => {};

/** The steps of a merge, one at a time. `at` is when its heart beats. */
function merge(store: LocalStore, at = NOW): readonly (() => Promise<unknown>)[] {
  let held: HeldMark;
  let free: () => void;
  return [
    async () => {
      held = await HeldMark.take(store, MARK, 'a load', { ...clock(), now: () => new Date(at) }, nothing);
      await held.name({ input: held.input, parts: MONTHS }, ['A']);
    },
    () => put(store, MONTHS[0]!, 'new'),
    () => put(store, MONTHS[1]!, 'new'),
    async () => {
      const until = new Promise<void>((resolve) => {
        free = resolve;
      });
      free!();
      await held.use(() => until);
    },
  ];
}

/** A store that carries out steps of somebody else before its own operations. */
class Interleaved implements ObjectStore {
  readonly url = 'file:interleaved';
  readonly folder = undefined;
  readonly #store: LocalStore;
  readonly #before: (operation: number) => Promise<void>;
  operations = 0;

  constructor(store: LocalStore, before: (operation: number) => Promise<void>) {
    this.#store = store;
    this.#before = before;
  }
  async #step(): Promise<void> {
    await this.#before(this.operations);
    this.operations += 1;
  }
  async *list(prefix: string): ReturnType<ObjectStore['list']> {
    // A listing is not taken at one moment.
    for await (const object of this.#store.list(prefix)) {
      await this.#step();
      const now = await this.#store.get(object.key);
      if (now !== undefined) yield { ...object, version: now.version };
    }
  }
  async get(key: string): ReturnType<ObjectStore['get']> {
    await this.#step();
    return this.#store.get(key);
  }
  put(...args: Parameters<ObjectStore['put']>): ReturnType<ObjectStore['put']> {
    return this.#store.put(...args);
  }
  delete(key: string): Promise<void> {
    return this.#store.delete(key);
  }
  copy(...args: Parameters<ObjectStore['copy']>): Promise<boolean> {
    return this.#store.copy(...args);
  }
}

/** All ways to put `steps` steps, in their order, before operations 0..operations-1 of somebody else. */
function* placements(steps: number, operations: number, from = 0): Generator<number[]> {
  if (steps === 0) yield [];
  else {
    for (let at = from; at < operations; at += 1) {
      for (const rest of placements(steps - 1, operations, at)) yield [at, ...rest];
    }
  }
}

// Two listings of two months, a look at the mark, two months.
const OPERATIONS = 7;

describe('a reader beside a merge', () => {
  test.each([1, 2, 3, 4])('sees no mixture in any interleaving with %d of its steps', async (count) => {
    const mixed: number[][] = [];
    let attempts = 0;
    for (const places of placements(count, OPERATIONS)) {
      const lake = await newLake();
      const steps = merge(lake);
      let done = 0;
      const interleaved = new Interleaved(lake, async (operation) => {
        while (done < count && places[done]! <= operation) {
          await steps[done]!();
          done += 1;
        }
      });
      // Whoever waits gives the merge the time to end.
      const finish = async (): Promise<void> => {
        for (; done < steps.length; done += 1) await steps[done]!();
      };
      const seen = await words(interleaved, clock(finish));
      attempts += 1;
      if (new Set(seen).size !== 1) mixed.push(places);
    }
    expect(attempts).toBeGreaterThan(6);
    expect(mixed).toEqual([]);
  });

  test('of a run that was killed sees no mixture either, and finishes its merge', async () => {
    for (const killedAfter of [1, 2, 3]) {
      for (const places of placements(killedAfter, OPERATIONS)) {
        const lake = await newLake();
        const steps = merge(lake, NOW - 3_600_000);
        let done = 0;
        const interleaved = new Interleaved(lake, async (operation) => {
          while (done < killedAfter && places[done]! <= operation) {
            await steps[done]!();
            done += 1;
          }
        });
        const rollForward = (): Promise<boolean> =>
          HeldMark.rollForward(lake, MARK, clock(), async (_change, held) => {
            await held.check();
            for (const month of MONTHS) await put(lake, month, 'new');
          });
        const seen = await words(interleaved, { ...clock(), rollForward });
        expect({ killedAfter, places, seen: new Set(seen).size }).toEqual({ killedAfter, places, seen: 1 });
      }
    }
  });
});

describe('a merge that is under way', () => {
  test('is waited for, two minutes at most, and the error names the run', async () => {
    const lake = await newLake();
    // Its clock is ahead, so that its heartbeat stays fresh.
    await merge(lake, NOW + 60_000)[0]!();
    const ports = clock();
    await expect(words(lake, ports)).rejects.toThrow(LakeBusyError);
    expect(ports.slept).toBeGreaterThanOrEqual(120_000);
    expect(ports.slept).toBeLessThan(125_000);
    await expect(words(lake, clock())).rejects.toThrow(
      /^run a load is merging prices of csv in lake .* for longer than 120 s/,
    );
  });

  test('is nothing to wait for as long as its mark names nothing', async () => {
    const lake = await newLake();
    await HeldMark.take(lake, MARK, 'a load', clock(), nothing);
    const ports = clock();
    expect(await words(lake, ports)).toEqual(['old', 'old']);
    expect(ports.slept).toBe(0);
  });
});

describe('the merge of a dead run', () => {
  async function halfMerged(): Promise<LocalStore> {
    const lake = await newLake();
    const steps = merge(lake, NOW - 3_600_000);
    await steps[0]!();
    await steps[1]!();
    return lake;
  }

  test.each<[string, Partial<ReadPorts>]>([
    ['cannot', {}],
    [
      'may not',
      {
        async rollForward() {
          throw new LakeError('cannot write', Object.assign(new Error('no'), { code: 'EACCES' }));
        },
      },
    ],
    [
      'may not, says S3,',
      {
        async rollForward() {
          throw new LakeError(
            'cannot write',
            Object.assign(new Error('no'), { $metadata: { httpStatusCode: 403 } }),
          );
        },
      },
    ],
  ])('is refused by who %s finish it, for the names that it touches only', async (_who, ports) => {
    const lake = await halfMerged();
    const own = { ...clock(), ...ports };
    await expect(words(lake, own)).rejects.toThrow(
      /^run a load was killed while it merged prices of A into lake/,
    );
    await expect(words(lake, own, ['A', 'B'])).rejects.toThrow(LakeBusyError);
    expect(await words(lake, own, ['B'])).toEqual(['new', 'old']);
  });

  test('that cannot be finished for another reason is that reason', async () => {
    const lake = await halfMerged();
    const rollForward = async (): Promise<boolean> => {
      throw new LakeError('the disk is full');
    };
    await expect(words(lake, { ...clock(), rollForward }, ['B'])).rejects.toThrow('the disk is full');
  });
});

describe('copies', () => {
  test('stay as they are when the lake goes on', async () => {
    const lake = await newLake();
    const copy = (await copyPrices(
      lake,
      { provider: undefined },
      mkdtempSync(join(folder, 'copy-')),
      clock(),
    ))!;
    for (const month of MONTHS) await put(lake, month, 'new');
    expect(copy.months.map(({ month }) => month)).toEqual(MONTHS);
    expect(copy.months.map(({ file }) => readFileSync(file, 'utf8'))).toEqual(['old', 'old']);
  });

  test('have only the months that are wanted, and what changes in others does not matter', async () => {
    const lake = await newLake();
    const interleaved = new Interleaved(lake, async (operation) =>
      put(lake, MONTHS[1]!, `word ${operation}`),
    );
    const request = { provider: 'csv', isWanted: (month: string) => month === MONTHS[0] };
    const copy = (await copyPrices(interleaved, request, mkdtempSync(join(folder, 'copy-')), clock()))!;
    expect(copy.months.map(({ file }) => readFileSync(file, 'utf8'))).toEqual(['old']);
  });

  test('of a lake without prices are none', async () => {
    const empty = new LocalStore(mkdtempSync(join(folder, 'empty-')));
    expect(await copyPrices(empty, { provider: undefined }, folder, clock())).toBeUndefined();
  });

  test('of months that keep being replaced are given up after two minutes', async () => {
    const lake = await newLake();
    const interleaved = new Interleaved(lake, async (operation) =>
      put(lake, MONTHS[1]!, `word ${operation}`),
    );
    await expect(
      copyPrices(interleaved, { provider: undefined }, mkdtempSync(join(folder, 'copy-')), clock()),
    ).rejects.toThrow(/^prices of csv keep being replaced in lake/);
  });
});

describe('prices that a session holds', () => {
  const open = async (lake: ObjectStore) =>
    (await holdPrices(lake, undefined, clock(), async () => mkdtempSync(join(folder, 'held-'))))!;

  test('are those of its first read for its whole life, in a folder', async () => {
    const lake = await newLake();
    const held = await open(lake);
    expect(Buffer.from(await held.read(held.months[0]!)).toString()).toBe('old');
    for (const month of MONTHS) await put(lake, month, 'new');
    expect(Buffer.from(await held.read(held.months[1]!)).toString()).toBe('old');
  });

  test('elsewhere are refused once they were replaced', async () => {
    const lake = await newLake();
    const held = await open(new Interleaved(lake, nothing));
    await put(lake, MONTHS[1]!, 'new');
    expect(Buffer.from(await held.read(held.months[0]!)).toString()).toBe('old');
    await expect(held.read(held.months[1]!)).rejects.toThrow(LakeBusyError);
  });
});
