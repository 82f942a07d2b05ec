import { join } from 'node:path';
import type { Shard } from '../market/universe.ts';
import { parseDate, type IsoDate } from '../runtime/dates.ts';
import { UsageError } from '../runtime/errors.ts';

/** Gathers the values of a repeatable option. */
export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}

/** A parser for a whole number of 1 or more. */
export function countFor(option: string): (text: string) => number {
  return numberFor(option, 'a whole number of 1 or more', (value) => Number.isInteger(value) && value >= 1);
}

/** A parser for a number above zero. */
export function positiveFor(option: string): (text: string) => number {
  return numberFor(option, 'a number above 0', (value) => value > 0);
}

/** A parser for a share from 0 to 1. */
export function shareFor(option: string): (text: string) => number {
  return numberFor(option, 'a share from 0 to 1', (value) => value >= 0 && value <= 1);
}

/** A parser for a number that `isRight`; `what` says which those are. */
export function numberFor(
  option: string,
  what = 'a number',
  isRight: (value: number) => boolean = () => true,
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || !isRight(value))
      throw new UsageError(`${option} "${text}" is not ${what}`);
    return value;
  };
}

/** A parser for a date. */
export function dateFor(option: string): (text: string) => IsoDate {
  return (text) => parseDate(text, option);
}

/** A share of the work, written `i/n`. */
export function parseShard(text: string): Shard {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text)?.map(Number) ?? [];
  if (index === undefined || count === undefined || index < 1 || index > count) {
    throw new UsageError(`--shard "${text}" is not i/n with i from 1 to n`);
  }
  return { index, count };
}

/** A parser for an option with a closed list of values. */
export function oneOf<T extends string>(option: string, values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((candidate) => candidate === text);
    if (value === undefined)
      throw new UsageError(`${option} "${text}" is not known; choose ${values.join(', ')}`);
    return value;
  };
}

/** Runs on a lake in a folder also log to a file; on AWS the log group keeps the lines. */
export function logFile(lakeUrl: string, job: string, runId: string): string | undefined {
  return lakeUrl.startsWith('file:') ? join('data/log', `${job}-${runId}.log`) : undefined;
}
