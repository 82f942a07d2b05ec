import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pricesKey } from '../jobs/lake/layout.ts';
import { openDuckDB } from '../jobs/runtime/duckdb.ts';

/**
 * A lake in `folder` with the prices of `tickers` made-up names over the last `days` weekdays before 2026-10-31:
 * random walks in cents, widened from float32 as Yahoo sends them, volumes in whole shares.
 *
 * @returns rows of the lake
 */
export async function generateLake(folder: string, tickers: number, days: number): Promise<number> {
  const db = await openDuckDB(folder);
  await db.run(`create table bars as
    with sessions as (
      select day, row_number() over (order by day) as n
      from (select date '2026-10-31' - i::int as day from range(1, ${Math.ceil(days * 1.5) + 10}) t(i))
      where isodow(day) < 6 qualify row_number() over (order by day desc) <= ${days}),
    steps as (
      select 'T' || lpad(k::varchar, 5, '0') as ticker, day, n,
        (hash(k, n, 1) % 1000000) / 1e6 - 0.5 as a, (hash(k, n, 2) % 1000000) / 1e6 as b, (hash(k, n, 3) % 1000000) / 1e6 as c
      from range(${tickers}) t(k), sessions),
    walk as (
      select *, 20 + hash(ticker) % 200 as base, sum(a * 0.04) over (partition by ticker order by n) as level from steps),
    priced as (
      select ticker, day as date, round(base * exp(level), 2)::real::double as close,
        round(base * exp(level) * (1 + 0.02 * (b - 0.5)), 2)::real::double as open, b, c from walk)
    select ticker, date, open, round(greatest(open, close) * (1 + 0.01 * c), 2)::real::double as high,
      round(least(open, close) * (1 - 0.01 * b), 2)::real::double as low, close, close as adj_close,
      100 * floor(1000 + 90000 * c * c)::double as volume, null::double as dividend, null::double as split,
      'USD' as currency, null::varchar as exchange, make_timestamp_ms(0)::timestamp_ms as fetched_at
    from priced order by ticker, date`);
  const months = await db.runAndReadAll(`select distinct strftime(date, '%Y-%m') from bars order by 1`);
  for (const [month] of months.getRowsJson()) {
    const file = join(folder, pricesKey('csv', String(month)));
    mkdirSync(dirname(file), { recursive: true });
    await db.run(`copy (select * from bars where strftime(date, '%Y-%m') = '${month}' order by ticker, date)
      to '${file}' (format parquet, compression zstd, row_group_size 20480)`);
  }
  const rows = await db.runAndReadAll('select count(*)::integer from bars');
  db.closeSync();
  return Number(rows.getRowsJson()[0]![0]);
}
