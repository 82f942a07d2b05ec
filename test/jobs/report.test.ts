import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openLake } from '../../jobs/lake/open-lake.ts';
import type { LoadManifest } from '../../jobs/loader/outcome.ts';
import { awsEnvironment, createBucket } from '../support/aws.ts';
import { errorLine, signals, type Finished } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { temporaryFolder } from '../support/folders.ts';
import { generateManifests } from '../support/manifests.ts';

const folder = temporaryFolder();
const newFolder = (): string => mkdtempSync(join(folder, 'case-'));

/** A folder with a lake in `data/lake` that has these objects in `runs/load`. */
function folderWith(objects: Readonly<Record<string, unknown>>): string {
  const cwd = newFolder();
  const runs = join(cwd, 'data/lake/runs/load');
  mkdirSync(runs, { recursive: true });
  for (const [name, content] of Object.entries(objects)) {
    writeFileSync(join(runs, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return cwd;
}

const byName = (manifests: readonly LoadManifest[]): Record<string, LoadManifest> =>
  Object.fromEntries(manifests.map((manifest) => [`${manifest.runId}.json`, manifest]));

const report = (cwd: string, ...args: string[]): Promise<Finished> => signals(['report', ...args], cwd);

const manifests = generateManifests({ runs: 4, tickers: 300, trouble: 0.1 });
const [newest] = manifests;

test('writes the page of all runs and says the same in five lines', async () => {
  const cwd = folderWith(byName(manifests));
  const { code, stdout, log } = await report(cwd, 'load');
  expect({ code, log }).toEqual({ code: 0, log: [] });
  const { counts, coverage } = newest!;
  const plain = stdout.replaceAll('\u202f', ' ');
  expect(plain.split('\n')).toHaveLength(6);
  expect(plain).toMatch(/^report     data\/report\/load\.html, \d+\.\d kB, 4 runs$/m);
  expect(plain).toContain(`last run   ${newest!.runId}, ${newest!.status}, started 2026-11-20 23:00 UTC`);
  expect(plain).toContain(`(${coverage.good} of ${coverage.expected}), required 95.0 %`);
  expect(plain).toContain(`tickers    300: ${counts.ok} with bars, `);
  expect(plain).toMatch(/^look at    \d+ stale, \d+ flat, \d+ restated, \d+ missing closes?$/m);

  const page = readFileSync(join(cwd, 'data/report/load.html'), 'utf8');
  expect(page).toMatch(/^<!doctype html>[^]*<\/html>\n$/);
  for (const { ticker } of newest!.tickers) expect(page).toContain(ticker);
  expect(readdirSync(join(cwd, 'data/report'))).toEqual(['load.html']);
});

test('reads the newest --runs only, and replaces the page at --out', async () => {
  const cwd = folderWith(byName(manifests));
  writeFileSync(join(cwd, 'page.html'), 'an older page');
  const { code, stdout } = await report(cwd, 'load', '--runs', '2', '--out', 'page.html');
  expect(code).toBe(0);
  expect(stdout).toMatch(/page\.html, .*, 2 runs\n/);
  const page = readFileSync(join(cwd, 'page.html'), 'utf8');
  expect(page).toContain('2026-11-19');
  expect(page).toContain(newest!.runId);
  expect(page).toContain('2 runs read');
  expect(readdirSync(cwd).toSorted()).toEqual(['data', 'page.html']);
});

test('leaves out manifests that are damaged or of another version, and says so', async () => {
  const { coverage: _coverage, ...older } = manifests[1]!;
  const wrong = { ...manifests[2]!, tickers: manifests[2]!.tickers.slice(1) };
  const cwd = folderWith({
    ...byName([newest!]),
    '20261119T230000Z-aaaaaa.json': older,
    '20261118T230000Z-bbbbbb.json': wrong,
    '20261117T230000Z-cccccc.json': '{"job":"load","tickers":[',
    '20261116T230000Z-dddddd.json': { ...newest!, tickers: [{ ...newest!.tickers[0]!, status: 'fine' }] },
    'notes.txt': 'no manifest',
  });
  const { code, stdout, log } = await report(cwd, 'load');
  expect(code).toBe(0);
  expect(stdout).toContain(', 1 run\n');
  expect(log.map(({ level, event, msg }) => [level, event, msg])).toEqual([
    ['warn', 'report.skipped', expect.stringMatching(/^runs\/load\/20261119.*is left out: coverage /)],
    ['warn', 'report.skipped', expect.stringMatching(/20261118.*counts\.total is not the number of tickers/)],
    ['warn', 'report.skipped', expect.stringMatching(/20261117.*not JSON: /)],
    ['warn', 'report.skipped', expect.stringMatching(/20261116.*tickers\.0\.status /)],
  ]);
  expect(readFileSync(join(cwd, 'data/report/load.html'), 'utf8')).toMatch(/4 manifests left out/);
});

test.each([
  ['no lake', {}, /lake "file:\.\/data\/lake" has no manifest of a load; fill it with "signals load" first/],
  ['no manifest that can be read', { 'a.json': '{}', 'b.json': '' }, /none of the newest 2 manifests/],
])('%s is one clear line and no page', async (_name, objects, message) => {
  const cwd = folderWith(objects);
  const finished = await report(cwd, 'load');
  expect(finished).toMatchObject({ code: 1, stdout: '' });
  expect(errorLine(finished)).toMatch(message);
  expect(existsSync(join(cwd, 'data/report'))).toBe(false);
});

test.each([
  ['no job', [], /missing required argument 'job'/],
  ['an unknown job', ['loads'], /report "loads" is not known; choose load/],
  ['no number of runs', ['load', '--runs', '0'], /"0" is not a whole number of 1 or more/],
  ['a folder as --out', ['load', '--out', 'data'], /--out "data" cannot be written: EISDIR/],
  [
    'a file as folder',
    ['load', '--out', 'data/lake/runs/load/x.json/y'],
    /cannot be written: (ENOTDIR|EEXIST)/,
  ],
])('%s is bad usage', async (_name, args, message) => {
  const cwd = folderWith({ ...byName([newest!]), 'x.json': 'x' });
  const finished = await report(cwd, ...args);
  expect(finished).toMatchObject({ code: 2, stdout: '' });
  expect(errorLine(finished)).toMatch(message);
  expect(readdirSync(cwd)).toEqual(['data']);
});

describeWith('AWS emulator', 'a lake in S3', () => {
  test('has the same page', async () => {
    const url = `s3://${await createBucket()}/some/prefix`;
    const cwd = folderWith(byName(manifests));
    Object.assign(process.env, awsEnvironment());
    const store = await openLake(url, false);
    for (const manifest of manifests) {
      await store.put(`runs/load/${manifest.runId}.json`, Buffer.from(JSON.stringify(manifest)));
    }
    const pageOf = async (lake: string): Promise<string> => {
      const args = ['report', 'load', '--lake', lake, '--out', 'page.html'];
      expect(await signals(args, cwd, awsEnvironment())).toMatchObject({ code: 0 });
      const page = readFileSync(join(cwd, 'page.html'), 'utf8');
      return page.replaceAll(lake, 'LAKE').replace(/made \S+ \S+ UTC/, 'made NOW');
    };
    expect(await pageOf(url)).toBe(await pageOf('file:./data/lake'));
  });
});
