import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openDuckDB } from '../../jobs/runtime/duckdb.ts';
import { errorLine, signals, start, type Finished } from '../support/command.ts';
import { repository, sampleFolder, temporaryFolder } from '../support/folders.ts';
import { readLake } from '../support/lake.ts';
import { startNumeraiServer, type NumeraiServer } from '../support/numerai-server.ts';
import { startYahooServer, type PlayedChart, type YahooServer } from '../support/yahoo-server.ts';

const folder = temporaryFolder();
let numerai: NumeraiServer;
let yahoo: YahooServer;

beforeAll(async () => {
  numerai = await startNumeraiServer();
  yahoo = await startYahooServer();
});
afterAll(() => Promise.all([numerai.close(), yahoo.close()]));
beforeEach(() => {
  numerai.plays.clear();
  yahoo.symbols.clear();
  yahoo.asked.length = 0;
});

const HEADER = 'id,numerai_ticker,bloomberg_ticker,yahoo';
const STANDING = `${HEADER}
7203 JP,7203 JP,7203 JP,7203.T
AAPL US,AAPL US,AAPL US,AAPL
OLD US,OLD US,OLD US,OLD
SPY,,,SPY
W US,W US,W US,W
X US,X US,X US,X
`;

/** A folder with a universe file to refresh, and what refreshing it takes. */
function place(universe = STANDING): {
  readonly cwd: string;
  readonly file: string;
  read(name: string): string;
  refresh(args?: readonly string[], env?: Record<string, string>): Promise<Finished>;
  readonly command: readonly [readonly string[], string, Record<string, string>];
} {
  const cwd = mkdtempSync(join(folder, 'case-'));
  const file = join(cwd, 'universe.csv');
  writeFileSync(file, universe);
  const args = ['universe', 'refresh', '--universe', file];
  const env = { NUMERAI_BASE_URL: numerai.url, NUMERAI_API_KEY: numerai.apiKey, YAHOO_BASE_URL: yahoo.url };
  return {
    cwd,
    file,
    read: (name) => readFileSync(join(cwd, name), 'utf8'),
    refresh: (more = [], other = {}) => signals([...args, ...more], cwd, { ...env, ...other }),
    command: [args, cwd, env],
  };
}

/** Lets Numerai's live file have these names. */
async function publish(...names: readonly string[]): Promise<void> {
  const target = join(mkdtempSync(join(folder, 'live-')), 'live.parquet');
  const db = await openDuckDB(folder);
  const rows = names.map((name) => `('${name}', 'BBG000000001', 1.0)`).join(', ');
  await db.run(
    `copy (select * from (values ${rows}) as t (numerai_ticker, composite_figi, feature_a)) to '${target}' (format parquet)`,
  );
  db.closeSync();
  numerai.file = readFileSync(target);
}

function list(symbol: string, exchangeName: string, currency: string): void {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const at = nowSeconds - 3 * 86_400;
  const chart: PlayedChart = {
    ...{ symbol, exchangeName, currency, timeZone: 'Asia/Seoul', gmtoffset: 32_400 },
    session: [nowSeconds - 20_000, nowSeconds - 10_000],
    bars: [{ at, open: 10, high: 11, low: 9, close: 10, adjclose: 10, volume: 100 }],
  };
  yahoo.symbols.set(symbol, chart);
}

