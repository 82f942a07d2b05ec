import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import { withScratch } from '../../jobs/runtime/scratch.ts';
import { startScript } from '../support/command.ts';
import { repository, temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();
let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(folder, 'parent-'));
});

/** A process that makes a scratch folder and is killed in its work; resolves with the name of what it leaves. */
async function leaveBehind(): Promise<string> {
  const script = join(mkdtempSync(join(folder, 'script-')), 'killed.ts');
  writeFileSync(
    script,
    `import { withScratch } from ${JSON.stringify(join(repository, 'jobs/runtime/scratch.ts'))};
     await withScratch('query', async () => process.kill(process.pid, 'SIGKILL'), { parent: process.argv[2]! });`,
  );
  await startScript(script, [parent], folder).finished;
  const [left] = readdirSync(parent);
  writeFileSync(join(parent, left!, 'spill'), 'gigabytes');
  return left!;
}

const sweep = (): Promise<void> => withScratch('test', async () => {}, { parent });
const AGES_AGO = new Date('2020-01-01');

test('is removed however the work ends', async () => {
  await sweep();
  const failing = withScratch('test', () => Promise.reject(new Error('no')), { parent: join(parent, 'new') });
  await expect(failing).rejects.toThrow('no');
  expect(readdirSync(parent)).toEqual(['new']);
  expect(readdirSync(join(parent, 'new'))).toEqual([]);
});

test('of a process that was killed is removed by the next one', async () => {
  const left = await leaveBehind();
  expect(left).toMatch(/^signals-query-/);
  await sweep();
  expect(readdirSync(parent)).toEqual([]);
});

test('of a process that lives stays, in this process and in another', async () => {
  const left = await leaveBehind();
  await withScratch(
    'test',
    async (own) => {
      await sweep();
      expect(readdirSync(parent)).toContain(basename(own));
    },
    { parent },
  );
  const alive = left.replace(/-\d+-(\w{6})$/, `-${process.ppid}-$1`);
  mkdirSync(join(parent, alive));
  await sweep();
  expect(readdirSync(parent)).toEqual([alive]);
});

test('of an owner that cannot be asked goes with age, and so does one whose number is taken again', async () => {
  const left = await leaveBehind();
  const others = [
    left.replace(/-[0-9a-f]{8}-/, '-00000000-'),
    left.replace(/-\d+-(\w{6})$/, `-${process.ppid}-$1`),
    'signals-query-AbC123',
  ];
  for (const name of others) mkdirSync(join(parent, name), { recursive: true });
  await sweep();
  expect(readdirSync(parent).toSorted()).toEqual(others.toSorted());
  for (const name of others) utimesSync(join(parent, name), AGES_AGO, AGES_AGO);
  await sweep();
  expect(readdirSync(parent)).toEqual([]);
});

test('what is not ours stays: other names, links, files, and folders of other users', async () => {
  const left = await leaveBehind();
  const names = ['other', 'signals-query', 'x-signals-query-AbC123'];
  for (const name of names) mkdirSync(join(parent, name));
  const target = mkdtempSync(join(folder, 'target-'));
  const link = left.replace(/\w{6}$/, 'LinkAA');
  symlinkSync(target, join(parent, link));
  lutimesSync(join(parent, link), AGES_AGO, AGES_AGO);
  const file = left.replace(/\w{6}$/, 'FileAA');
  writeFileSync(join(parent, file), '');
  const kept = [...names, link, file];
  if (process.getuid?.() === 0) {
    const foreign = left.replace(/\w{6}$/, 'UserAA');
    mkdirSync(join(parent, foreign));
    spawnSync('chown', ['12345', join(parent, foreign)]);
    kept.push(foreign);
  }
  await sweep();
  expect(readdirSync(parent).toSorted()).toEqual(kept.toSorted());
  expect(existsSync(target)).toBe(true);
});
