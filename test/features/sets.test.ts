import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { parquetMetadata } from 'hyparquet';
import { copySet } from '../../jobs/features/read-set.ts';
import { eraIndexKey, eraKey, setMarkKey, settingsKey } from '../../jobs/lake/layout.ts';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import { LostMarkError } from '../../jobs/lake/marks.ts';
import { ABSENT } from '../../jobs/lake/object-store.ts';
import type { StatePorts } from '../../jobs/lake/read-one-state.ts';
import { LakeBusyError, LakeError } from '../../jobs/runtime/errors.ts';
import { temporaryFolder } from '../support/folders.ts';
import { snapshot } from '../support/lake.ts';
import {
  killedAt,
  makePrices,
  portsAfter,
  readSet,
  SET,
  transformSet,
  WatchedStore,
  type RunOptions,
  type Write,
} from '../support/sets.ts';

/* A set is that of before a run or that of after it, whoever reads or dies when. */

const folder = temporaryFolder();
const filled = join(folder, 'filled');

/** A set of three eras, before each test; `lake` is its folder. */
beforeAll(async () => {
  await makePrices(filled);
  await transformSet(new LocalStore(filled), folder);
});
let lake: string;
let store: LocalStore;
beforeEach(() => {
  lake = newLake();
  store = new LocalStore(lake);
});

function newLake(from = filled): string {
  const copy = join(mkdtempSync(join(folder, 'case-')), 'lake');
  cpSync(from, copy, { recursive: true, preserveTimestamps: true });
  return copy;
}

const erasOf = (state: string | undefined): [string, string][] =>
  state === undefined ? [] : (JSON.parse(state) as { eras: [string, string][] }).eras;
const dead = 10;
const readLater = (root: string): Promise<string | undefined> =>
  readSet(new LocalStore(root), folder, portsAfter(dead));

/** Runs that change eras of the set, each in a way of its own. */
const CHANGES: readonly (readonly [name: string, options: RunOptions])[] = [
  ['a rebuild with another setting', { settings: { lags: 2 }, isRebuild: true }],
  ['a rebuild with fewer eras', { settings: { lags: 2 }, isRebuild: true, since: '2026-10-20' }],
  ['another catalogue', { settings: { catalogue: 999 } }],
  ['--ticker of a restated name', { tickers: ['A'] }],
  ['eras that are stale, and one that is new', { since: '2026-10-05' }],
];