describe('universe refresh', () => {
  test("takes over Numerai's live universe, keeps what is ours, and says what happened to each name", async () => {
    await publish('7203 JP', 'AAPL US', 'AMM MY', 'W US', 'X US', 'MC FR');
    const { file, read, refresh } = place();
    const finished = await refresh();
    expect(finished).toMatchObject({ code: 0 });
    expect(read('universe.csv')).toBe(`${HEADER}
7203 JP,7203 JP,7203 JP,7203.T
AAPL US,AAPL US,AAPL US,AAPL
AMM MY,AMM MY,AMM MK,1015.KL
MC FR,MC FR,MC FP,MC.PA
SPY,,,SPY
W US,W US,W US,W
X US,X US,X US,X
`);
    expect(finished.stdout).toBe(`added  AMM MY  1015.KL
added  MC FR  MC.PA
gone  OLD US  OLD

universe   ${file}
source     signals/v2.1/live.parquet
names      7: 2 added, 1 gone, 0 with another symbol
mapped     7, 0 of them unverified
unmapped   0
table      not written
`);
    const again = await refresh();
    expect(again.stdout).toMatch(/^\nuniverse .*\n.*\nnames {6}7: 0 added, 0 gone, 0 with another symbol\n/);
  });

  test('names that cannot be mapped stay, each with its reason', async () => {
    await publish('7203 JP', 'AAPL US', 'OLD US', 'W US', 'X US', 'VNM VN', 'NOSUCH MY', '138250 KR');
    const { read, refresh } = place();
    const { code, stdout } = await refresh();
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /\nunmapped {2}NOSUCH MY {2}- {2}table-only: symbols of MK .* \(FIGI BBG000000001\)\n/,
    );
    expect(stdout).toMatch(/\nunmapped {2}VNM VN {2}- {2}unknown-exchange: no rule for country VN \(FIGI /);
    expect(stdout).toMatch(/\nunverified {2}138250 KR {2}138250\.KS {2}or 138250\.KQ\n/);
    expect(read('universe.csv')).toMatch(/\nNOSUCH MY,NOSUCH MY,NOSUCH MK,\n/);
    expect(read('universe.csv')).toMatch(/\nVNM VN,VNM VN,,\n/);
  });

  test('--file takes a local file and needs no key', async () => {
    const { cwd, refresh, read } = place(`${HEADER}\n`);
    writeFileSync(join(cwd, 'names.csv'), 'numerai_ticker\nBT/A GB\n');
    const env = { NUMERAI_API_KEY: '', NUMERAI_BASE_URL: 'http://127.0.0.1:1' };
    expect(await refresh(['--file', 'names.csv'], env)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/source {5}names\.csv\n/),
    });
    expect(read('universe.csv')).toBe(`${HEADER}\nBT/A GB,BT/A GB,BT/A LN,BT-A.L\n`);
  });

  test('--dry-run says it all and writes nothing', async () => {
    await publish('7203 JP', 'AAPL US', 'W US', 'X US', '138250 KR');
    list('138250.KS', 'KSC', 'KRW');
    const { cwd, read, refresh } = place();
    mkdirSync(join(cwd, 'data/lake'), { recursive: true });
    const { code, stdout } = await refresh(['--dry-run', '--verify']);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^added {2}138250 KR {2}138250\.KS\n[^]*not written \(--dry-run\)\n/),
    });
    expect(read('universe.csv')).toBe(STANDING);
    expect(readdirSync(cwd).toSorted()).toEqual(['data', 'universe.csv']);
    expect(readdirSync(join(cwd, 'data/lake'))).toEqual([]);
  });

  test('--verify asks for what the rules leave open, remembers the answers and does not ask again', async () => {
    await publish('7203 JP', 'AAPL US', 'OLD US', 'W US', 'X US', '138250 KR', 'KINDSDB SE', 'NONE PH');
    list('138250.KS', 'PNK', 'USD');
    list('138250.KQ', 'KOE', 'KRW');
    list('KIND-SDB.ST', 'STO', 'SEK');
    const { read, refresh } = place();
    const finished = await refresh(['--verify']);
    expect(finished).toMatchObject({ code: 0 });
    const today = new Date().toISOString().slice(0, 10);
    expect(read('ticker_evidence.csv')).toBe(`id,yahoo,exchange,currency,name,checked,refused
138250 KR,138250.KQ,KOE,KRW,,${today},138250.KS is listed on PNK in USD
KINDSDB SE,KIND-SDB.ST,STO,SEK,,${today},
NONE PH,,,,,${today},NONE.PS not found
`);
    expect(finished.stdout).toMatch(
      `unmapped  NONE PH  -  no listing fits on ${today}: NONE.PS not found (FIGI BBG000000001)\n`,
    );
    expect(finished.stdout).toMatch(/mapped {5}8, 0 of them unverified\n/);
    expect(read('universe.csv')).toMatch(/\n138250 KR,138250 KR,138250 KS,138250\.KQ\n/);
    expect(yahoo.asked).toHaveLength(4);

    expect((await refresh(['--verify'])).stdout).toMatch(/names {6}9: 0 added/);
    expect(yahoo.asked).toHaveLength(4);
  });

  test('--verify ends when Yahoo refuses, and leaves the rest for another day', async () => {
    await publish('7203 JP', 'AAPL US', 'OLD US', 'W US', 'X US', '111111 KR', '222222 KR');
    yahoo.symbols.set('111111.KS', (_request, response) => void response.writeHead(999).end('<html>'));
    const { cwd, refresh, read } = place();
    const { code, stdout, log } = await refresh(['--verify']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nunverified {2}222222 KR {2}222222\.KS {2}or 222222\.KQ\n/);
    expect(log.find(({ event }) => event === 'universe.refused')).toMatchObject({ level: 'warn' });
    // Asked once more after a pause, and then nothing else.
    expect(new Set(yahoo.asked).size).toBe(1);
    expect(existsSync(join(cwd, 'ticker_evidence.csv'))).toBe(false);
    expect(read('universe.csv')).toMatch(/\n111111 KR,111111 KR,111111 KS,111111\.KS\n/);
  });

  test('a run that is stopped keeps the answers it has, and the universe as it was', async () => {
    await publish('7203 JP', 'AAPL US', 'OLD US', 'W US', 'X US', '111111 KR', '222222 KR');
    list('111111.KS', 'KSC', 'KRW');
    const { read, command } = place();
    const [args, cwd, env] = command;
    const running = start([...args, '--verify'], cwd, env);
    yahoo.symbols.set('222222.KS', () => void running.child.kill('SIGTERM'));
    const finished = await running.finished;
    expect(finished.code).toBe(1);
    expect(errorLine(finished)).toMatch(/^stopped by SIGTERM; answers are kept/);
    expect(read('ticker_evidence.csv')).toMatch(/\n111111 KR,111111\.KS,KSC,KRW,/);
    expect(read('universe.csv')).toBe(STANDING);
  });

  test('the lake gets the universe as a table, where there is a lake', async () => {
    await publish('7203 JP', 'AAPL US', 'OLD US', 'W US', 'X US');
    const { cwd, refresh } = place();
    mkdirSync(join(cwd, 'data/lake'), { recursive: true });
    expect((await refresh()).stdout).toMatch(/\ntable {6}file:\.\/data\/lake, written\n/);
    expect((await refresh()).stdout).toMatch(/\ntable {6}file:\.\/data\/lake, up to date\n/);
    const sql = "select id, yahoo from 'LAKE/universe/date=*/universe.parquet' order by id limit 2";
    expect(await readLake(join(cwd, 'data/lake'), sql)).toEqual([
      ['7203 JP', '7203.T'],
      ['AAPL US', 'AAPL'],
    ]);

    expect((await refresh(['--lake', 'file:other'])).stdout).toMatch(/\ntable {6}file:other, written\n/);
    expect(await readLake(join(cwd, 'other'), sql)).toHaveLength(2);
  });

  test('without a file it is the universe of the lake that is refreshed, and no file is written', async () => {
    await publish('7203 JP', 'AAPL US', 'OLD US', 'W US', 'X US', 'NEW US');
    const { cwd, read, refresh, command } = place();
    mkdirSync(join(cwd, 'data/lake'), { recursive: true });
    await refresh();
    // What the lake has is the base, not what happened to the file since.
    writeFileSync(join(cwd, 'universe.csv'), `${HEADER}\n`);
    await publish('7203 JP', 'AAPL US', 'OLD US', 'W US', 'X US', 'NEW US', 'LATE US');
    const { code, stdout } = await signals(['universe', 'refresh'], cwd, command[2]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^added {2}LATE US {2}LATE\n\nuniverse {3}universe\/date=[-\d]+\/universe\.parquet\n[^]*\ntable {6}file:\.\/data\/lake, written\n$/,
      ),
    });
    const sql = "select yahoo from 'LAKE/universe/date=*/universe.parquet' order by id";
    expect((await readLake(join(cwd, 'data/lake'), sql)).flat()).toEqual([
      '7203.T',
      'AAPL',
      'LATE',
      'NEW',
      'OLD',
      'SPY',
      'W',
      'X',
    ]);
    expect(read('universe.csv')).toBe(`${HEADER}\n`);
    expect(readdirSync(cwd).toSorted()).toEqual(['data', 'universe.csv']);
  });

  test('a lake without a universe gets the one that is shipped, refreshed', async () => {
    const { cwd, command } = place();
    mkdirSync(join(cwd, 'data/lake'), { recursive: true });
    writeFileSync(join(cwd, 'names.csv'), 'numerai_ticker\nAAPL US\n');
    const args = ['universe', 'refresh', '--file', 'names.csv', '--allow-removals'];
    const before = readFileSync(join(repository, 'data/config/universe.csv'));
    const { code, stdout } = await signals(args, cwd, command[2]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/data\/lake, written\n$/) });
    expect(readFileSync(join(repository, 'data/config/universe.csv'))).toEqual(before);
  });

  test('a universe of the lake that is damaged is an error that names it', async () => {
    const { cwd, command } = place();
    mkdirSync(join(cwd, 'data/lake/universe/date=2024-01-01'), { recursive: true });
    writeFileSync(join(cwd, 'data/lake/universe/date=2024-01-01/universe.parquet'), 'PAR1');
    const finished = await signals(['load', '--start', '2024-03-01'], cwd, command[2]);
    expect(finished.code).toBe(1);
    expect(errorLine(finished)).toMatch(
      /^universe\/date=2024-01-01\/universe\.parquet in lake .* is not readable: /,
    );
  });

  describe('leaves everything as it was', () => {
    type Failing = [
      name: string,
      args: string[],
      env: Record<string, string>,
      prepare: (cwd: string) => void,
      code: number,
      message: RegExp,
    ];
    const failing: Failing[] = [
      [
        'without a key',
        [],
        { NUMERAI_API_KEY: '' },
        () => {},
        2,
        /^NUMERAI_API_KEY is not set: .* or give --file$/,
      ],
      [
        'with half of a key',
        [],
        { NUMERAI_API_KEY: 'LEAK' },
        () => {},
        2,
        /^NUMERAI_API_KEY is not PUBLIC_ID\$SECRET_KEY; in a shell it needs single quotes/,
      ],
      [
        'with a key that is refused',
        [],
        { NUMERAI_API_KEY: 'PUB$LEAK' },
        () => {},
        1,
        /^Numerai refuses NUMERAI_API_KEY/,
      ],
      [
        'when the download is cut off',
        [],
        {},
        () =>
          numerai.plays.set('download', (response) => {
            response.writeHead(200, { 'content-length': 500 }).write('PAR1', () => response.destroy());
          }),
        1,
        /^signals\/v2\.1\/live\.parquet cannot be downloaded: /,
      ],
      [
        'when the file has another column',
        ['--file', 'names.csv'],
        {},
        (cwd) => writeFileSync(join(cwd, 'names.csv'), 'ticker\nAAPL US\n'),
        2,
        /^"names\.csv" cannot be read: it has no column numerai_ticker, but ticker$/,
      ],
      [
        'when most names would be removed',
        ['--file', 'names.csv'],
        {},
        (cwd) => writeFileSync(join(cwd, 'names.csv'), 'numerai_ticker\nAAPL US\n'),
        2,
        /^4 of the 6 names in ".*" would be removed; if that is meant, say --allow-removals$/,
      ],
      [
        'when the corrections are broken',
        ['--corrections', 'c.json'],
        {},
        (cwd) => writeFileSync(join(cwd, 'c.json'), '{"DBS SP": {"yahoo": "D05 SI", "reason": "r"}}'),
        2,
        /^corrections file "c\.json": DBS SP, yahoo: is no symbol$/,
      ],
      [
        'when the evidence is broken',
        [],
        {},
        (cwd) => writeFileSync(join(cwd, 'ticker_evidence.csv'), 'id,yahoo\nA,B\n'),
        2,
        /^evidence file ".*" row 1/,
      ],
    ];
    test.each(failing)('%s', async (_name, args, env, prepare, code, message) => {
      await publish('7203 JP', 'AAPL US', 'OLD US', 'W US', 'X US', 'NEW US');
      const { cwd, read, refresh } = place();
      prepare(cwd);
      const finished = await refresh(args, env);
      expect(errorLine(finished)).toMatch(message);
      expect(finished).toMatchObject({ code, stdout: '' });
      expect(finished.stderr).not.toMatch(/LEAK/);
      expect(read('universe.csv')).toBe(STANDING);
    });
  });

  test('--allow-removals removes as many as it has to', async () => {
    const { cwd, read, refresh } = place();
    writeFileSync(join(cwd, 'names.csv'), 'numerai_ticker\nAAPL US\n');
    expect(await refresh(['--file', 'names.csv', '--allow-removals'])).toMatchObject({ code: 0 });
    expect(read('universe.csv')).toBe(`${HEADER}\nAAPL US,AAPL US,AAPL US,AAPL\nSPY,,,SPY\n`);
  });
});

