import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportMissing } from './needs.ts';

const ROOT = join(import.meta.dirname, '../..');
const VENV = join(ROOT, '.venv');

/** A program of the Python packages that `make setup` installs. */
export function venvProgram(name: string): string {
  return join(VENV, 'bin', name);
}

/** Looks for what test/setup.sh leaves there when it is done; the stamp is of the packages that were wanted then. */
export function findPython(): boolean {
  const stamp = join(VENV, 'installed');
  const wanted = createHash('sha256')
    .update(readFileSync(join(ROOT, 'test/requirements.txt')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return true;
  const found = existsSync(stamp) ? '.venv is not of this test/requirements.txt' : 'there is no .venv';
  reportMissing('Python', `${found}; run make setup`);
  return false;
}
