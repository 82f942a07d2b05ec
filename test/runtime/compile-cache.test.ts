import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, jest, test } from '@jest/globals';
import { signals } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { testWhere } from '../support/test-where.ts';

/* Node runs what it finds in its cache of compiled code, so nobody else may be able to put something there. */

jest.setTimeout(60_000);

const folder = temporaryFolder();
let base: string;
let cache: string;
beforeEach(() => {
  base = mkdtempSync(join(folder, 'case-'));
  cache = join(base, 'signals');
});

async function run(env: Record<string, string> = {}): Promise<void> {
  const done = await signals(['report', '--help'], folder, { XDG_CACHE_HOME: base, TMPDIR: base, ...env });
  expect(done).toMatchObject({ code: 0, stderr: '' });
}

test('it is kept in a folder that only the user can use', async () => {
  await run();
  expect(statSync(cache).mode & 0o777).toBe(0o700);
  expect(readdirSync(cache)).not.toEqual([]);
});

test('a folder that others can use is left alone', async () => {
  mkdirSync(cache);
  chmodSync(cache, 0o777);
  await run();
  expect(readdirSync(cache)).toEqual([]);
});

test('a link is not followed', async () => {
  const planted = mkdtempSync(join(folder, 'planted-'));
  symlinkSync(planted, cache);
  await run();
  expect(readdirSync(planted)).toEqual([]);
});

test('a folder below one in which others can rename it is left alone', async () => {
  chmodSync(base, 0o777);
  await run();
  expect(existsSync(cache) ? readdirSync(cache) : []).toEqual([]);
});

testWhere(
  process.getuid?.() === 0 ? undefined : 'root, to plant it',
  'a folder that another user has planted is left alone',
  async () => {
    mkdirSync(cache, { mode: 0o700 });
    chownSync(cache, 12345, 12345);
    await run();
    expect(readdirSync(cache)).toEqual([]);
  },
);

test('where no folder can be made the command runs without', async () => {
  await run({ XDG_CACHE_HOME: '/proc/no-such-folder' });
  expect(readdirSync(base)).toEqual([]);
});

test('a folder that the user names to Node is the one that is used', async () => {
  const named = mkdtempSync(join(folder, 'named-'));
  await run({ NODE_COMPILE_CACHE: named });
  expect(readdirSync(named)).not.toEqual([]);
  expect(existsSync(cache)).toBe(false);
});
