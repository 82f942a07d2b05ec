import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { readEnvironment } from '../../jobs/runtime/environment.ts';
import { nameToKey } from '../../jobs/store/names.ts';
import { SqliteLevel } from '../../jobs/store/sqlite-level.ts';
import { workspaceFolder } from '../../jobs/store/workspace.ts';
import { errorLine, signals, type Finished } from '../support/command.ts';
import { sampleFolder, temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();
const run = (...args: string[]): Promise<Finished> => signals(['strategy', ...args], folder);
const NAME = 'AAPL REINV STRATEGY';
const keyPattern = (name: string): RegExp =>
  new RegExp(`^${name}\\|2012-03-30T00:00:00\\+00:00\\|\\|[0-9a-f]{32}$`);

beforeAll(async () => {
  const window = ['--start', '2012-01-01', '--end', '2012-04-01'];
  const load = await signals(['load', '--source', 'csv', '--path', sampleFolder, ...window], folder);
  expect(load).toMatchObject({ code: 0 });
});

test('strategies are built once, and then from the cache with the same key and history', async () => {
  const first = await run('build', 'AAPL', 'IBM');
  expect(first).toMatchObject({ code: 0 });
  expect(first.stdout).toMatch(
    /^built {6}AAPL REINV STRATEGY\|2012-03-30T00:00:00\+00:00\|\|[0-9a-f]{32}\n {11}2012-01-03 to 2012-03-30, 62 dates, level \d+\.\d\d\nbuilt {6}IBM/,
  );
  const second = await run('build', 'AAPL', 'IBM');
  expect(second.stdout).toBe(first.stdout.replaceAll('built ', 'cached'));
  const keys = (await run('ls')).stdout.trimEnd().split('\n');
  expect(keys).toEqual([
    expect.stringMatching(keyPattern(NAME)),
    expect.stringMatching(keyPattern('IBM REINV STRATEGY')),
  ]);
  expect((await run('ls', 'IBM')).stdout.trimEnd()).toBe(keys[1]);
});

test('other parameters need another name', async () => {
  await run('build', 'AAPL');
  const refused = await run('build', 'AAPL', '--cost', '0.001');
  expect([refused.code, errorLine(refused)]).toEqual([
    2,
    '"AAPL REINV STRATEGY" is kept with other parameters; give these a --name of their own',
  ]);
  const own = await run('build', 'AAPL', '--cost', '0.001', '--mode', 'none', '--name', 'AAPL WITH COSTS');
  expect(own.stdout).toMatch(/^built {6}AAPL WITH COSTS\|/);
  expect((await run('show', 'AAPL WITH COSTS')).stdout).toContain('"mode":"none"');
});

test('a strategy is shown as a table, whole as csv and json, and drawn, by name and by key', async () => {
  await run('build', 'AAPL');
  const table = (await run('show', NAME, '--rows', '3')).stdout;
  expect(table).toMatch(/^strategy {3}AAPL REINV STRATEGY\ntype {7}ReinvestmentStrategy, version 1\n/);
  expect(table).toMatch(/history {4}2012-01-03 to 2012-03-30, 62 dates\n/);
  expect(table).toMatch(/\(3 rows\)/);
  const csv = (await run('show', NAME, '--format', 'csv')).stdout;
  expect(csv.split('\n').slice(0, 2)).toEqual([
    'date,level,units,receivable,cash',
    expect.stringMatching(/^2012-01-03,1000,/),
  ]);
  const [key] = (await run('ls', NAME)).stdout.split('\n');
  const json = JSON.parse((await run('show', key!, '--format', 'json')).stdout) as object[];
  expect([json.length, json[0]]).toEqual([62, expect.objectContaining({ date: '2012-01-03', level: 1000 })]);
  expect(await run('show', key!, '--plot', 'aapl.svg')).toMatchObject({ code: 0 });
  expect(readFileSync(join(folder, 'aapl.svg'), 'utf8')).toMatch(/^<svg[\s\S]*AAPL REINV STRATEGY/);
  expect(await run('build', 'AAPL', '--plot', 'aapl.html')).toMatchObject({ code: 0 });
  expect(readFileSync(join(folder, 'aapl.html'), 'utf8')).toContain('AAPL REINV STRATEGY');
});

test('one that is damaged is built again, with a warning', async () => {
  const [, key] = /^\w+ +(.*)/.exec((await run('build', 'VTI')).stdout)!;
  const level = new SqliteLevel(join(folder, 'data/objects/objects.db'), { nowMs: 0 });
  const place = nameToKey(workspaceFolder(readEnvironment({}).objects, 'strategies'), key!);
  await level.put(place, { bytes: Buffer.from('junk'), expiresAtMs: undefined });
  await level.close();
  const again = await run('build', 'VTI');
  expect(again.stdout).toMatch(/^built {6}VTI REINV STRATEGY/);
  expect(again.log[0]).toMatchObject({
    level: 'warn',
    event: 'cache.corrupt',
    key: place,
    msg: expect.stringMatching(/it is no envelope/),
  });
  expect(await run('build', 'VTI')).toMatchObject({ stdout: expect.stringMatching(/^cached/), log: [] });
});

test('a miss is explained', async () => {
  await run('build', 'MSFT');
  const name = 'MSFT REINV STRATEGY';
  expect((await run('explain', name)).stdout).toBe(`${name} is there as of 2012-03-30\n`);
  const lines = async (...args: string[]): Promise<string[]> =>
    (await run('explain', ...args)).stdout.split('\n');
  expect(await lines(name, '--env-date', '2012-03-29')).toEqual([
    expect.stringMatching(/^wanted {5}MSFT REINV STRATEGY\|2012-03-29T/),
    'differs    date',
    expect.stringMatching(/^there is {3}MSFT REINV STRATEGY\|2012-03-30T/),
    '',
  ]);
  expect((await lines(name, '--start', '2012-02-01'))[1]).toBe('differs    hash');
  expect((await lines('NFLX REINV STRATEGY'))[1]).toBe('differs    absent');
  const missing = await run('show', name, '--env-date', '2012-03-29');
  expect([missing.code, errorLine(missing)]).toEqual([
    1,
    'there is no strategy "MSFT REINV STRATEGY" as of 2012-03-29, 1 differ in date; see "strategy explain"',
  ]);
});

test('a strategy is removed by name or key, and the second time it is not there', async () => {
  await run('build', 'GLD', 'SPY');
  const [key] = (await run('ls', 'SPY')).stdout.split('\n');
  expect((await run('rm', 'GLD REINV STRATEGY')).stdout).toBe('removed    GLD REINV STRATEGY\n');
  expect((await run('rm', key!)).stdout).toBe(`removed    ${key}\n`);
  for (const name of ['GLD REINV STRATEGY', key!])
    expect(await run('rm', name)).toMatchObject({ code: 1, stdout: '' });
});

test.each([
  [['build', 'NOPE'], 1, /ticker "NOPE" has no close/],
  [['build', 'AAPL', '--mode', 'twice'], 2, /--mode "twice" is not known; choose exClose, payDate, none/],
  [['build', 'AAPL', '--mode', 'payDate', '--name', 'X'], 2, /^--mode payDate needs --pay-lag/],
  [['build', 'AAPL', '--env-date', '2012-02-30'], 2, /--env-date "2012-02-30" does not exist/],
  [['build', 'AAPL', '--start', '2013-01-01', '--name', 'X'], 2, /2013-01-01/],
  [['build', 'AAPL', 'IBM', '--name', 'X'], 2, /--name and --plot go with one ticker/],
  [['build', 'AAPL', '--plot', 'x.png'], 2, /neither \.svg nor \.html/],
  [['build', 'AAPL', '--lake', 'file:./nothing'], 2, /has no prices up to/],
  [['rm', 'X|2012-03-30'], 1, /there is no strategy "X\|2012-03-30"/],
])('%j fails with one line', async (args, code, message) => {
  const failed = await run(...args);
  expect([failed.code, errorLine(failed)]).toEqual([code, expect.stringMatching(message)]);
});

test('identifiers of the universe stand for symbols', async () => {
  expect((await run('build', 'MSFT US')).stdout).toMatch(/ MSFT REINV STRATEGY\|/);
  await run('rm', 'MSFT REINV STRATEGY');
});

test('what failed has built nothing', async () => {
  const keys = (await run('ls')).stdout;
  expect(keys).not.toMatch(/^(NOPE|X)/m);
});
