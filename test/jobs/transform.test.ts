import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { columnsOf } from '../../jobs/features/catalogue.ts';
import { errorLine, loadSample, signals, start, type Finished } from '../support/command.ts';
import { sampleFolder, temporaryFolder } from '../support/folders.ts';
import { readLake, snapshot } from '../support/lake.ts';

const folder = temporaryFolder();
const prices = join(folder, 'prices');

/** A lake with the sample from 2010 on; each test has a copy of its own. */
beforeAll(async () => {
  const finished = await signals(
    ['load', '--source', 'csv', '--path', sampleFolder, '--start', '2010-01-01', '--lake', `file:${prices}`],
    folder,
  );
  expect(finished).toMatchObject({ code: 0 });
});

function newLake(): string {
  const lake = join(mkdtempSync(join(folder, 'case-')), 'lake');
  cpSync(prices, lake, { recursive: true });
  return lake;
}

const transform = (lake: string, ...args: string[]): Promise<Finished> =>
  signals(['transform', '--lake', `file:${lake}`, ...args], folder);
const eras = (set: string): string =>
  `read_parquet('LAKE/features/${set}/era=*/features.parquet', hive_types = {'era': date})`;

/** Replaces one close of a ticker by loading a file that has this date only. */
async function restate(lake: string, ticker: string, date: string, close: number): Promise<void> {
  const path = mkdtempSync(join(folder, 'restated-'));
  const row = `${date},${close},${close},${close},${close},${close},1000,,,USD`;
  writeFileSync(
    join(path, `${ticker}.csv`),
    `date,open,high,low,close,adj_close,volume,dividend,split,currency\n${row}\n`,
  );
  expect(
    await signals(
      ['load', '--source', 'csv', '--path', path, '--start', date, '--lake', `file:${lake}`],
      folder,
    ),
  ).toMatchObject({ code: 0 });
}

describe('transform --cmd volume --lags 5', () => {
  let lake: string;
  beforeAll(async () => {
    lake = newLake();
    const finished = await transform(lake, '--cmd', 'volume', '--lags', '5');
    expect(finished).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/157 written, 2010-01-08 to 2013-01-04/),
    });
  });

  test('has 15 x 5 feature columns, lower-case, in order', async () => {
    const columns = await readLake(
      lake,
      `select column_name, column_type from (describe select * from ${eras('volume')})`,
    );
    const features = columnsOf('volume').flatMap((column) =>
      [0, 1, 2, 3, 4].map((lag) => [`feature_${column}_shift${lag}`, 'FLOAT']),
    );
    expect(features).toHaveLength(75);
    expect(columns).toEqual([['ticker', 'VARCHAR'], ['date', 'DATE'], ...features, ['era', 'DATE']]);
  });

  test('eras are Fridays, one object each, and the last trading day of its week stands for a ticker', async () => {
    const names = readdirSync(join(lake, 'features/volume')).filter((name) => name.startsWith('era='));
    for (const name of names) {
      expect(new Date(`${name.slice(4)}T00:00:00Z`).getUTCDay()).toBe(5);
      expect(readdirSync(join(lake, 'features/volume', name))).toEqual(['features.parquet']);
    }
    const expected = await readLake(
      lake,
      `select ticker, max(date)::varchar, (max(date) + ((12 - isodow(max(date))) % 7)::int)::varchar as era
       from (select ticker, date, row_number() over (partition by ticker order by date) as n from read_parquet('LAKE/raw_data/provider=csv/month=*/prices.parquet'))
       group by ticker, date_trunc('week', date + 2) having max(n) >= 5 order by era, ticker`,
    );
    const actual = await readLake(
      lake,
      `select ticker, date::varchar, era::varchar from ${eras('volume')} order by era, ticker`,
    );
    expect(actual).toEqual(expected);
    // 2012-04-06 was Good Friday.
    expect(actual).toContainEqual(['AAPL', '2012-04-05', '2012-04-06']);
  });

  test('every lag is the unlagged column that many trading rows earlier', async () => {
    const daily = newLake();
    expect(await transform(daily, '--cmd', 'volume', '--lags', '1', '--sample', 'daily')).toMatchObject({
      code: 0,
    });
    const unlagged = await readLake(
      daily,
      `select ticker, date::varchar, columns('feature_.*') from ${eras('volume')} order by ticker, date`,
    );
    const rowAt = new Map(unlagged.map((row, index) => [`${row[0]} ${row[1]}`, index]));
    const width = columnsOf('volume').length;
    const weekly = await readLake(
      lake,
      `select ticker, date::varchar, columns('feature_.*') from ${eras('volume')} order by era, ticker`,
    );
    expect(weekly.length).toBeGreaterThan(1500);
    for (const row of weekly) {
      const at = rowAt.get(`${row[0]} ${row[1]}`)!;
      for (let lag = 0; lag < 5; lag += 1) {
        const lagged = Array.from({ length: width }, (_, column) => row[2 + column * 5 + lag]);
        expect(unlagged[at - lag]![0]).toBe(row[0]);
        expect(lagged).toEqual(unlagged[at - lag]!.slice(2));
      }
    }
  });

  test('the bars among the features are the prices of the lake in float32', async () => {
    const [[differences]] = (await readLake(
      lake,
      `select count(*)::int from ${eras('volume')} f join read_parquet('LAKE/raw_data/provider=csv/month=*/prices.parquet') p
       on p.ticker = f.ticker and p.date = f.date
       where (feature_open_shift0, feature_high_shift0, feature_low_shift0, feature_close_shift0, feature_volume_shift0)
         is distinct from (open::real, high::real, low::real, close::real, volume::real)`,
    )) as [[number]];
    expect(differences).toBe(0);
  });
});

