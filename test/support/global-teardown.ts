import { stopAwsEmulator } from './aws-emulator-process.ts';

export default async function globalTeardown(): Promise<void> {
  await stopAwsEmulator();
}
