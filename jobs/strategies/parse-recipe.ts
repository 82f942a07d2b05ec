import { z } from 'zod';
import { isIsoDate, type IsoDate } from '../runtime/dates.ts';
import type { StrategyContext } from './context.ts';
import { RecipeError } from './errors.ts';

export const isoDate = z
  .string()
  .refine(isIsoDate, { error: 'is not a date of the calendar, write YYYY-MM-DD' });

/** Checks what a caller gave against its schema. Throws RecipeError naming the field and its value. */
export function parseRecipe<S extends z.ZodType>(schema: S, given: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  const value = path.reduce<unknown>(
    (outer, key) => (typeof outer === 'object' && outer !== null ? Reflect.get(outer, key) : undefined),
    given,
  );
  const field = path.length === 0 ? what : `${path.join('.')} of ${what}`;
  throw new RecipeError(`${field} is ${show(value)}: ${message}`, parsed.error);
}

const MAX_SHOWN = 80;

function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
}

/** Where a strategy starts, null for its first price. Throws RecipeError when that is after the environment date. */
export function resolveStart(
  given: IsoDate | null | undefined,
  { defaultStartDate, envDate }: StrategyContext,
  what: string,
): IsoDate | null {
  const start = given === undefined ? (defaultStartDate ?? null) : given;
  if (start === null || start <= envDate) return start;
  throw new RecipeError(
    `start of ${what} is ${start}, after the environment date ${envDate}; choose an earlier start`,
  );
}
