import { copyFileSync, existsSync, globSync, mkdtempSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

// The sandbox of Chromium refuses root, and nothing here may ask the internet for updates.
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts the browser that the run found, with these environment variables besides its own. */
export function openBrowser(env: Readonly<Record<string, string>> = {}): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['TEST_BROWSER']!,
    args: FLAGS,
    env: { ...process.env, ...env },
  });
}

const FONT_FOLDERS = [
  '/usr/share/fonts',
  '/usr/local/share/fonts',
  join(process.env['HOME'] ?? '/', '.fonts'),
];

/** Environment of a browser on Linux for which this machine has one font only. */
export function oneFontOnly(folder: string): Record<string, string> {
  const found = FONT_FOLDERS.filter((path) => existsSync(path)).flatMap((path) =>
    globSync('**/*.{ttf,otf}', { cwd: path }).map((file) => join(path, file)),
  );
  const font = found.find((file) => /sans(-regular)?\.[to]tf$/i.test(file)) ?? found[0];
  if (font === undefined) throw new Error(`no font in ${FONT_FOLDERS.join(', ')}`);
  const fonts = mkdtempSync(join(folder, 'fonts-'));
  copyFileSync(font, join(fonts, basename(font)));
  const file = join(fonts, 'fonts.conf');
  writeFileSync(
    file,
    `<?xml version="1.0"?>
<fontconfig><dir>${fonts}</dir><cachedir>${join(fonts, 'cache')}</cachedir></fontconfig>
`,
  );
  return { FONTCONFIG_FILE: file };
}
