import type { Family, Indicator } from './indicator.ts';
import { MOMENTUM } from './momentum.ts';
import { OTHERS } from './others.ts';
import { TREND } from './trend.ts';
import { VOLATILITY } from './volatility.ts';
import { VOLUME } from './volume.ts';

/**
 * Every indicator, in the order of the columns. To add one, write its kernel in the file of its family and list it
 * there.
 */
export const CATALOGUE: readonly Indicator[] = [...VOLUME, ...VOLATILITY, ...TREND, ...MOMENTUM, ...OTHERS];

/** Part of every set's setting. To be raised whenever a value of any column changes. */
export const CATALOGUE_VERSION = 1;

/** Columns of the bars themselves, features like all others. */
export const BAR_COLUMNS = ['open', 'high', 'low', 'close', 'volume'] as const;

/** What `--cmd` takes; `other` is the original system's name for the family `others`. */
export const GROUPS = ['all', 'momentum', 'other', 'trend', 'volatility', 'volume'] as const;
export type Group = (typeof GROUPS)[number];

/** Indicators of a group, in the order of the columns. */
export function indicatorsOf(group: Group): readonly Indicator[] {
  const family: Family | undefined = group === 'all' ? undefined : group === 'other' ? 'others' : group;
  return CATALOGUE.filter((indicator) => family === undefined || indicator.family === family);
}

/** Columns of a group in order, bars first, without lags. */
export function columnsOf(group: Group): string[] {
  return [...BAR_COLUMNS, ...indicatorsOf(group).flatMap(({ columns }) => columns.map(({ name }) => name))];
}

/** Name of a column `lag` trading rows back. */
export function featureName(column: string, lag: number): string {
  return `feature_${column}_shift${lag}`;
}
