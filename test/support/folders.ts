import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';

/**
 * A new empty folder that goes with the test file. TEST_FOLDER puts it, and so the lakes of the tests, elsewhere than the
 * scratch of the commands, which follows TMPDIR.
 */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(process.env['TEST_FOLDER'] ?? tmpdir(), 'signals-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const repository = join(import.meta.dirname, '../..');
export const sampleFolder = join(repository, 'data/sample');
