import { constants } from 'node:fs';
import { access, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeScratch } from '../runtime/scratch.ts';
import type { ObjectStore } from './object-store.ts';

/** Hidden, as all names with a dot are for those who list a lake. */
const FOLDER = '.scratch';

/**
 * Makes a folder for temporary files of a command that reads a lake: on the file system of the lake, where that can be
 * had, since objects are copied there as links, without their bytes. The caller removes it.
 */
export async function makeLakeScratch(store: ObjectStore, name: string): Promise<string> {
  const parent = await parentFor(store);
  return makeScratch(name, parent === undefined ? {} : { parent });
}

/** Runs `work` with such a folder, and removes it however the work ends. */
export async function withLakeScratch<T>(
  store: ObjectStore,
  name: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await makeLakeScratch(store, name);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Undefined: the system's folder for temporary files is as good, or there is nothing better. */
async function parentFor({ folder }: ObjectStore): Promise<string | undefined> {
  if (folder === undefined) return undefined;
  try {
    const [lake, temporary] = await Promise.all([stat(folder), stat(tmpdir())]);
    if (lake.dev === temporary.dev) return undefined;
    await access(folder, constants.W_OK);
    return join(folder, FOLDER);
  } catch {
    // The lake does not exist yet, or belongs to somebody else.
    return undefined;
  }
}
