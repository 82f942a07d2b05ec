import type { IsoDate } from '../runtime/dates.ts';

/*
 * Keys of every object of the lake, the same in a folder and in S3. Reading side patterns name objects exactly,
 * so that nothing else below a prefix (staging, settings) is ever taken for data.
 */

export const PRICES_PREFIX = 'raw_data/';
export const FEATURES_PREFIX = 'features/';
export const UNIVERSE_PREFIX = 'universe/';
export const STAGING_PREFIX = 'staging/';
/** No lifecycle rule and no clean-up touches what lies below: it is the way forward from a killed run. */
export const MARKS_PREFIX = 'marks/';

/** Prices of one provider and calendar month. */
export function pricesKey(provider: string, month: string): string {
  return `raw_data/provider=${provider}/month=${month}/prices.parquet`;
}

/** What the keys of one provider's prices start with. */
export function pricesFolder(provider: string): string {
  return `raw_data/provider=${provider}/`;
}

/** Provider and month of a prices object; `undefined` for any other key. */
export function parsePricesKey(key: string): { provider: string; month: string } | undefined {
  const match = /^raw_data\/provider=([a-z]+)\/month=(\d{4}-(?:0[1-9]|1[0-2]))\/prices\.parquet$/.exec(key);
  return match ? { provider: match[1]!, month: match[2]! } : undefined;
}

/** Features of one set and era. */
export function eraKey(set: string, era: IsoDate): string {
  return `features/${set}/era=${era}/features.parquet`;
}

/** Set and era of a features object; `undefined` for any other key. */
export function parseEraKey(key: string): { set: string; era: IsoDate } | undefined {
  const match = /^features\/([a-z][a-z0-9_]*)\/era=(\d{4}-\d\d-\d\d)\/features\.parquet$/.exec(key);
  return match ? { set: match[1]!, era: match[2]! } : undefined;
}

/** The setting that all eras of a set share. Names that start with an underscore are hidden from Athena. */
export function settingsKey(set: string): string {
  return `features/${set}/_settings.json`;
}

/** Set of a settings object; `undefined` for any other key. */
export function parseSettingsKey(key: string): string | undefined {
  return /^features\/([a-z][a-z0-9_]*)\/_settings\.json$/.exec(key)?.[1];
}

/** What each era of a set was made from. */
export function eraIndexKey(set: string): string {
  return `features/${set}/_eras.json`;
}

export function universeKey(date: IsoDate): string {
  return `universe/date=${date}/universe.parquet`;
}

/** The date from which a universe held; `undefined` for any other key. */
export function parseUniverseKey(key: string): IsoDate | undefined {
  return /^universe\/date=(\d{4}-\d\d-\d\d)\/universe\.parquet$/.exec(key)?.[1];
}

/** Who is merging into the prices of a provider; see `marks.ts`. */
export function pricesMarkKey(provider: string): string {
  return `${MARKS_PREFIX}provider=${provider}.json`;
}

/** Who is changing the eras of a set. */
export function setMarkKey(set: string): string {
  return `${MARKS_PREFIX}set=${set}.json`;
}

/** What the loader remembers of the listings of a provider. */
export function listingsKey(provider: string): string {
  return `listings/provider=${provider}/listings.json`;
}

/** What the keys of everything that a run has fetched and not merged yet start with. */
export function stagingFolder(runId: string): string {
  return `${STAGING_PREFIX}${runId}/`;
}

/** What the keys of all manifests of a job start with. */
export function manifestFolder(job: string): string {
  return `runs/${job}/`;
}

/** What one run did. */
export function manifestKey(job: string, runId: string): string {
  return `runs/${job}/${runId}.json`;
}
