import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeScratch, withScratch, type ScratchOptions } from '../runtime/scratch.ts';
import type { ObjectStore } from './object-store.ts';

/** Hidden, as all names with a dot are for those who list a lake. */
const FOLDER = '.scratch';

/**
 * Makes a folder for temporary files of a command that reads a lake: on the file system of the lake, where that can be
 * had, since objects are copied there as links, without their bytes. The caller removes it.
 */
export async function makeLakeScratch(store: ObjectStore, name: string): Promise<string> {
  return makeScratch(name, await placeFor(store));
}

/** Runs `work` with such a folder, and removes it however the work ends. */
export async function withLakeScratch<T>(
  store: ObjectStore,
  name: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  return withScratch(name, work, await placeFor(store));
}

/** Empty: the system's folder for temporary files is as good, or there is nothing better. */
async function placeFor({ folder }: ObjectStore): Promise<ScratchOptions> {
  if (folder === undefined) return {};
  try {
    const [lake, temporary] = await Promise.all([stat(folder), stat(tmpdir())]);
    if (lake.dev === temporary.dev) return {};
    await access(folder, constants.W_OK);
    return { parent: join(folder, FOLDER) };
  } catch {
    // The lake does not exist yet, or belongs to somebody else.
    return {};
  }
}
