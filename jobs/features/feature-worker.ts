import { parentPort } from 'node:worker_threads';
import { LakeError } from '../runtime/errors.ts';
import { carryOut, type WorkerAnswer, type WorkerRequest } from './crew.ts';

/* A thread of a crew: computes parts of the tickers, encodes eras. */

const port = parentPort!;

async function answer(request: WorkerRequest): Promise<void> {
  if (request.kind === 'end') {
    port.close();
    return;
  }
  try {
    const result = await carryOut(request);
    port.postMessage({ result } satisfies WorkerAnswer);
  } catch (error) {
    const failure: WorkerAnswer = error instanceof LakeError ? { lakeError: error.message } : { error };
    port.postMessage(failure);
  }
}

port.on('message', (request: WorkerRequest) => void answer(request));
