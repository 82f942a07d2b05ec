import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { featureColumns } from '../../jobs/features/settings.ts';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import { DuckDBEngine, readSets } from '../../jobs/query/duckdb-engine.ts';
import type { ResultValue } from '../../jobs/query/engine.ts';
import { findNamedQuery, listNamedQueries, renderNamedQuery } from '../../jobs/query/named.ts';
import { openDuckDB } from '../../jobs/runtime/duckdb.ts';
import { signals } from '../support/command.ts';
import { repository, sampleFolder, temporaryFolder } from '../support/folders.ts';
import { reading } from '../support/prices.ts';

/* Each named query against a plain recomputation from what went in: the sample's CSV files and the rows of a set. */

const folder = temporaryFolder();
const lake = `file:${join(folder, 'lake')}`;
let features: string[];
let engine: DuckDBEngine;

type Row = Record<string, ResultValue>;

async function query(sql: string): Promise<Row[]> {
  const { columns, rows } = await engine.run(sql);
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]!])));
}

const named = (name: string): Promise<Row[]> =>
  query(renderNamedQuery(findNamedQuery(name), { set: 'volume', features }));

/** The sample as it lies in its files, without the dates that the lake does not have. */
function readSample(ticker: string): Record<string, string>[] {
  const [header, ...lines] = readFileSync(join(sampleFolder, `${ticker}.csv`), 'utf8')
    .trim()
    .split('\n');
  const names = header!.split(',');
  return lines
    .map((line) => Object.fromEntries(line.split(',').map((field, index) => [names[index]!, field])))
    .filter((row) => row['date']! >= '2011-01-01' && !(ticker === 'GLD' && row['date']! >= '2012-06-01'));
}
const tickers = ['AAPL', 'DIA', 'GLD', 'GOOG', 'GORO', 'IBM', 'IEF', 'MSFT', 'SPY', 'VTI'];

beforeAll(async () => {
  const load = (...args: string[]) =>
    signals(
      ['load', '--source', 'csv', '--path', sampleFolder, '--start', '2011-01-01', ...args, '--lake', lake],
      folder,
    );
  const universe = join(sampleFolder, 'universe.csv');
  const others = tickers.flatMap((ticker) => (ticker === 'GLD' ? [] : ['--ticker', ticker]));
  expect(await load('--universe', universe, ...others)).toMatchObject({ code: 0 });
  // One name that ends before the others.
  expect(await load('--ticker', 'GLD', '--end', '2012-06-01')).toMatchObject({ code: 0 });
  expect(
    await signals(['transform', '--cmd', 'volume', '--lags', '2', '--lake', lake], folder),
  ).toMatchObject({ code: 0 });
  const store = new LocalStore(join(folder, 'lake'));
  features = featureColumns((await readSets(store)).get('volume')!);
  engine = new DuckDBEngine({
    store,
    db: await openDuckDB(folder),
    provider: undefined,
    scratch: folder,
    ports: reading(store),
  });
});

test('coverage: rows, tickers and NULL share per era', async () => {
  const rows = await query('select * from features_volume');
  const eras = [...new Set(rows.map((row) => String(row['era'])))].toSorted();
  const expected = eras.map((era) => {
    const own = rows.filter((row) => row['era'] === era);
    const nulls = own
      .flatMap((row) => features.map((name) => row[name]))
      .filter((value) => value === null).length;
    return {
      era,
      num_rows: own.length,
      tickers: own.length,
      null_share: expect.closeTo(nulls / (own.length * features.length), 12),
    };
  });
  expect(expected.length).toBeGreaterThan(90);
  expect(await named('coverage')).toEqual(expected);
});

test('live: the latest era with the identifiers of the universe', async () => {
  const rows = await query('select * from features_volume');
  const latest = rows
    .map((row) => String(row['era']))
    .toSorted()
    .at(-1)!;
  const expected = rows
    .filter((row) => row['era'] === latest)
    .toSorted((a, b) => (String(a['ticker']) < String(b['ticker']) ? -1 : 1))
    .map((row) => {
      const ticker = String(row['ticker']);
      return { id: ticker, numerai_ticker: `${ticker} US`, bloomberg_ticker: `${ticker} US`, ...row };
    });
  expect(latest).toBe('2013-01-04');
  expect(expected).toHaveLength(9);
  expect(await named('live')).toEqual(expected);
});

test('ranked: percent rank of every feature within its era', async () => {
  const rows = await query('select * from features_volume order by era, ticker');
  const byEra = new Map<string, Row[]>();
  for (const row of rows) byEra.set(String(row['era']), [...(byEra.get(String(row['era'])) ?? []), row]);
  const rank = (row: Row, name: string): number | null => {
    const value = row[name];
    if (value === null) return null;
    const others = byEra
      .get(String(row['era']))!
      .map((other) => other[name])
      .filter((other) => other !== null);
    const below = others.filter((other) => Number(other) < Number(value)).length;
    return others.length === 1 ? 0 : below / (others.length - 1);
  };
  const expected = rows.map((row) => ({
    ticker: row['ticker'],
    era: row['era'],
    date: row['date'],
    ...Object.fromEntries(features.map((name) => [name, rank(row, name)])),
  }));
  const close = (row: Row): Row =>
    Object.fromEntries(
      Object.entries(row).map(([key, value]) => [
        key,
        typeof value === 'number' ? Number(value.toFixed(12)) : value,
      ]),
    );
  expect((await named('ranked')).map(close)).toEqual(expected.map((row) => close(row as Row)));
});

