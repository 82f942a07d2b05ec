import { LocalStore } from '../../jobs/lake/local-store.ts';
import type { MergeResult } from '../../jobs/lake/merge-prices.ts';
import type { ObjectStore } from '../../jobs/lake/object-store.ts';
import { PricesWriter } from '../../jobs/lake/prices.ts';
import { readPortsOf } from '../../jobs/lake/read-ports.ts';
import type { ReadPorts } from '../../jobs/lake/read-prices.ts';
import { withPricesMark } from '../../jobs/lake/roll-forward.ts';
import { systemClock } from '../../jobs/runtime/clock.ts';
import type { DuckDBConnection } from '../../jobs/runtime/duckdb.ts';
import { LakePrices } from '../../jobs/statistics/lake-prices.ts';

const waiting = { signal: new AbortController().signal, now: () => new Date(), sleep: systemClock.sleep };

/** How a command would read the prices of a lake. */
export function reading(store: ObjectStore): ReadPorts {
  return readPortsOf(store, waiting);
}

export interface MergeSettings {
  readonly provider?: string;
  readonly fetchedAt?: Date;
  readonly keepsKnown?: boolean;
  readonly run?: string;
}

/** Merges what `fill` adds, as a load does; `scratch` is an existing folder. */
export async function mergePrices(
  store: ObjectStore,
  db: DuckDBConnection,
  scratch: string,
  fill: (writer: PricesWriter) => void,
  { provider = 'csv', fetchedAt = new Date(0), keepsKnown = false, run = 'test' }: MergeSettings = {},
): Promise<MergeResult> {
  const writer = new PricesWriter({ store, db, scratch }, provider, { keepsKnown });
  fill(writer);
  return withPricesMark(provider, run, { store, db, scratch, ...waiting }, (held) =>
    writer.merge(held, fetchedAt, () => {}),
  );
}

/** The prices of a lake in a folder, as statistics read them. */
export function readLake(folder: string): LakePrices {
  const store = new LocalStore(folder);
  return new LakePrices(store, undefined, reading(store));
}
