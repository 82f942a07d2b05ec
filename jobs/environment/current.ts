import { UsageError } from '../runtime/errors.ts';
import { openEnvironment, type AnalysisEnvironment, type EnvironmentOptions } from './environment.ts';

/*
 * The one environment of a process, as notebooks and scripts use it. Code that gets an environment as a value does not
 * need it.
 */
let current: AnalysisEnvironment | undefined;

/** Makes the environment of this process. Throws UsageError when there is one. */
export function init(options: EnvironmentOptions): AnalysisEnvironment {
  if (current !== undefined)
    throw new UsageError(`the environment of ${current.envDate} is there already; call deInit() first`);
  current = openEnvironment(options);
  return current;
}

/** Closes the environment of this process; fine when there is none. */
export async function deInit(): Promise<void> {
  const closing = current;
  current = undefined;
  await closing?.close();
}

export function isInitialised(): boolean {
  return current !== undefined;
}

/** The environment of this process. Throws UsageError when there is none. */
export function env(): AnalysisEnvironment {
  if (current === undefined) throw new UsageError('there is no environment; call init({ envDate }) first');
  return current;
}
