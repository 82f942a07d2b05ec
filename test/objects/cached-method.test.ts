import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { buildSync } from 'esbuild';
import { repository, temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();

// Node does not run decorators yet; compilers do.
const SOURCE = `
import { cachedMethod } from '${repository}/jobs/objects/cached.ts';
import { init, deInit } from '${repository}/jobs/environment/current.ts';
import { setupMetadata } from '${repository}/jobs/environment/metadata.ts';

let calls = 0;
class Universe {
  constructor(readonly name: string) {}
  @cachedMethod({ name: 'universe' })
  async of(index: string): Promise<string> {
    calls += 1;
    return this.name + ' ' + index;
  }
}
setupMetadata({ provider: 'memory' });
const objects = init({ envDate: '2022-01-30' }).objectService();
const universe = new Universe('mine');
const results = [await universe.of('DAX'), await universe.of('DAX'), await universe.of('SPX')];
console.log(JSON.stringify({ results, calls, keys: (await objects.keys()).length }));
await deInit();
`;

test('cachedMethod is a standard decorator that knows this and has a key for each list of arguments', () => {
  const [input, output] = [join(folder, 'universe.ts'), join(folder, 'universe.mjs')];
  writeFileSync(input, SOURCE);
  buildSync({
    entryPoints: [input],
    outfile: output,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: ['@duckdb/*'],
    nodePaths: [join(repository, 'node_modules')],
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
  });
  const stdout = execFileSync(process.execPath, [output], { cwd: folder, encoding: 'utf8' });
  expect(JSON.parse(stdout)).toEqual({ results: ['mine DAX', 'mine DAX', 'mine SPX'], calls: 2, keys: 2 });
});
