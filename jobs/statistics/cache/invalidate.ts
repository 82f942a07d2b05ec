import type { IsoDate } from '../../runtime/dates.ts';
import { METHODS, type Method } from '../estimators/estimate.ts';
import { PriceCache } from './price-cache.ts';
import type { Item, Selection, TableStore } from './table-store.ts';
import { TABLES, type TableName } from './tables.ts';

/** Which statistics to remove: those that fit all that is given. */
export interface InvalidationFilter {
  /** Its profiles, its correlations with others, and what is known of its prices. */
  readonly ticker?: string;
  readonly method?: Method;
  readonly weekends?: boolean;
  /** Windows that end before this date. */
  readonly endBefore?: IsoDate;
}

export interface Invalidated {
  readonly profiles: number;
  readonly correlations: number;
  /** Ranges of prices that are no longer known; only for a ticker without further conditions. */
  readonly ranges: number;
}

/** Removes statistics; each is found by a key or an index of its table. */
export async function invalidate(store: TableStore, filter: InvalidationFilter): Promise<Invalidated> {
  const profiles = await remove(store, 'profile', profileSelections(filter), filter);
  const correlations = await remove(store, 'correlations', correlationSelections(filter), filter);
  const isWholeTicker =
    filter.ticker !== undefined &&
    filter.method === undefined &&
    filter.weekends === undefined &&
    filter.endBefore === undefined;
  const ranges = isWholeTicker ? await new PriceCache(store).forget(filter.ticker!) : 0;
  return { profiles, correlations, ranges };
}

function profileSelections({ ticker, method, weekends, endBefore }: InvalidationFilter): Selection[] {
  if (ticker !== undefined) return [{ hash: ticker }];
  if (endBefore !== undefined || weekends !== undefined) {
    return flags(weekends).map((hash) => ({
      index: 'DateTelescoping',
      hash,
      ...(endBefore === undefined ? {} : { before: endBefore }),
    }));
  }
  return methods(method).map((hash) => ({ index: 'EstimationTelescoping', hash }));
}

function correlationSelections({ ticker, method, weekends, endBefore }: InvalidationFilter): Selection[] {
  if (ticker !== undefined) {
    const others = { index: 'AssetTelescoping', hash: ticker };
    return [{ hash: ticker }, endBefore === undefined ? others : { ...others, before: endBefore }];
  }
  if (method !== undefined) return [{ index: 'EstimationTelescoping', hash: method }];
  return flags(weekends).map((hash) => ({ index: 'WeekendTelescoping', hash }));
}

function flags(weekends: boolean | undefined): number[] {
  return weekends === undefined ? [0, 1] : [weekends ? 1 : 0];
}

function methods(method: Method | undefined): readonly Method[] {
  return method === undefined ? METHODS : [method];
}

async function remove(
  store: TableStore,
  table: TableName,
  selections: readonly Selection[],
  filter: InvalidationFilter,
): Promise<number> {
  const { hash, range } = TABLES[table];
  const keys = new Map<string, Item>();
  for (const selection of selections) {
    for await (const item of store.query(table, selection)) {
      if (!fits(String(item[range]), filter)) continue;
      const key = { [hash]: item[hash]!, [range]: item[range]! };
      keys.set(JSON.stringify(key), key);
    }
  }
  await store.delete(table, [...keys.values()]);
  return keys.size;
}

/** Indexes with keys only do not have the other attributes, but the composed key has their values. */
function fits(key: string, { method, weekends, endBefore }: InvalidationFilter): boolean {
  const [, end = '', ofMethod, ofWeekends] = key.split('#');
  return (
    (method === undefined || ofMethod === method) &&
    (weekends === undefined || ofWeekends === (weekends ? '1' : '0')) &&
    (endBefore === undefined || end < endBefore)
  );
}
