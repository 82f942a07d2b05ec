import type { z } from 'zod';
import type { DateRange, IsoDate } from '../../runtime/dates.ts';
import type { FunctionName } from '../function-names.ts';
import type { OwnProfile } from '../cache/statistic-items.ts';
import type { Statistics } from '../statistics.ts';

/** What a result was computed from. */
export interface Answer {
  readonly function: FunctionName;
  readonly window: DateRange;
  readonly method: string | undefined;
  readonly weekends: boolean | undefined;
  readonly marketProxy: string | undefined;
  readonly riskFree: { readonly maturity: string; readonly date: IsoDate; readonly rate: number } | undefined;
  /** Closes that were used, by ticker. */
  readonly prices: Readonly<Record<string, { rows: number; first: IsoDate; last: IsoDate }>>;
  readonly cache: { readonly hits: number; readonly misses: number };
  readonly warnings: readonly string[];
  readonly result: unknown;
}

/** What a function finds out; the rest of an answer is the same for all. */
type Facts = Partial<Pick<Answer, 'riskFree' | 'prices'>> & { readonly result: unknown };

/** A function that can be asked for; its input is checked before it runs. */
export interface Definition<Input extends z.ZodType> {
  readonly description: string;
  readonly input: Input;
  readonly defaultDays?: number;
  run(statistics: Statistics, input: z.output<Input>): Promise<Facts>;
}

export function define<Input extends z.ZodType>(definition: Definition<Input>): Definition<Input> {
  return definition;
}

/** Asks for one name after the other. */
export async function each<Name extends string, T>(
  names: readonly Name[],
  find: (name: Name) => Promise<T>,
): Promise<Map<Name, T>> {
  const found = new Map<Name, T>();
  for (const name of names) found.set(name, await find(name));
  return found;
}

export function mapValues<T, Mapped>(
  found: ReadonlyMap<string, T>,
  map: (value: T) => Mapped,
): Record<string, Mapped> {
  return Object.fromEntries([...found].map(([name, value]) => [name, map(value)]));
}

/** The closes that profiles were made of. */
export function pricesOf(found: ReadonlyMap<string, OwnProfile>): Answer['prices'] {
  return Object.fromEntries(
    [...found].map(([name, { summary, first, last }]) => [
      name,
      { rows: summary.n + 1, first: first.date, last: last.date },
    ]),
  );
}
