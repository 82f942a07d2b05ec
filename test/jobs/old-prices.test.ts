import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { addDays, toDay, type IsoDate } from '../../jobs/runtime/dates.ts';
import { weekdays } from '../support/charts.ts';
import { signals, type Finished } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { readLake } from '../support/lake.ts';

/*
 * Days are numbers that count from 1970-01-01: those before it are negative, -1 is 1969-12-31 and 0 is a session of
 * some exchange. A lake with prices from both sides of it has all of its eras.
 */
const folder = temporaryFolder();
const lake = join(folder, 'lake');
const HISTORIES: Readonly<Record<string, readonly IsoDate[]>> = {
  // The first daily prices that Yahoo has of any share, and nothing after the turn.
  OLD: weekdays('1962-01-02', '1962-04-01'),
  TURN: weekdays('1969-12-01', '1970-02-01'),
  // Its history ends on day -1.
  LAST: weekdays('1969-11-03', '1970-01-01'),
};

const run = (...args: string[]): Promise<Finished> => signals([...args, '--lake', `file:${lake}`], folder);
const transform = async (...args: string[]): Promise<void> => {
  expect(await run('transform', '--cmd', 'volume', '--lags', '1', ...args)).toMatchObject({ code: 0 });
};
const rowsOf = (set: string): Promise<unknown[][]> =>
  readLake(
    lake,
    `select era, ticker, date::varchar from read_parquet('LAKE/features/${set}/era=*/features.parquet',
       hive_types = {'era': varchar}) order by ticker, date`,
  );
const everyRow = (eraOf: (date: IsoDate, dates: readonly IsoDate[]) => IsoDate | undefined): unknown[][] =>
  Object.entries(HISTORIES)
    .toSorted()
    .flatMap(([ticker, dates]) =>
      dates.flatMap((date) => {
        const era = eraOf(date, dates);
        return era === undefined ? [] : [[era, ticker, date]];
      }),
    );

beforeAll(async () => {
  const path = mkdtempSync(join(folder, 'prices-'));
  for (const [ticker, dates] of Object.entries(HISTORIES)) {
    const rows = dates.map((date, index) => `${date},10,11,9,${10 + (index % 5) / 10},10,1000`);
    const header = 'date,open,high,low,close,adj_close,volume';
    writeFileSync(join(path, `${ticker}.csv`), `${[header, ...rows].join('\n')}\n`);
  }
  expect(await run('load', '--source', 'csv', '--path', path, '--start', '1962-01-01')).toMatchObject({
    code: 0,
  });
});

describe('a lake with prices from before and after 1970-01-01', () => {
  test('has every daily era', async () => {
    await transform('--sample', 'daily', '--set', 'daily');
    const rows = everyRow((date) => date);
    expect(rows).toContainEqual(['1969-12-31', 'TURN', '1969-12-31']);
    expect(rows).toContainEqual(['1970-01-01', 'TURN', '1970-01-01']);
    expect(await rowsOf('daily')).toEqual(rows);
  });

  test('has every weekly era', async () => {
    await transform('--set', 'weekly');
    const fridayOf = (date: IsoDate): IsoDate => addDays(date, 5 - new Date(`${date}T00:00:00Z`).getUTCDay());
    expect(await rowsOf('weekly')).toEqual(
      everyRow((date, dates) => {
        const next = dates[dates.indexOf(date) + 1];
        return next !== undefined && fridayOf(next) === fridayOf(date) ? undefined : fridayOf(date);
      }),
    );
  });

  test.each(['1969-12-31', '1970-01-01', '1970-01-02', '1962-03-30'])(
    'has a live era of %s',
    async (asOf) => {
      const set = `live_${asOf.replaceAll('-', '')}`;
      await transform('--as-of', asOf, '--set', set);
      const expected = everyRow((date, dates) => {
        const last = dates.findLast((one) => one <= asOf);
        return date === last && toDay(date) >= toDay(asOf) - 5 ? asOf : undefined;
      });
      expect(expected.length).toBeGreaterThan(0);
      expect(await rowsOf(set)).toEqual(expected);
    },
  );

  test('of a name whose history ends before 1970 the last date is the live one', async () => {
    await transform('--as-of', 'latest', '--set', 'last_live', '--ticker', 'LAST');
    expect(await rowsOf('last_live')).toEqual([['1969-12-31', 'LAST', '1969-12-31']]);
  });

  test('is counted and queried to its first day', async () => {
    const { stdout } = await run(
      'query',
      'select min(date)::varchar as first, count(*) as rows from raw_data',
      '--format',
      'csv',
    );
    const rows = Object.values(HISTORIES).flat().length;
    expect(stdout).toBe(`first,rows\n1962-01-02,${rows}\n`);
  });
});
