import type { CacheDatabaseConfig } from '../config.ts';
import type { StateBackend } from './backend.ts';
import { MemoryBackend } from './memory.ts';
import { RedisBackend } from './redis.ts';
import { SqliteBackend } from './sqlite.ts';

/**
 * The backend that the configuration names, ready to be used. A server that is not there is waited for. Rejects with
 * UnavailableError, BackendError, ConfigError.
 */
export async function openBackend(
  { settings, password }: CacheDatabaseConfig,
  waitMs = settings.timeout * 1000,
  onWarning?: (message: string) => void,
): Promise<StateBackend> {
  const backend = createBackend(settings, password, onWarning);
  await backend.ready(waitMs);
  return backend;
}

function createBackend(
  settings: CacheDatabaseConfig['settings'],
  password: string | undefined,
  onWarning: ((message: string) => void) | undefined,
): StateBackend {
  const { type, path, synchronous, mustExist, timeout } = settings;
  switch (type) {
    case 'memory':
      return new MemoryBackend();
    case 'sqlite':
      // SQLite waits inside one call, and the process with it: the queue is what waits for long.
      return new SqliteBackend(path, {
        synchronous,
        mustExist,
        busyTimeoutMs: Math.min(timeout * 1000, 1000),
      });
    case 'redis':
      return new RedisBackend({
        ...settings,
        username: settings.username,
        password,
        timeoutMs: timeout * 1000,
        onWarning,
      });
  }
}
