import { tmpdir } from 'node:os';
import { openLake } from '../../jobs/lake/open-lake.ts';
import { PricesWriter } from '../../jobs/lake/prices.ts';
import { openDuckDB } from '../../jobs/runtime/duckdb.ts';

/*
 * One of several processes that write the same month of one lake at once:
 * node merge-process.ts LAKE NAME ROUNDS. Each round adds a ticker of its own.
 */
const [lake, name, rounds] = process.argv.slice(2) as [string, string, string];
const store = await openLake(lake, false);
const writer = new PricesWriter(store, await openDuckDB(tmpdir()), 'csv', tmpdir(), { keepsKnown: false });
for (let round = 0; round < Number(rounds); round += 1) {
  const prices = {
    open: 1,
    high: 1,
    low: 1,
    close: round,
    adjClose: 1,
    volume: 1,
    dividend: null,
    split: null,
  };
  writer.add(`${name}${round}`, [{ date: '2020-01-02', ...prices }], {
    currency: 'USD',
    exchange: null,
  });
  await writer.merge(new Date(), () => {});
}
