import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorLine, signals, start, type Finished } from '../support/command.ts';
import { sampleFolder, temporaryFolder } from '../support/folders.ts';
import { ALL_PRICES, readLake, snapshot } from '../support/lake.ts';
import { at, stock } from '../support/charts.ts';
import { symbolOf } from '../support/loader.ts';
import { randomNumbers } from '../support/series.ts';
import { sendJson, startYahooServer, type YahooServer } from '../support/yahoo-server.ts';

const folder = temporaryFolder();
const newFolder = (): string => mkdtempSync(join(folder, 'case-'));

function csvFolder(...tickers: string[]): string {
  const target = newFolder();
  for (const ticker of tickers)
    copyFileSync(join(sampleFolder, `${ticker}.csv`), join(target, `${ticker}.csv`));
  return target;
}

function linesOf(ticker: string, from: string, to: string): string[] {
  const lines = readFileSync(join(sampleFolder, `${ticker}.csv`), 'utf8')
    .trim()
    .split('\n')
    .slice(1);
  return lines.filter((line) => line.slice(0, 10) >= from && line.slice(0, 10) < to);
}

const manifestsOf = (lake: string): Record<string, any>[] =>
  readdirSync(join(lake, 'runs/load'))
    .toSorted()
    .map((name) => JSON.parse(readFileSync(join(lake, 'runs/load', name), 'utf8')));

describe('load --source csv', () => {
  test('a year, then one more ticker, then the first again', async () => {
    const lake = join(newFolder(), 'lake');
    const path = csvFolder('AAPL', 'GORO', 'SPY');
    const window = ['--start', '2011-01-01', '--end', '2012-01-01'];
    const load = (): Promise<Finished> =>
      signals(['load', '--source', 'csv', '--path', path, ...window, '--lake', `file:${lake}`], folder);
    const counts = (): Promise<unknown[][]> =>
      readLake(
        lake,
        `select ticker, count(*)::int, min(date)::varchar, max(date)::varchar from ${ALL_PRICES} group by 1 order by 1`,
      );
    const expected = (...tickers: string[]): unknown[][] =>
      tickers.map((ticker) => {
        const dates = linesOf(ticker, '2011-01-01', '2012-01-01').map((line) => line.slice(0, 10));
        return [ticker, dates.length, dates[0], dates.at(-1)];
      });

    expect(await load()).toMatchObject({ code: 0, stdout: expect.stringMatching(/tickers +3: 3 ok/) });
    expect(await counts()).toEqual(expected('AAPL', 'GORO', 'SPY'));
    const before = await readLake(lake, `select * from ${ALL_PRICES} order by ticker, date`);

    copyFileSync(join(sampleFolder, 'IBM.csv'), join(path, 'IBM.csv'));
    expect(await load()).toMatchObject({ code: 0 });
    expect(await counts()).toEqual(expected('AAPL', 'GORO', 'IBM', 'SPY'));
    expect(
      await readLake(lake, `select * from ${ALL_PRICES} where ticker <> 'IBM' order by ticker, date`),
    ).toEqual(before);

    const untouched = snapshot(lake, 'raw_data');
    expect(untouched.size).toBe(12);
    expect(await load()).toMatchObject({ code: 0 });
    expect(snapshot(lake, 'raw_data')).toEqual(untouched);
    expect(manifestsOf(lake)).toHaveLength(3);
    expect(manifestsOf(lake).at(-1)).toMatchObject({
      status: 'done',
      arguments: { start: '2011-01-01', end: '2012-01-01' },
      counts: { total: 4, ok: 4 },
      rows: { new: 0, changed: 0, unchanged: 252 * 4, removed: 0 },
    });
  });

  test('keeps every figure of the file', async () => {
    const lake = join(newFolder(), 'lake');
    await signals(
      ['load', '--source', 'csv', '--path', csvFolder('AAPL'), '--start', '030101', '--lake', `file:${lake}`],
      folder,
    );
    const rows = await readLake(
      lake,
      `select date::varchar, open, high, low, close, adj_close, volume, dividend, split, currency from ${ALL_PRICES} order by date`,
    );
    const number = (text: string): number | null => (text === '' ? null : Number(text));
    const expected = linesOf('AAPL', '2000', '2030').map((line) => {
      const fields = line.split(',');
      return [fields[0], ...fields.slice(1, 9).map(number), fields[9]];
    });
    expect(rows).toEqual(expected);
  });

  test('killed at random moments and loaded again: no row lost, none twice, every object readable', async () => {
    const random = randomNumbers(20261121);
    const path = csvFolder('AAPL', 'IBM');
    const args = (lake: string): string[] => [
      'load',
      '--source',
      'csv',
      '--path',
      path,
      '--start',
      '2003-01-01',
      '--lake',
      `file:${lake}`,
    ];
    const whole = join(newFolder(), 'lake');
    await signals(args(whole), folder);
    const all = `select * exclude (fetched_at) from ${ALL_PRICES} order by ticker, date`;
    const expected = await readLake(whole, all);

    const lake = join(newFolder(), 'lake');
    mkdirSync(lake);
    let kills = 0;
    for (let round = 0; round < 8; round += 1) {
      // A load of 120 months changes its lake about a thousand times: the kill comes at one of those moments.
      let left = 1 + Math.floor(random() * 250);
      const running = start(args(lake), folder);
      const watcher = watch(lake, { recursive: true }, () => {
        left -= 1;
        if (left === 0) running.child.kill('SIGKILL');
      });
      const { signal } = await running.finished;
      watcher.close();
      if (signal === 'SIGKILL') kills += 1;
      const readable = await readLake(
        lake,
        `select count(*)::int, count(distinct (ticker, date))::int from ${ALL_PRICES}`,
      ).catch((error: unknown) => String(error));
      if (typeof readable === 'string') expect(readable).toMatch(/No files found/);
      else expect(readable[0]![0]).toBe(readable[0]![1]);
    }
    expect(kills).toBeGreaterThan(0);
    expect(await signals(args(lake), folder)).toMatchObject({ code: 0 });
    expect(await readLake(lake, all)).toEqual(expected);
  });

  test('SIGTERM ends the run after the work in hand, with a manifest that says so', async () => {
    const lake = join(newFolder(), 'lake');
    mkdirSync(lake);
    const running = start(
      [
        'load',
        '--source',
        'csv',
        '--path',
        csvFolder('AAPL', 'IBM'),
        '--start',
        '2003-01-01',
        '--lake',
        `file:${lake}`,
      ],
      folder,
    );
    const watcher = watch(lake, { recursive: true }, (_event, name) => {
      // A second signal would end the process at once.
      if (name?.endsWith('prices.parquet') === true && !running.child.killed) running.child.kill('SIGTERM');
    });
    const finished = await running.finished;
    watcher.close();
    expect(finished.code).toBe(1);
    expect(errorLine(finished)).toMatch(/stopped by SIGTERM; the same command goes on/);
    expect(manifestsOf(lake)).toMatchObject([{ status: 'stopped' }]);
    expect(readdirSync(join(lake, 'staging'))).toEqual([]);
  });
});

