import { LakeError } from '../runtime/errors.ts';
import { ConflictError } from './object-store.ts';

/** Of two writers one succeeds each time: so many conflicts in a row are no contention, but a store that is broken. */
const MAX_ATTEMPTS = 50;

/** Reads, changes and writes again while another writer is faster. */
export async function retryConflicts<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      if (attempt < MAX_ATTEMPTS) continue;
      throw new LakeError(`${error.message}, ${MAX_ATTEMPTS} times in a row; run again when it is quiet`);
    }
  }
}
