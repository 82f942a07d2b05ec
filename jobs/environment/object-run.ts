import pLimit from 'p-limit';
import type { ObjectService } from '../objects/object-service.ts';
import { UsageError } from '../runtime/errors.ts';
import { createRunId } from '../runtime/run-id.ts';
import { encodeValue } from '../store/codec.ts';
import { env } from './current.ts';

/** What a collector gave, or why it did not. */
export type Outcome =
  | { readonly status: 'done'; readonly value: unknown }
  | { readonly status: 'failed'; readonly error: unknown };

/** Keeps outcomes of a run somewhere, and resolves with the name to find them by. */
export interface Output {
  persist(outcomes: readonly Outcome[]): Promise<string>;
}

/** What an output is made with. */
export interface RunInfo {
  readonly id: string;
  readonly configParams: Readonly<Record<string, unknown>>;
  readonly objects: ObjectService;
}

type OutputType = new (run: RunInfo) => Output;

export interface ObjectRunOptions {
  readonly collect: readonly ((kwargs: Readonly<Record<string, unknown>>) => unknown)[];
  readonly outputs: readonly OutputType[];
  /** Plain data about the run. */
  readonly configParams?: Readonly<Record<string, unknown>>;
  /** Given to each collector. */
  readonly runKwargs?: Readonly<Record<string, unknown>>;
  /** Waited for before the first collector. */
  readonly preRunWait?: () => unknown;
  /** Default: that of the environment that `init` has made. */
  readonly objects?: ObjectService;
  readonly now?: () => Date;
}

/** What became of a run; lists are in the order of collectors and outputs. */
export interface ObjectRun {
  readonly id: string;
  /** `failed` when a collector or an output has failed. */
  readonly status: 'done' | 'failed';
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly outcomes: readonly Outcome[];
  /** Names of what the outputs have kept; undefined for one that failed. */
  readonly outputs: readonly (string | undefined)[];
  readonly errors: readonly unknown[];
}

const CONCURRENT_COLLECTORS = 4;

/**
 * Runs collectors and keeps what they give by means of outputs. One that fails does not stop the others; what there is
 * is kept. Throws UsageError without collectors, and what `preRunWait` throws.
 */
export async function createObjectRun({
  collect,
  outputs,
  configParams = {},
  runKwargs = {},
  preRunWait = () => {},
  objects = env().objectService(),
  now = () => new Date(),
}: ObjectRunOptions): Promise<ObjectRun> {
  if (collect.length === 0) throw new UsageError('a run needs a collector; give collect at least one');
  encodeValue(configParams);
  await preRunWait();
  const startedAt = now();
  const run = { id: createRunId(startedAt), configParams, objects };
  const limit = pLimit(CONCURRENT_COLLECTORS);
  const outcomes = await Promise.all(
    collect.map((collector) => limit(() => settle(async () => collector(runKwargs)))),
  );
  const kept = await Promise.all(
    outputs.map((OutputClass) => settle(() => new OutputClass(run).persist(outcomes))),
  );
  const errors = [...outcomes, ...kept].flatMap((outcome) =>
    outcome.status === 'failed' ? [outcome.error] : [],
  );
  return {
    id: run.id,
    status: errors.length === 0 ? 'done' : 'failed',
    startedAt,
    finishedAt: now(),
    outcomes,
    outputs: kept.map((outcome) => (outcome.status === 'done' ? (outcome.value as string) : undefined)),
    errors,
  };
}

/** Keeps what the collectors gave as one object, `run/ID`: a list with undefined for those that failed. */
export class ResultsOutput implements Output {
  readonly #run: RunInfo;

  constructor(run: RunInfo) {
    this.#run = run;
  }

  async persist(outcomes: readonly Outcome[]): Promise<string> {
    const { id, configParams, objects } = this.#run;
    const name = `run/${id}`;
    const results = outcomes.map((outcome) => (outcome.status === 'done' ? outcome.value : undefined));
    await objects.put(name, { configParams, results });
    return name;
  }
}

async function settle(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { status: 'done', value: await work() };
  } catch (error) {
    return { status: 'failed', error };
  }
}