describe('load from Yahoo', () => {
  let server: YahooServer;
  beforeAll(async () => {
    server = await startYahooServer();
    const session = [at('2024-03-14T13:30:00Z'), at('2024-03-14T20:00:00Z')] as const;
    const bar = { open: 1, high: 2, low: 1, close: 2, adjclose: 2, volume: 3 };
    for (const symbol of ['ACME', 'BRK-B']) {
      server.symbols.set(symbol, {
        ...{
          symbol,
          currency: 'USD',
          exchangeName: 'NYQ',
          timeZone: 'America/New_York',
          gmtoffset: -14400,
          session,
        },
        bars: [{ at: at('2024-03-12T13:30:00Z'), ...bar }],
      });
    }
    server.symbols.set('BUSY', (_request, response) => sendJson(response, 429, {}));
  });
  afterAll(() => server.close());

  function universe(...symbols: string[]): string {
    const file = join(newFolder(), 'universe.csv');
    const lines = symbols.map((symbol, index) => `u${index},${symbol} US,${symbol} US,${symbol}`);
    writeFileSync(file, ['id,numerai_ticker,bloomberg_ticker,yahoo', ...lines, ''].join('\n'));
    return file;
  }
  const load = (lake: string, ...args: string[]): Promise<Finished> =>
    signals(
      ['load', '--start', '2024-03-01', '--end', '2024-03-31', '--lake', `file:${lake}`, ...args],
      folder,
      { YAHOO_BASE_URL: server.url, YAHOO_RATE: '0' },
    );

  test('fetches the universe and keeps it as a table', async () => {
    const lake = join(newFolder(), 'lake');
    expect(await load(lake, '--universe', universe('ACME', 'BRK-B'))).toMatchObject({ code: 0 });
    expect(
      await readLake(lake, `select ticker, date::varchar, exchange, currency from ${ALL_PRICES} order by 1`),
    ).toEqual([
      ['ACME', '2024-03-12', 'NYQ', 'USD'],
      ['BRK-B', '2024-03-12', 'NYQ', 'USD'],
    ]);
    expect(
      await readLake(lake, "select id, yahoo from 'LAKE/universe/date=*/universe.parquet' order by 1"),
    ).toEqual([
      ['u0', 'ACME'],
      ['u1', 'BRK-B'],
    ]);
  });

  test('below the required coverage it ends with 3, and what was fetched is kept', async () => {
    const lake = join(newFolder(), 'lake');
    const finished = await load(
      lake,
      '--universe',
      universe('ACME', 'BUSY', 'GONE'),
      '--min-coverage',
      '0.5',
      '--backoff',
      '0.001',
    );
    expect(finished.code).toBe(3);
    expect(errorLine(finished)).toBe(
      '1 of 3 tickers asked for are good, --min-coverage asks for 0.5; what was fetched is kept; first failure: BUSY rate-limited, HTTP 429, too many requests',
    );
    expect(await readLake(lake, `select ticker from ${ALL_PRICES}`)).toEqual([['ACME']]);
    expect(manifestsOf(lake)).toMatchObject([
      { status: 'failed', counts: { total: 3, ok: 1, 'rate-limited': 1, 'not-found': 1 } },
    ]);
    expect(
      await load(
        lake,
        '--universe',
        universe('ACME', 'BUSY', 'GONE'),
        '--min-coverage',
        '0.3',
        '--backoff',
        '0.001',
      ),
    ).toMatchObject({ code: 0 });
  });

  test('takes the universe that the lake has, not the one that is shipped, and leaves it as it is', async () => {
    const lake = join(newFolder(), 'lake');
    const file = universe('ACME', 'BRK-B');
    expect(await load(lake, '--universe', file, '--ticker', 'ACME')).toMatchObject({ code: 0 });
    const before = snapshot(lake, 'universe');
    expect(before.size).toBe(1);
    const finished = await load(lake);
    expect(finished).toMatchObject({ code: 0, stdout: expect.stringMatching(/tickers +2: 2 ok/) });
    expect(finished.log.find(({ event }) => event === 'load.started')).toMatchObject({
      names: expect.stringMatching(/^universe\/date=.*\/universe\.parquet$/),
    });
    expect(snapshot(lake, 'universe')).toEqual(before);

    // A file that is given wins, and is kept.
    expect(await load(lake, '--universe', universe('ACME'))).toMatchObject({
      stdout: expect.stringMatching(/tickers +1: 1 ok/),
    });
    expect(
      await readLake(lake, "select id, yahoo from 'LAKE/universe/date=*/universe.parquet' order by 1"),
    ).toEqual([['u0', 'ACME']]);
  });

  test('takes the universe that is shipped where the lake has none, and keeps it', async () => {
    const lake = join(newFolder(), 'lake');
    expect(await load(lake, '--ticker', 'ACME')).toMatchObject({ code: 0 });
    expect(
      await readLake(lake, "select count(*) > 1000 from 'LAKE/universe/date=*/universe.parquet'"),
    ).toEqual([[true]]);
  });

  test('--ntickers and --ticker narrow the universe', async () => {
    const lake = join(newFolder(), 'lake');
    const file = universe('ACME', 'BRK-B');
    expect(await load(lake, '--universe', file, '--ntickers', '1')).toMatchObject({
      stdout: expect.stringMatching(/tickers +1:/),
    });
    expect(await load(lake, '--universe', file, '--ticker', 'BRK-B US')).toMatchObject({ code: 0 });
    expect(await readLake(lake, `select ticker from ${ALL_PRICES} order by 1`)).toEqual([
      ['ACME'],
      ['BRK-B'],
    ]);
  });
});

