import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { XMLParser } from 'fast-xml-parser';
import pLimit from 'p-limit';
import { errorLine, loadSample, signals, type Finished } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startTreasury, type TreasuryServer } from '../support/treasury-server.ts';

const folder = temporaryFolder();
const lake = `file:${join(folder, 'lake')}`;
const YEAR = ['--start', '2011-01-01', '--end', '2012-01-01'];
let treasury: TreasuryServer;

/** Runs `signals stats ARGS` in a folder with its own cache. */
function stats(args: readonly string[], cwd = folder): Promise<Finished> {
  return signals(['stats', ...args], cwd, { SIGNALS_LAKE: lake, TREASURY_BASE_URL: treasury.url });
}

beforeAll(async () => {
  treasury = await startTreasury();
  treasury.days = {
    '2011-12-29': { '3MONTH': 0.01, '10YEAR': 1.91, '30YEAR': 2.94 },
    '2011-12-30': { '3MONTH': 0.02, '10YEAR': 1.89, '30YEAR': 2.89 },
  };
  await loadSample(lake, { start: '2010-01-01', end: '2012-01-01' }, folder);
});
afterAll(() => treasury.close());

describe('stats profile', () => {
  test('prints what it was computed from and a table', async () => {
    const { code, stdout, stderr } = await stats(['profile', 'SPY', 'IBM', ...YEAR]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual([
      'profile    2011-01-01 up to before 2012-01-01, by moments',
      'prices     SPY 252 closes 2011-01-03 to 2011-12-30, IBM 252 closes 2011-01-03 to 2011-12-30',
      'risk-free  0.0189 (TEN_YEAR, 2011-12-30), market SPY',
      expect.stringMatching(/^cache {6}\d found, \d computed$/),
      '',
      'ticker  annual_return  annual_volatility  sharpe_ratio  asset_beta  equity_cost',
      expect.stringMatching(/^SPY .* 1 /),
      expect.stringMatching(/^IBM /),
      '(2 rows)',
      '',
    ]);
  });

  test('is answered from the cache once it is there, without the lake', async () => {
    const own = mkdtempSync(join(folder, 'case-'));
    const ask = ['profile', 'AAPL', ...YEAR, '--json'];
    const first = await stats(ask, own);
    const withoutLake = await stats([...ask, '--lake', lake], own);
    expect(withoutLake.stdout).toBe(first.stdout);
    expect(withoutLake.log.find(({ event }) => event === 'stats.answered')).toMatchObject({
      cache: { hits: 1, misses: 0 },
    });
    const answer = JSON.parse(first.stdout);
    expect(Object.keys(answer.AAPL)).toEqual([
      'annual_return',
      'annual_volatility',
      'sharpe_ratio',
      'asset_beta',
      'equity_cost',
    ]);
  });

  test('depends on method, rate and market as asked', async () => {
    const of = async (...more: string[]): Promise<any> =>
      JSON.parse((await stats(['profile', 'AAPL', ...YEAR, '--json', ...more])).stdout).AAPL;
    const [moments, likelihood, riskless, market, maturity] = await Promise.all([
      of(),
      of('--method', 'likelihood'),
      of('--risk-free', '0'),
      of('--market', 'AAPL'),
      of('--risk-free', 'THIRTY_YEAR'),
    ]);
    expect((likelihood.annual_volatility / moments.annual_volatility) ** 2).toBeCloseTo(250 / 251, 12);
    expect(riskless.sharpe_ratio).toBeCloseTo(moments.annual_return / moments.annual_volatility, 12);
    expect(market.asset_beta).toBe(1);
    expect((moments.sharpe_ratio - maturity.sharpe_ratio) * moments.annual_volatility).toBeCloseTo(0.01, 12);
  });
});

test('names of the universe stand for their symbols', async () => {
  const own = mkdtempSync(join(folder, 'case-'));
  const rate = ['--risk-free', '0.02', '--json'];
  const symbols = await stats(['profile', 'AAPL', 'IBM', ...YEAR, '--market', 'MSFT', ...rate], own);
  const names = await stats(['profile', 'AAPL US', 'IBM', ...YEAR, '--market', 'MSFT US', ...rate], own);
  expect(names).toMatchObject({ code: 0, stdout: symbols.stdout });
  const unknown = await stats(['profile', 'NOBODY ZZ', ...YEAR], own);
  expect(unknown.code).toBe(2);
  expect(errorLine(unknown)).toMatch(/ticker "NOBODY ZZ" is no symbol .* and no name of the universe/);
});

test('every other command answers as a table, and as JSON into a file', async () => {
  const own = mkdtempSync(join(folder, 'case-'));
  const commands: [string[], RegExp][] = [
    [['correlation', 'SPY', 'GLD', 'IEF', ...YEAR], /\nSPY +1 /],
    [['optimize', 'SPY', 'GLD', 'IEF', ...YEAR, '--invest', '10000'], /\nportfolio +1 [^]*\ninvested {3}\d+/],
    [
      ['optimize', 'SPY', 'GLD', 'IEF', ...YEAR, '--objective', 'minimum-cvar', '--years', '0.5'],
      /\ncvar +-?0\.\d+/,
    ],
    [
      ['optimize', 'SPY', 'GLD', 'IEF', ...YEAR, '--target', '0.1', '--max-weight', '0.8'],
      /\nportfolio +1 +0\.1 /,
    ],
    [['frontier', 'SPY', 'GLD', 'IEF', ...YEAR, '--steps', '3'], /\nstep 3 [^]*maximum_sharpe/],
    [['var', 'SPY', ...YEAR, '--probability', '0.01'], /value_at_risk +loss/],
    [['cvar', 'SPY', ...YEAR], /conditional_value_at_risk/],
    [['moving-averages', 'SPY', ...YEAR], /MA_20 +MA_60 +MA_100[^]*2011-12-30/],
    [['returns', 'SPY', ...YEAR], /2011-12-30 +-0\.00/],
    [['ddm', 'IBM', '--end', '2012-01-01', '--discount', '0.15'], /\nIBM +\d+/],
    [
      ['interest', 'TEN_YEAR', 'THREE_MONTH', '--start', '2011-12-01', '--end', '2012-01-01'],
      /2011-12-30 +1\.89 +0\.02/,
    ],
    [['yield-curve', '--date', '2012-01-02', '--convention', 'continuous'], /THIRTY_YEAR +0\.02869/],
  ];
  // Processes that share the cache, a few at a time.
  const limit = pLimit(3);
  const runs = commands.map(([args, pattern], index) =>
    limit(async () => {
      const file = join(own, `${index}.json`);
      const { code, stdout, stderr } = await stats([...args, '--save', file], own);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
      expect(stdout).toMatch(pattern);
      expect(stdout).toContain('up to before');
      expect(Object.keys(JSON.parse(readFileSync(file, 'utf8'))).length).toBeGreaterThan(0);
    }),
  );
  await Promise.all(runs);
});

test('pictures are drawn as SVG or HTML', async () => {
  const pictures: [string, string[], string[]][] = [
    [
      'frontier.svg',
      ['frontier', 'SPY', 'GLD', 'IEF', ...YEAR],
      ['Efficient frontier', 'minimum variance', 'maximum Sharpe ratio'],
    ],
    ['correlation.html', ['correlation', 'SPY', 'GLD', 'IEF', ...YEAR], ['Correlations', 'GLD']],
    ['curve.svg', ['yield-curve', '--date', '2012-01-02'], ['US Treasury par yields on 2011-12-30']],
    ['returns.svg', ['returns', 'SPY', ...YEAR], ['Log returns of SPY', 'normal quantile']],
  ];
  const drawn = pictures.map(async ([name, args, texts]) => {
    const file = join(folder, 'plots', name);
    expect(await stats([...args, '--plot', file])).toMatchObject({ code: 0 });
    const content = readFileSync(file, 'utf8');
    for (const text of texts) expect(content).toContain(text);
    expect(content).not.toContain('NaN');
    const svg = content.slice(content.indexOf('<svg'), content.lastIndexOf('</svg>') + 6);
    expect(() => new XMLParser().parse(svg, true)).not.toThrow();
  });
  await Promise.all(drawn);
  expect(readdirSync(join(folder, 'plots')).toSorted()).toEqual(pictures.map(([name]) => name).toSorted());
});

test.each<[string, string[], number, RegExp]>([
  [
    'a ticker without prices',
    ['profile', 'NOPE', ...YEAR],
    1,
    /there are no closes of NOPE from 2011-01-01 up to before 2012-01-01 in file:/,
  ],
  [
    'an infeasible target',
    ['optimize', 'SPY', 'GLD', ...YEAR, '--target', '9'],
    1,
    /choose from 0\.0143\d+ to 0\.118/,
  ],
  ['an unknown method', ['profile', 'SPY', '--method', 'bayes'], 2, /--method "bayes" is not known; choose/],
  ['a rate that is none', ['profile', 'SPY', '--risk-free', 'TEN'], 2, /--risk-free "TEN" is no maturity/],
  [
    'a picture of another kind',
    ['frontier', 'SPY', 'GLD', '--plot', 'x.png'],
    2,
    /--plot "x.png" is neither .svg nor .html/,
  ],
  ['a single ticker for a pair', ['correlation', 'SPY', ...YEAR], 2, /^tickers: 1 given, at least 2 needed$/],
  ['too many', ['moving-averages', 'SPY', 'GLD', ...YEAR], 2, /^tickers: 2 given, at most 1 allowed$/],
  ['a share above 1', ['var', 'SPY', ...YEAR, '--probability', '2'], 2, /^probability: 2 is not below 1$/],
  ['too few steps', ['frontier', 'SPY', 'GLD', '--steps', '1'], 2, /^steps: 1 is not at least 2$/],
  ['a maturity', ['interest', 'NOPE'], 2, /^maturities\.0: "NOPE" is not known; choose ONE_MONTH, SIX/],
])('%s is one line on stderr, and nothing is written', async (_what, args, code, message) => {
  const file = join(folder, 'never.json');
  const finished = await stats([...args, '--save', file]);
  expect(finished).toMatchObject({ code, stdout: '' });
  expect(errorLine(finished)).toMatch(message);
  expect(existsSync(file)).toBe(false);
});

test('without the Treasury a rate can be given, and what needs none is answered', async () => {
  treasury.failures = Array(4).fill(503);
  const own = mkdtempSync(join(folder, 'case-'));
  const refused = await stats(['profile', 'SPY', ...YEAR], own);
  expect(refused.code).toBe(1);
  expect(errorLine(refused)).toMatch(
    /the US Treasury gives no yields of 2011 \(XML: HTTP 503; CSV: HTTP 503\); .*--risk-free RATE/,
  );
  treasury.failures = Array(4).fill(503);
  expect(await stats(['profile', 'SPY', ...YEAR, '--risk-free', '0.02'], own)).toMatchObject({ code: 0 });
  expect(await stats(['correlation', 'SPY', 'GLD', ...YEAR], own)).toMatchObject({ code: 0 });
  treasury.failures = [];
});

test('a lake that is gone does not matter to what is in the cache', async () => {
  const own = mkdtempSync(join(folder, 'case-'));
  const elsewhere = `file:${join(own, 'lake')}`;
  await loadSample(elsewhere, { start: '2011-01-01', end: '2012-01-01' }, own, {}, '--ticker', 'SPY');
  const ask = ['var', 'SPY', '--start', '2011-02-01', '--end', '2011-12-01', '--lake', elsewhere, '--json'];
  const first = await stats(ask, own);
  rmSync(join(own, 'lake'), { recursive: true });
  expect(await stats(ask, own)).toMatchObject({ code: 0, stdout: first.stdout });
});
