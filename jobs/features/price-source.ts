import bindings from '@duckdb/node-bindings';
import { parquetRows } from '../runtime/parquet.ts';
import { fromDay, type DayNumber, type IsoDate } from '../runtime/dates.ts';
import { literal, type DuckDBConnection } from '../runtime/duckdb.ts';
import { nameObjects } from '../lake/read-one-state.ts';
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
  /** Files of this machine with one state of the prices of a provider, each sorted by ticker and date. */
  readonly files: readonly string[];
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
  /** What DuckDB makes of its name: numbers cross to JavaScript faster than texts. */
  readonly hash: bigint;
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
  /** What `read` fills, used again by the next one that is no larger. */
  #days = new Int32Array(0);
  #numbers: readonly Float64Array[] = [];

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
      'select ticker, hash(ticker), count(*)::integer, max(day) from bars group by ticker order by ticker',
    );
    return rows.map(([ticker, hash, count, last]) => ({
      ticker: String(ticker),
      hash: BigInt(String(hash)),
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
   * Bars up to day `last` of each of `tickers`, oldest first, valid until the next `read`. They are all in memory
   * while they are read, 44 bytes a row. What is read goes to its ticker's place in runs. It comes in the order of the
   * files, month by month, nearly always; a ticker that comes in another order is sorted.
   *
   * @param tickers neighbours in the list that `tickers` gives; a name of theirs may have no bars that early
   */
  async *read(tickers: readonly TickerRows[], last: DayNumber): AsyncGenerator<TickerBars> {
    const total = tickers.reduce((sum, { rows }) => sum + rows, 0);
    if (this.#days.length < total) {
      this.#days = new Int32Array(total);
      this.#numbers = NUMBERS.map(() => new Float64Array(total));
    }
    const days = this.#days;
    const numbers = this.#numbers;
    const places = new Map<bigint, Place>();
    let start = 0;
    for (const { ticker, hash, rows } of tickers) {
      places.set(hash, { ticker, start, end: start, limit: start + rows, isSorted: true });
      start += rows;
    }
    if (places.size < tickers.length)
      throw new LakeError(`two tickers of lake "${this.#lake}" have the same hash`);

    const result = await this.#attempt(
      this.#db.stream(
        `select hash(ticker), day, ${NUMBERS.join(', ')} from bars where day <= ${last}
         and ticker between ${literal(tickers[0]!.ticker)} and ${literal(tickers.at(-1)!.ticker)}`,
      ),
    );
    for (;;) {
      const chunk = await this.#attempt(result.fetchChunk());
      if (chunk === null || chunk.rowCount === 0) break;
      this.#place(chunk.chunk, chunk.rowCount, places, days, numbers);
    }
    for (const place of places.values()) {
      if (!place.isSorted) this.#sort(place, days, numbers);
      const { ticker, start: from, end } = place;
      const [open, high, low, close, volume] = numbers.map((values) => values.subarray(from, end));
      const bars = { open: open!, high: high!, low: low!, close: close!, volume: volume! };
      yield { ticker, days: days.subarray(from, end), bars: { length: end - from, ...bars } };
    }
  }

  /** Moves one chunk of rows to the places of their tickers. */
  #place(
    chunk: DataChunk,
    rows: number,
    places: ReadonlyMap<bigint, Place>,
    days: Int32Array,
    numbers: readonly Float64Array[],
  ): void {
    const hashes = new BigUint64Array(...vector(chunk, 0, rows, 8));
    const newDays = new Int32Array(...vector(chunk, 1, rows, 4));
    const newNumbers = NUMBERS.map((_, index) => new Float64Array(...vector(chunk, index + 2, rows, 8)));
    for (let from = 0; from < rows;) {
      const hash = hashes[from]!;
      const place = places.get(hash);
      let before = place === undefined || place.end === place.start ? -Infinity : days[place.end - 1]!;
      let to = from;
      for (; to < rows && hashes[to] === hash; to += 1) {
        if (place !== undefined && newDays[to]! <= before) place.isSorted = false;
        before = newDays[to]!;
      }
      if (place === undefined || place.end + to - from > place.limit) {
        throw new LakeError(`prices of lake "${this.#lake}" are not those that were counted; run again`);
      }
      days.set(newDays.subarray(from, to), place.end);
      for (const [index, values] of newNumbers.entries())
        numbers[index]!.set(values.subarray(from, to), place.end);
      place.end += to - from;
      from = to;
    }
  }

  /** Puts the rows of one ticker in the order of their days. */
  #sort({ ticker, start, end }: Place, days: Int32Array, numbers: readonly Float64Array[]): void {
    const unsorted = days.slice(start, end);
    const order = Uint32Array.from(unsorted.keys()).sort((a, b) => unsorted[a]! - unsorted[b]!);
    for (const values of [days, ...numbers]) {
      const before = values.slice(start, end);
      for (const [to, from] of order.entries()) values[start + to] = before[from]!;
    }
    for (let row = start + 1; row < end; row += 1) {
      if (days[row] !== days[row - 1]) continue;
      throw new LakeError(
        `ticker ${ticker} in lake "${this.#lake}" has two rows of ${fromDay(days[row]!)}; load its month again`,
      );
    }
  }

  async #rows(sql: string): Promise<unknown[][]> {
    return (await this.#attempt(this.#db.runAndReadAll(sql))).getRowsJson();
  }

  async #attempt<T>(reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      throw new LakeError(
        `prices in lake "${this.#lake}" cannot be read: ${nameObjects(firstLine(error))}`,
        error,
      );
    }
  }
}

/** What `barsQuery` gives where there are no prices. */
const NO_BARS = `select '' as ticker, 0 as day, ${NUMBERS.map((name) => `0.0::double as ${name}`).join(', ')} where false`;

function barsQuery({ files, price, from, before, only }: PriceSourceOptions): string {
  if (files.length === 0) return NO_BARS;
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
    from (${parquetRows(files, ['ticker', 'date', 'open', 'high', 'low', 'close', 'adj_close', 'volume'])})
    where ${conditions.join(' and ')}`;
}

type DataChunk = Parameters<typeof bindings.data_chunk_get_vector>[0];

/** Where the rows of a ticker lie: `end` is the first free one, `limit` the first of the next ticker. */
interface Place {
  readonly ticker: string;
  readonly start: number;
  readonly limit: number;
  end: number;
  isSorted: boolean;
}

/** Buffer, offset and length of a vector's values, which DuckDB keeps until the next chunk. */
function vector(
  chunk: DataChunk,
  column: number,
  rows: number,
  bytes: number,
): [ArrayBuffer, number, number] {
  const values = bindings.vector_get_data(bindings.data_chunk_get_vector(chunk, column), rows * bytes);
  return [values.buffer as ArrayBuffer, values.byteOffset, rows];
}
