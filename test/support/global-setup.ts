import { startAwsEmulator } from './aws-emulator-process.ts';
import { installBrowser } from './browser-install.ts';

/** Starts what several suites share. Workers learn of it by environment variables. */
export default async function globalSetup(): Promise<void> {
  installBrowser();
  await startAwsEmulator();
}
