import { zstdDecompressSync } from 'node:zlib';
import { parquetMetadataAsync, parquetReadObjects, type FileMetaData } from 'hyparquet';
import pLimit from 'p-limit';
import { utcDate, type DateRange, type IsoDate } from '../runtime/dates.ts';
import { firstLine, LakeError, SignalsError } from '../runtime/errors.ts';
import type { MonthObject, ProviderPrices } from './choose-provider.ts';

/** A row of prices with the columns asked for; what is not there is null. */
export type PriceRecord<Column extends string> = {
  readonly ticker: string;
  readonly date: IsoDate;
} & Readonly<Record<Column, number | null>>;

/** From where the bytes of a month come, in the version that was listed. */
export interface MonthSource {
  /** URL of the lake, for messages. */
  readonly url: string;
  read(month: MonthObject): Promise<Uint8Array>;
}

export interface MonthsRead<T> {
  /** What was made of the rows of each month, oldest first. */
  readonly parts: readonly T[];
  /** A date up to which the prices go at least, whoever has them; undefined when there is nothing. */
  readonly newest: IsoDate | undefined;
}

/** Month objects that are read at once. */
const CONCURRENT_READS = 4;

const compressors = { ZSTD: (input: Uint8Array): Uint8Array => zstdDecompressSync(input) };

/**
 * Reads rows of some tickers, month by month, decoded in JavaScript so that no native part has to be there. Only
 * objects of months that the ranges touch are got. A month's rows are sorted by ticker and date.
 *
 * @param take makes of a month's rows what is kept of them
 */
export async function readMonths<Column extends string, T>(
  source: MonthSource,
  { months }: ProviderPrices,
  wanted: {
    readonly tickers: readonly string[];
    /** Rows in any of them. */
    readonly ranges: readonly DateRange[];
    readonly columns: readonly Column[];
  },
  take: (rows: readonly PriceRecord<Column>[]) => T,
): Promise<MonthsRead<T>> {
  const { tickers, ranges, columns } = wanted;
  const read = async (month: MonthObject): Promise<{ part: T; newest: IsoDate | undefined }> => {
    const body = await source.read(month);
    try {
      const file = toArrayBuffer(body);
      const metadata = await parquetMetadataAsync(file);
      const found = await parquetReadObjects({
        file,
        metadata,
        columns: ['ticker', 'date', ...columns],
        // Groups of rows that cannot have the tickers are passed over by their statistics.
        filter: { ticker: { $in: [...tickers] } },
        compressors,
      });
      const rows = found
        .map((row) => ({ ...row, date: utcDate(row.date as Date) }) as PriceRecord<Column>)
        .filter(({ date }) => ranges.some(({ start, end }) => date >= start && date < end));
      return { part: take(rows), newest: newestDate(metadata) };
    } catch (error) {
      if (error instanceof SignalsError) throw error;
      throw new LakeError(`${month.key} in lake "${source.url}" cannot be read: ${firstLine(error)}`, error);
    }
  };
  const limit = pLimit(CONCURRENT_READS);
  const results = await Promise.all(
    months
      .filter(({ month }) => ranges.some(({ start, end }) => `${month}-31` >= start && `${month}-01` < end))
      .map((month) => limit(() => read(month))),
  );
  const known = [
    ...results.flatMap((part) => part.newest ?? []),
    ...months.map(({ month }) => `${month}-01`),
  ];
  const newest = known.toSorted().at(-1);
  return { parts: results.map(({ part }) => part), newest };
}

/** The last date up to and with `end` that a provider has prices of, whoever's they are. */
export async function newestDateUpTo(
  source: MonthSource,
  { months }: ProviderPrices,
  end: IsoDate,
): Promise<IsoDate | undefined> {
  for (const object of months.toReversed()) {
    if (object.month > end.slice(0, 7)) continue;
    const body = await source.read(object);
    try {
      const file = toArrayBuffer(body);
      const metadata = await parquetMetadataAsync(file);
      const newest = newestDate(metadata);
      if (newest !== undefined && newest <= end) return newest;
      const rows = await parquetReadObjects({ file, metadata, columns: ['date'], compressors });
      const dates = rows.map(({ date }) => utcDate(date as Date)).filter((date) => date <= end);
      if (dates.length > 0) return dates.toSorted().at(-1);
    } catch (error) {
      throw new LakeError(`${object.key} in lake "${source.url}" cannot be read: ${firstLine(error)}`, error);
    }
  }
  return undefined;
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
