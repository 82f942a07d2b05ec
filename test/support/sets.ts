import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { copySet } from '../../jobs/features/read-set.ts';
import { createSettings, type FeatureSettings } from '../../jobs/features/settings.ts';
import { transformPrices, type TransformRequest } from '../../jobs/features/transform.ts';
import { pricesFolder, pricesKey } from '../../jobs/lake/layout.ts';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import type { ObjectStore } from '../../jobs/lake/object-store.ts';
import type { StatePorts } from '../../jobs/lake/read-one-state.ts';
import { openDuckDB } from '../../jobs/runtime/duckdb.ts';
import { createLogger } from '../../jobs/runtime/log.ts';
import { createProgress } from '../../jobs/runtime/progress.ts';

/*
 * Transforms of a small lake in this process, with a store that can be watched: what a run is about to write is told
 * first, so that a test can hold it back or let the run die there.
 */

export const SET = 'mine';

/** A lake with eight weeks of made-up prices of three names that end on 2026-10-30. */
export async function makePrices(
  lake: string,
  changed: { ticker?: string; close?: number } = {},
): Promise<void> {
  const db = await openDuckDB(lake);
  const { ticker = '', close = 1 } = changed;
  for (const month of ['2026-09', '2026-10']) {
    const file = join(lake, pricesKey('csv', month));
    mkdirSync(dirname(file), { recursive: true });
    await db.run(`copy (
      select ticker, date, price as open, price + 1 as high, price - 1 as low, price as close, price as adj_close,
        1000.0 as volume, null::double as dividend, null::double as split, 'USD' as currency,
        null::varchar as exchange, make_timestamp_ms(0)::timestamp_ms as fetched_at
      from (
        select ticker, date '2026-10-30' - i::int as date,
          case when ticker = '${ticker}' and i < 12 then ${close} else 1 end * (50 + hash(ticker, i) % 20)::double as price
        from (values ('A'), ('B'), ('C')) names(ticker), range(56) days(i))
      where isodow(date) < 6 and strftime(date, '%Y-%m') = '${month}'
      order by ticker, date) to '${file}' (format parquet)`);
  }
  db.closeSync();
}

export type Write = { readonly what: 'put' | 'delete'; readonly key: string };

/** A lake in a folder that tells what is about to be written. */
export class WatchedStore extends LocalStore {
  readonly #before: (write: Write) => Promise<void>;

  constructor(root: string, before: (write: Write) => Promise<void> = async () => {}) {
    super(root);
    this.#before = before;
  }

  override async put(...args: Parameters<ObjectStore['put']>): ReturnType<ObjectStore['put']> {
    await this.#before({ what: 'put', key: args[0] });
    return super.put(...args);
  }

  override async delete(...args: Parameters<ObjectStore['delete']>): Promise<void> {
    await this.#before({ what: 'delete', key: args[0] });
    return super.delete(...args);
  }
}

/** The store of a run that is killed at a write, which does not happen; nothing that it tries afterwards does. */
export function killedAt(root: string, isThere: (write: Write, index: number) => boolean): WatchedStore {
  let index = -1;
  let isDead = false;
  return new WatchedStore(root, async (write) => {
    index += 1;
    isDead ||= isThere(write, index);
    if (isDead) throw new Error('killed');
  });
}

function settingsOf(chosen: Partial<FeatureSettings> = {}): FeatureSettings {
  return {
    ...createSettings({
      ...{ group: 'other', provider: 'csv', definitions: 'causal', fill: false, lags: 1 },
      ...{ price: 'close', sample: 'weekly', na: 'keep', window: null },
    }),
    ...chosen,
  };
}

export interface RunOptions extends Partial<Omit<TransformRequest, 'settings'>> {
  readonly settings?: Partial<FeatureSettings>;
  /** Minutes after now at which it runs: after a few, the marks of runs that were killed are those of dead ones. */
  readonly minutes?: number;
  readonly ports?: Partial<StatePorts>;
}

let runs = 0;

/** One transform of the set. */
export async function transformSet(
  store: LocalStore,
  folder: string,
  { settings, minutes = 0, ports, ...request }: RunOptions = {},
): ReturnType<typeof transformPrices> {
  runs += 1;
  const scratch = mkdtempSync(join(folder, 'scratch-'));
  const db = await openDuckDB(scratch, { threads: 1 });
  const log = createLogger({ level: 'error', format: 'json' });
  const lake = store.url.slice('file:'.length);
  try {
    return await transformPrices(
      {
        runId: `run-${runs}`,
        set: SET,
        settings: settingsOf(settings),
        since: '2026-10-12',
        asOf: undefined,
        tickers: [],
        reload: undefined,
        threads: 1,
        isRebuild: false,
        versions: {},
        ...request,
      },
      {
        store,
        db,
        log,
        progress: createProgress(false, log),
        scratch,
        ...portsAfter(minutes),
        ...ports,
        copyPrices: async () => {
          const months = join(lake, pricesFolder('csv'));
          return readdirSync(months).map((month) => join(months, month, 'prices.parquet'));
        },
      },
    );
  } finally {
    db.closeSync();
  }
}

export function portsAfter(minutes: number): StatePorts {
  return {
    signal: new AbortController().signal,
    now: () => new Date(Date.now() + minutes * 60_000),
    sleep: () => new Promise((resolve) => setTimeout(resolve, 1)),
  };
}

/**
 * What a reader finds in the set: its lags and the content of each era, but for their footers; undefined where there is
 * no set.
 */
export async function readSet(
  store: ObjectStore,
  folder: string,
  ports: StatePorts = portsAfter(0),
): Promise<string | undefined> {
  const files = await copySet(store, SET, mkdtempSync(join(folder, 'read-')), ports);
  if (files === undefined) return undefined;
  const { settings, damaged, eras } = files;
  const content = eras.map(({ era, file }) => [era, hashOf(readFileSync(file))]);
  return JSON.stringify({ lags: settings.lags, catalogue: settings.catalogue, damaged, eras: content });
}

function hashOf(file: Buffer): string {
  const footer = file.readUInt32LE(file.length - 8);
  return createHash('sha256')
    .update(file.subarray(0, file.length - 8 - footer))
    .digest('hex');
}
