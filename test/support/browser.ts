import { describe } from '@jest/globals';
import { chromium, type Browser } from 'playwright-core';

const missing = process.env['TEST_BROWSER_MISSING'];

/** A suite that needs a browser; skipped, with the reason in its name, where there is none. */
export function describeWithBrowser(name: string, suite: () => void): void {
  if (missing === undefined) describe(name, suite);
  else describe.skip(`${name} (skipped: ${missing})`, suite);
}

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

/** Starts the browser that the run found. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env['TEST_BROWSER']!, args: FLAGS });
}