describe('what loading from Yahoo is for', () => {
  let server: YahooServer;
  beforeAll(async () => {
    server = await startYahooServer();
  });
  afterAll(() => server.close());

  const universeOf = (symbols: readonly string[]): string => {
    const file = join(newFolder(), 'universe.csv');
    const lines = symbols.map((symbol) => `${symbol} US,${symbol} US,${symbol} US,${symbol}`);
    writeFileSync(file, ['id,numerai_ticker,bloomberg_ticker,yahoo', ...lines, ''].join('\n'));
    return file;
  };
  const run = (...args: string[]): Promise<Finished> =>
    signals(args, folder, { YAHOO_BASE_URL: server.url, YAHOO_RATE: '0' });

  test('after a split and a dividend between two loads only that ticker is fetched again, and features have no cliff', async () => {
    const lake = `file:${join(newFolder(), 'lake')}`;
    const universe = universeOf(['CALM', 'SPLIT']);
    const wave = (index: number): number => 100 + 5 * Math.sin(index / 5);
    const [calm, before] = ['CALM', 'SPLIT'].map((symbol) => stock(symbol, '2023-09-01', '2024-03-16', wave));
    server.symbols.set('CALM', calm!);
    server.symbols.set('SPLIT', before!);
    const window = ['--universe', universe, '--lake', lake, '--end'];
    expect(await run('load', '--start', '2023-09-01', ...window, '2024-03-16')).toMatchObject({ code: 0 });

    server.symbols.set('CALM', stock('CALM', '2023-09-01', '2024-03-23', wave));
    const after = stock('SPLIT', '2023-09-01', '2024-03-23', (index) => wave(index) / 4);
    server.symbols.set('SPLIT', {
      ...after,
      bars: after.bars.map((bar) => ({ ...bar, adjclose: bar.close! * 0.99, volume: 4000 })),
      splits: [{ at: at('2024-03-19T14:30:00Z'), numerator: 4, denominator: 1 }],
      dividends: [{ at: at('2024-03-20T14:30:00Z'), amount: 0.25 }],
    });
    server.asked.length = 0;
    const second = await run('load', '--start', '2024-03-09', ...window, '2024-03-23');
    expect(second).toMatchObject({ code: 0 });
    expect(second.stdout).toMatch(
      /restated +SPLIT \(split of 2024-03-19, 4 for 1; dividend of 2024-03-20, 0\.25;/,
    );
    expect(server.asked.map(symbolOf).toSorted()).toEqual(['CALM', 'SPLIT', 'SPLIT']);

    expect(await run('transform', '--cmd', 'all', '--lags', '2', '--lake', lake)).toMatchObject({ code: 0 });
    // Both series are the same wave: what does not depend on the level has to be the same.
    const sql = `select max(abs(a.feature_others_dr_shift0 - b.feature_others_dr_shift0)) as returns,
      max(abs(a.feature_momentum_rsi_shift0 - b.feature_momentum_rsi_shift0)) as rsi,
      max(abs(a.feature_others_dr_shift0)) as largest, count(*) as weeks
      from features_all as a join features_all as b on a.era = b.era
      where a.ticker = 'CALM' and b.ticker = 'SPLIT'`;
    const { stdout } = await run('query', sql, '--format', 'json', '--lake', lake);
    const [row] = JSON.parse(stdout) as Record<string, number>[];
    expect(row).toMatchObject({ weeks: expect.any(Number) });
    expect(Number(row!['weeks'])).toBeGreaterThan(25);
    expect(row!['returns']).toBeLessThan(1e-4);
    expect(row!['rsi']).toBeLessThan(1e-2);
    expect(row!['largest']).toBeLessThan(2);
  });

  test('shards run side by side and one merged manifest decides', async () => {
    const lakeFolder = join(newFolder(), 'lake');
    const lake = `file:${lakeFolder}`;
    const symbols = Array.from({ length: 12 }, (_, index) => `S${index}`);
    for (const symbol of symbols) server.symbols.set(symbol, stock(symbol, '2024-03-11', '2024-03-23'));
    const universe = universeOf([...symbols, 'GONE']);
    const args = ['--start', '2024-03-11', '--end', '2024-03-23', '--universe', universe, '--lake', lake];
    const shard = (index: number): Promise<Finished> =>
      run('load', ...args, '--shard', `${index}/3`, '--min-coverage', '0.5');
    expect(await Promise.all([shard(1), shard(2)])).toMatchObject([{ code: 0 }, { code: 0 }]);

    const early = await run('load', ...args, '--merge-shards', '3');
    expect(early.code).toBe(1);
    expect(errorLine(early)).toMatch(
      /^shard 3\/3 of the load of 2024-03-11 up to before 2024-03-23 has left no manifest within 24 hours/,
    );
    expect(await shard(3)).toMatchObject({ code: 0 });
    const merged = await run('load', ...args, '--merge-shards', '3', '--min-coverage', '0.9');
    expect(merged).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/tickers +13: 12 ok, 1 not-found/),
    });
    expect(await run('load', ...args, '--merge-shards', '3')).toMatchObject({ code: 3 });
    const failed = manifestsOf(lakeFolder).filter(({ status }) => status === 'failed');
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({
      counts: { total: 13, ok: 12, 'not-found': 1 },
      rows: { new: 120 },
      sessions: [{ exchange: 'NYQ', tickers: 12 }],
    });
    expect(
      await readLake(
        lakeFolder,
        `select count(*)::int, count(distinct (ticker, date))::int from ${ALL_PRICES}`,
      ),
    ).toEqual([[120, 120]]);

    const out = join(newFolder(), 'load.html');
    expect(await run('report', 'load', '--lake', lake, '--out', out)).toMatchObject({ code: 0 });
    expect(readFileSync(out, 'utf8')).toMatch(/GONE/);
  });

  test('a name that is new to the lake comes with its history', async () => {
    const lakeFolder = join(newFolder(), 'lake');
    for (const symbol of ['OLD', 'NEW'])
      server.symbols.set(symbol, stock(symbol, '2023-09-01', '2024-03-23'));
    const end = ['--end', '2024-03-23', '--lake', `file:${lakeFolder}`];
    await run('load', '--start', '2024-03-11', '--ticker', 'OLD', ...end);
    await run('load', '--history', '2024-01-01', '--universe', universeOf(['OLD', 'NEW']), ...end);
    expect(
      await readLake(
        lakeFolder,
        `select ticker, min(date)::varchar from ${ALL_PRICES} group by ticker order by ticker`,
      ),
    ).toEqual([
      ['NEW', '2024-01-01'],
      // Known, and asked for what it lacks.
      ['OLD', '2024-01-01'],
    ]);
  });

  test('the scheduled load brings a name that joins the universe its history', async () => {
    const lakeFolder = join(newFolder(), 'lake');
    for (const symbol of ['OLD', 'NEW'])
      server.symbols.set(symbol, stock(symbol, '2023-09-01', '2024-03-23'));
    const end = ['--end', '2024-03-23', '--lake', `file:${lakeFolder}`];
    await run('load', '--start', '2023-10-02', '--universe', universeOf(['OLD']), ...end);
    await run('load', '--universe', universeOf(['OLD', 'NEW']), ...end);
    expect(
      await readLake(
        lakeFolder,
        `select ticker, min(date)::varchar from ${ALL_PRICES} group by ticker order by ticker`,
      ),
    ).toEqual([
      ['NEW', '2023-10-02'],
      ['OLD', '2023-10-02'],
    ]);
  });
});

