import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { IsoDate } from '../runtime/dates.ts';
import type { DuckDBConnection } from '../runtime/duckdb.ts';
import { firstLine, LakeError } from '../runtime/errors.ts';
import { listMonths } from './choose-provider.ts';
import { listingsKey } from './layout.ts';
import { ABSENT, ConflictError, type ObjectStore, type Version } from './object-store.ts';
import { parquetRows } from '../runtime/parquet.ts';
import { copyPrices, type ReadPorts } from './read-prices.ts';

const date = z.iso.date();

const schema = z.strictObject({
  /** As of its last answer. */
  currency: z.string().nullable(),
  exchange: z.string().nullable(),
  name: z.string().nullable(),
  /** The rows that the lake has of it lie between these trading dates, both included. */
  first: date.nullable(),
  last: date.nullable(),
  /**
   * The earliest trading date from which all of its history up to `last` was asked for and answered, before `first`
   * for a listing that began to trade later. `null` when that is not known, as in files of 0.1.0, which lack the key.
   * Of two writers the earlier date is right.
   */
  askedFrom: date.nullable().default(null),
  /** How many rows those are; `null` when that is not known. */
  rows: z.int().nullable(),
  /** Whether its last proper answer brought bars. */
  isGood: z.boolean(),
  /** UTC dates on which all of its history was last asked for, and last came. */
  askedInFullOn: date.nullable(),
  refreshedOn: date.nullable(),
  /** Days on which the provider did not know it since it last did, and the last of them (UTC). */
  absent: z.strictObject({ days: z.int(), last: date }).nullable(),
  /** A step in its prices that looks wrong, and the days (UTC) on which it was seen. */
  suspect: z.strictObject({ date, ratio: z.number(), days: z.array(date) }).nullable(),
  /** Dates of steps that were taken for real after all. */
  confirmed: z.array(date),
});

/** What a loader remembers of a listing from one run to the next. */
export type KnownListing = z.infer<typeof schema>;

export type KnownListings = ReadonlyMap<string, KnownListing>;

const fileSchema = z.strictObject({ version: z.literal(1), listings: z.record(z.string(), schema) });

const MAX_ATTEMPTS = 50;

/** Of a listing that was never asked for. */
export const NEW_LISTING: KnownListing = {
  currency: null,
  exchange: null,
  name: null,
  first: null,
  last: null,
  askedFrom: null,
  rows: null,
  isGood: false,
  askedInFullOn: null,
  refreshedOn: null,
  absent: null,
  suspect: null,
  confirmed: [],
};

/**
 * All listings of a provider. A lake that has prices and no listings yet is read through once for the dates of its
 * rows; `scratch` is for copies of it.
 */
export async function readListings(
  store: ObjectStore,
  db: DuckDBConnection,
  provider: string,
  scratch: string,
  ports: ReadPorts,
): Promise<KnownListings> {
  const stored = await readStored(store, provider);
  if (stored !== undefined) return stored.listings;
  if ((await listMonths(store, provider)).length === 0) return new Map();
  const folder = await mkdtemp(join(scratch, 'listings-'));
  try {
    const { months } = (await copyPrices(store, { provider }, folder, ports))!;
    return await listingsOf(
      db,
      months.map(({ file }) => file),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Writes what changed over what is stored by now. Other loads may write at the same time, the same listings included:
 * what they changed since `initial` was read is not undone.
 */
export async function saveListings(
  store: ObjectStore,
  provider: string,
  initial: KnownListings,
  changed: KnownListings,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const stored = await readStored(store, provider);
    const current = stored?.listings ?? initial;
    const merged = new Map(current);
    for (const [ticker, mine] of changed) {
      merged.set(ticker, mergeListing(initial.get(ticker), mine, current.get(ticker)));
    }
    const listings = Object.fromEntries([...merged].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const body = Buffer.from(`${JSON.stringify({ version: 1, listings })}\n`);
    try {
      await store.put(listingsKey(provider), body, stored?.version ?? ABSENT);
      return;
    } catch (error) {
      if (!(error instanceof ConflictError) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/**
 * A listing that this load has changed from `before` to `mine`, where another load has left `current`. What both know
 * of the rows of the lake is put together; of anything else that both have changed, ours is as good as theirs.
 */
function mergeListing(
  before: KnownListing | undefined,
  mine: KnownListing,
  current: KnownListing | undefined,
): KnownListing {
  if (current === undefined || isDeepStrictEqual(before, current)) return mine;
  const base = before ?? NEW_LISTING;
  const keep = <Key extends keyof KnownListing>(key: Key): KnownListing[Key] =>
    isDeepStrictEqual(base[key], mine[key]) ? current[key] : mine[key];
  const rowsChanged = !isDeepStrictEqual(base.rows, current.rows) && !isDeepStrictEqual(base.rows, mine.rows);
  return {
    currency: keep('currency'),
    exchange: keep('exchange'),
    name: keep('name'),
    first: isDeepStrictEqual(base.first, mine.first) ? current.first : earliest(mine.first, current.first),
    last: latest(mine.last, current.last),
    askedFrom: earliest(mine.askedFrom, current.askedFrom),
    rows: rowsChanged ? null : keep('rows'),
    isGood: keep('isGood'),
    askedInFullOn: latest(mine.askedInFullOn, current.askedInFullOn),
    refreshedOn: latest(mine.refreshedOn, current.refreshedOn),
    absent: keep('absent'),
    suspect: keep('suspect'),
    confirmed: [...new Set([...current.confirmed, ...mine.confirmed])].toSorted(),
  };
}

function earliest(a: IsoDate | null, b: IsoDate | null): IsoDate | null {
  if (a === null || b === null) return a ?? b;
  return a < b ? a : b;
}

function latest(a: IsoDate | null, b: IsoDate | null): IsoDate | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}

async function readStored(
  store: ObjectStore,
  provider: string,
): Promise<{ listings: KnownListings; version: Version } | undefined> {
  const key = listingsKey(provider);
  const object = await store.get(key);
  if (object === undefined) return undefined;
  try {
    const { listings } = fileSchema.parse(JSON.parse(Buffer.from(object.body).toString()));
    return { listings: new Map(Object.entries(listings)), version: object.version };
  } catch (error) {
    const unknown = unknownKeyOf(error);
    if (unknown !== undefined) {
      throw new LakeError(
        `${key} in lake "${store.url}" has "${unknown}", which this version does not know: a newer one wrote it; ` +
          'update signals',
        error,
      );
    }
    throw new LakeError(
      `${key} in lake "${store.url}" is not readable (${firstLine(error)}); ` +
        'restore it, or delete it and it is made again from the prices',
      error,
    );
  }
}

/** A key that only a newer version can have written: without it what it remembers would be lost. */
function unknownKeyOf(error: unknown): string | undefined {
  if (!(error instanceof z.ZodError)) return undefined;
  return error.issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []))[0];
}

async function listingsOf(db: DuckDBConnection, files: readonly string[]): Promise<KnownListings> {
  const result = await db.runAndReadAll(`
    select ticker, min(date)::varchar, max(date)::varchar, arg_max(currency, date), arg_max(exchange, date),
      count(*)::integer
    from (${parquetRows(files, ['ticker', 'date', 'currency', 'exchange'])}) group by ticker order by ticker`);
  return new Map(
    result.getRowsJson().map(([ticker, first, last, currency, exchange, rows]) => [
      String(ticker),
      {
        ...NEW_LISTING,
        currency: currency as string | null,
        exchange: exchange as string | null,
        first: first as IsoDate,
        last: last as IsoDate,
        rows: Number(rows),
        isGood: true,
      },
    ]),
  );
}
