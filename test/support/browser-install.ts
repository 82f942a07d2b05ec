import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/*
 * Pages are tried in a real browser, Chromium. As root on Debian the suite installs it when there is none; where that
 * cannot be done, the suites that need it are skipped with the reason.
 */

const CHROMIUM = '/usr/bin/chromium';
const BROWSERS = [
  CHROMIUM,
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

export function installBrowser(): void {
  try {
    process.env['TEST_BROWSER'] = BROWSERS.find((path) => existsSync(path)) ?? installChromium();
  } catch (error) {
    process.env['TEST_BROWSER_MISSING'] = `Chromium cannot be had: ${String(error).split('\n', 1)[0]}`;
  }
}

function installChromium(): string {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(`none of ${BROWSERS.join(', ')}, and only root on Debian can install it`);
  }
  process.stderr.write('installing Chromium\n');
  const wait = ['-o', 'DPkg::Lock::Timeout=300'];
  execFileSync('apt-get', [...wait, 'update', '-q'], { stdio: 'pipe' });
  execFileSync('apt-get', [...wait, 'install', '-qy', '--no-install-recommends', 'chromium'], {
    stdio: 'pipe',
  });
  return CHROMIUM;
}
