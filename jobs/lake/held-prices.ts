import { readFile } from 'node:fs/promises';
import { LakeBusyError } from '../runtime/errors.ts';
import type { MonthObject, ProviderPrices } from './choose-provider.ts';
import type { ObjectStore } from './object-store.ts';
import type { MonthSource } from './read-months.ts';
import { createCopier, MovedError, readListed } from './read-one-state.ts';
import { readPrices, type ReadPorts } from './read-prices.ts';

/** One state of the prices of a provider, for a session that reads some of them now and others later. */
export interface HeldPrices extends ProviderPrices, MonthSource {
  /** Names that a killed load has left half merged: their prices are not to be used. */
  readonly unfinished: ReadonlySet<string>;
}

/**
 * Fixes the state of the prices; undefined for a lake without any. Months of a folder are held with the first that is
 * read. Of a lake elsewhere only their versions are: once one of them is replaced it can no longer be read, and `read`
 * throws LakeBusyError.
 *
 * @param folder gives an existing folder for what is held
 */
export async function holdPrices(
  store: ObjectStore,
  provider: string | undefined,
  ports: ReadPorts,
  folder: () => Promise<string>,
): Promise<HeldPrices | undefined> {
  const fixed = await readPrices(store, { provider, tickers: [] }, ports, async (prices, unfinished) => ({
    ...prices,
    unfinished: new Set(unfinished),
  }));
  if (fixed === undefined) return undefined;
  let held: Promise<ReadonlyMap<string, string>> | undefined;
  const read = async (month: MonthObject): Promise<Uint8Array> => {
    if (store.folder === undefined) return readListed(store, month);
    held ??= folder().then((root) => createCopier(store, root)(fixed.months));
    return readFile((await held).get(month.key)!);
  };
  return {
    ...fixed,
    url: store.url,
    async read(month) {
      try {
        return await read(month);
      } catch (error) {
        if (!(error instanceof MovedError)) throw error;
        throw new LakeBusyError(
          `prices of ${fixed.provider} in lake "${store.url}" were changed after this session first looked at them; start a new one`,
        );
      }
    },
  };
}
