import { test } from '@jest/globals';

/**
 * A test of something that not every machine has and nothing installs, such as a second file system. Elsewhere it is
 * skipped with the reason in its name, which does not fail a run where CI=true: the reporter reads these names.
 *
 * @param lacking what this machine lacks; undefined where the test can run
 */
export function testWhere(lacking: string | undefined, name: string, run: () => void | Promise<void>): void {
  if (lacking === undefined) test(name, run);
  else test.skip(`${name} (not on this machine: ${lacking})`, run);
}