test('churn: rank correlation of each unlagged feature with itself one to five eras back', async () => {
  const rows = await query('select * from features_volume');
  const eras = [...new Set(rows.map((row) => String(row['era'])))].toSorted().toReversed();
  const valuesOf = (era: string, name: string): Map<string, number> =>
    new Map(
      rows.flatMap((row) =>
        row['era'] === era && row[name] !== null ? [[String(row['ticker']), Number(row[name])]] : [],
      ),
    );
  const ranksOf = (values: Map<string, number>): Map<string, number> => {
    const all = [...values.values()];
    const rank = (value: number): number =>
      all.filter((other) => other < value).length + all.filter((other) => other === value).length / 2;
    return new Map([...values].map(([ticker, value]) => [ticker, rank(value)]));
  };
  const unlagged = features.filter((name) => name.endsWith('_shift0'));
  const ranks = new Map(
    unlagged.map((name) => [name, eras.slice(0, 57).map((era) => ranksOf(valuesOf(era, name)))] as const),
  );
  const expected = [1, 2, 3, 4, 5].map((back) => ({
    eras_back: back,
    ...Object.fromEntries(
      unlagged.map((name) => {
        const byEra = ranks.get(name)!;
        const correlations = Array.from({ length: 52 }, (_, n) => correlate(byEra[n]!, byEra[n + back]!));
        return [name, expect.closeTo(mean(correlations), 10)];
      }),
    ),
  }));
  expect(await named('churn')).toEqual(expected);
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Pearson's correlation over what both have. */
function correlate(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  const pairs = [...a].flatMap(([ticker, x]) => (b.has(ticker) ? [[x, b.get(ticker)!] as const] : []));
  const [meanX, meanY] = [mean(pairs.map(([x]) => x)), mean(pairs.map(([, y]) => y))];
  const sum = (each: (x: number, y: number) => number): number =>
    pairs.reduce((total, [x, y]) => total + each(x - meanX, y - meanY), 0);
  return sum((x, y) => x * y) / Math.sqrt(sum((x) => x * x) * sum((_, y) => y * y));
}

test('stale: tickers that end before the newest date', async () => {
  const gold = readSample('GLD').map((row) => row['date']!);
  expect(await named('stale')).toEqual([
    {
      ticker: 'GLD',
      first_date: gold[0],
      last_date: gold.at(-1),
      days_behind: (Date.parse('2012-12-31') - Date.parse(gold.at(-1)!)) / 86_400_000,
      num_rows: gold.length,
    },
  ]);
});

test('actions: dividends and splits with their share of the close', async () => {
  const expected = tickers.flatMap((ticker) =>
    readSample(ticker)
      .filter((row) => row['dividend'] !== '' || row['split'] !== '')
      .map(({ date, dividend, split, close, currency }) => ({
        ticker,
        date,
        dividend: dividend === '' ? null : Number(dividend),
        split: split === '' ? null : Number(split),
        close: Number(close),
        dividend_share: dividend === '' ? null : expect.closeTo(Number(dividend) / Number(close), 12),
        currency,
      })),
  );
  expect(expected.length).toBeGreaterThan(50);
  expect(await named('actions')).toEqual(expected);
});

describe('every named query', () => {
  test('has a description and a name of its own', () => {
    for (const { name, description } of listNamedQueries()) {
      expect(name).toMatch(/^[a-z]+$/);
      expect(description).toMatch(/^[A-Z].*\.$/);
    }
  });

  test('is accepted by the grammar of Trino, which Athena runs', async () => {
    const validate = await loadTrinoGrammar();
    for (const kept of listNamedQueries()) {
      const sql = renderNamedQuery(kept, {
        set: 'volume',
        features: ['feature_open_shift0', 'feature_open_shift1'],
      });
      expect([kept.name, validate(sql)]).toEqual([kept.name, []]);
    }
    // What only DuckDB takes must not pass, or the check would say nothing.
    expect(validate('select * exclude (a) from t')).not.toEqual([]);
  });
});

/** dt-sql-parser has no entry that Node can load as it is: it is bundled first. */
async function loadTrinoGrammar(): Promise<(sql: string) => unknown[]> {
  const outfile = join(folder, 'bundle/trino.mjs');
  await mkdir(join(folder, 'bundle'), { recursive: true });
  await build({
    stdin: { contents: "export { TrinoSQL } from 'dt-sql-parser'", resolveDir: repository },
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile,
    logLevel: 'error',
  });
  const { TrinoSQL } = (await import(outfile)) as {
    TrinoSQL: new () => { validate(sql: string): unknown[] };
  };
  const parser = new TrinoSQL();
  return (sql) => parser.validate(sql);
}
