import { join } from 'node:path';
import { LakeError } from '../runtime/errors.ts';
import type { ObjectInfo, ObjectStore } from './object-store.ts';

/** An object as a file of this machine, which stays as it is. */
export interface ObjectFile extends ObjectInfo {
  readonly file: string;
}

// Somebody would have to replace an object each time.
const MAX_ATTEMPTS = 20;

/**
 * Copies each object below a prefix, in key order, whole and for itself. For objects that make sense one by one; those
 * that are switched together are read by `copyPrices` and its like.
 */
export async function copyObjects(store: ObjectStore, prefix: string, folder: string): Promise<ObjectFile[]> {
  for (let attempt = 1; ; attempt += 1) {
    const files: ObjectFile[] = [];
    let isWhole = true;
    for await (const object of store.list(prefix)) {
      const file = join(folder, String(attempt), object.key);
      isWhole = await store.copy(object.key, object.version, file);
      if (!isWhole) break;
      files.push({ ...object, file });
    }
    if (isWhole) return files;
    if (attempt === MAX_ATTEMPTS)
      throw new LakeError(`objects below ${prefix} in lake "${store.url}" keep being replaced; run again`);
  }
}
