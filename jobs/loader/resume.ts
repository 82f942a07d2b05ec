import { createHash } from 'node:crypto';
import { ABSENT, ConflictError, type ObjectStore } from '../lake/object-store.ts';
import { findStoppedRun, StagedRun } from '../lake/staged-run.ts';
import { createRunId } from '../runtime/run-id.ts';

export interface ClaimedRun {
  readonly runId: string;
  readonly startedAt: Date;
  readonly staged: StagedRun;
  /** What an earlier process of this run has staged; `undefined` when the run is new. */
  readonly lines: readonly unknown[] | undefined;
}

/**
 * The run of a command: the one that was stopped before its end, else a new one.
 *
 * @param command everything that the outcome depends on: only a run that was asked for the very same is continued
 * @param freshMs a run that started longer ago is not continued: what it has could be out of date
 */
export async function claimRun(
  store: ObjectStore,
  command: object,
  now: Date,
  freshMs: number,
): Promise<ClaimedRun> {
  const fingerprint = createHash('sha256').update(JSON.stringify(command)).digest('hex');
  const stopped = await findStoppedRun(store, fingerprint, now, freshMs);
  if (stopped !== undefined) {
    try {
      const { runId, startedAt } = stopped;
      return { runId, startedAt, ...(await StagedRun.open(store, stopped, fingerprint)) };
    } catch (error) {
      // Somebody else goes on with it.
      if (!(error instanceof ConflictError)) throw error;
    }
  }
  const run = { runId: createRunId(now), startedAt: now };
  const { staged } = await StagedRun.open(store, { ...run, version: ABSENT }, fingerprint);
  return { ...run, staged, lines: undefined };
}