describe.each(CHANGES)('%s', (_name, options) => {
  let before: string | undefined;
  let after: string | undefined;
  let writes: Write[];
  let restated: string;
  beforeAll(async () => {
    restated = newLake();
    if (options.isRebuild !== true) await makePrices(restated, { ticker: 'A', close: 3 });
    before = await readSet(new LocalStore(restated), folder);
    const changed = newLake(restated);
    writes = [];
    const noting = new WatchedStore(changed, async (write) => void writes.push(write));
    await transformSet(noting, folder, options);
    after = await readSet(new LocalStore(changed), folder);
    expect(after).not.toBe(before);
  });

  test('killed at any of its writes: a reader finds the set of before or of after, and so does the next run', async () => {
    const seen = new Set<string | undefined>();
    for (let nth = 0; nth < writes.length; nth += 1) {
      const root = newLake(restated);
      const killed = killedAt(root, (_write, index) => index === nth);
      await expect(transformSet(killed, folder, options)).rejects.toThrow('killed');
      // One finds the dead run first as a reader, the other as a run.
      const [read, run] = [root, newLake(root)];
      const state = await readLater(read);
      seen.add(state);
      expect([before, after]).toContain(state);
      await transformSet(new LocalStore(run), folder, { ...options, minutes: dead });
      expect(await readLater(run)).toBe(after);
    }
    expect(seen.size).toBe(2);
  });

  test('read beside any of its writes: one state, or the reader says who is changing it', async () => {
    const seen = new Set<string | undefined>();
    const reader = new LocalStore(newLake(restated));
    const root = reader.url.slice('file:'.length);
    let refused = 0;
    const watched = new WatchedStore(root, async () => {
      try {
        seen.add(await readSet(reader, folder, { ...portsAfter(0), patienceMs: -1 }));
      } catch (error) {
        expect(error).toBeInstanceOf(LakeBusyError);
        expect((error as Error).message).toMatch(/^run run-\d+ is changing the eras of set "mine" in lake/);
        refused += 1;
      }
    });
    await transformSet(watched, folder, options);
    expect(refused).toBeGreaterThan(0);
    expect([...seen].every((state) => state === before || state === after)).toBe(true);
  });

  test('asleep at any of its writes for long: what others did meanwhile stays', async () => {
    for (const [index, { key }] of writes.entries()) {
      // Its manifest and the taking away of what lay ready come when the set is what it is to be.
      if (index === 0 || !/^(features\/|marks\/set=mine\.json)/.test(key)) continue;
      const root = newLake(restated);
      const other = new LocalStore(root);
      let count = 0;
      let expected: string | undefined;
      const sleeper = new WatchedStore(root, async () => {
        count += 1;
        if (count !== index + 1) return;
        await makePrices(root, { ticker: 'B', close: 2 });
        await transformSet(other, folder, { settings: { lags: 3 }, isRebuild: true, minutes: dead });
        expected = await readLater(root);
      });
      const failure = await transformSet(sleeper, folder, options).catch((error: unknown) => error);
      expect(expected).toMatch(/"lags":3/);
      expect(failure).toBeInstanceOf(LakeError);
      expect(await readLater(root)).toBe(expected);
      expect(await new LocalStore(root).get(settingsKey(SET))).toBeDefined();
    }
  });
});

test('a first fill that is killed at any of its writes leaves a part of the set, and the next run the whole', async () => {
  const whole = await readSet(store, folder);
  const empty = newLake();
  for (const name of ['features', 'marks']) rmSync(join(empty, name), { recursive: true });
  for (let nth = 0; ; nth += 1) {
    const root = newLake(empty);
    const killed = killedAt(root, (_write, index) => index === nth);
    const failure = await transformSet(killed, folder).catch((error: unknown) => error);
    if (!(failure instanceof Error)) break;
    const state = await readLater(root);
    expect(erasOf(whole)).toEqual(expect.arrayContaining(erasOf(state)));
    await transformSet(new LocalStore(root), folder, { minutes: dead });
    expect(await readLater(root)).toBe(whole);
  }
});

test('a first fill that sleeps puts no era into a set that was made meanwhile', async () => {
  const empty = newLake();
  for (const name of ['features', 'marks']) rmSync(join(empty, name), { recursive: true });
  for (const held of [eraKey(SET, '2026-10-23'), eraIndexKey(SET), settingsKey(SET)]) {
    const root = newLake(empty);
    let expected: string | undefined;
    const sleeper = new WatchedStore(root, async ({ key }) => {
      if (key !== held || expected !== undefined) return;
      const rebuild = { settings: { lags: 2 }, since: '2026-10-20', isRebuild: true, minutes: dead };
      await transformSet(new LocalStore(root), folder, rebuild);
      expected = await readLater(root);
    });
    await expect(transformSet(sleeper, folder)).rejects.toThrow(LakeError);
    expect(await readLater(root)).toBe(expected);
  }
});