describe('threads', () => {
  test('write what one thread writes, byte for byte, in one pass over the prices or more', async () => {
    const [one, three] = [newLake(), newLake()];
    expect(await transform(one, '--cmd', 'all', '--threads', '1')).toMatchObject({ code: 0 });
    expect(await transform(three, '--cmd', 'all', '--threads', '3')).toMatchObject({ code: 0 });
    const contents = (lake: string): unknown =>
      [...snapshot(lake, 'features')].map(([name, state]) => [name, state.split(' ')[0]]);
    expect(contents(three)).toEqual(contents(one));
  });

  test('pass on what they cannot read', async () => {
    const lake = newLake();
    // Each row twice.
    const file = 'LAKE/raw_data/provider=csv/month=2011-05/prices.parquet';
    await readLake(
      lake,
      `create temp table t as select * from '${file}'; copy (from t union all from t order by ticker, date) to '${file}' (format parquet); select 1`,
    );
    const finished = await transform(lake, '--cmd', 'volume', '--threads', '2');
    expect(finished.code).toBe(1);
    expect(errorLine(finished)).toMatch(/ticker \w+ in lake .* has two rows of 2011-05-\d\d/);
  });

  test('write the same of objects whose rows are in any order', async () => {
    const [sorted, shuffled] = [newLake(), newLake()];
    const file = 'LAKE/raw_data/provider=csv/month=2011-05/prices.parquet';
    await readLake(
      shuffled,
      `create temp table t as select * from '${file}'; copy (from t order by hash(date, ticker)) to '${file}' (format parquet); select 1`,
    );
    for (const lake of [sorted, shuffled])
      expect(await transform(lake, '--cmd', 'volume', '--threads', '2')).toMatchObject({ code: 0 });
    const all = `select * from ${eras('volume')} order by era, ticker`;
    expect(await readLake(shuffled, all)).toEqual(await readLake(sorted, all));
  });
});

// DuckDB reads these in another order than that of their rows: it makes a join of a long list.
describe('named tickers', () => {
  const NAMES = Array.from({ length: 34 }, (_, index) => `T${String(index).padStart(2, '0')}`);
  let lake: string;
  beforeAll(async () => {
    const own = mkdtempSync(join(folder, 'many-'));
    for (const name of NAMES) cpSync(join(sampleFolder, 'AAPL.csv'), join(own, `${name}.csv`));
    lake = join(own, 'lake');
    const range = ['--start', '2011-01-01', '--end', '2012-01-01', '--lake', `file:${lake}`];
    expect(await signals(['load', '--source', 'csv', '--path', own, ...range], folder)).toMatchObject({
      code: 0,
    });
  });

  test.each([8, 13, 16, 24, 31, 34])('%d of them are computed', async (count) => {
    const set = `of_${count}`;
    const asked = NAMES.slice(0, count).flatMap((name) => ['--ticker', name]);
    expect(await transform(lake, '--cmd', 'volume', '--lags', '1', '--set', set, ...asked)).toMatchObject({
      code: 0,
    });
    const found = `select count(distinct ticker)::int, count(*)::int % ${count} from ${eras(set)}`;
    expect(await readLake(lake, found)).toEqual([[count, 0]]);
  });
});

