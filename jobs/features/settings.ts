import { z } from 'zod';
import { UsageError } from '../runtime/errors.ts';
import { CATALOGUE_VERSION, columnsOf, featureName, GROUPS, indicatorsOf } from './catalogue.ts';
import type { Definition } from './indicator.ts';

const schema = z.strictObject({
  group: z.enum(GROUPS),
  provider: z.string(),
  definitions: z.enum(['causal', 'ta']),
  /** Fill gaps as `ta` does; only with its definitions. */
  fill: z.boolean(),
  /** Trading rows 0..lags-1 back. */
  lags: z.int().min(1),
  /** Which close the indicators see: as traded, or adjusted for dividends with the other prices in proportion. */
  price: z.enum(['close', 'adj_close']),
  /** Which rows are eras: the last of a week, every one, or one for a decision today. */
  sample: z.enum(['weekly', 'daily', 'live']),
  /** Rows with a gap are kept or dropped. */
  na: z.enum(['keep', 'drop']),
  /** Calendar days of prices that indicators see; null for all. */
  window: z.int().min(1).nullable(),
  catalogue: z.int(),
});

/** What all eras of one set share; two settings that differ in anything need two sets. */
export type FeatureSettings = z.infer<typeof schema>;

/** The definition that the kernels are asked for. */
export function definitionOf({ definitions, fill }: FeatureSettings): Definition {
  if (definitions === 'causal') return 'causal';
  return fill ? 'ta-fill' : 'ta';
}

/** Feature columns of a set in order: every column of the group with all its lags. */
export function featureColumns({ group, lags }: FeatureSettings): string[] {
  return columnsOf(group).flatMap((column) =>
    Array.from({ length: lags }, (_, lag) => featureName(column, lag)),
  );
}

/** For each column of the group whether a gap in it is a gap in the row. */
export function requiredColumns({ group }: FeatureSettings): boolean[] {
  const own = indicatorsOf(group).flatMap(({ columns }) => columns.map((column) => column.isSparse !== true));
  // Volume is missing by nature for whole kinds of instruments, but `drop` means to drop those rows.
  return [
    ...columnsOf(group)
      .slice(0, -own.length)
      .map(() => true),
    ...own,
  ];
}

export function formatSettings(settings: FeatureSettings): string {
  return `${JSON.stringify(settings, undefined, 2)}\n`;
}

/** Reads a settings object of the lake. Throws UsageError when it is not one, naming `key`. */
export function parseSettings(text: string, key: string): FeatureSettings {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new UsageError(
      `${key} is not the setting of a feature set; write the set again with --rebuild`,
      error,
    );
  }
}

/** Throws UsageError naming what differs when a set was made with another setting. */
export function assertSameSettings(set: string, stored: FeatureSettings, asked: FeatureSettings): void {
  const names = Object.keys(asked) as (keyof FeatureSettings)[];
  const different = names.filter((name) => stored[name] !== asked[name]);
  if (different.length === 0) return;
  const list = different
    .map((name) => `${name} ${String(stored[name])} (now ${String(asked[name])})`)
    .join(', ');
  throw new UsageError(
    `set "${set}" was made with ${list}; choose another --set, or replace it with --rebuild`,
  );
}

/** The setting of a run, of the present catalogue. */
export function createSettings(chosen: Omit<FeatureSettings, 'catalogue'>): FeatureSettings {
  return { ...chosen, catalogue: CATALOGUE_VERSION };
}
