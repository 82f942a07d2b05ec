import { mkdtempSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import { pricesKey } from '../../jobs/lake/layout.ts';
import type { ObjectStore } from '../../jobs/lake/object-store.ts';
import type { PricesWriter } from '../../jobs/lake/prices.ts';
import type { MergeResult } from '../../jobs/lake/merge-prices.ts';
import { S3Store } from '../../jobs/lake/s3-store.ts';
import type { Bar } from '../../jobs/market/bar.ts';
import { openDuckDB, type DuckDBConnection } from '../../jobs/runtime/duckdb.ts';
import { awsClientConfig, awsEndpoint, awsEnvironment, createBucket } from '../support/aws.ts';
import { startScript } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { mergePrices } from '../support/prices.ts';

const folder = temporaryFolder();
const usd = { currency: 'USD', exchange: null };
const mergeScript = join(repository, 'test/support/merge-process.ts');
let db: DuckDBConnection;
beforeAll(async () => {
  db = await openDuckDB(folder);
});

function bar(date: string, close: number | null): Bar {
  const prices = { open: close, high: close, low: close, close, adjClose: close, volume: 10 };
  return { date, ...prices, dividend: null, split: null };
}

async function merge(store: ObjectStore, rows: Record<string, Bar[]>, fetchedAt = 0): Promise<MergeResult> {
  const fill = (writer: PricesWriter): void => {
    for (const [ticker, bars] of Object.entries(rows)) writer.add(ticker, bars, usd);
  };
  return mergePrices(store, db, folder, fill, { fetchedAt: new Date(fetchedAt) });
}

/** All rows of a lake as `ticker date close fetched_at`, in the order in which they lie in their objects. */
async function rowsOf(store: ObjectStore): Promise<string[]> {
  const rows: string[] = [];
  for await (const { key } of store.list('raw_data/')) {
    const object = await store.get(key);
    const file = join(folder, 'read.parquet');
    writeFileSync(file, object!.body);
    const result = await db.runAndReadAll(
      `select ticker, date, close, epoch_ms(fetched_at) from read_parquet('${file}', hive_partitioning = false)`,
    );
    for (const row of result.getRowsJson()) rows.push(row.join(' '));
  }
  return rows;
}

const jan = pricesKey('csv', '2020-01');

function pricesContract(open: () => ObjectStore): void {
  test('rows go to one object a month, sorted by ticker and date', async () => {
    const store = open();
    const result = await merge(store, {
      B: [bar('2020-01-02', 1), bar('2020-02-03', 2)],
      A: [bar('2020-01-03', 3)],
    });
    expect([...result.written.keys()]).toEqual(['2020-01', '2020-02']);
    expect(result.rows.get('B')).toEqual({ new: 2, changed: 0, unchanged: 0, removed: 0 });
    expect(await rowsOf(store)).toEqual(['A 2020-01-03 3 0', 'B 2020-01-02 1 0', 'B 2020-02-03 2 0']);
  });

  test('the same rows again change no object', async () => {
    const store = open();
    await merge(store, { A: [bar('2020-01-02', 1), bar('2020-01-03', null)] }, 1);
    const before = await store.get(jan);
    const again = await merge(store, { A: [bar('2020-01-02', 1), bar('2020-01-03', null)] }, 2);
    expect(again.written).toEqual(new Map());
    expect(again.rows.get('A')).toEqual({ new: 0, changed: 0, unchanged: 2, removed: 0 });
    expect(await store.get(jan)).toEqual(before);
  });

  test('a changed row is replaced and stamped, all others keep their time and place', async () => {
    const store = open();
    await merge(store, { A: [bar('2020-01-02', 1), bar('2020-01-03', 2)], B: [bar('2020-01-02', 3)] }, 1);
    const result = await merge(
      store,
      { A: [bar('2020-01-02', 1), bar('2020-01-03', 9), bar('2020-01-06', 4)] },
      2,
    );
    expect(result.rows.get('A')).toEqual({ new: 1, changed: 1, unchanged: 1, removed: 0 });
    expect(await rowsOf(store)).toEqual([
      'A 2020-01-02 1 1',
      'A 2020-01-03 9 2',
      'A 2020-01-06 4 2',
      'B 2020-01-02 3 1',
    ]);
  });

  test('a price that becomes known, and one that is withdrawn, are changes', async () => {
    const store = open();
    await merge(store, { A: [bar('2020-01-02', null), bar('2020-01-03', 1)] }, 1);
    const result = await merge(store, { A: [bar('2020-01-02', 1), bar('2020-01-03', null)] }, 2);
    expect(result.rows.get('A')).toEqual({ new: 0, changed: 2, unchanged: 0, removed: 0 });
  });

  test('a corrupt object ends the merge with its key, and stays as it is', async () => {
    const store = open();
    await store.put(jan, Buffer.from('this is not Parquet'));
    await expect(merge(store, { A: [bar('2020-01-02', 1)] })).rejects.toThrow(
      /raw_data\/provider=csv\/month=2020-01\/prices\.parquet in lake .* is not a readable price object/,
    );
    expect(Buffer.from((await store.get(jan))!.body).toString()).toBe('this is not Parquet');
  });
}

describe('prices in a folder', () => {
  const newStore = (): LocalStore => new LocalStore(mkdtempSync(join(folder, 'lake-')));
  pricesContract(newStore);

  test('any sequence of merges leaves what a map by ticker and date would hold', async () => {
    const dates = ['2020-01-30', '2020-01-31', '2020-02-03'];
    const row = fc.record({
      ticker: fc.constantFrom('A', 'B', 'C'),
      date: fc.constantFrom(...dates),
      close: fc.option(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true })),
    });
    const batch = fc.uniqueArray(row, {
      selector: ({ ticker, date }) => ticker + date,
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 4 }), async (batches) => {
        const store = newStore();
        const expected = new Map<string, { close: number | null; at: number }>();
        for (const [at, rows] of batches.entries()) {
          const byTicker: Record<string, Bar[]> = {};
          for (const { ticker, date, close } of rows) (byTicker[ticker] ??= []).push(bar(date, close));
          await merge(store, byTicker, at);
          for (const { ticker, date, close } of rows) {
            const known = expected.get(`${ticker} ${date}`);
            if (known === undefined || known.close !== close)
              expected.set(`${ticker} ${date}`, { close, at });
          }
        }
        const held = [...expected].map(([key, { close, at }]) => [key, close, at].join(' '));
        expect((await rowsOf(store)).toSorted()).toEqual(held.toSorted());
      }),
      { numRuns: 25 },
    );
  });

  test('four processes that write one month at once lose nothing', async () => {
    const root = mkdtempSync(join(folder, 'lake-'));
    const runs = ['W', 'X', 'Y', 'Z'].map((name) =>
      startScript(mergeScript, [`file:${root}`, name, '5'], folder),
    );
    for (const { finished } of runs) expect(await finished).toMatchObject({ code: 0, stderr: '' });
    expect(await rowsOf(new LocalStore(root))).toHaveLength(20);
  });

  test('an object of another layout is refused', async () => {
    const root = mkdtempSync(join(folder, 'lake-'));
    await mkdir(dirname(join(root, jan)), { recursive: true });
    await db.run(`copy (select 1 as one) to '${join(root, jan)}' (format parquet)`);
    await expect(merge(new LocalStore(root), { A: [bar('2020-01-02', 1)] })).rejects.toThrow(
      /not a readable price object/,
    );
  });
});