describe('bad input of load', () => {
  const path = csvFolder('AAPL');
  const january = ['--start', '2011-01-01', '--end', '2011-02-01'];
  const goodLake = join(newFolder(), 'lake');
  beforeAll(async () => {
    const args = [
      'load',
      '--source',
      'csv',
      '--path',
      csvFolder('IBM'),
      ...january,
      '--lake',
      `file:${goodLake}`,
    ];
    expect(await signals(args, folder)).toMatchObject({ code: 0 });
  });
  const csv = (name: string, text: string): string => {
    const target = csvFolder('AAPL');
    writeFileSync(join(target, `${name}.csv`), text);
    return target;
  };
  const header = 'date,open,high,low,close,adj_close,volume\n';
  test('a window without a bar is said, with the one that the files have', async () => {
    const args = ['load', '--source', 'csv', '--path', path, '--lake', `file:${join(newFolder(), 'lake')}`];
    const { code, log } = await signals(args, folder);
    expect(code).toBe(0);
    expect(log.find(({ event }) => event === 'load.empty')).toMatchObject({
      level: 'warn',
      msg: expect.stringMatching(
        /^no file has a bar from .*AAPL\.csv has bars from 2003-01-02 to 2012-12-31; choose another --start/,
      ),
    });
  });

  test.each([
    [
      'a ticker without a file',
      ['--path', path, '--ticker', 'NOPE'],
      1,
      /ticker NOPE: .*NOPE\.csv cannot be read/,
    ],
    ['an empty file', ['--path', csv('BAD', '')], 1, /ticker BAD: .*BAD\.csv line 1: is empty/],
    [
      'a malformed file',
      ['--path', csv('BAD', `${header}2011-01-03,1,1,1,x,1,1\n`)],
      1,
      /ticker BAD: .*BAD\.csv line 2: close "x"/,
    ],
    [
      'a start after the end',
      ['--path', path, '--start', '2012-01-01', '--end', '2011-01-01'],
      2,
      /--start 2012-01-01 is not before --end 2011-01-01/,
    ],
    [
      'a date that does not exist',
      ['--path', path, '--start', '2011-02-30'],
      2,
      /--start "2011-02-30" does not exist/,
    ],
    ['no path', [], 2, /--source csv needs --path/],
    ['a folder that is not there', ['--path', '/no/such'], 2, /--path "\/no\/such" is not a folder/],
    ['an unknown option', ['--path', path, '--nope'], 2, /unknown option '--nope'/],
    [
      'an unknown source',
      ['--source', 'bloomberg'],
      2,
      /--source "bloomberg" is not known; choose yahoo, csv/,
    ],
    [
      'a coverage above 1',
      ['--path', path, '--min-coverage', '95'],
      2,
      /^--min-coverage "95" is not a share/,
    ],
    ['a date that files do not need', ['--path', path, '--history', 'x'], 2, /^--history "x" is not a date/],
    [
      'a lake that is a file',
      ['--path', path, '--lake', 'file:/dev/null'],
      2,
      /"file:\/dev\/null" is no folder/,
    ],
    ['a shard that is none', ['--path', path, '--shard', '3/2'], 2, /--shard "3\/2" is not i\/n/],
    ['a count below 1', ['--path', path, '--ntickers', '0'], 2, /^--ntickers "0" is not a whole number/],
    [
      'a symbol that would leave the folder',
      ['--path', path, '--ticker', '../AAPL'],
      2,
      /"\.\.\/AAPL" is no symbol/,
    ],
    ['a lake of another kind', ['--path', path, '--lake', 'ftp://x'], 2, /lake "ftp:\/\/x" is neither/],
    [
      'a lake path with a quote',
      ['--path', path, '--lake', "file:it's"],
      2,
      /has the character ' in its path/,
    ],
    ['a lake path with a glob', ['--path', path, '--lake', 'file:a*b'], 2, /has the character \*/],
    [
      'a lake that cannot be written',
      ['--path', path, '--lake', 'file:/dev/null/lake'],
      1,
      /cannot (read|write|list) .* in lake "file:\/dev\/null\/lake"/,
    ],
  ])('%s is one line, and the lake is as it was', async (_name, args, code, message) => {
    const before = snapshot(goodLake, 'raw_data');
    expect(before.size).toBe(1);
    const finished = await signals(
      ['load', '--source', 'csv', ...january, '--lake', `file:${goodLake}`, ...args],
      folder,
    );
    expect(finished.code).toBe(code);
    expect(errorLine(finished)).toMatch(message);
    expect(snapshot(goodLake, 'raw_data')).toEqual(before);
  });

  test('a corrupt object', async () => {
    const lake = join(newFolder(), 'lake');
    const key = 'raw_data/provider=csv/month=2011-01/prices.parquet';
    mkdirSync(join(lake, 'raw_data/provider=csv/month=2011-01'), { recursive: true });
    writeFileSync(join(lake, key), 'not Parquet at all');
    const before = snapshot(lake, 'raw_data');
    const finished = await signals(
      ['load', '--source', 'csv', '--path', path, ...january, '--lake', `file:${lake}`],
      folder,
    );
    expect(finished.code).toBe(1);
    expect(errorLine(finished)).toMatch(`${key} in lake "file:${lake}" is not a readable price object`);
    expect(snapshot(lake, 'raw_data')).toEqual(before);
  });
});
