import { startAwsEmulator } from './aws-emulator-process.ts';
import { findBrowser } from './browser-process.ts';
import { findRedis } from './redis-process.ts';

/** Looks for what `make setup` installs, and starts what several suites share. */
export default async function globalSetup(): Promise<void> {
  findRedis();
  findBrowser();
  await startAwsEmulator();
}