describe('transform --ticker', () => {
  const window = ['--start', '2011-01-01', '--end', '2012-01-01'];
  const load = (lake: string, ...args: string[]): Promise<Finished> =>
    signals(['load', '--source', 'csv', '--path', sampleFolder, ...window, '--lake', lake, ...args], folder);
  const transform = (lake: string, ...names: string[]): Promise<Finished> => {
    const asked = names.flatMap((name) => ['--ticker', name]);
    return signals(['transform', '--cmd', 'volume', '--lags', '1', '--lake', lake, ...asked], folder);
  };

  test('takes identifiers of the universe that the lake has', async () => {
    const lake = join(folder, 'with-universe');
    const universe = join(folder, 'own.csv');
    writeFileSync(universe, `${HEADER}\nour gold,GLD XX,GLD YY,GLD\nGONE US,GONE US,GONE US,\n`);
    await load(`file:${lake}`, '--universe', universe, '--ticker', 'GLD', '--ticker', 'SPY');
    expect(await transform(`file:${lake}`, 'GLD XX', 'GLD YY', 'our gold', 'SPY')).toMatchObject({ code: 0 });
    expect(
      await readLake(
        lake,
        "select distinct ticker from 'LAKE/features/volume/era=*/features.parquet' order by 1",
      ),
    ).toEqual([['GLD'], ['SPY']]);
    expect(errorLine(await transform(`file:${lake}`, 'GONE US'))).toBe(
      'ticker "GONE US" is in the universe, without a symbol',
    );
  });

  test('takes those of the configured universe where the lake has none', async () => {
    const lake = join(folder, 'without-universe');
    await load(`file:${lake}`, '--ticker', 'AAPL', '--ticker', 'SPY');
    expect(await transform(`file:${lake}`, 'AAPL US')).toMatchObject({ code: 0 });
    expect(
      await readLake(lake, "select distinct ticker from 'LAKE/features/volume/era=*/features.parquet'"),
    ).toEqual([['AAPL']]);
    const refused = await transform(`file:${lake}`, 'AAPL ZZ');
    expect(refused.code).toBe(2);
    expect(errorLine(refused)).toMatch(/^ticker "AAPL ZZ" is no symbol .* and no name of the universe$/);
  });
});
