import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from './make-folder.ts';

/** Writes a file whole beside its place and then switches it in: who reads it sees the old one or the new one. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    makeFolder(dirname(file));
    {
      await using handle = await open(temporary, 'w');
      await handle.writeFile(text);
      await handle.sync();
    }
    await rename(temporary, file);
  } catch (error) {
    // Where its folder could not be made there is nothing to remove.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}
