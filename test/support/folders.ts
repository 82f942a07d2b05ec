import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
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

/** A folder on another file system than `folder`: memory, which every Linux has mounted as one of its own. */
export function otherFileSystem(folder: string): string | undefined {
  const memory = '/dev/shm';
  return existsSync(memory) && statSync(memory).dev !== statSync(folder).dev ? memory : undefined;
}

export const repository = join(import.meta.dirname, '../..');
export const sampleFolder = join(repository, 'data/sample');