describe('two transforms side by side', () => {
  const rebuild = { settings: { lags: 2 }, isRebuild: true };
  test.each([
    ['a rebuild and --ticker', rebuild, { settings: { lags: 2 }, tickers: ['A'] }],
    ['stale eras twice', {}, {}],
    ['two rebuilds', rebuild, { settings: { lags: 3 }, isRebuild: true }],
    ['stale eras and --ticker', {}, { tickers: ['B'] }],
  ])('%s: the second waits for the first', async (_name, first: RunOptions, second: RunOptions) => {
    await makePrices(lake, { ticker: 'A', close: 3 });
    const serial = newLake(lake);
    await transformSet(new LocalStore(serial), folder, first);
    await transformSet(new LocalStore(serial), folder, second);

    let other: Promise<unknown> | undefined;
    let waits = 0;
    const slow = new WatchedStore(lake, async ({ key }) => {
      // It begins as soon as the first has the mark, and is seen waiting before the first goes on.
      if (key === setMarkKey(SET) || other !== undefined) return;
      await new Promise<void>((resolve) => {
        const sleep = async (): Promise<void> => {
          waits += 1;
          resolve();
          await new Promise((wake) => setTimeout(wake, 5));
        };
        other = transformSet(new LocalStore(lake), folder, { ...second, ports: { sleep } });
        void other.catch(() => {}).then(() => resolve());
      });
    });
    await transformSet(slow, folder, first);
    await other;
    expect(waits).toBeGreaterThan(0);
    expect(await readSet(store, folder)).toBe(await readSet(new LocalStore(serial), folder));
  });

  test('one that waits for too long names the run that it waits for', async () => {
    const before = snapshot(lake, 'features');
    let now = Date.now();
    const hold = (change: unknown): Promise<unknown> => {
      const mark = { version: 1, state: 'held', owner: 'x', run: 'endless', names: [], change };
      const seen = { host: 'elsewhere', pid: 1, seenAt: new Date(now).toISOString() };
      return store.put(setMarkKey(SET), Buffer.from(JSON.stringify({ ...mark, ...seen })));
    };
    const waiting = (change: unknown): Partial<StatePorts> => ({
      now: () => new Date(now),
      sleep: async (ms) => {
        now += 20 * ms;
        await hold(change);
      },
    });
    await hold(null);
    await expect(transformSet(store, folder, { ports: waiting(null) })).rejects.toThrow(
      /^run endless has held marks\/set=mine\.json in lake .* for an hour/,
    );
    // An empty mark hides nothing from a reader.
    expect(await readSet(store, folder, { ...portsAfter(0), ...waiting(null) })).toMatch(/2026-10-23/);
    const change = { input: 'marks/set=mine/x/', parts: [] };
    await hold(change);
    await expect(readSet(store, folder, { ...portsAfter(0), ...waiting(change) })).rejects.toThrow(
      /^run endless is changing the eras of set "mine" in lake .* for longer than 120 s/,
    );
    expect(snapshot(lake, 'features')).toEqual(before);
  });
});

describe('what is rewritten', () => {
  const footerOf = (era: string): Map<string, string> => {
    const file = readFileSync(join(lake, eraKey(SET, era)));
    const { key_value_metadata: pairs = [] } = parquetMetadata(new Uint8Array(file).buffer);
    return new Map(pairs.map(({ key, value }) => [key, value ?? '']));
  };
  const contents = (): unknown =>
    [...snapshot(lake, 'features')].map(([name, state]) => [name, state.split(' ')[0]]);

  test('names its run: a set that is rebuilt and rebuilt back does not get its bytes back', async () => {
    const before = contents();
    const state = await readSet(store, folder);
    expect(footerOf('2026-10-23').has('signals.run')).toBe(false);
    await transformSet(store, folder, { runId: 'there', settings: { lags: 2 }, isRebuild: true });
    expect(footerOf('2026-10-23').get('signals.run')).toBe('there');
    await transformSet(store, folder, { runId: 'back', isRebuild: true });
    expect(footerOf('2026-10-23').get('signals.run')).toBe('back');
    expect(await readSet(store, folder)).toBe(state);
    expect(readdirSync(join(lake, 'marks/set=mine'))).toEqual([]);
    const after = contents() as [string, string][];
    expect(after.map(([name]) => name)).toEqual((before as [string, string][]).map(([name]) => name));
    for (const [index, [, hash]] of after.entries())
      expect(hash).not.toBe((before as [string, string][])[index]![1]);
  });

  test.each<[string, RunOptions]>([
    ['--reload', { reload: 'lake' }],
    ['--rebuild', { isRebuild: true }],
    ['--ticker', { tickers: ['A', 'B'] }],
  ])('%s of the same input leaves every file as it is', async (_name, options) => {
    const before = snapshot(lake, 'features');
    expect((await transformSet(store, folder, options)).eras).toHaveLength(3);
    expect(snapshot(lake, 'features')).toEqual(before);
    // Nor do the eras of a set that was rebuilt before.
    await transformSet(store, folder, { settings: { lags: 2 }, isRebuild: true });
    const rebuilt = snapshot(lake, 'features');
    await transformSet(store, folder, { ...options, settings: { lags: 2 } });
    expect(snapshot(lake, 'features')).toEqual(rebuilt);
  });
});

