import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { errorLine, signals, startScript, type Finished } from '../support/command.ts';
import { repository, temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();

/** The parts of the output that do not change from run to run. */
const stable = (text: string): string =>
  text
    .replaceAll(/\d{8}T\d{9}Z-[0-9a-f]{6}/g, 'RUN')
    .replaceAll(/up to before \S+/g, 'up to before TOMORROW,');

function expectQuickstart({ code, stdout }: Finished): void {
  expect(code).toBe(0);
  expect(stdout).toMatch(/tickers +10: 10 ok/);
  expect(stdout).toMatch(/rows +19,547 new, 0 changed, 0 unchanged|rows +0 new, 0 changed, 19,547 unchanged/);
  for (const name of ['coverage', 'live', 'actions']) expect(stdout).toContain(`--name ${name}`);
  expect(stdout).toMatch(/GORO +GORO US +GORO US +GORO +2012-12-31/);
}

describe('signals quickstart', () => {
  test('goes from sample prices to answers in an empty folder, and again', async () => {
    const first = await signals(['quickstart'], folder);
    expectQuickstart(first);
    const second = await signals(['quickstart'], folder);
    expectQuickstart(second);
    const answers = (text: string): string => stable(text.slice(text.indexOf('query ')));
    expect(answers(second.stdout)).toBe(answers(first.stdout));
    expect(readdirSync(join(folder, 'data')).toSorted()).toEqual(['log', 'quickstart']);
    expect(readdirSync(join(folder, 'data/log')).filter((name) => name.startsWith('load-'))).toHaveLength(2);
  });
});

describe('signals query', () => {
  const lake = ['--lake', `file:${join(folder, 'data/quickstart')}`];
  test('answers SQL over prices, features and universe', async () => {
    const sql =
      'select u.numerai_ticker, count(*) as eras from features_all f join universe u on u.yahoo = f.ticker group by 1 order by 1 limit 2';
    const { stdout } = await signals(['query', sql, '--format', 'csv', ...lake], folder);
    expect(stdout).toBe('numerai_ticker,eras\nAAPL US,522\nDIA US,209\n');
  });

  test.each([
    ['SQL that fails', ['selec 1'], 1, /the query failed: Parser Error/],
    ['a statement that is none', [' ', '--format', 'csv'], 1, /there is no statement in " "/],
    [
      'a table that is not there',
      ['select * from features_nope'],
      1,
      /features_nope does not exist! There are raw_data, features_all, universe, universe_history$/,
    ],
    [
      'a set for SQL',
      ['select 1', '--set', 'all'],
      2,
      /--set goes with --name churn, coverage, live, ranked/,
    ],
    [
      'a set that is not asked for',
      ['--name', 'stale', '--set', 'all'],
      2,
      /--set goes with --name churn, coverage, live, ranked/,
    ],
    ['nothing to run', [], 2, /give either SQL or --name/],
    ['SQL and a name', ['select 1', '--name', 'live'], 2, /give either SQL or --name/],
    [
      'a name that is not known',
      ['--name', 'nope'],
      2,
      /--name "nope" is not known; choose actions, churn, coverage/,
    ],
    [
      'a set that is not there',
      ['--name', 'live', '--set', 'nope'],
      2,
      /set "nope" is not in lake .* it has all/,
    ],
    [
      'an unknown format',
      ['select 1', '--format', 'xml'],
      2,
      /--format "xml" is not known; choose table, csv, json/,
    ],
  ])('%s is one line', async (_name, args, code, message) => {
    const finished = await signals(['query', ...args, ...lake], folder);
    expect(finished).toMatchObject({ code, stdout: '' });
    expect(errorLine(finished)).toMatch(message);
  });
});

describe('the command line', () => {
  test('shows help and version on stdout', async () => {
    expect(await signals(['--help'], folder)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/load.*transform.*query.*quickstart/s),
    });
    expect(await signals(['--version'], folder)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    expect(await signals(['query', '--help'], folder)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/coverage +Rows, tickers/),
    });
  });

  test('refuses an unknown command and a bad environment with 2', async () => {
    const unknown = await signals(['nope'], folder);
    expect(unknown.code).toBe(2);
    expect(errorLine(unknown)).toBe(`unknown command 'nope'; see "signals --help"`);
    const bad = await signals(['query', 'select 1'], folder, { YAHOO_BASE_URL: 'nowhere' });
    expect(bad.code).toBe(2);
    expect(errorLine(bad)).toMatch(/YAHOO_BASE_URL "nowhere" is not usable/);
  });

  test.each([
    [
      'nothing',
      [],
      /^signals needs a command: load, transform, query, report, .*trading; see "signals --help"$/,
    ],
    ['half a command', ['stats'], /^signals stats needs a command: profile, .*; see "signals stats --help"$/],
    [
      'an option with a slip',
      ['query', '--lak', 'x'],
      /^unknown option '--lak' \(Did you mean --lake\?\); see "signals query --help"$/,
    ],
    ['a count that is none', ['load', '--ntickers', 'many'], /^--ntickers "many" is not a whole number/],
    ['a rate below 0', ['load', '--rate', '-1'], /^--rate "-1" is not a number of 0 or more$/],
    ['a number that is none', ['stats', 'profile', 'X', '--risk-free', 'x'], /^--risk-free "x" is not an/],
    [
      'a partition that is none',
      ['cache', 'iam-policy', '--partition', 'x'],
      /^--partition "x" is not known/,
    ],
  ])('%s: one line says what is wrong and where to look', async (_name, args, message) => {
    const finished = await signals(args, folder);
    expect(finished).toMatchObject({ code: 2, stdout: '' });
    expect(errorLine(finished)).toMatch(message);
  });

  test.each([
    ['the lake', ['query', 'select * from raw_data', '--lake', 's3://some-bucket'], {}],
    ['the cache', ['cache', 'status'], { CACHE_MODE: 'dynamodb' }],
    ['Athena', ['query', 'select 1'], { SIGNALS_LAKE: 's3://some-bucket', SIGNALS_WORKGROUP: 'signals' }],
  ])('without a region %s is a matter of configuration', async (_name, args, env) => {
    const none = { AWS_REGION: '', AWS_DEFAULT_REGION: '', AWS_CONFIG_FILE: '/dev/null' };
    const finished = await signals(args, folder, { ...none, ...env });
    expect(finished).toMatchObject({ code: 2, stdout: '' });
    expect(errorLine(finished)).toMatch(/^Region .*; set AWS_REGION, or a region in the profile$/);
  });

  test('where the log cannot be kept is a line, and nothing is loaded', async () => {
    const place = join(folder, 'without-log');
    mkdirSync(place);
    writeFileSync(join(place, 'data'), 'a file, where the folder of the log should be');
    const finished = await signals(['quickstart'], place);
    expect(finished).toMatchObject({ code: 2, stdout: '' });
    expect(errorLine(finished)).toMatch(
      /^cannot write the log "data\/log\/load-.*\.log": ENOTDIR.*; start in a folder that can be written$/,
    );
  });

  test('--local without a credential file says where it looks', async () => {
    const finished = await signals(['query', 'select 1', '--lake', 's3://some-bucket', '--local'], folder);
    expect(finished.code).toBe(2);
    expect(errorLine(finished)).toMatch(/--local reads AWS credentials from data\/credential\/aws\.csv/);
  });

  test('--local with a file that lacks a key says what it needs', async () => {
    const place = join(folder, 'with-credentials');
    mkdirSync(join(place, 'data/credential'), { recursive: true });
    writeFileSync(join(place, 'data/credential/aws.csv'), 'access_key_id\nX\n');
    const finished = await signals(['query', 'select 1', '--lake', 's3://some-bucket', '--local'], place);
    expect(errorLine(finished)).toMatch(/needs the header access_key_id,secret_access_key/);
    expect(finished.stderr).not.toContain('"X"');
  });
});

