import { hostname } from 'node:os';
import { z } from 'zod';

/** A run says this often that it is alive. */
export const HEARTBEAT_MS = 30_000;
/** A run that was silent for so long counts as dead. */
const SILENT_AFTER_MS = 4 * HEARTBEAT_MS;

/** Keys by which a run says who it is and when it was last alive. */
export const heartbeatShape = {
  host: z.string(),
  pid: z.int(),
  /** When it last said that it is alive. */
  seenAt: z.iso.datetime(),
};

export interface Heartbeat {
  readonly host: string;
  readonly pid: number;
  readonly seenAt: string;
}

export function beat(now: Date): Heartbeat {
  return { host: hostname(), pid: process.pid, seenAt: now.toISOString() };
}

/**
 * Whether a run is alive: its heartbeat is fresh, and on this host its process exists. A process id alone proves
 * nothing, since ids are reused; a missing one saves the wait for the heartbeat to go stale. Nothing may depend on the
 * answer being right: a process that sleeps looks dead and wakes up.
 */
export function isAlive({ host, pid, seenAt }: Heartbeat, now: Date): boolean {
  if (Math.abs(now.getTime() - Date.parse(seenAt)) >= SILENT_AFTER_MS) return false;
  return host !== hostname() || isProcess(pid);
}

function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not permitted means that it exists and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
