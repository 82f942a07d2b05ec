import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { isIsoDate } from '../runtime/dates.ts';
import { firstLine, UsageError } from '../runtime/errors.ts';
import type { Bar } from './bar.ts';
import type { Answer, FetchResult, PriceProvider } from './provider.ts';

const REQUIRED = ['date', 'open', 'high', 'low', 'close', 'adj_close', 'volume'] as const;
const OPTIONAL = ['dividend', 'split', 'currency'] as const;

/**
 * Prices from files of your own: `FOLDER/<TICKER>.csv` with the header
 * `date,open,high,low,close,adj_close,volume[,dividend][,split][,currency]`. An empty field is a missing value;
 * prices and volume are split-adjusted as in `Bar`.
 */
export function createCsvProvider(folder: string): PriceProvider {
  return {
    name: 'csv',
    async fetchDaily({ ticker, range }): Promise<Answer> {
      const file = join(folder, `${ticker}.csv`);
      let text: string;
      try {
        text = await readFile(file, 'utf8');
      } catch (error) {
        return { kind: 'not-found', reason: `${file} cannot be read: ${firstLine(error)}`, bytes: 0 };
      }
      const bytes = Buffer.byteLength(text);
      const parsed = parsePrices(text, file);
      if (parsed.kind !== 'ok') return { ...parsed, bytes };
      const bars = parsed.bars.filter((bar) => bar.date >= range.start && bar.date < range.end);
      if (bars.length > 0) return { ...parsed, bars, bytes };
      const [first, last] = [parsed.bars[0]!.date, parsed.bars.at(-1)!.date];
      return { kind: 'empty', reason: `${file} has bars from ${first} to ${last}`, isExpected: true, bytes };
    },
  };
}

/** Tickers that a folder has files for, sorted. Throws UsageError when there is no such folder or no file. */
export async function listCsvTickers(folder: string): Promise<string[]> {
  const isFolder = await stat(folder).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (!isFolder)
    throw new UsageError(`--path "${folder}" is not a folder; name the one with <TICKER>.csv files`);
  const names = await readdir(folder);
  const tickers = names.filter((name) => name.endsWith('.csv') && name !== 'universe.csv');
  if (tickers.length === 0) throw new UsageError(`--path "${folder}" holds no <TICKER>.csv file`);
  return tickers.map((name) => name.slice(0, -'.csv'.length)).toSorted();
}

/** Reads one file whole. Any line that is not as the header promises makes the whole file invalid. */
export function parsePrices(text: string, file: string): FetchResult {
  const invalid = (line: number, what: string): FetchResult => ({
    kind: 'invalid',
    reason: `${file} line ${line}: ${what}`,
  });

  let records: { info: { lines: number }; record: string[] }[];
  try {
    records = parse(text, {
      bom: true,
      info: true, // wraps each record with its line number, which the declared type does not show
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as typeof records;
  } catch (error) {
    return invalid(error instanceof CsvError ? Number(error['lines'] ?? 1) : 1, firstLine(error));
  }
  const header = records[0]?.record;
  if (header === undefined) return invalid(1, `is empty; the first line must be ${REQUIRED.join(',')}`);
  const missing = REQUIRED.filter((name) => !header.includes(name));
  if (missing.length > 0) return invalid(1, `column ${missing.join(', ')} is missing from the header`);
  const unknown = header.filter((name) => !(REQUIRED as readonly string[]).concat(OPTIONAL).includes(name));
  if (unknown.length > 0) return invalid(1, `column "${unknown[0]}" is not known`);

  const at = Object.fromEntries(header.map((name, index) => [name, index])) as Record<
    string,
    number | undefined
  >;
  const bars: Bar[] = [];
  let currency: string | null = null;
  for (const { record, info } of records.slice(1)) {
    if (record.length !== header.length) {
      return invalid(info.lines, `has ${record.length} fields, the header has ${header.length}`);
    }
    const date = record[at['date']!]!;
    if (!isIsoDate(date)) return invalid(info.lines, `date "${date}" is not an existing YYYY-MM-DD`);
    const previous = bars.at(-1)?.date;
    if (previous !== undefined && date <= previous) {
      return invalid(
        info.lines,
        `date ${date} does not come after ${previous}; sort by date, one line a date`,
      );
    }
    const numbers: Record<string, number | null> = {};
    for (const name of [...REQUIRED.slice(1), 'dividend', 'split']) {
      const field = at[name] === undefined ? '' : record[at[name]]!;
      const value = field === '' ? null : Number(field);
      if (value !== null && !(Number.isFinite(value) && value >= 0)) {
        return invalid(info.lines, `${name} "${field}" is not a number of zero or more`);
      }
      numbers[name] = value;
    }
    const {
      open,
      high,
      low,
      close,
      adj_close: adjClose,
      volume,
      dividend,
      split,
    } = numbers as Record<string, null>;
    bars.push({ date, open, high, low, close, adjClose, volume, dividend, split } as Bar);
    const stated = at['currency'] === undefined ? '' : record[at['currency']]!;
    if (stated !== '') currency = stated;
  }
  if (bars.length === 0) return invalid(1, 'has a header and no bars');
  return {
    kind: 'ok',
    bars,
    listing: { currency, quotedIn: null, exchange: null, name: null, firstTraded: null },
    lastStamp: null,
  };
}
