import { join } from 'node:path';
import pLimit from 'p-limit';
import { LakeBusyError, StoppedError } from '../runtime/errors.ts';
import type { Waiting } from '../runtime/poll.ts';
import { findPrices, type MonthObject, type ProviderPrices } from './choose-provider.ts';
import { pricesMarkKey } from './layout.ts';
import { isHolderAlive, lookAtMark, type Mark } from './marks.ts';
import type { ObjectStore } from './object-store.ts';

/*
 * The one way to read prices. A merge switches the months of a provider one by one, so that what is read while it does
 * can be a mixture: two bases in one series. A reader lists the months, looks for a mark, reads, and lists again. What it
 * read counts only when there was no mark with a change and both lists are the same; this order, and no other of the
 * same steps, lets no mixture pass.
 */

export interface ReadPorts extends Waiting {
  now(): Date;
  /**
   * Carries out the merge of a dead run; resolves with false when that run turns out to be alive. Left out by who
   * cannot, for want of rights or of DuckDB.
   */
  readonly rollForward?: (provider: string) => Promise<boolean>;
  /** How long to wait for a merge that is under way: two minutes when undefined. */
  readonly patienceMs?: number;
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
export interface MonthFile extends MonthObject {
  readonly file: string;
}

/** One state of the prices of a provider. */
export interface PriceFiles {
  readonly provider: string;
  /** Oldest first. */
  readonly months: readonly MonthFile[];
}

/** An object is no longer of the version that was listed: somebody has switched it. Readers start over. */
export class MovedError extends Error {
  constructor(key: string) {
    super(`${key} was replaced while it was being read`);
    this.name = 'MovedError';
  }
}

/** A merge takes seconds; one of the first history of many names some minutes. */
const PATIENCE_MS = 120_000;
const WAIT_MS = [20, 2000] as const;
const CONCURRENT_COPIES = 8;

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
  const { tickers } = request;
  const { patienceMs = PATIENCE_MS } = ports;
  const deadline = ports.now().getTime() + patienceMs;
  let inTheWay: string | undefined;
  for (let wait: number = WAIT_MS[0]; ; wait = Math.min(wait * 1.5, WAIT_MS[1])) {
    if (inTheWay !== undefined) {
      if (ports.now().getTime() > deadline) {
        throw new LakeBusyError(
          `${inTheWay} in lake "${store.url}", for longer than ${patienceMs / 1000} s; run again when it is done`,
        );
      }
      await pause(wait, ports);
    }
    const listed = await list(store, request);
    if (listed === undefined) return undefined;
    const mark = await lookAtMark(store, pricesMarkKey(listed.provider));
    let unfinished: readonly string[] = [];
    if (mark !== undefined && mark.change !== null) {
      inTheWay = `run ${mark.run} is merging prices of ${listed.provider}`;
      if (isHolderAlive(mark, ports.now())) continue;
      if (await isRolledForward(listed.provider, ports)) continue;
      refuseUnlessUntouched(mark, tickers, store.url);
      unfinished = mark.names;
    } else {
      inTheWay = `prices of ${listed.provider} keep being replaced`;
    }
    let result: T;
    try {
      result = await read(listed, unfinished);
    } catch (error) {
      if (error instanceof MovedError) continue;
      throw error;
    }
    if (isSame(listed, await list(store, request))) return result;
  }
}

/** Copies one state of the prices below `folder`, which is used by nobody else. Links, where they can be had. */
export async function copyPrices(
  store: ObjectStore,
  request: ReadRequest,
  folder: string,
  ports: ReadPorts,
): Promise<PriceFiles | undefined> {
  // Of an earlier attempt: what has not changed is not copied again.
  const copied = new Map<string, MonthFile>();
  const limit = pLimit(CONCURRENT_COPIES);
  let attempt = 0;
  return readPrices(store, request, ports, async ({ provider, months }) => {
    attempt += 1;
    const copy = async (object: MonthObject): Promise<MonthFile> => {
      const { key, version } = object;
      const known = copied.get(`${key} ${version}`);
      if (known !== undefined) return known;
      const made = { ...object, file: join(folder, String(attempt), key) };
      if (!(await store.copy(key, version, made.file))) throw new MovedError(key);
      copied.set(`${key} ${version}`, made);
      return made;
    };
    // All of them end before another attempt begins.
    const results = await Promise.allSettled(months.map((month) => limit(() => copy(month))));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return { provider, months: results.map((result) => (result as PromiseFulfilledResult<MonthFile>).value) };
  });
}

/** A month of prices in the version that was listed. Throws MovedError when it has another one by now. */
export async function readMonth(store: ObjectStore, { key, version }: MonthObject): Promise<Uint8Array> {
  const object = await store.get(key);
  if (object?.version !== version) throw new MovedError(key);
  return object.body;
}

async function list(
  store: ObjectStore,
  { provider, isWanted }: ReadRequest,
): Promise<ProviderPrices | undefined> {
  const found = await findPrices(store, provider);
  if (found === undefined || isWanted === undefined) return found;
  return { ...found, months: found.months.filter(({ month }) => isWanted(month)) };
}

function isSame(before: ProviderPrices, after: ProviderPrices | undefined): boolean {
  return (
    after?.provider === before.provider &&
    after.months.length === before.months.length &&
    before.months.every(
      ({ key, version }, index) =>
        after.months[index]!.key === key && after.months[index]!.version === version,
    )
  );
}

/** Whether it is worth another look: the dead run's merge was carried out, or the run is alive after all. */
async function isRolledForward(provider: string, { rollForward }: ReadPorts): Promise<boolean> {
  if (rollForward === undefined) return false;
  try {
    await rollForward(provider);
    return true;
  } catch (error) {
    if (isDenied(error)) return false;
    throw error;
  }
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

/** Whether a store refused for want of rights. */
function isDenied(error: unknown): boolean {
  const cause = (error as { cause?: unknown }).cause as
    { code?: string; name?: string; $metadata?: { httpStatusCode?: number } } | undefined;
  if (cause === undefined) return false;
  return (
    ['EACCES', 'EPERM', 'EROFS'].includes(cause.code ?? '') ||
    cause.$metadata?.httpStatusCode === 403 ||
    isDenied(cause)
  );
}

async function pause(ms: number, { sleep, signal }: ReadPorts): Promise<void> {
  try {
    await sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new StoppedError(`stopped by ${String(signal.reason)}; run again to go on`);
  }
}
