import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { eraKey } from '../../jobs/lake/layout.ts';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import { DuckDBEngine } from '../../jobs/query/duckdb-engine.ts';
import { openDuckDB } from '../../jobs/runtime/duckdb.ts';
import { temporaryFolder } from '../support/folders.ts';
import { makePrices, portsAfter, SET, transformSet } from '../support/sets.ts';

/* Features as SQL sees them, in a lake and a scratch folder that both look like partitions. */

const folder = temporaryFolder();
const lake = join(folder, 'date=2024-01-01', 'era=1999-01-01');
const scratch = join(folder, 'ticker=ZZ', 'era=1999-01-01');
const store = new LocalStore(lake);
const warnings: string[] = [];
let engine: DuckDBEngine;

beforeAll(async () => {
  for (const path of [lake, scratch]) mkdirSync(path, { recursive: true });
  await makePrices(lake);
  await transformSet(store, folder);
  const db = await openDuckDB(folder);
  const warn = (message: string): void => void warnings.push(message);
  engine = new DuckDBEngine({ store, db, provider: undefined, scratch, ports: portsAfter(0), warn });
});

const rowsOf = async (sql: string): Promise<unknown[][]> =>
  (await engine.run(sql)).rows.map((row) => [...row]);

describe('a table of features', () => {
  test('takes tickers and dates from its files, and the era from their folder', async () => {
    const rows = await rowsOf(`select ticker, date, era from features_${SET} order by era, ticker`);
    expect(rows).toEqual(
      ['2026-10-16', '2026-10-23', '2026-10-30'].flatMap((era) =>
        ['A', 'B', 'C'].map((ticker) => [ticker, era, era]),
      ),
    );
  });

  test.each([
    ["era = date '2026-10-23'", 1],
    ["era >= '2026-10-20'", 2],
    ["era in (date '2026-10-16', date '2026-10-30')", 2],
  ])('where %s, no other file is read', async (condition, files) => {
    const sql = `select count(*), sum(feature_close_shift0) from features_${SET} where ${condition}`;
    const [[, plan]] = (await rowsOf(`explain analyze ${sql}`)) as [[string, string]];
    expect(/Total Files Read: (\d+)/.exec(plan)?.[1]).toBe(String(files));
    expect((await rowsOf(sql))[0]![0]).toBe(3 * files);
  });

  test('lacks an era that is not what its index says, with a warning', async () => {
    expect(warnings).toEqual([]);
    writeFileSync(join(lake, eraKey(SET, '2026-10-16')), 'cut');
    rmSync(join(lake, eraKey(SET, '2026-10-30')));
    expect(await rowsOf(`select distinct era from features_${SET}`)).toEqual([['2026-10-23']]);
    expect(warnings).toEqual([
      'era 2026-10-16 and 1 more of set "mine" is left out: what lies there is not what its index says; run transform',
    ]);
  });
});
