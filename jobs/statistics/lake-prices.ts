import { resolve } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { parquetMetadataAsync, parquetReadObjects, type FileMetaData } from 'hyparquet';
import pLimit from 'p-limit';
import { chooseProvider } from '../lake/choose-provider.ts';
import { parsePricesKey, pricesFolder, pricesKey } from '../lake/layout.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { utcDate, type DateRange, type IsoDate } from '../runtime/dates.ts';
import { firstLine, LakeError } from '../runtime/errors.ts';
import type { PriceRow } from './cache/price-cache.ts';
import { StatisticsError } from './errors.ts';
import { checkClose } from './estimators/series.ts';

/** What a source of prices has of a range. */
export interface PriceAnswer {
  /** Ascending by date, a list for each ticker asked for. */
  readonly rows: ReadonlyMap<string, readonly PriceRow[]>;
  /** A date up to which the source goes at least, whoever has it; undefined when there is nothing. */
  readonly newest: IsoDate | undefined;
}

/** Where prices come from when the cache does not have them. */
export interface PriceReader {
  /** Names it: prices from elsewhere are not mixed with its own. */
  readonly source: string;
  /** Rows in any of the ranges. */
  read(tickers: readonly string[], ranges: readonly DateRange[]): Promise<PriceAnswer>;
}

/** Month objects that are read at once. */
const CONCURRENT_READS = 4;

const compressors = { ZSTD: (input: Uint8Array): Uint8Array => zstdDecompressSync(input) };

/** Prices of one provider in the lake, decoded in JavaScript so that no native part has to be there. */
export class LakePrices implements PriceReader {
  readonly source: string;
  readonly #store: ObjectStore;
  readonly #provider: string | undefined;

  /** @param provider whose prices to read; when undefined as in every other command */
  constructor(store: ObjectStore, provider: string | undefined) {
    const url = store.url.startsWith('file:') ? `file:${resolve(store.url.slice(5))}` : store.url;
    this.source = provider === undefined ? url : `${url}|${provider}`;
    this.#store = store;
    this.#provider = provider;
  }

  async read(tickers: readonly string[], ranges: readonly DateRange[]): Promise<PriceAnswer> {
    const rows = new Map<string, PriceRow[]>(tickers.map((ticker) => [ticker, []]));
    const provider = await chooseProvider(this.#store, this.#provider);
    if (provider === undefined) return { rows, newest: undefined };
    const months: string[] = [];
    for await (const { key } of this.#store.list(pricesFolder(provider))) {
      const month = parsePricesKey(key)?.month;
      if (month !== undefined) months.push(month);
    }
    const wanted = months.filter((month) =>
      ranges.some(({ start, end }) => `${month}-31` >= start && `${month}-01` < end),
    );
    const limit = pLimit(CONCURRENT_READS);
    const parts = await Promise.all(
      wanted.map((month) => limit(() => this.#readMonth(pricesKey(provider, month), tickers, ranges))),
    );
    for (const part of parts) for (const [ticker, found] of part.rows) rows.get(ticker)!.push(...found);
    const known = [...parts.flatMap((part) => part.newest ?? []), ...months.map((month) => `${month}-01`)];
    const newest = known.toSorted().at(-1);
    return { rows, newest };
  }

  async #readMonth(
    key: string,
    tickers: readonly string[],
    ranges: readonly DateRange[],
  ): Promise<PriceAnswer> {
    const object = await this.#store.get(key);
    const rows = new Map<string, PriceRow[]>(tickers.map((ticker) => [ticker, []]));
    if (object === undefined) return { rows, newest: undefined };
    try {
      const file = toArrayBuffer(object.body);
      const metadata = await parquetMetadataAsync(file);
      const found = await parquetReadObjects({
        file,
        metadata,
        columns: ['ticker', 'date', 'open', 'close', 'dividend'],
        // Groups of rows that cannot have the tickers are passed over by their statistics.
        filter: { ticker: { $in: [...tickers] } },
        compressors,
      });
      for (const { ticker, date, open, close, dividend } of found) {
        const day = utcDate(date as Date);
        const isWanted = ranges.some(({ start, end }) => day >= start && day < end);
        if (!isWanted || (close === null && dividend === null)) continue;
        if (close !== null) checkClose(ticker as string, day, close);
        rows
          .get(ticker as string)!
          .push({ date: day, open: finite(open), close, dividend: finite(dividend) });
      }
      return { rows, newest: newestDate(metadata) };
    } catch (error) {
      if (error instanceof StatisticsError) throw error;
      throw new LakeError(`${key} in lake "${this.#store.url}" cannot be read: ${firstLine(error)}`, error);
    }
  }
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

/** The newest date of an object by the statistics of its row groups. */
function newestDate({ row_groups: groups }: FileMetaData): IsoDate | undefined {
  const dates = groups.flatMap(({ columns }) => {
    const date = columns.find((column) => column.meta_data?.path_in_schema[0] === 'date');
    const max = date?.meta_data?.statistics?.max_value;
    return max instanceof Date ? [utcDate(max)] : [];
  });
  return dates.toSorted().at(-1);
}

function toArrayBuffer({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
