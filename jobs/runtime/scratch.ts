import { createHash } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from './make-folder.ts';

/**
 * Folders of owners that cannot be asked whether they live, such as those of another machine, are removed at this age.
 * It also ends those whose process number belongs to a new process. No command runs for that long.
 */
const ABANDONED_AFTER_MS = 7 * 24 * 3_600_000;
/** Times of files and of the process come from clocks that differ a little. */
const CLOCK_SLACK_MS = 1000;
/** The owner is missing in names of version 0.1.0. */
const NAME = /^signals-[a-z]+(?:-([0-9a-f]{8})-(\d+))?-[A-Za-z0-9]{6}$/;

export interface ScratchOptions {
  /** Where the folder is made; default: the system's folder for temporary files. */
  readonly parent?: string;
}

/**
 * Makes a new empty folder for temporary files, which the caller removes. Folders that killed processes have left in the
 * same place are removed first.
 *
 * @param name small letters, to tell by looking whose the folder is
 */
export async function makeScratch(name: string, { parent = tmpdir() }: ScratchOptions = {}): Promise<string> {
  makeFolder(parent);
  await sweep(parent);
  return mkdtemp(join(parent, `signals-${name}-${place()}-${process.pid}-`));
}

/** Runs `work` with a folder that `makeScratch` makes, and removes it however the work ends. */
export async function withScratch<T>(
  name: string,
  work: (folder: string) => Promise<T>,
  options: ScratchOptions = {},
): Promise<T> {
  const folder = await makeScratch(name, options);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes what this user's processes have left in `parent` when they were killed. What cannot be removed stays. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const folder = join(parent, name);
    // A link that somebody else has put there is no folder of ours.
    const info = await lstat(folder).catch(() => undefined);
    if (info === undefined || !info.isDirectory() || info.uid !== (process.getuid?.() ?? info.uid)) continue;
    const isOld = Date.now() - info.mtimeMs > ABANDONED_AFTER_MS;
    const isGone = match[1] === place() && !isOwnerAlive(Number(match[2]), info.birthtimeMs);
    if (isGone || isOld) await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

function isOwnerAlive(pid: number, madeAtMs: number): boolean {
  // In a container every command may have the same number: what is older than this process is not its own.
  if (pid === process.pid) return madeAtMs >= Date.now() - process.uptime() * 1000 - CLOCK_SLACK_MS;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Names where process numbers mean the same processes: a machine, or a container that shares folders with it. */
function place(): string {
  let processes = '';
  try {
    processes = readlinkSync('/proc/self/ns/pid');
  } catch {
    // Only Linux has several in one machine.
  }
  return createHash('sha256').update(`${hostname()} ${processes}`).digest('hex').slice(0, 8);
}
