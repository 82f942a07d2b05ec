import { tmpdir } from 'node:os';
import { openLake } from '../../jobs/lake/open-lake.ts';
import { openDuckDB } from '../../jobs/runtime/duckdb.ts';
import { mergePrices } from './prices.ts';

/*
 * One of several processes that write the same month of one lake at once:
 * node merge-process.ts LAKE NAME ROUNDS. Each round adds a ticker of its own.
 */
const [lake, name, rounds] = process.argv.slice(2) as [string, string, string];
const store = await openLake(lake, false);
const db = await openDuckDB(tmpdir());
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
  const usd = { currency: 'USD', exchange: null };
  await mergePrices(
    store,
    db,
    tmpdir(),
    (writer) => writer.add(`${name}${round}`, [{ date: '2020-01-02', ...prices }], usd),
    { fetchedAt: new Date() },
  );
}
