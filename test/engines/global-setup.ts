import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const BIN = join(import.meta.dirname, '../../node_modules/.cache/engines');

/** Builds the servers, the first time only; tests find them by environment variables. */
export default function globalSetup(): void {
  try {
    execFileSync('go', ['version'], { stdio: 'pipe' });
  } catch {
    throw new Error('the S3 server is built with Go, which is not on the PATH; install Go 1.25 or later');
  }
  const install = join(import.meta.dirname, 'install-versitygw.sh');
  const built = execFileSync(install, [BIN], { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
  process.env['TEST_VERSITYGW'] = built.trim();
}
