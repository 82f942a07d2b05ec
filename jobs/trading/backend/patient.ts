import { UnavailableError } from '../errors.ts';
import type { StateBackend } from './backend.ts';

/** The same backend, whose reads wait for a connection that broke and then try once more. Writes are the queue's. */
export function withPatience(backend: StateBackend, patienceMs: number): StateBackend {
  const twice = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      await backend.ready(patienceMs);
      return work();
    }
  };
  return {
    url: backend.url,
    apply: (writes) => backend.apply(writes),
    read: (requests) => twice(() => backend.read(requests)),
    scan: (prefix) => twice(() => backend.scan(prefix)),
    clear: () => twice(() => backend.clear()),
    ready: (timeoutMs) => backend.ready(timeoutMs),
    close: () => backend.close(),
  };
}
