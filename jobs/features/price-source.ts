import { join } from 'node:path';
import bindings from '@duckdb/node-bindings';
import { pricesFolder, pricesPattern } from '../lake/layout.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { fromDay, type DayNumber, type IsoDate } from '../runtime/dates.ts';
import { literal, type DuckDBConnection } from '../runtime/duckdb.ts';
import { firstLine, LakeError } from '../runtime/errors.ts';
import type { Bars } from './indicator.ts';
import type { EraPrices } from './plan.ts';

/** One ticker's history: bars and their trading days, in arrays that the next ticker will overwrite. */
export interface TickerBars {
  readonly ticker: string;
  readonly days: Int32Array;
  readonly bars: Bars;
}

export interface PriceSourceOptions {
  readonly provider: string;
  readonly price: 'close' | 'adj_close';
  /** First trading date to see; all when undefined. */
  readonly from: IsoDate | undefined;
  /** First trading date no longer to see. */
  readonly before: IsoDate;
  /** Read these tickers only; all when empty. */
  readonly tickers: readonly string[];
}

const NUMBERS = ['open', 'high', 'low', 'close', 'volume'] as const;

/**
 * Bars of one provider as indicators need them, read by DuckDB from the objects of the lake. A row without all four
 * prices is no bar. With `adj_close` all four prices are scaled by adj_close / close; rows without one are no bars.
 */
export class PriceSource {
  readonly #db: DuckDBConnection;
  readonly #store: ObjectStore;

  private constructor(db: DuckDBConnection, store: ObjectStore) {
    this.#db = db;
    this.#store = store;
  }

  /** @param scratch folder for copies of objects that are not on this machine */
  static async open(
    store: ObjectStore,
    db: DuckDBConnection,
    options: PriceSourceOptions,
    scratch: string,
  ): Promise<PriceSource> {
    const source = new PriceSource(db, store);
    const folder = await store.localFolder(pricesFolder(options.provider), scratch);
    await source.#run(`create or replace temp view bars as ${barsQuery(folder, options)}`);
    return source;
  }

  /** Last trading date; undefined when there is none. */
  async lastDate(): Promise<IsoDate | undefined> {
    const [[day] = [null]] = await this.#rows('select max(day) from bars');
    return day === null || day === undefined ? undefined : fromDay(Number(day));
  }

  /** What each era has of prices, ascending by era; all prices are those of the one era `live`, where given. */
  async eraPrices(sample: 'weekly' | 'daily' | { live: DayNumber }): Promise<EraPrices[]> {
    // The same week as `weekOf`.
    const friday = 'day + ((1 - day) % 7 + 7) % 7';
    const era = sample === 'weekly' ? friday : sample === 'daily' ? 'day' : String(sample.live);
    const rows = await this.#rows(
      `select ${era} as era, cast(bit_xor(hash(ticker, day, ${NUMBERS.join(', ')})) as varchar), count(distinct ticker)::integer
       from bars group by all order by era`,
    );
    return rows.map(([day, hash, tickers]) => ({
      era: Number(day),
      hash: BigInt(String(hash)),
      tickers: Number(tickers),
    }));
  }

  /** Names and row counts of all tickers with bars up to `last`, in the order in which `read` gives them. */
  async tickers(last: DayNumber): Promise<{ ticker: string; rows: number }[]> {
    const rows = await this.#rows(
      `select ticker, count(*)::integer from bars where day <= ${last} group by ticker order by ticker`,
    );
    return rows.map(([ticker, count]) => ({ ticker: String(ticker), rows: Number(count) }));
  }

  /** Each ticker's bars up to day `last`, oldest first, tickers in binary order. */
  async *read(last: DayNumber): AsyncGenerator<TickerBars> {
    const tickers = await this.tickers(last);
    const longest = tickers.reduce((most, { rows }) => Math.max(most, rows), 0);
    const days = new Int32Array(longest);
    const numbers = NUMBERS.map(() => new Float64Array(longest));
    const [open, high, low, close, volume] = numbers as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];

    let result;
    try {
      result = await this.#db.stream(
        `select day, ${NUMBERS.join(', ')} from bars where day <= ${last} order by ticker, day`,
      );
    } catch (error) {
      throw this.#unreadable(error);
    }
    let chunk = await result.fetchChunk();
    let at = 0;
    for (const { ticker, rows } of tickers) {
      for (let filled = 0; filled < rows;) {
        if (at === chunk!.rowCount) {
          chunk = await result.fetchChunk();
          at = 0;
        }
        const count = Math.min(rows - filled, chunk!.rowCount - at);
        const dayVector = vectorBytes(chunk!.chunk, 0, chunk!.rowCount * 4);
        days.set(new Int32Array(dayVector.buffer, dayVector.byteOffset + at * 4, count), filled);
        for (const [index, target] of numbers.entries()) {
          const bytes = vectorBytes(chunk!.chunk, index + 1, chunk!.rowCount * 8);
          target.set(new Float64Array(bytes.buffer, bytes.byteOffset + at * 8, count), filled);
        }
        filled += count;
        at += count;
      }
      yield { ticker, days, bars: { length: rows, open, high, low, close, volume } };
    }
  }

  async #run(sql: string): Promise<void> {
    try {
      await this.#db.run(sql);
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  async #rows(sql: string): Promise<unknown[][]> {
    try {
      return (await this.#db.runAndReadAll(sql)).getRowsJson();
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  #unreadable(error: unknown): LakeError {
    return new LakeError(`prices in lake "${this.#store.url}" cannot be read: ${firstLine(error)}`, error);
  }
}

function barsQuery(folder: string, { provider, price, from, before, tickers }: PriceSourceOptions): string {
  const scale = price === 'adj_close' ? ' * adj_close / close' : '';
  const prices = ['open', 'high', 'low', 'close'].map((name) => `${name}${scale} as ${name}`);
  const conditions = [
    'open is not null and high is not null and low is not null and close is not null',
    ...(price === 'adj_close' ? ['adj_close is not null and close > 0'] : []),
    `date < date ${literal(before)}`,
    ...(from === undefined ? [] : [`date >= date ${literal(from)}`]),
    ...(tickers.length === 0 ? [] : [`ticker in (${tickers.map(literal).join(', ')})`]),
  ];
  // NaN instead of NULL: vectors are copied without their validity.
  return `select ticker, (date - date '1970-01-01')::integer as day, ${prices.join(', ')},
      coalesce(volume, 'nan'::double) as volume
    from (select ticker, date, open, high, low, close, adj_close, volume
      from read_parquet(${literal(join(folder, pricesPattern(provider)))}, hive_partitioning = false))
    where ${conditions.join(' and ')}`;
}

function vectorBytes(
  chunk: Parameters<typeof bindings.data_chunk_get_vector>[0],
  column: number,
  bytes: number,
): Uint8Array {
  return bindings.vector_get_data(bindings.data_chunk_get_vector(chunk, column), bytes);
}
