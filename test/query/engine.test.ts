import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { createSettings, featureColumns, formatSettings } from '../../jobs/features/settings.ts';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import { settingsKey } from '../../jobs/lake/layout.ts';
import { DuckDBEngine } from '../../jobs/query/duckdb-engine.ts';
import { formatResult } from '../../jobs/query/format.ts';
import { openDuckDB } from '../../jobs/runtime/duckdb.ts';
import { temporaryFolder } from '../support/folders.ts';
import { mergePrices, reading } from '../support/prices.ts';

const folder = temporaryFolder();
let lakes = 0;
let store: LocalStore;
beforeEach(() => {
  lakes += 1;
  store = new LocalStore(join(folder, `lake-${lakes}`));
});

async function open(provider?: string): Promise<DuckDBEngine> {
  return new DuckDBEngine({
    store,
    db: await openDuckDB(folder),
    provider,
    scratch: folder,
    ports: reading(store),
  });
}

async function addPrices(provider: string, ticker: string): Promise<void> {
  const bar = {
    date: '2020-01-02',
    open: 1,
    high: 1,
    low: 1,
    close: 1,
    adjClose: 1,
    volume: 1,
    dividend: null,
    split: null,
  };
  const usd = { currency: 'USD', exchange: null };
  const db = await openDuckDB(folder);
  await mergePrices(store, db, folder, (writer) => writer.add(ticker, [bar], usd), { provider });
}

describe('an empty lake', () => {
  test('has its tables, empty and typed', async () => {
    const engine = await open();
    const raw = await engine.run('select * from raw_data');
    expect(raw.rows).toEqual([]);
    expect(raw.columns.map(({ name, type }) => `${name} ${type}`).join()).toBe(
      'ticker VARCHAR,date DATE,open DOUBLE,high DOUBLE,low DOUBLE,close DOUBLE,adj_close DOUBLE,volume DOUBLE,' +
        'dividend DOUBLE,split DOUBLE,currency VARCHAR,exchange VARCHAR,fetched_at TIMESTAMP_MS,provider VARCHAR,month VARCHAR',
    );
    expect((await engine.run('select u.yahoo from universe u, universe_history h')).rows).toEqual([]);
  });

  test('has a set without eras as an empty typed table', async () => {
    const settings = createSettings({
      ...{ group: 'volume', provider: 'csv', definitions: 'causal', fill: false, lags: 2 },
      ...{ price: 'close', sample: 'weekly', na: 'keep', window: null },
    });
    await store.put(settingsKey('volume'), Buffer.from(formatSettings(settings)));
    const { columns } = await (await open()).run('select * from features_volume');
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'ticker VARCHAR',
      'date DATE',
      ...featureColumns(settings).map((name) => `${name} FLOAT`),
      'era DATE',
    ]);
  });
});

describe('raw_data', () => {
  test('shows yahoo where the lake has it, and another provider when asked', async () => {
    await addPrices('csv', 'C');
    await addPrices('yahoo', 'Y');
    const sql = 'select ticker, provider, month from raw_data';
    expect((await (await open()).run(sql)).rows).toEqual([['Y', 'yahoo', '2020-01']]);
    expect((await (await open('csv')).run(sql)).rows).toEqual([['C', 'csv', '2020-01']]);
    await expect((await open('other')).run(sql)).rejects.toThrow(
      /--provider "other" has no prices .* csv, yahoo/,
    );
  });
});

describe('what goes wrong', () => {
  test.each([
    ['selec 1', /Parser Error: syntax error at or near "selec"/],
    ['select nope from raw_data', /Binder Error: Referenced column "nope" not found/],
    ['select * from features_nope', /Catalog Error: Table with name features_nope does not exist/],
    ["select cast('x' as integer)", /Conversion Error/],
  ])('%s is one line', async (sql, message) => {
    const failure = await (await open()).run(sql).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'query', message: expect.stringMatching(message) });
    expect(String((failure as Error).message)).not.toContain('\n');
  });

  test('a corrupt object is named', async () => {
    await addPrices('csv', 'C');
    await store.put(
      'raw_data/provider=csv/month=2020-02/prices.parquet',
      Buffer.from('junk, longer than a footer'),
    );
    await expect((await open()).run('select * from raw_data')).rejects.toThrow(
      /month=2020-02\/prices\.parquet/,
    );
  });
});

describe('formats', () => {
  const result = async () =>
    (await open()).run(
      `select 1::bigint as a, 9007199254740993::bigint as big, 0.1::double + 0.2 as f, 'x,"y"' as t, null as n,
        date '2020-01-02' as d, true as b, 'nan'::double as nan, [1, 2] as l`,
    );
  const limits = { rows: 1, columns: 3 };

  test('csv has every value whole', async () => {
    expect(formatResult(await result(), 'csv', limits)).toBe(
      'a,big,f,t,n,d,b,nan,l\n1,9007199254740993,0.30000000000000004,"x,""y""",,2020-01-02,1,NaN,"[1,2]"',
    );
  });

  test('json keeps numbers, nulls and what is too large for a number', async () => {
    expect(JSON.parse(formatResult(await result(), 'json', limits))).toEqual([
      {
        a: 1,
        big: '9007199254740993',
        f: 0.30000000000000004,
        t: 'x,"y"',
        n: null,
        d: '2020-01-02',
        b: true,
        nan: 'NaN',
        l: '[1,2]',
      },
    ]);
  });

  test('a table is cut to its limits and says so', async () => {
    const text = formatResult(
      await (await open()).run('select a, 1.5 as b, 2 as c, 3 as d from range(3) t(a)'),
      'table',
      limits,
    );
    expect(text).toBe('a    b  c\n0  1.5  2\n(1 of 3 rows, 3 of 4 columns; --format csv or json gives all)');
  });

  test('a result without rows has its header', async () => {
    const empty = await (await open()).run('select 1 as one where false');
    expect(formatResult(empty, 'table', limits)).toBe('one\n(0 rows)');
    expect(formatResult(empty, 'csv', limits)).toBe('one');
    expect(formatResult(empty, 'json', limits)).toBe('[]');
  });
});