describe('a reader', () => {
  test('reads a lake that was copied, whose versions differ', async () => {
    const copied = join(mkdtempSync(join(folder, 'case-')), 'lake');
    cpSync(lake, copied, { recursive: true });
    expect(await readSet(new LocalStore(copied), folder)).toBe(await readSet(store, folder));
  });

  test('leaves out what the index does not vouch for, and tells of what it wrongly vouches for', async () => {
    const state = await readSet(store, folder);
    await store.put(eraKey(SET, '2026-11-06'), Buffer.from('half done'), ABSENT);
    expect(await readSet(store, folder)).toBe(state);
    writeFileSync(join(lake, eraKey(SET, '2026-10-23')), 'cut');
    rmSync(join(lake, eraKey(SET, '2026-10-16')));
    const files = await copySet(store, SET, mkdtempSync(join(folder, 'read-')), portsAfter(0));
    expect(files!.eras.map(({ era }) => era)).toEqual(['2026-10-30']);
    expect(files!.damaged).toEqual(['2026-10-16', '2026-10-23']);
    await transformSet(store, folder);
    expect(await readSet(store, folder)).toBe(state);
  });

  test('without the right to write fails where a killed run left a change half done', async () => {
    const killed = killedAt(lake, ({ key }) => key === eraKey(SET, '2026-10-23'));
    const rebuild = { runId: 'half', settings: { lags: 2 }, isRebuild: true };
    await expect(transformSet(killed, folder, rebuild)).rejects.toThrow('killed');
    const denied = new WatchedStore(lake, async () => {
      throw new LakeError('cannot write', Object.assign(new Error('EACCES'), { code: 'EACCES' }));
    });
    await expect(readSet(denied, folder, portsAfter(dead))).rejects.toThrow(
      /^run half was killed while it changed set "mine" of lake .* needs the right to write/,
    );
    expect(await readLater(lake)).toMatch(/"lags":2/);
  });
});

describe('a set of another catalogue', () => {
  test('is computed anew as far back as it goes, whatever --since says', async () => {
    await transformSet(store, folder, { settings: { catalogue: 999 }, since: '2026-10-20' });
    const files = await copySet(store, SET, mkdtempSync(join(folder, 'read-')), portsAfter(0));
    expect(files!.settings.catalogue).toBe(999);
    expect(files!.eras.map(({ era }) => era)).toHaveLength(3);
  });

  test('refuses --ticker, which would leave the other names out', async () => {
    const before = snapshot(lake, 'features');
    await expect(
      transformSet(store, folder, { settings: { catalogue: 999 }, tickers: ['A'] }),
    ).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(/was made with catalogue/) });
    expect(snapshot(lake, 'features')).toEqual(before);
  });
});

test('a run that lost its mark says so', async () => {
  const sleeper = new WatchedStore(lake, async ({ key }) => {
    if (key !== settingsKey(SET)) return;
    await transformSet(new LocalStore(lake), folder, { settings: { lags: 2 }, minutes: dead });
  });
  await expect(transformSet(sleeper, folder, { settings: { lags: 2 }, isRebuild: true })).rejects.toThrow(
    LostMarkError,
  );
});
