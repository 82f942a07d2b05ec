import { UsageError } from '../runtime/errors.ts';
import { parsePricesKey, PRICES_PREFIX } from './layout.ts';
import type { ObjectStore } from './object-store.ts';

/**
 * The one provider whose prices are read: the one asked for, else `yahoo` where the lake has it, else the only one.
 * `undefined` when the lake has no prices. Throws UsageError when it is not there or two others are.
 */
export async function chooseProvider(
  store: ObjectStore,
  asked: string | undefined,
): Promise<string | undefined> {
  const found = new Set<string>();
  for await (const { key } of store.list(PRICES_PREFIX)) {
    const provider = parsePricesKey(key)?.provider;
    if (provider !== undefined) found.add(provider);
  }
  const providers = [...found].toSorted();
  if (asked !== undefined) {
    if (found.has(asked)) return asked;
    throw new UsageError(
      `--provider "${asked}" has no prices in lake "${store.url}"; it has ${providers.join(', ') || 'none'}`,
    );
  }
  if (found.has('yahoo')) return 'yahoo';
  if (providers.length > 1) {
    throw new UsageError(
      `lake "${store.url}" has prices of ${providers.join(', ')}; choose one with --provider`,
    );
  }
  return providers[0];
}
