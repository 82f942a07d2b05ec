import { randomBytes } from 'node:crypto';

/** Name of one run, unique and sortable by its start: `20261121T041200123Z-1f0c9a`. */
export function createRunId(startedAt: Date): string {
  const stamp = startedAt.toISOString().replace(/[-:.]/g, '');
  return `${stamp}-${randomBytes(3).toString('hex')}`;
}