describeWith('AWS emulator', 'prices in S3', () => {
  let proxy: FaultProxy;
  let bucket: string;
  let opened = 0;
  beforeAll(async () => {
    proxy = await startFaultProxy(awsEndpoint);
    bucket = await createBucket();
  });
  afterAll(() => proxy.close());
  const newStore = (): S3Store => {
    opened += 1;
    return new S3Store(bucket, `lake-${opened}`, { ...awsClientConfig, endpoint: proxy.url });
  };
  pricesContract(newStore);

  test('two processes that write one month at once lose nothing', async () => {
    const env = awsEnvironment(proxy.url);
    const runs = ['X', 'Y'].map((name) =>
      startScript(mergeScript, [`s3://${bucket}/race`, name, '5'], folder, env),
    );
    for (const { finished } of runs) expect(await finished).toMatchObject({ code: 0, stderr: '' });
    expect(await rowsOf(new S3Store(bucket, 'race', awsClientConfig))).toHaveLength(10);
  });

  test('a conflict is read, merged and written again', async () => {
    const store = newStore();
    await merge(store, { A: [bar('2020-01-02', 1)] });
    let conflicts = 0;
    proxy.decide = (method) => {
      if (method !== 'PUT' || conflicts === 2) return 'pass';
      conflicts += 1;
      return { status: 412, body: '<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>' };
    };
    await merge(store, { B: [bar('2020-01-02', 2)] });
    proxy.decide = () => 'pass';
    expect(conflicts).toBe(2);
    expect(await rowsOf(store)).toEqual(['A 2020-01-02 1 0', 'B 2020-01-02 2 0']);
  });
});
