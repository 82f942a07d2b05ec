import type { z } from 'zod';
import { addDays, utcDate, type DateRange, type IsoDate } from '../runtime/dates.ts';
import { UsageError } from '../runtime/errors.ts';
import type { FunctionName } from './function-names.ts';
import type { Answer, Definition } from './functions/definition.ts';
import { dividendValue } from './functions/dividends.ts';
import { frontier, optimize } from './functions/portfolios.ts';
import { correlation, movingAverages, profile, returns } from './functions/profiles.ts';
import { interest, yieldCurve } from './functions/rates.ts';
import { conditionalValueAtRisk, valueAtRisk } from './functions/tails.ts';
import { Statistics, type StatisticsParts, type StatisticsRequest } from './statistics.ts';

/**
 * What can be asked for, in one table: the command line and the Lambdas take names, checks and answers from here. Shapes
 * of results keep the names of scrilla's JSON.
 */
export const FUNCTIONS = {
  profile,
  correlation,
  optimize,
  frontier,
  var: valueAtRisk,
  cvar: conditionalValueAtRisk,
  'moving-averages': movingAverages,
  returns,
  ddm: dividendValue,
  interest,
  'yield-curve': yieldCurve,
} as const satisfies Record<FunctionName, unknown>;

/** Prices are looked at this far back when no start is given: about 100 sessions. */
const DEFAULT_WINDOW_DAYS = 145;
/** A yield curve is not older than this. */
const MAX_CURVE_AGE_DAYS = 10;

/** Computes what `name` stands for. Throws UsageError for an input that is not right. */
export async function answer(
  parts: StatisticsParts,
  name: FunctionName,
  input: unknown,
  signal: AbortSignal,
): Promise<Answer> {
  const definition: Definition<z.ZodType> = FUNCTIONS[name];
  const parsed = definition.input.safeParse(input);
  if (!parsed.success) throw new UsageError(describeIssue(parsed.error.issues[0]!, input), parsed.error);
  const known = parsed.data as Partial<z.output<(typeof FUNCTIONS)['profile']['input']>> & { date?: IsoDate };
  const today = utcDate(parts.now());
  const range =
    name === 'yield-curve'
      ? curveWindow(known.date ?? today)
      : resolveWindow(known, definition.defaultDays ?? DEFAULT_WINDOW_DAYS, today);
  const request: StatisticsRequest = {
    tickers: known.tickers ?? [],
    window: range,
    method: known.method ?? 'moments',
    weekends: known.weekends,
    riskFree: known.riskFree,
    marketProxy: known.market,
  };
  const statistics = new Statistics(parts, request, signal);
  const { result, prices = {}, riskFree } = await definition.run(statistics, parsed.data);
  const { hits, misses, warnings } = statistics.trace;
  const isOfPrices = known.tickers !== undefined;
  return {
    function: name,
    window: range,
    method: isOfPrices ? request.method : undefined,
    weekends: isOfPrices ? statistics.weekends : undefined,
    marketProxy: isOfPrices ? statistics.marketProxy : undefined,
    riskFree,
    prices,
    cache: { hits, misses },
    warnings,
    result,
  };
}

/** The half-open window that is meant. It ends tomorrow by default, and at the latest: there are no prices of later. */
export function resolveWindow(
  { start, end }: { start?: IsoDate | undefined; end?: IsoDate | undefined },
  defaultDays: number,
  today: IsoDate,
): DateRange {
  const tomorrow = addDays(today, 1);
  const until = end === undefined || end > tomorrow ? tomorrow : end;
  const from = start ?? addDays(until, -defaultDays);
  if (from > today) throw new UsageError(`--start ${from} is in the future`);
  if (from >= until)
    throw new UsageError(`--start ${from} is not before --end ${until}; the end is no longer wanted`);
  return { start: from, end: until };
}

function curveWindow(day: IsoDate): DateRange {
  return { start: addDays(day, 1 - MAX_CURVE_AGE_DAYS), end: addDays(day, 1) };
}

function describeIssue(issue: z.core.$ZodIssue, input: unknown): string {
  if (issue.path.length === 0) return issue.message;
  const value = issue.path.reduce<unknown>(
    (whole, name) => (whole as Record<PropertyKey, unknown> | undefined)?.[name],
    input,
  );
  return `${issue.path.join('.')}: ${explain(issue, value)}`;
}

/** What is wrong with a value, in the words of the one who gave it rather than those of a schema. */
function explain(issue: z.core.$ZodIssue, value: unknown): string {
  const given = JSON.stringify(value) ?? 'nothing';
  switch (issue.code) {
    case 'too_small':
      return Array.isArray(value)
        ? `${value.length} given, at least ${issue.minimum} needed`
        : `${given} is not ${issue.inclusive === true ? 'at least' : 'above'} ${issue.minimum}`;
    case 'too_big':
      return Array.isArray(value)
        ? `${value.length} given, at most ${issue.maximum} allowed`
        : `${given} is not ${issue.inclusive === true ? 'at most' : 'below'} ${issue.maximum}`;
    case 'invalid_value':
      return `${given} is not known; choose ${issue.values.map(String).join(', ')}`;
    case 'custom':
      return issue.message;
    default:
      return `${given} is not usable: ${issue.message.replace(/^Invalid input: /, '')}`;
  }
}
