import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { temporaryFolder } from './folders.ts';
import { startRedis, type RedisServer } from './redis-process.ts';

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
