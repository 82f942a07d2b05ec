import { join } from 'node:path';
import { z } from 'zod';
import type { IsoDate } from '../runtime/dates.ts';
import { literal, type DuckDBConnection } from '../runtime/duckdb.ts';
import { firstLine, LakeError } from '../runtime/errors.ts';
import { listingsKey, pricesFolder, pricesPattern } from './layout.ts';
import { ABSENT, ConflictError, type ObjectStore, type Version } from './object-store.ts';

const date = z.iso.date();

const schema = z.strictObject({
  /** As of its last answer. */
  currency: z.string().nullable(),
  exchange: z.string().nullable(),
  name: z.string().nullable(),
  /** The rows that the lake has of it lie between these trading dates, both included. */
  first: date.nullable(),
  last: date.nullable(),
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
): Promise<KnownListings> {
  const stored = await readStored(store, provider);
  if (stored !== undefined) return stored.listings;
  for await (const _ of store.list(pricesFolder(provider))) {
    const folder = await store.localFolder(pricesFolder(provider), scratch);
    return listingsOf(db, join(folder, pricesPattern(provider)));
  }
  return new Map();
}

/** Writes what changed over what is there by now; other listings may change at the same time. */
export async function saveListings(
  store: ObjectStore,
  provider: string,
  initial: KnownListings,
  changed: KnownListings,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const stored = await readStored(store, provider);
    const merged = new Map([...(stored?.listings ?? initial), ...changed]);
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

async function listingsOf(db: DuckDBConnection, pattern: string): Promise<KnownListings> {
  const result = await db.runAndReadAll(`
    select ticker, min(date)::varchar, max(date)::varchar, arg_max(currency, date), arg_max(exchange, date),
      count(*)::integer
    from read_parquet(${literal(pattern)}) group by ticker order by ticker`);
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
