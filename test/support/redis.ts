import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { temporaryFolder } from './folders.ts';
import { startRedis, type RedisServer } from './redis-process.ts';

const missing = process.env['TEST_REDIS_MISSING'];

/** A suite that needs Redis; skipped, with the reason in its name, where there is none. */
export function describeWithRedis(name: string, suite: () => void): void {
  if (missing === undefined) describe(name, suite);
  else describe.skip(`${name} (skipped: ${missing})`, suite);
}

/** A server for the suite around this call, that keeps nothing; known once the suite runs. */
export function useRedis(): { readonly server: () => RedisServer } {
  const folder = temporaryFolder();
  let server: RedisServer | undefined;
  beforeAll(async () => {
    server = await startRedis(mkdtempSync(join(folder, 'redis-')), 'none');
  });
  afterAll(() => server?.kill());
  return { server: () => server! };
}
