import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { buildSync } from 'esbuild';
import { cachedMethod } from '../../jobs/objects/cached.ts';
import { repository, temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();

test('a duration that is none is refused where the method is decorated', () => {
  expect(() => cachedMethod({ name: 'x', expires: '1y' })).toThrow(RangeError);
  expect(() => cachedMethod({ name: 'x', expires: null })).not.toThrow();
});

test('cachedMethod is a standard decorator that knows this and has a key for each list of arguments', () => {
  const program = join(folder, 'universe.mjs');
  buildSync({
    entryPoints: [join(repository, 'test/support/decorated-universe.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: ['@duckdb/*'],
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
  });
  const stdout = execFileSync(process.execPath, [program], { cwd: folder, encoding: 'utf8' });
  expect(JSON.parse(stdout)).toEqual({ results: ['mine DAX', 'mine DAX', 'mine SPX'], calls: 2, keys: 2 });
});