describe('which eras a run writes', () => {
  test('a second run writes nothing, --reload writes all again to the same bytes', async () => {
    const lake = newLake();
    await transform(lake, '--cmd', 'volume');
    const before = snapshot(lake, 'features');
    expect(await transform(lake, '--cmd', 'volume')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/0 written, all up to date/),
    });
    expect(snapshot(lake, 'features')).toEqual(before);
    expect(await transform(lake, '--cmd', 'volume', '--reload')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/157 written/),
    });
    const contents = (files: Map<string, string>): unknown =>
      [...files].map(([name, state]) => [name, state.split(' ')[0]]);
    expect(contents(snapshot(lake, 'features'))).toEqual(contents(before));
  });

  test('a restated price rewrites its era and the later ones, and earlier ones stay', async () => {
    const lake = newLake();
    await transform(lake, '--cmd', 'volume');
    const before = snapshot(lake, 'features/volume');
    await restate(lake, 'AAPL', '2012-11-14', 500);
    expect(await transform(lake, '--cmd', 'volume')).toMatchObject({
      stdout: expect.stringMatching(/8 written, 2012-11-16 to 2013-01-04/),
    });
    const changed = [...snapshot(lake, 'features/volume')]
      .filter(([name, state]) => before.get(name) !== state)
      .map(([name]) => name);
    expect(
      changed
        .filter((name) => !name.includes('_eras.json'))
        .every((name) => name >= 'features/volume/era=2012-11-16'),
    ).toBe(true);
    expect(changed).toHaveLength(9);
  });

  test('eras by any route are the same: at once, from --since on, one by one as prices arrive', async () => {
    const whole = newLake();
    await transform(whole, '--cmd', 'volume');
    const parts = newLake();
    await transform(parts, '--cmd', 'volume', '--since', '2012-01-01');
    await transform(parts, '--cmd', 'volume', '--since', '2011-01-01');
    await transform(parts, '--cmd', 'volume');
    const rows = `select * from ${eras('volume')} order by era, ticker`;
    expect(await readLake(parts, rows)).toEqual(await readLake(whole, rows));

    const growing = join(mkdtempSync(join(folder, 'case-')), 'lake');
    for (const end of ['2012-11-20', '2012-12-04', '2013-01-01']) {
      await loadSample(`file:${growing}`, { start: '2010-01-01', end }, folder);
      await transform(growing, '--cmd', 'volume');
    }
    expect(await readLake(growing, rows)).toEqual(await readLake(whole, rows));
  });

  test('an era whose object was deleted or cut is written again', async () => {
    const lake = newLake();
    await transform(lake, '--cmd', 'volume');
    const before = snapshot(lake, 'features/volume');
    rmSync(join(lake, 'features/volume/era=2011-06-03'), { recursive: true });
    writeFileSync(join(lake, 'features/volume/era=2011-06-10/features.parquet'), 'cut');
    expect(await transform(lake, '--cmd', 'volume')).toMatchObject({
      stdout: expect.stringMatching(/2 written, 2011-06-03 to 2011-06-10/),
    });
    expect([...snapshot(lake, 'features/volume').keys()]).toEqual([...before.keys()]);
  });

  test('--ticker merges its rows into the eras that stand, and leaves all others', async () => {
    const lake = newLake();
    await transform(lake, '--cmd', 'volume');
    const others = `select * from ${eras('volume')} where ticker <> 'AAPL' order by era, ticker`;
    const before = await readLake(lake, others);
    await restate(lake, 'AAPL', '2012-11-14', 500);
    expect(
      await transform(lake, '--cmd', 'volume', '--ticker', 'AAPL', '--since', '2012-11-01'),
    ).toMatchObject({ code: 0 });
    expect(await readLake(lake, others)).toEqual(before);
    const merged = await readLake(lake, `select * from ${eras('volume')} order by era, ticker`);
    expect(await transform(lake, '--cmd', 'volume')).toMatchObject({
      stdout: expect.stringMatching(/8 written/),
    });
    expect(await readLake(lake, `select * from ${eras('volume')} order by era, ticker`)).toEqual(merged);
  });

  test('--ticker into an empty set does not pass for the whole', async () => {
    const lake = newLake();
    await transform(lake, '--cmd', 'volume', '--ticker', 'AAPL');
    expect(await readLake(lake, `select distinct ticker from ${eras('volume')}`)).toEqual([['AAPL']]);
    await transform(lake, '--cmd', 'volume');
    expect(await readLake(lake, `select count(distinct ticker)::int from ${eras('volume')}`)).toEqual([[10]]);
  });

  test('SIGTERM leaves whole eras, and the next run goes on', async () => {
    const lake = newLake();
    mkdirSync(join(lake, 'features'), { recursive: true });
    const running = start(['transform', '--cmd', 'volume', '--lake', `file:${lake}`], folder);
    const watcher = watch(lake, { recursive: true }, (_event, name) => {
      // A second signal would end the process at once.
      if (name?.endsWith('features.parquet') === true && !running.child.killed) running.child.kill('SIGTERM');
    });
    const stopped = await running.finished;
    watcher.close();
    expect(stopped.code).toBe(1);
    expect(errorLine(stopped)).toMatch(/stopped by SIGTERM/);
    const [[standing]] = (await readLake(lake, `select count(distinct era)::int from ${eras('volume')}`)) as [
      [number],
    ];
    expect(standing).toBeGreaterThan(0);
    expect(await transform(lake, '--cmd', 'volume')).toMatchObject({
      stdout: expect.stringMatching(new RegExp(`${157 - standing} written`)),
    });
  });
});

