import type { ConflictError } from '../errors.ts';
import type { AtomicWrite, Command, Guard } from './backend.ts';
import { differs } from './outcomes.ts';
import { toBuffer } from './to-buffer.ts';

/**
 * What a write with the guard `begins` comes to, given what the list starts with: at least one item more than the guard
 * has events, where there are so many. For backends that decide in this process; Redis decides in its script.
 */
export function planBeginning(
  { key, events }: Extract<Guard, { type: 'begins' }>,
  { always = [], commands }: AtomicWrite,
  stored: readonly Uint8Array[],
): readonly Command[] | ConflictError {
  const known = events.slice(0, stored.length);
  const at = known.findIndex(({ mark }, index) => !toBuffer(stored[index]!).includes(toBuffer(mark)));
  if (at >= 0) return differs(key, at);
  if (stored.length > events.length) return always;
  const missing = events.slice(stored.length);
  return [...missing.map(({ value }) => ({ type: 'append' as const, key, value })), ...always, ...commands];
}
