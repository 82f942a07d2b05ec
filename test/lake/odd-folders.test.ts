import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { holdPrices } from '../../jobs/lake/held-prices.ts';
import { pricesKey } from '../../jobs/lake/layout.ts';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import { copyPrices } from '../../jobs/lake/read-prices.ts';
import { DuckDBEngine } from '../../jobs/query/duckdb-engine.ts';
import { openDuckDB } from '../../jobs/runtime/duckdb.ts';
import { LakeHistory } from '../../jobs/strategies/lake-history.ts';
import { loadSample, signals } from '../support/command.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { reading, readLake } from '../support/prices.ts';

/* Folders on the way to a lake, or in it, that are not what their names look like. */

const folder = temporaryFolder();
const WINDOW = { start: '2012-01-01', end: '2012-04-01' };
const SQL = `select ticker, count(*) as n, min(date)::varchar as first, max(date)::varchar as last,
  round(sum(close), 6) as total, min(month) as month, any_value(provider) as provider
  from raw_data group by ticker order by ticker`;

async function answer(lake: string, env: Record<string, string> = {}): Promise<unknown> {
  const { code, stdout, stderr } = await signals(
    ['query', SQL, '--format', 'json', '--lake', `file:${lake}`],
    folder,
    env,
  );
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const plain = join(folder, 'lake');
let expected: unknown;
beforeAll(async () => {
  await loadSample(`file:${plain}`, WINDOW, folder);
  expected = await answer(plain);
});

test('a lake and a scratch folder whose paths look like partitions give the same rows, loads over loads as well', async () => {
  const lake = join(folder, 'date=2024-01-01', 'month=1999-01', 'lake');
  const scratch = join(folder, 'ticker=ZZ', 'close=1');
  mkdirSync(scratch, { recursive: true });
  const env = { TMPDIR: scratch };
  // The second load merges into months that are there.
  await loadSample(`file:${lake}`, { ...WINDOW, end: '2012-03-10' }, folder, env);
  await loadSample(`file:${lake}`, { ...WINDOW, start: '2012-03-05' }, folder, env);
  expect(await answer(lake, env)).toEqual(expected);
  expect(readdirSync(scratch)).toEqual([]);
});

describe('a partition that is a link, and folders that are no months', () => {
  const lake = join(folder, 'linked');
  beforeAll(async () => {
    await loadSample(`file:${lake}`, WINDOW, folder);
    const prices = join(lake, 'raw_data/provider=csv');
    const elsewhere = join(folder, 'elsewhere');
    renameSync(join(prices, 'month=2012-02'), elsewhere);
    symlinkSync(elsewhere, join(prices, 'month=2012-02'));
    for (const name of ['month=2012-13', 'month=2012-00', 'month=all'])
      symlinkSync(join(prices, 'month=2012-01'), join(prices, name));
  });

  test('are the same for every reader', async () => {
    const store = new LocalStore(lake);
    const months = ['2012-01', '2012-02', '2012-03'];
    const copy = (await copyPrices(
      store,
      { provider: undefined },
      mkdtempSync(join(folder, 'copy-')),
      reading(store),
    ))!;
    expect(copy.months.map(({ month }) => month)).toEqual(months);

    const db = await openDuckDB(folder);
    const engine = new DuckDBEngine({
      store,
      db,
      provider: undefined,
      scratch: folder,
      ports: reading(store),
      warn() {},
    });
    const rows = await engine.run("select count(*) from raw_data where ticker = 'AAPL'");
    const count = Number(rows.rows[0]![0]);
    expect(count).toBe(62);
    db.closeSync();

    const range = { start: '2011-01-01', end: '2013-01-01' };
    const statistics = await readLake(lake).read(['AAPL'], [range]);
    expect(statistics.rows.get('AAPL')).toHaveLength(count);
    expect(statistics.newest).toBe('2012-03-30');

    const held = holdPrices(store, undefined, reading(store), async () => mkdtempSync(join(folder, 'held-')));
    const strategies = await new LakeHistory(() => held, '2012-12-31').read(['AAPL'], { end: '2012-12-31' });
    expect(strategies.get('AAPL')!.dates).toHaveLength(count);
  });

  test('a merge into a linked month goes where the link leads', async () => {
    await loadSample(`file:${lake}`, WINDOW, folder);
    expect(await answer(lake)).toEqual(expected);
    expect(readFileSync(join(lake, pricesKey('csv', '2012-02'))).length).toBeGreaterThan(1000);
  });
});

test('SQL over Parquet is written in one place only', () => {
  const sources = readdirSync(join(repository, 'jobs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .filter((path) => /read_parquet|parquet_scan/.test(readFileSync(join(repository, 'jobs', path), 'utf8')));
  expect(sources).toEqual(['runtime/parquet.ts']);
});
