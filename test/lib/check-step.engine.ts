import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { exampleSettings, resourcesOf, synthesizePipeline } from './stages.ts';
import { repository } from '../support/folders.ts';
import { runProgram } from '../support/run-program.ts';

/** Nobody, on every Unix. */
const STRANGER = 65_534;
const isRoot = process.getuid?.() === 0;

// Not below the folder of the tests, which is its owner's alone.
const folder = mkdtempSync(join(tmpdir(), 'check-step-'));
afterAll(() => void execFileSync('rm', ['-rf', folder]));

/** What the check step of the pipeline runs, from its template. */
function commands(): string[] {
  const specs = Object.values(resourcesOf(synthesizePipeline(exampleSettings)))
    .filter(({ Type }) => Type === 'AWS::CodeBuild::Project')
    .map(({ Properties }) => String(Properties['Source'].BuildSpec));
  return JSON.parse(specs.find((spec) => spec.includes('make check'))!).phases.build.commands as string[];
}

/**
 * On what is committed, in a folder without .git as CodePipeline hands it over, by a user without root: what `make setup`
 * would install as root has to be there, as it is after `make setup` of the user who runs this.
 */
test('the commands of the check step end with 0', async () => {
  const source = join(folder, 'source');
  mkdirSync(source);
  execFileSync('sh', ['-c', 'git archive HEAD | tar -x -C "$1"', 'sh', source], { cwd: repository });
  if (isRoot) execFileSync('chown', ['-R', `${STRANGER}:${STRANGER}`, folder]);
  // Not what npm tells its scripts of the user who runs this, such as where that user's cache is.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:npm_|NODE_OPTIONS$|STRESS_ROUNDS$)/i.test(name)),
  );
  for (const command of commands()) {
    const { code, output } = await runProgram('sh', ['-c', command], {
      cwd: source,
      env: { ...env, CI: 'true', HOME: folder },
      timeoutMs: 2 * 3_600_000,
      ...(isRoot ? { user: { uid: STRANGER, gid: STRANGER } } : {}),
    });
    process.stdout.write(`${command}: ${code}\n${output.split('\n').slice(-6).join('\n')}\n`);
    expect([command, code]).toEqual([command, 0]);
  }
});