describe('sets', () => {
  test.each([
    ['1', 91],
    ['5', 455],
    ['20', 1820],
  ])('all with %s lags has %i features', async (lags, count) => {
    const lake = newLake();
    const finished = await transform(lake, '--cmd', 'all', '--lags', lags, '--since', '2012-12-01');
    expect(finished).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`with ${count} features`)),
    });
    const [[columns, gaps]] = (await readLake(
      lake,
      `select count(*)::int, (select count(*)::int from ${eras('all')} where feature_trend_adx_shift0 is null)
       from (describe select columns('feature_.*') from ${eras('all')})`,
    )) as [[number, number]];
    expect([columns, gaps]).toEqual([count, 0]);
  });

  test('each group is a set of its own, and --set names another', async () => {
    const lake = newLake();
    for (const group of ['volume', 'volatility', 'trend', 'momentum', 'other', 'all'])
      expect(await transform(lake, '--cmd', group, '--since', '2012-12-01')).toMatchObject({ code: 0 });
    expect(
      await transform(lake, '--cmd', 'other', '--set', 'mine', '--lags', '1', '--since', '2012-12-01'),
    ).toMatchObject({ code: 0 });
    expect(readdirSync(join(lake, 'features')).toSorted()).toEqual([
      'all',
      'mine',
      'momentum',
      'other',
      'trend',
      'volatility',
      'volume',
    ]);
    const [[columns]] = (await readLake(
      lake,
      `select count(*)::int from (describe select columns('feature_.*') from ${eras('mine')})`,
    )) as [[number]];
    expect(columns).toBe(5 + 3);
  });

  test('--window lets indicators see the last days only, and is part of the setting', async () => {
    const lake = newLake();
    // The sample ends in 2012: as of its end, a window of 60 days begins in November.
    expect(await transform(lake, '--cmd', 'other', '--as-of', '2012-12-31')).toMatchObject({ code: 0 });
    const windowed = ['--cmd', 'other', '--as-of', '2012-12-31', '--set', 'windowed', '--window', '60'];
    expect(await transform(lake, ...windowed)).toMatchObject({ code: 0 });
    const returns = (set: string): Promise<unknown[][]> =>
      readLake(lake, `select feature_others_cr_shift0::double from ${eras(set)} where ticker = 'AAPL'`);
    const first = `select first(close order by date) from 'LAKE/raw_data/provider=csv/month=*/prices.parquet' where ticker = 'AAPL' and date >= date '2012-11-02'`;
    const [[from], [to]] = [
      (await readLake(lake, first))[0] as [number],
      (await readLake(lake, first.replace('first(', 'last(')))[0] as [number],
    ].map((row) => [row[0]]) as [[number], [number]];
    expect((await returns('windowed'))[0]![0]).toBeCloseTo((to / from - 1) * 100, 4);
    expect((await returns('other_live'))[0]![0]).not.toBeCloseTo((to / from - 1) * 100, 1);
  });

  test('tickers without a row are named with the reason', async () => {
    const lake = newLake();
    await restate(lake, 'NEW', '2012-12-28', 5);
    const finished = await transform(lake, '--cmd', 'other', '--since', '2012-12-01');
    expect(finished.stdout).toMatch(/11, 1 of them without a row: NEW \(1 bars for 5 lags\)/);
  });

  test('names that were asked for and have no prices are told', async () => {
    const lake = newLake();
    const some = ['--cmd', 'other', '--since', '2012-12-01', '--ticker', 'NOPE'];
    const finished = await transform(lake, ...some, '--ticker', 'IBM');
    expect(finished.stdout).toMatch(/2, 1 of them without a row: NOPE \(no prices before \S+\)/);
    const nothing = await transform(lake, ...some);
    expect(nothing.code).toBe(1);
    expect(errorLine(nothing)).toMatch(
      /has no prices of csv before \S+ of NOPE; load them, or check the names/,
    );
  });

  test('another setting is refused, and --rebuild replaces the set', async () => {
    const lake = newLake();
    await transform(lake, '--cmd', 'other', '--since', '2012-06-01');
    const before = snapshot(lake, 'features');
    const refused = await transform(lake, '--cmd', 'other', '--lags', '3', '--since', '2012-12-01');
    expect(refused.code).toBe(2);
    expect(errorLine(refused)).toBe(
      'set "other" was made with lags 5 (now 3); choose another --set, or replace it with --rebuild',
    );
    expect(snapshot(lake, 'features')).toEqual(before);
    expect(
      await transform(lake, '--cmd', 'other', '--lags', '3', '--since', '2012-12-01', '--rebuild'),
    ).toMatchObject({ code: 0 });
    expect(await readLake(lake, `select min(era)::varchar from ${eras('other')}`)).toEqual([['2012-12-07']]);
    expect(JSON.parse(readFileSync(join(lake, 'features/other/_settings.json'), 'utf8'))).toMatchObject({
      lags: 3,
    });
  });

  test('ta with and without fill, adjusted prices and dropped rows are settings', async () => {
    const lake = newLake();
    const since = ['--since', '2012-12-01'];
    expect(
      await transform(lake, '--cmd', 'volume', '--set', 'ta_fill', '--definitions', 'ta', ...since),
    ).toMatchObject({ code: 0 });
    expect(
      await transform(
        lake,
        '--cmd',
        'volume',
        '--set',
        'ta_nofill',
        '--definitions',
        'ta',
        '--no-fill',
        ...since,
      ),
    ).toMatchObject({ code: 0 });
    expect(
      await transform(lake, '--cmd', 'other', '--set', 'adjusted', '--price', 'adj_close', ...since),
    ).toMatchObject({ code: 0 });
    expect(
      await transform(lake, '--cmd', 'volume', '--set', 'whole', '--na', 'drop', ...since),
    ).toMatchObject({ code: 0 });
    const gaps = (set: string): Promise<unknown[][]> =>
      readLake(lake, `select count(*)::int from ${eras(set)} where feature_volume_em_shift0 is null`);
    expect(await gaps('ta_fill')).toEqual([[0]]);
    expect(await gaps('whole')).toEqual([[0]]);
    // SPY has no adjusted close in the sample: it has no bars then.
    expect(
      await readLake(lake, `select count(*)::int from ${eras('adjusted')} where ticker = 'SPY'`),
    ).toEqual([[0]]);
    const closes = await readLake(
      lake,
      `select count(*)::int from ${eras('adjusted')} f join read_parquet('LAKE/raw_data/provider=csv/month=*/prices.parquet') p
       on p.ticker = f.ticker and p.date = f.date where abs(feature_close_shift0 / adj_close - 1) > 1e-6`,
    );
    expect(closes).toEqual([[0]]);
  });

  test('--as-of gives one row per ticker for a decision on that day', async () => {
    const lake = newLake();
    expect(await transform(lake, '--cmd', 'volume', '--as-of', '2012-04-08')).toMatchObject({ code: 0 });
    expect(await transform(lake, '--cmd', 'volume', '--as-of', 'latest')).toMatchObject({ code: 0 });
    const rows = await readLake(
      lake,
      `select era::varchar, date::varchar, count(*)::int from ${eras('volume_live')} group by all order by all`,
    );
    expect(rows).toEqual([
      ['2012-04-08', '2012-04-05', 10],
      ['2012-12-31', '2012-12-31', 10],
    ]);
    await transform(lake, '--cmd', 'volume');
    const shared = `select count(*)::int from (select * exclude (era) from ${eras('volume_live')} intersect select * exclude (era) from ${eras('volume')})`;
    expect(await readLake(lake, shared)).toEqual([[20]]);
  });
});

