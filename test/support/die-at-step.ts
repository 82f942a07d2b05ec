import { createRequire, syncBuiltinESMExports } from 'node:module';
import { resolve, sep } from 'node:path';

/*
 * Preloaded into a command with `--import`: ends or stops its process at an exact change below a folder, and can make
 * it believe that it is later. Nothing of the command itself is replaced: each call does what it always does, the
 * process only may not live to see the next one.
 *
 * STEP_BELOW     the folder; files of other folders are not counted
 * STEP_AT        number of the change, from 1; without it all changes are counted and nothing happens
 * STEP_WHEN      `before` the change takes effect, or `after` it
 * STEP_SIGNAL    SIGKILL, or SIGSTOP for a sleeper, which says so on standard error first
 * STEP_COUNT     a file that takes one byte for each change
 * CLOCK_AHEAD_MS how much later than the machine's the clock of the process is
 */
const { STEP_BELOW, STEP_AT, STEP_WHEN, STEP_SIGNAL, STEP_COUNT, CLOCK_AHEAD_MS } = process.env;

type Anything = (...args: unknown[]) => unknown;
const fs = createRequire(import.meta.url)('node:fs') as Record<string, Anything> & {
  promises: Record<string, Anything>;
};

/** Functions that change files, by how many paths they begin with. */
const CHANGES: Readonly<Record<string, number>> = {
  ...{ appendFile: 1, mkdir: 1, rm: 1, rmdir: 1, truncate: 1, unlink: 1, utimes: 1, writeFile: 1 },
  ...{ copyFile: 2, cp: 2, link: 2, rename: 2, symlink: 2 },
};
const appendFileSync = fs['appendFileSync']!;
let steps = 0;

function wrap(owner: Record<string, Anything>, name: string, paths: number, isPromise: boolean): void {
  const original = owner[name]!;
  owner[name] = (...args) => {
    if (!changes(name, args, paths)) return original.apply(owner, args);
    steps += 1;
    if (STEP_COUNT !== undefined) appendFileSync(STEP_COUNT, '.');
    if (steps !== Number(STEP_AT)) return original.apply(owner, args);
    if (STEP_SIGNAL === 'SIGSTOP' && !isPromise) {
      // Such a change is made under the lock of the folder, in which nobody else could go on.
      setImmediate(die);
      return original.apply(owner, args);
    }
    if (STEP_WHEN === 'before') {
      die();
      return original.apply(owner, args);
    }
    const result = original.apply(owner, args);
    if (isPromise) return (result as Promise<unknown>).finally(die);
    die();
    return result;
  };
}

/** Whether a call changes something below the folder; `open` does when its flags say so. */
function changes(name: string, args: readonly unknown[], paths: number): boolean {
  if (name.startsWith('open') && !/[wax+]/.test(String(args[1] ?? 'r'))) return false;
  return args.slice(0, paths).some((path) => typeof path === 'string' && isBelow(path));
}

function isBelow(path: string): boolean {
  return `${resolve(path)}${sep}`.startsWith(`${STEP_BELOW}${sep}`);
}

function die(): void {
  if (STEP_SIGNAL === 'SIGSTOP') fs['writeSync']!(2, 'asleep\n');
  process.kill(process.pid, STEP_SIGNAL ?? 'SIGKILL');
}

if (STEP_BELOW !== undefined) {
  for (const [name, paths] of Object.entries({ ...CHANGES, open: 1 })) {
    wrap(fs, `${name}Sync`, paths, false);
    wrap(fs.promises, name, paths, true);
  }
  syncBuiltinESMExports();
}

if (CLOCK_AHEAD_MS !== undefined) {
  const aheadMs = Number(CLOCK_AHEAD_MS);
  const { now } = Date;
  globalThis.Date = class extends Date {
    constructor(...given: [] | [number | string | Date]) {
      if (given.length === 0) super(now() + aheadMs);
      // Years, months and so on come as numbers of their own.
      else super(...given);
    }
    static override now(): number {
      return now() + aheadMs;
    }
  } as DateConstructor;
}
