import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Folder of this package: sample data, configuration and .sql files lie at the same place below it whether the
 * code runs from its sources or from a bundle in dist/.
 */
export const packageRoot = findRoot(import.meta.dirname);

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json')) || dirname(folder) === folder) return folder;
  return findRoot(dirname(folder));
}
