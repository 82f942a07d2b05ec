import { openLake } from '../../jobs/lake/open-lake.ts';
import { readEnvironment } from '../../jobs/runtime/environment.ts';
import { UsageError } from '../../jobs/runtime/errors.ts';
import { realWaiting } from '../../jobs/runtime/poll.ts';
import { LAMBDA_LIMITS } from '../../jobs/runtime/limits.ts';
import { FUNCTION_NAMES, type FunctionName } from '../../jobs/statistics/function-names.ts';
import { openStatistics } from '../../jobs/statistics/open-statistics.ts';
import type { StatisticsParts } from '../../jobs/statistics/statistics.ts';
import { createHandler, type Handler } from './create-handler.ts';

/*
 * Entry of the statistics Lambdas: `index.router`, and `index.handlers.NAME` for one function each. What they share is
 * opened by the first invocation and kept for the next ones.
 */

/** For a merge that is under way; the caller is told to come back. */
const PATIENCE_MS = 5000;

let opened: Promise<StatisticsParts> | undefined;

function open(): Promise<StatisticsParts> {
  opened ??= openParts();
  // What failed once may work the next time.
  opened.catch(() => {
    opened = undefined;
  });
  return opened;
}

async function openParts(): Promise<StatisticsParts> {
  const environment = readEnvironment(process.env);
  const lake = await openLake(environment.lake, false, LAMBDA_LIMITS);
  const { signal } = new AbortController();
  const now = (): Date => new Date();
  return openStatistics({
    environment,
    lake,
    provider: undefined,
    aws: { limits: LAMBDA_LIMITS },
    now,
    signal,
    // The role reads only: the merge of a killed load is finished by the next load or transform.
    read: { ...realWaiting(signal), now, patienceMs: PATIENCE_MS },
  });
}

function writeLog(level: string, event: string, fields: object, message: string): void {
  process.stdout.write(`${JSON.stringify({ level, time: Date.now(), event, ...fields, msg: message })}\n`);
}

/** One handler per function. */
export const handlers: Readonly<Record<string, Handler>> = Object.fromEntries(
  FUNCTION_NAMES.map((name) => [name, createHandler([name], open, writeLog)]),
);

/**
 * One handler for all functions: for the one in STATISTICS_FUNCTION, else for those in STATISTICS_ALLOWED (separated by
 * commas; all by default), chosen by `function` in the event or the last part of the path.
 */
export const router: Handler = createHandler(
  allowedFunctions(process.env['STATISTICS_FUNCTION'] || process.env['STATISTICS_ALLOWED']),
  open,
  writeLog,
);

function allowedFunctions(list: string | undefined): FunctionName[] {
  if (list === undefined || list === '') return [...FUNCTION_NAMES];
  return list.split(',').map((text) => {
    const name = FUNCTION_NAMES.find((known) => known === text.trim());
    if (name === undefined)
      throw new UsageError(
        `STATISTICS_FUNCTION or STATISTICS_ALLOWED names "${text}", not one of ${FUNCTION_NAMES.join(', ')}`,
      );
    return name;
  });
}
