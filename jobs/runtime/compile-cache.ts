import { chmodSync, lstatSync, realpathSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { makeFolder } from './make-folder.ts';

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * Keeps compiled code in `signals` below XDG_CACHE_HOME or ~/.cache. Node runs what it finds there, so a folder that
 * anybody else can write to, which the system's folder for temporary files is, is not used: then nothing is kept. Who
 * sets NODE_COMPILE_CACHE has chosen a folder, and Node uses that one.
 */
export function keepCompiledCode(): void {
  if (process.env['NODE_COMPILE_CACHE'] !== undefined) return;
  const folder = ownCacheFolder();
  if (folder !== undefined) enableCompileCache(folder);
}

/** Undefined where it cannot be made, or is not this user's alone. */
function ownCacheFolder(): string | undefined {
  const named = process.env['XDG_CACHE_HOME'];
  const base = named !== undefined && isAbsolute(named) ? named : join(homedir(), '.cache');
  try {
    makeFolder(base);
    // Links above are followed once, here, and not again by Node.
    const folder = join(realpathSync(base), 'signals');
    const isNew = lstatSync(folder, { throwIfNoEntry: false }) === undefined;
    makeFolder(folder);
    if (isNew) chmodSync(folder, 0o700);
    return isPrivate(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** Whether only this user and root can change what is in a folder, or put another in its place. */
function isPrivate(folder: string): boolean {
  const user = process.getuid?.();
  // Windows has no such modes; there a home folder is its user's.
  if (user === undefined) return true;
  const own = lstatSync(folder);
  if (!own.isDirectory() || own.uid !== user || (own.mode & 0o077) !== 0) return false;
  for (let above = dirname(folder); ; above = dirname(above)) {
    const { uid, mode } = lstatSync(above);
    const isSafe =
      (uid === user || uid === 0) && ((mode & WRITABLE_BY_OTHERS) === 0 || (mode & STICKY) !== 0);
    if (!isSafe) return false;
    if (above === dirname(above)) return true;
  }
}
