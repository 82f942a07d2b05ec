import { join } from 'node:path';
import bindings from '@duckdb/node-bindings';
import { pricesPattern } from '../lake/layout.ts';
import type { DayNumber, IsoDate } from '../runtime/dates.ts';
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
  /** URL of the lake, for messages. */
  readonly lake: string;
  /** Folder of this machine that has the price objects at their keys. */
  readonly folder: string;
  readonly provider: string;
  readonly price: 'close' | 'adj_close';
  /** First trading date to see; all when undefined. */
  readonly from: IsoDate | undefined;
  /** First trading date no longer to see. */
  readonly before: IsoDate;
  /** See these tickers only; all when empty. */
  readonly only: readonly string[];
}

export interface TickerRows {
  readonly ticker: string;
  readonly rows: number;
  /** Its last trading day. */
  readonly last: DayNumber;
}

const NUMBERS = ['open', 'high', 'low', 'close', 'volume'] as const;

/**
 * Bars of one provider as indicators need them, read by DuckDB from the objects of the lake. A row without all four
 * prices is no bar. With `adj_close` all four prices are scaled by adj_close / close; rows without one are no bars.
 */
export class PriceSource {
  readonly #db: DuckDBConnection;
  readonly #lake: string;

  private constructor(db: DuckDBConnection, lake: string) {
    this.#db = db;
    this.#lake = lake;
  }

  static async open(db: DuckDBConnection, options: PriceSourceOptions): Promise<PriceSource> {
    const source = new PriceSource(db, options.lake);
    await source.#attempt(db.run(`create or replace temp view bars as ${barsQuery(options)}`));
    return source;
  }

  /** All tickers with bars, in binary order, which is the order in which `read` takes them. */
  async tickers(): Promise<TickerRows[]> {
    const rows = await this.#rows(
      'select ticker, count(*)::integer, max(day) from bars group by ticker order by ticker',
    );
    return rows.map(([ticker, count, last]) => ({
      ticker: String(ticker),
      rows: Number(count),
      last: Number(last),
    }));
  }

  /**
   * What each era has of prices, ascending by era; all prices are those of the one era `live`, where given.
   *
   * @param parts first ticker of each part of the tickers, and how many it has
   */
  async eraPrices(
    sample: 'weekly' | 'daily' | { live: DayNumber },
    parts: readonly { readonly first: string; readonly tickers: number }[],
  ): Promise<EraPrices[]> {
    // The same week as `weekOf`.
    const friday = 'day + ((1 - day) % 7 + 7) % 7';
    const era = sample === 'weekly' ? friday : sample === 'daily' ? 'day' : String(sample.live);
    // Rows bound how many tickers there are; counting the tickers themselves takes several times as long.
    const counts = parts.map(({ first, tickers }, index) => {
      const next = parts[index + 1];
      const below = next === undefined ? '' : ` and ticker < ${literal(next.first)}`;
      return `least(${tickers}, count(*) filter (where ticker >= ${literal(first)}${below}))::integer`;
    });
    const rows = await this.#rows(
      `select ${era} as era, cast(bit_xor(hash(ticker, day, ${NUMBERS.join(', ')})) as varchar), ${counts.join(', ')}
       from bars group by era order by era`,
    );
    return rows.map(([day, hash, ...tickers]) => ({
      era: Number(day),
      hash: BigInt(String(hash)),
      tickers: tickers.map(Number),
    }));
  }

  /**
   * Bars up to day `last` of each of `tickers`, oldest first.
   *
   * @param tickers neighbours in the list that `tickers` gives; a name of theirs may have no bars that early
   */
  async *read(tickers: readonly TickerRows[], last: DayNumber): AsyncGenerator<TickerBars> {
    const longest = tickers.reduce((most, { rows }) => Math.max(most, rows), 0);
    const days = new Int32Array(longest);
    const create = (): Float64Array => new Float64Array(longest);
    const bars = { open: create(), high: create(), low: create(), close: create(), volume: create() };
    const targets = NUMBERS.map((name) => bars[name]);
    const range = `day <= ${last} and ticker between ${literal(tickers[0]!.ticker)} and ${literal(tickers.at(-1)!.ticker)}`;
    const counts = new Map(
      (await this.#rows(`select ticker, count(*)::integer from bars where ${range} group by ticker`)).map(
        ([ticker, rows]) => [String(ticker), Number(rows)],
      ),
    );
    const result = await this.#attempt(
      this.#db.stream(`select day, ${NUMBERS.join(', ')} from bars where ${range} order by ticker, day`),
    );
    let chunk = await result.fetchChunk();
    let at = 0;
    for (const { ticker } of tickers) {
      const rows = counts.get(ticker) ?? 0;
      for (let filled = 0; filled < rows;) {
        if (at === chunk!.rowCount) {
          chunk = await result.fetchChunk();
          at = 0;
        }
        const count = Math.min(rows - filled, chunk!.rowCount - at);
        const dayBytes = vectorBytes(chunk!.chunk, 0, chunk!.rowCount * 4);
        days.set(new Int32Array(dayBytes.buffer, dayBytes.byteOffset + at * 4, count), filled);
        for (const [index, target] of targets.entries()) {
          const bytes = vectorBytes(chunk!.chunk, index + 1, chunk!.rowCount * 8);
          target.set(new Float64Array(bytes.buffer, bytes.byteOffset + at * 8, count), filled);
        }
        filled += count;
        at += count;
      }
      yield { ticker, days, bars: { length: rows, ...bars } };
    }
  }

  async #rows(sql: string): Promise<unknown[][]> {
    return (await this.#attempt(this.#db.runAndReadAll(sql))).getRowsJson();
  }

  async #attempt<T>(reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      throw new LakeError(`prices in lake "${this.#lake}" cannot be read: ${firstLine(error)}`, error);
    }
  }
}

function barsQuery({ folder, provider, price, from, before, only }: PriceSourceOptions): string {
  const scale = price === 'adj_close' ? ' * adj_close / close' : '';
  const prices = ['open', 'high', 'low', 'close'].map((name) => `${name}${scale} as ${name}`);
  const conditions = [
    'open is not null and high is not null and low is not null and close is not null',
    ...(price === 'adj_close' ? ['adj_close is not null and close > 0'] : []),
    `date < date ${literal(before)}`,
    ...(from === undefined ? [] : [`date >= date ${literal(from)}`]),
    ...(only.length === 0 ? [] : [`ticker in (${only.map(literal).join(', ')})`]),
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
