import type { Alert } from './alert.ts';

const QUIET_MS = 15 * 60_000;

/**
 * Remembers what was told lately, as long as the function stays warm: lines of one failure may come in several
 * batches and still are one email. The line that ended a run is told even after others of that run.
 */
export class RecentAlerts {
  readonly #told = new Map<string, { readonly atMs: number; readonly isFinal: boolean }>();

  /** Whether to tell it now; then it counts as told. */
  take({ runId, isFinal }: Alert, nowMs: number): boolean {
    for (const [key, { atMs }] of this.#told) if (nowMs - atMs > QUIET_MS) this.#told.delete(key);
    if (runId === undefined) return true;
    const earlier = this.#told.get(runId);
    if (earlier !== undefined && (earlier.isFinal || !isFinal)) return false;
    this.#told.set(runId, { atMs: nowMs, isFinal });
    return true;
  }

  /** Takes back what could not be told after all. */
  forget({ runId }: Alert): void {
    if (runId !== undefined) this.#told.delete(runId);
  }
}