describe('bad input of transform', () => {
  let lake: string;
  beforeAll(() => {
    lake = newLake();
  });
  test.each([
    ['no group', [], 2, /required option '--cmd <group>' not specified/],
    ['an unknown group', ['--cmd', 'fundamental'], 2, /--cmd "fundamental" is not known; choose all/],
    ['lags below 1', ['--cmd', 'volume', '--lags', '0'], 2, /--lags "0" is not a whole number/],
    ['lags that are no number', ['--cmd', 'volume', '--lags', 'five'], 2, /--lags "five"/],
    [
      'a date that does not exist',
      ['--cmd', 'volume', '--since', '2012-13-01'],
      2,
      /--since "2012-13-01" does not exist/,
    ],
    [
      'a day in the future',
      ['--cmd', 'volume', '--as-of', '2999-01-01'],
      2,
      /--as-of 2999-01-01 lies in the future/,
    ],
    ['fill without ta', ['--cmd', 'volume', '--fill'], 2, /--fill goes with --definitions ta/],
    ['a bad name of a set', ['--cmd', 'volume', '--set', 'My Set'], 2, /--set "My Set" is no name/],
    [
      'a provider that is not there',
      ['--cmd', 'volume', '--provider', 'yahoo'],
      2,
      /--provider "yahoo" has no prices .*; it has csv/,
    ],
  ])('%s', async (_name, args, code, message) => {
    const before = snapshot(lake, 'features');
    const finished = await transform(lake, ...args);
    expect(finished.code).toBe(code);
    expect(errorLine(finished)).toMatch(message);
    expect(snapshot(lake, 'features')).toEqual(before);
  });

  test('a lake without prices', async () => {
    const finished = await transform(join(folder, 'nothing'), '--cmd', 'volume');
    expect(finished.code).toBe(1);
    expect(errorLine(finished)).toMatch(/nothing" has no prices; fill it with "signals load" first/);
  });

  test('a corrupt price object', async () => {
    const corrupt = newLake();
    writeFileSync(join(corrupt, 'raw_data/provider=csv/month=2011-05/prices.parquet'), 'not Parquet at all');
    const finished = await transform(corrupt, '--cmd', 'volume');
    expect(finished.code).toBe(1);
    expect(errorLine(finished)).toMatch(/prices in lake .* cannot be read: .*month=2011-05\/prices\.parquet/);
    expect(readdirSync(join(corrupt, 'features/volume'))).toEqual(['_settings.json']);
  });

  test('a setting that is no setting', async () => {
    const odd = newLake();
    mkdirSync(join(odd, 'features/volume'), { recursive: true });
    writeFileSync(join(odd, 'features/volume/_settings.json'), '{}');
    const finished = await transform(odd, '--cmd', 'volume');
    expect(finished.code).toBe(2);
    expect(errorLine(finished)).toMatch(
      /features\/volume\/_settings\.json is not the setting of a feature set/,
    );
  });
});
