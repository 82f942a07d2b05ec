import { accessSync, constants } from 'node:fs';

/** After the first signal, the work in hand has this long; then whatever still waits for a server or a lock fails. */
const FINISH_MS = 2_000;
/** What has not come to an end by now is stuck, and the process ends without it: nothing that it leaves is half written. */
const END_MS = 3_000;

export interface Stopping {
  /** Aborted by SIGTERM or SIGINT, with the name of the signal. */
  readonly signal: AbortSignal;
  /** Aborted when the time to finish the work in hand is over. */
  readonly cutOff: AbortSignal;
}

/**
 * Turns signals into AbortSignals, and ends the process where they have no effect in time; `onEnd` reports that. A second
 * signal of the same name ends the process at once, as its default is.
 */
export function stopOnSignals(onEnd: (signal: NodeJS.Signals) => void): Stopping {
  const stop = new AbortController();
  const cutOff = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      if (stop.signal.aborted) return;
      // A process that is done before does not wait for these.
      setTimeout(() => cutOff.abort(new Error(`stopped by ${name}`)), FINISH_MS).unref();
      setTimeout(() => {
        onEnd(name);
        endAtOnce();
      }, END_MS).unref();
      stop.abort(name);
    });
  }
  return { signal: stop.signal, cutOff: cutOff.signal };
}

const SHELL = '/bin/sh';

/**
 * Ends the process with exit code 1, whatever its threads do. `process.exit` waits for them: for a query of DuckDB, or
 * for a disk of the network that does not answer.
 */
function endAtOnce(): never {
  if (process.execve !== undefined && isExecutable(SHELL)) process.execve(SHELL, ['sh', '-c', 'exit 1'], {});
  process.kill(process.pid, 'SIGKILL');
  throw new Error('unreachable: SIGKILL ends the process');
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
