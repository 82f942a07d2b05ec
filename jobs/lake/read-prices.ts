import { LakeBusyError } from '../runtime/errors.ts';
import { findPrices, type MonthObject, type ProviderPrices } from './choose-provider.ts';
import { pricesMarkKey } from './layout.ts';
import type { Mark } from './marks.ts';
import type { ObjectStore } from './object-store.ts';
import { createCopier, readOneState, type StatePorts, type Subject } from './read-one-state.ts';

/*
 * The one way to read prices: in one state. A merge switches the months of a provider one by one, so that what is read
 * while it does can be two bases in one series.
 */

export interface ReadPorts extends StatePorts {
  /**
   * Carries out the merge of a dead run; resolves with false when that run turns out to be alive. Left out by who
   * cannot, for want of rights or of DuckDB.
   */
  readonly rollForward?: (provider: string) => Promise<boolean>;
}

export interface ReadRequest {
  /** Whose prices: the usual choice when undefined. */
  readonly provider: string | undefined;
  /** Which months; all when undefined. */
  readonly isWanted?: (month: string) => boolean;
  /** Only prices of these are used; of all when undefined. */
  readonly tickers?: readonly string[];
}

/** A month of prices as a file of this machine, which stays as it is. */
interface MonthFile extends MonthObject {
  readonly file: string;
}

/** One state of the prices of a provider. */
export interface PriceFiles {
  readonly provider: string;
  /** Oldest first. */
  readonly months: readonly MonthFile[];
}

/**
 * Resolves with what `read` makes of one state of the prices; undefined for a lake without prices. `read` is called
 * again when the prices were changed meanwhile; it throws MovedError where an object is not of the version listed.
 * Throws LakeBusyError, naming the run, when a merge is under way for longer than a reader waits, or when that of a dead
 * run touches the tickers and nobody here can carry it out.
 *
 * @param read is also given the names that a dead run has left half merged; no ticker asked for is among them
 */
export async function readPrices<T>(
  store: ObjectStore,
  request: ReadRequest,
  ports: ReadPorts,
  read: (prices: ProviderPrices, unfinished: readonly string[]) => Promise<T>,
): Promise<T | undefined> {
  const { rollForward } = ports;
  const subject: Subject<ProviderPrices> = {
    list: () => list(store, request),
    objects: ({ months }) => months,
    markKey: ({ provider }) => pricesMarkKey(provider),
    name: ({ provider }) => `prices of ${provider}`,
    verb: 'merging',
    ...(rollForward === undefined ? {} : { rollForward: ({ provider }) => rollForward(provider) }),
    acceptUnfinished: (mark) => refuseUnlessUntouched(mark, request.tickers, store.url),
  };
  return readOneState(store, subject, ports, (prices, unfinished) => read(prices, unfinished?.names ?? []));
}

/** Copies one state of the prices below `folder`, which is used by nobody else. Links, where they can be had. */
export async function copyPrices(
  store: ObjectStore,
  request: ReadRequest,
  folder: string,
  ports: ReadPorts,
): Promise<PriceFiles | undefined> {
  const copy = createCopier(store, folder);
  return readPrices(store, request, ports, async ({ provider, months }) => {
    const files = await copy(months);
    return { provider, months: months.map((month) => ({ ...month, file: files.get(month.key)! })) };
  });
}

async function list(
  store: ObjectStore,
  { provider, isWanted }: ReadRequest,
): Promise<ProviderPrices | undefined> {
  const found = await findPrices(store, provider);
  if (found === undefined || isWanted === undefined) return found;
  return { ...found, months: found.months.filter(({ month }) => isWanted(month)) };
}

function refuseUnlessUntouched(
  { run, names }: Mark,
  tickers: readonly string[] | undefined,
  url: string,
): void {
  const touched = tickers === undefined ? names : tickers.filter((ticker) => names.includes(ticker));
  if (touched.length > 0) throw halfMerged(touched, url, `run ${run} was killed`);
}

/** What to say of names that a dead run has left half merged. */
export function halfMerged(names: readonly string[], url: string, what = 'a load was killed'): LakeBusyError {
  return new LakeBusyError(
    `${what} while it merged prices of ${names.slice(0, 3).join(', ')}` +
      `${names.length > 3 ? ` and ${names.length - 3} more` : ''} into lake "${url}", ` +
      'and finishing its merge needs the right to write; run any load or transform with it',
  );
}
