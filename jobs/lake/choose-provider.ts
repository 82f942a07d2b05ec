import { UsageError } from '../runtime/errors.ts';
import { parsePricesKey, pricesFolder, PRICES_PREFIX } from './layout.ts';
import type { ObjectStore, Version } from './object-store.ts';

/** The prices of one provider as a listing of the lake found them. */
export interface ProviderPrices {
  readonly provider: string;
  /** Oldest first. */
  readonly months: readonly MonthObject[];
}

/** The object with the prices of a calendar month, `YYYY-MM`. */
export interface MonthObject {
  readonly month: string;
  readonly key: string;
  readonly version: Version;
}

/**
 * The prices of the one provider that is read: the one asked for, else `yahoo` where the lake has it, else the only
 * one. `undefined` when the lake has no prices. Throws UsageError when it is not there or two others are.
 */
export async function findPrices(
  store: ObjectStore,
  asked: string | undefined,
): Promise<ProviderPrices | undefined> {
  const found = new Map<string, MonthObject[]>();
  for await (const { key, version } of store.list(PRICES_PREFIX)) {
    const { provider, month } = parsePricesKey(key) ?? {};
    if (provider === undefined || month === undefined) continue;
    const months = found.get(provider) ?? [];
    months.push({ month, key, version });
    found.set(provider, months);
  }
  const provider = choose([...found.keys()].toSorted(), asked, store.url);
  return provider === undefined ? undefined : { provider, months: found.get(provider)! };
}

/** The months of one provider's prices, oldest first; empty where the lake has none. */
export async function listMonths(store: ObjectStore, provider: string): Promise<MonthObject[]> {
  const months: MonthObject[] = [];
  for await (const { key, version } of store.list(pricesFolder(provider))) {
    const month = parsePricesKey(key)?.month;
    if (month !== undefined) months.push({ month, key, version });
  }
  return months;
}

/** The provider of `findPrices`. */
export async function chooseProvider(
  store: ObjectStore,
  asked: string | undefined,
): Promise<string | undefined> {
  return (await findPrices(store, asked))?.provider;
}

function choose(providers: readonly string[], asked: string | undefined, url: string): string | undefined {
  if (asked !== undefined) {
    if (providers.includes(asked)) return asked;
    throw new UsageError(
      `--provider "${asked}" has no prices in lake "${url}"; it has ${providers.join(', ') || 'none'}`,
    );
  }
  if (providers.includes('yahoo')) return 'yahoo';
  if (providers.length > 1) {
    throw new UsageError(`lake "${url}" has prices of ${providers.join(', ')}; choose one with --provider`);
  }
  return providers[0];
}
