import { join } from 'node:path';
import type { Shard } from '../market/universe.ts';
import { UsageError } from '../runtime/errors.ts';

/** Gathers the values of a repeatable option. */
export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}

/** A whole number of 1 or more. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1)
    throw new UsageError(`"${text}" is not a whole number of 1 or more`);
  return count;
}

/** A number above zero. */
export function parsePositive(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value < Infinity)) {
    throw new UsageError(`"${text}" is not a number above 0`);
  }
  return value;
}

/** A share from 0 to 1. */
export function parseShare(text: string): number {
  const share = Number(text);
  if (text.trim() === '' || !(share >= 0 && share <= 1))
    throw new UsageError(`"${text}" is not a share from 0 to 1`);
  return share;
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
