import { Worker } from 'node:worker_threads';
import { LakeError } from '../runtime/errors.ts';
import { EraBlock, type SharedEraBlock } from './era-block.ts';
import { encodeEra, type EncodedEra } from './era-file.ts';
import { gather, type GatherResult, type GatherTask } from './gather.ts';

interface EncodeTask {
  readonly block: SharedEraBlock;
  /** Names by the numbers that the block has. */
  readonly tickers: readonly string[];
  readonly features: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the bytes go. */
  readonly target: SharedArrayBuffer;
}

/** Those who compute and encode. */
export interface Crew {
  /** How many tasks they work at side by side. */
  readonly size: number;
  gather(task: GatherTask): Promise<GatherResult>;
  encode(task: EncodeTask): Promise<EncodedEra>;
  close(): Promise<void>;
}

/** What a worker is sent, and what it answers. */
export type WorkerRequest =
  | { readonly kind: 'gather'; readonly task: GatherTask }
  | { readonly kind: 'encode'; readonly task: EncodeTask }
  | { readonly kind: 'end' };
export type WorkerAnswer =
  | { readonly result: GatherResult | EncodedEra }
  /** Message of a LakeError: an error loses its class between threads. */
  | { readonly lakeError: string }
  | { readonly error: unknown };

type Work = Exclude<WorkerRequest, { kind: 'end' }>;

/** Carries out one request; the same in a worker and in the main thread. */
export async function carryOut(request: Work): Promise<GatherResult | EncodedEra> {
  if (request.kind === 'gather') return gather(request.task);
  const { block, tickers, features, metadata, target } = request.task;
  return encodeEra(new EraBlock(block), tickers, features, metadata, new Uint8Array(target));
}

/** A crew of `size` threads; of one, the thread that asks does the work itself and no other is started. */
export function createCrew(size: number): Crew {
  if (size === 1) {
    return {
      size,
      gather: (task) => carryOut({ kind: 'gather', task }) as Promise<GatherResult>,
      encode: (task) => carryOut({ kind: 'encode', task }) as Promise<EncodedEra>,
      close: async () => {},
    };
  }
  const pool = new WorkerPool(size);
  return {
    size,
    gather: (task) => pool.run({ kind: 'gather', task }) as Promise<GatherResult>,
    encode: (task) => pool.run({ kind: 'encode', task }) as Promise<EncodedEra>,
    close: () => pool.close(),
  };
}

interface Job {
  readonly request: Work;
  readonly resolve: (result: GatherResult | EncodedEra) => void;
  readonly reject: (error: unknown) => void;
}

/** Hands requests to whichever worker is free. Pools from libraries look for files of theirs that no bundle has. */
class WorkerPool {
  readonly #workers: Worker[];
  readonly #free: Worker[];
  readonly #waiting: Job[] = [];
  readonly #busy = new Map<Worker, Job>();

  constructor(size: number) {
    // The same place beside this file, as source and as bundle.
    const isSource = import.meta.url.endsWith('.ts');
    const script = new URL(isSource ? './feature-worker.ts' : './feature-worker.js', import.meta.url);
    this.#workers = Array.from({ length: size }, () => this.#start(script));
    this.#free = [...this.#workers];
  }

  run(request: Work): Promise<GatherResult | EncodedEra> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#assign();
    });
  }

  async close(): Promise<void> {
    // Asked to, not forced to: native code that is cut off takes the whole process with it.
    const ended = this.#workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
    for (const worker of this.#workers) worker.postMessage({ kind: 'end' } satisfies WorkerRequest);
    await Promise.all(ended);
  }

  #start(script: URL): Worker {
    const worker = new Worker(script);
    worker.on('message', (answer: WorkerAnswer) => {
      const job = this.#busy.get(worker)!;
      this.#busy.delete(worker);
      this.#free.push(worker);
      if ('result' in answer) job.resolve(answer.result);
      else job.reject('lakeError' in answer ? new LakeError(answer.lakeError) : answer.error);
      this.#assign();
    });
    worker.on('error', (error) => {
      this.#busy.get(worker)?.reject(error);
      this.#busy.delete(worker);
    });
    return worker;
  }

  #assign(): void {
    while (this.#waiting.length > 0 && this.#free.length > 0) {
      const worker = this.#free.pop()!;
      const job = this.#waiting.shift()!;
      this.#busy.set(worker, job);
      worker.postMessage(job.request);
    }
  }
}
