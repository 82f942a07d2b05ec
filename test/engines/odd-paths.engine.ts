import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { otherFileSystem, repository, temporaryFolder } from '../support/folders.ts';
import { testWhere } from '../support/test-where.ts';
import { runProgram } from '../support/run-program.ts';

/** Suites whose commands or stores read a lake. */
const SUITES = ['jobs', 'lake', 'loader', 'query', 'features', 'strategies', 'statistics'];

const folder = temporaryFolder();

/** Runs the suites with their lakes in one folder and all scratch in another; resolves with what failed. */
async function failuresWith(lakes: string, scratch: string): Promise<string[]> {
  for (const path of [lakes, scratch]) mkdirSync(path, { recursive: true });
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const { code, output } = await runProgram(
    'npm',
    ['test', '-s', '--', ...SUITES.map((suite) => `test/${suite}/`)],
    {
      cwd: repository,
      env: { ...env, TEST_FOLDER: lakes, TMPDIR: scratch, STRESS_ROUNDS: '5' },
      timeoutMs: 3_600_000,
    },
  );
  const failed = output.split('\n').filter((line) => line.startsWith('  ● '));
  return code === 0 ? [] : [...new Set(failed), output.trim().split('\n').at(-1)!];
}

test('the suites pass with lakes and scratch in folders that look like partitions', async () => {
  const failed = await failuresWith(join(folder, 'date=2024-01-01'), join(folder, 'ticker=ZZ'));
  expect(failed).toEqual([]);
});

const elsewhere = otherFileSystem(folder);

testWhere(
  elsewhere === undefined ? 'a second file system' : undefined,
  'the suites pass with scratch on another file system',
  async () => {
    const scratch = mkdtempSync(join(elsewhere!, 'signals-test-'));
    try {
      expect(await failuresWith(join(folder, 'lakes'), scratch)).toEqual([]);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
);
