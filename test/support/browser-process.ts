import { existsSync } from 'node:fs';
import { reportMissing } from './needs.ts';

/* Pages are tried in a real browser. test/setup.sh looks in the same places. */

const BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

export function findBrowser(): void {
  const path = BROWSERS.find((candidate) => existsSync(candidate));
  if (path === undefined) reportMissing('browser', 'there is no Chromium; run make setup');
  else process.env['TEST_BROWSER'] = path;
}
