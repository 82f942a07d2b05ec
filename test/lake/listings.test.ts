import { mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NEW_LISTING, readListings, saveListings } from '../../jobs/lake/listings.ts';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import { findStoppedRun, StagedRun } from '../../jobs/lake/staged-run.ts';
import { ABSENT, ConflictError } from '../../jobs/lake/object-store.ts';
import { openDuckDB, type DuckDBConnection } from '../../jobs/runtime/duckdb.ts';
import { temporaryFolder } from '../support/folders.ts';
import { mergePrices, reading } from '../support/prices.ts';

const folder = temporaryFolder();
const newStore = (): LocalStore => new LocalStore(mkdtempSync(join(folder, 'lake-')));
let db: DuckDBConnection;
beforeAll(async () => {
  db = await openDuckDB(folder);
});
afterAll(() => db.closeSync());

describe('listings', () => {
  test('of writers side by side are all there', async () => {
    const store = newStore();
    const listing = (name: string): typeof NEW_LISTING => ({ ...NEW_LISTING, name });
    await Promise.all(
      ['A', 'B', 'C', 'D'].map((ticker) =>
        saveListings(store, 'yahoo', new Map(), new Map([[ticker, listing(ticker)]])),
      ),
    );
    const known = await readListings(store, db, 'yahoo', folder, reading(store));
    expect([...known].map(([ticker, { name }]) => [ticker, name])).toEqual([
      ['A', 'A'],
      ['B', 'B'],
      ['C', 'C'],
      ['D', 'D'],
    ]);
  });

  test('of a lake that was filled before there were any are made from its rows', async () => {
    const store = newStore();
    const bar = { open: 1, high: 1, low: 1, close: 1, adjClose: 1, volume: 1, dividend: null, split: null };
    const bars = ['2023-12-29', '2024-02-01'].map((date) => ({ ...bar, date }));
    const listing = { currency: 'EUR', exchange: 'GER' };
    await mergePrices(store, db, folder, (writer) => writer.add('A', bars, listing), { provider: 'yahoo' });
    expect(await readListings(store, db, 'yahoo', folder, reading(store))).toEqual(
      new Map([
        [
          'A',
          {
            ...NEW_LISTING,
            currency: 'EUR',
            exchange: 'GER',
            first: '2023-12-29',
            last: '2024-02-01',
            rows: 2,
            isGood: true,
          },
        ],
      ]),
    );
  });

  test('of 0.1.0, which did not remember from when each was asked for, are read and written', async () => {
    const store = newStore();
    const { askedFrom: _, ...older } = { ...NEW_LISTING, first: '2016-01-04', last: '2024-03-22' };
    const body = Buffer.from(JSON.stringify({ version: 1, listings: { A: older } }));
    await store.put('listings/provider=yahoo/listings.json', body);
    const known = await readListings(store, db, 'yahoo', folder, reading(store));
    expect(known.get('A')).toEqual({ ...older, askedFrom: null });

    const asked = { ...NEW_LISTING, askedFrom: '2016-01-01' };
    await saveListings(store, 'yahoo', known, new Map([['B', asked]]));
    expect((await readListings(store, db, 'yahoo', folder, reading(store))).get('B')).toEqual(asked);
  });

  test('that a newer version wrote are an error that names what is unknown, and stay', async () => {
    const store = newStore();
    const key = 'listings/provider=yahoo/listings.json';
    await saveListings(store, 'yahoo', new Map(), new Map([['A', NEW_LISTING]]));
    const { body } = (await store.get(key))!;
    const newer = Buffer.from(
      Buffer.from(body).toString().replace('"confirmed":[]', '"confirmed":[],"moons":2'),
    );
    await store.put(key, newer);
    await expect(saveListings(store, 'yahoo', new Map(), new Map([['B', NEW_LISTING]]))).rejects.toThrow(
      /^listings\/provider=yahoo\/listings\.json in lake .* has "moons", which this version does not know: a newer one wrote it; update signals$/,
    );
    expect(Buffer.from((await store.get(key))!.body)).toEqual(newer);
  });

  test('that are damaged are an error that names the object', async () => {
    const store = newStore();
    await store.put(
      'listings/provider=yahoo/listings.json',
      Buffer.from('{"version":1,"listings":{"A":{}}}'),
    );
    await expect(readListings(store, db, 'yahoo', folder, reading(store))).rejects.toThrow(
      /^listings\/provider=yahoo\/listings\.json in lake .* is not readable/,
    );
  });
});

describe('a staged run', () => {
  const startedAt = new Date('2024-03-23T12:00:00Z');
  const day = 24 * 3_600_000;
  const run = { runId: 'r1', startedAt, version: ABSENT } as const;

  test('gives back its lines in order, compacted or not, and is gone once removed', async () => {
    const store = newStore();
    const { staged } = await StagedRun.open(store, run, 'command');
    for (let line = 0; line < 200; line += 1) await staged.append({ line });
    await staged.settle();
    const stopped = await findStoppedRun(store, 'command', startedAt, day);
    expect(await findStoppedRun(store, 'another command', startedAt, day)).toBeUndefined();
    const again = await StagedRun.open(store, stopped!, 'command');
    expect(again.lines).toEqual(Array.from({ length: 200 }, (_, line) => ({ line })));
    await again.staged.compact([{ all: true }]);
    await again.staged.append({ more: true });
    await again.staged.settle();
    const third = await StagedRun.open(
      store,
      (await findStoppedRun(store, 'command', startedAt, day))!,
      'command',
    );
    expect(third.lines).toEqual([{ all: true }, { more: true }]);
    await third.staged.remove();
    expect(readdirSync(join(store.url.replace('file:', ''), 'staging'))).toEqual([]);
  });

  test('is taken over by one of two, and not after a day', async () => {
    const store = newStore();
    await StagedRun.open(store, run, 'command');
    const stopped = (await findStoppedRun(store, 'command', startedAt, day))!;
    // Another process is the first to go on with it.
    const owner = JSON.stringify({
      fingerprint: 'command',
      startedAt,
      host: 'elsewhere',
      pid: 1,
      seenAt: startedAt,
    });
    await store.put('staging/r1/run.json', Buffer.from(owner), stopped.version);
    await expect(StagedRun.open(store, stopped, 'command')).rejects.toThrow(ConflictError);
    const late = new Date(startedAt.getTime() + 25 * 3_600_000);
    expect(await findStoppedRun(store, 'command', late, day)).toBeUndefined();
  });
});
