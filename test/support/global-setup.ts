import { startAwsEmulator } from './aws-emulator-process.ts';
import { installBrowser } from './browser-install.ts';
import { installRedis } from './redis-process.ts';

/** Starts what several suites share. Workers learn of it by environment variables. */
export default async function globalSetup(): Promise<void> {
  installRedis();
  installBrowser();
  await startAwsEmulator();
}
