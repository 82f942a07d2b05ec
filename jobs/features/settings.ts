import { z } from 'zod';
import { UsageError } from '../runtime/errors.ts';
import { CATALOGUE_VERSION, columnsOf, featureName, GROUPS, indicatorsOf } from './catalogue.ts';
import type { Definition } from './indicator.ts';
import { canonicalText, fillIn, toPresent, unknownKeys, type KeyHistory } from './stored-keys.ts';

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

/**
 * Keys of the schema that came after 0.1.0, each with the value that held for every set before it came, and the one that
 * a new set gets where the command says nothing. A set that lacks a key keeps the value that held.
 */
const ADDED = {} as const satisfies KeyHistory['added'];

const HISTORY: KeyHistory = {
  first: ['group', 'provider', 'definitions', 'fill', 'lags', 'price', 'sample', 'na', 'window', 'catalogue'],
  added: ADDED,
  renamed: {},
};

/** What all eras of one set share; two settings that differ in anything need two sets. */
export type FeatureSettings = z.infer<typeof schema>;

/** What a command asks for: keys that came after 0.1.0 can be left open. */
export type AskedSettings = Omit<FeatureSettings, keyof typeof ADDED> &
  Partial<Pick<FeatureSettings, keyof typeof ADDED>>;

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

/**
 * The setting as the program that first wrote such a one would write it. It is what fingerprints of eras are made from:
 * a key that came later with the value that held before, or that has another name by now, changes none of them.
 */
export function canonicalSettings(settings: FeatureSettings): string {
  return canonicalText(settings, HISTORY);
}

/**
 * Reads a settings object of the lake, of this version or an older one. Throws UsageError naming `key` when it is not
 * one, or has what only a newer version knows.
 */
export function parseSettings(text: string, key: string): FeatureSettings {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch (error) {
    throw notSettings(key, error);
  }
  if (!isObject(stored)) throw notSettings(key, undefined);
  const unknown = unknownKeys(stored, HISTORY);
  if (unknown.length > 0) {
    const names = unknown.map((name) => `"${name}"`).join(', ');
    throw new UsageError(
      `${key} has ${names}, which this version does not know: a newer one wrote it; update signals, or choose another --set`,
    );
  }
  const parsed = schema.safeParse(toPresent(stored, HISTORY));
  if (!parsed.success) throw notSettings(key, parsed.error);
  return parsed.data;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function notSettings(key: string, cause: unknown): UsageError {
  return new UsageError(
    `${key} is not the setting of a feature set; write the set again with --rebuild`,
    cause,
  );
}

/** A key whose value in the set is not the one that the command asks for. */
export interface SettingDifference {
  readonly key: string;
  readonly stored: unknown;
  readonly asked: unknown;
}

/**
 * What a command means for a set that exists. `rebuild`: only the catalogue of indicators has moved on, so the set is
 * for the same and is computed anew. A catalogue newer than this program's is a difference: a rebuild would take the
 * set back. Pure.
 */
export function compareSettings(
  stored: FeatureSettings,
  asked: FeatureSettings,
): 'same' | 'rebuild' | { readonly different: readonly SettingDifference[] } {
  const names = Object.keys(asked) as (keyof FeatureSettings)[];
  const different = names
    .filter((key) => stored[key] !== asked[key])
    .map((key) => ({ key, stored: stored[key], asked: asked[key] }));
  if (different.length === 0) return 'same';
  const isOlder = different.length === 1 && stored.catalogue < asked.catalogue;
  return isOlder ? 'rebuild' : { different };
}

/** Says in one line how a set differs from a command, and what to do. */
export function describeDifference(set: string, different: readonly SettingDifference[]): string {
  const isNewer = different.some(
    ({ key, stored, asked }) => key === 'catalogue' && Number(stored) > Number(asked),
  );
  const list = different
    .map(({ key, stored, asked }) => `${key} ${String(stored)} (now ${String(asked)})`)
    .join(', ');
  const advice = isNewer
    ? 'update signals, or choose another --set'
    : 'choose another --set, or replace it with --rebuild';
  return `set "${set}" was made with ${list}; ${advice}`;
}

/**
 * The setting of a run: what the command leaves open is as in the set that exists, or as in new sets where there is
 * none. Pure.
 */
export function settleSettings(asked: AskedSettings, stored: FeatureSettings | undefined): FeatureSettings {
  return schema.parse(fillIn(asked, stored, HISTORY));
}

/** What a command asks for, of the present catalogue. */
export function createSettings(chosen: Omit<AskedSettings, 'catalogue'>): AskedSettings {
  return { ...chosen, catalogue: CATALOGUE_VERSION };
}