describe('the installed package', () => {
  const project = join(folder, 'project');
  const installed = join(project, 'node_modules/signals');
  beforeAll(() => {
    // npm pack builds the bundle; what it packs is unpacked as npm would, with the native part beside it.
    const npm = (...args: string[]): string =>
      execFileSync('npm', args, { cwd: repository, encoding: 'utf8', stdio: 'pipe' });
    const packed = npm('pack', '--silent', '--pack-destination', folder).trim().split('\n').at(-1)!;
    mkdirSync(installed, { recursive: true });
    execFileSync('tar', ['-xzf', join(folder, packed), '--strip-components=1', '-C', installed]);
    symlinkSync(join(repository, 'node_modules/@duckdb'), join(project, 'node_modules/@duckdb'));
  });

  test('holds what it needs and nothing else', () => {
    const names = readdirSync(installed, { recursive: true }) as string[];
    expect(names).toEqual(
      expect.arrayContaining([
        'dist/cli.js',
        'data/sample/AAPL.csv',
        'data/config/universe.csv',
        'jobs/query/named/live.sql',
      ]),
    );
    expect(names.filter((name) => name.endsWith('.ts') || name.startsWith('test'))).toEqual([]);
    expect(existsSync(join(installed, 'node_modules'))).toBe(false);
  });

  test('runs the whole flow from its bundle', async () => {
    expectQuickstart(await startScript(join(installed, 'dist/cli.js'), ['quickstart'], project).finished);
  });

  test('is compiled once: Node keeps all that its entry loads', async () => {
    const cache = join(folder, 'compiled');
    const env = { XDG_CACHE_HOME: cache };
    const version = await startScript(join(installed, 'dist/cli.js'), ['--version'], project, env).finished;
    expect(version.code).toBe(0);
    const kept = readdirSync(cache, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const chunks = readdirSync(join(installed, 'dist')).filter((name) => /^cli-\w+\.js$/.test(name));
    expect(chunks.length).toBeGreaterThan(1);
    expect(kept.length).toBeGreaterThan(chunks.length / 2);
  });

  test.each(['load', 'transform'])('has the entry %s', async (name) => {
    const help = await startScript(join(installed, `dist/${name}.js`), ['--help'], dirname(installed))
      .finished;
    expect(help).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(new RegExp(`^Usage: ${name}`)),
    });
  });
});
