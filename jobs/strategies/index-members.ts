import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { isIsoDate, type DateRange, type IsoDate } from '../runtime/dates.ts';
import { firstLine, UsageError } from '../runtime/errors.ts';
import { packageRoot } from '../runtime/package-root.ts';
import { RecipeError } from './errors.ts';

const HEADER = 'index,ticker,start,end';

/** End of a membership that has none. */
const OPEN = '9999-12-31';

/** Which tickers were in an index on which dates. */
export class IndexMembers {
  /** By index, then by ticker. */
  readonly #ranges: ReadonlyMap<string, ReadonlyMap<string, readonly DateRange[]>>;

  constructor(ranges: ReadonlyMap<string, ReadonlyMap<string, readonly DateRange[]>>) {
    this.#ranges = ranges;
  }

  /** Members of an index on a date, sorted. Throws RecipeError for an index that is not in the table. */
  on(index: string, date: IsoDate): string[] {
    const members = this.#ranges.get(index);
    if (members === undefined) {
      const known = [...this.#ranges.keys()].toSorted().join(', ') || 'none';
      throw new RecipeError(`index "${index}" has no members; the table has ${known}`);
    }
    return [...members]
      .filter(([, ranges]) => ranges.some(({ start, end }) => date >= start && date < end))
      .map(([ticker]) => ticker)
      .toSorted();
  }
}

/** Reads every `*.csv` of a folder, by default data/config/indexes; its README describes the format. */
export async function readIndexMembers(
  folder = join(packageRoot, 'data/config/indexes'),
): Promise<IndexMembers> {
  let files: { file: string; text: string }[];
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.csv')).toSorted();
    files = await Promise.all(
      names.map(async (name) => ({
        file: join(folder, name),
        text: await readFile(join(folder, name), 'utf8'),
      })),
    );
  } catch (error) {
    throw new UsageError(`folder of indexes "${folder}" cannot be read: ${firstLine(error)}`, error);
  }
  return parseIndexMembers(files);
}

/** Throws UsageError naming file and line when one is not as described, or two memberships of a ticker overlap. */
export function parseIndexMembers(
  files: readonly { readonly file: string; readonly text: string }[],
): IndexMembers {
  const indexes = new Map<string, Map<string, DateRange[]>>();
  for (const { file, text } of files) {
    for (const { line, index, ticker, range } of parseFile(file, text)) {
      const members = indexes.get(index) ?? new Map<string, DateRange[]>();
      indexes.set(index, members);
      const ranges = members.get(ticker) ?? [];
      members.set(ticker, ranges);
      const other = ranges.find(({ start, end }) => range.start < end && start < range.end);
      if (other !== undefined) {
        throw new UsageError(
          `index file "${file}" line ${line}: ${ticker} is in ${index} from ${other.start} already; ` +
            'end that membership before, or leave this line out',
        );
      }
      ranges.push(range);
    }
  }
  return new IndexMembers(indexes);
}

interface Membership {
  readonly line: number;
  readonly index: string;
  readonly ticker: string;
  readonly range: DateRange;
}

function parseFile(file: string, text: string): Membership[] {
  let rows: { info: { lines: number }; record: string[] }[];
  try {
    const options = { bom: true, info: true, skip_empty_lines: true, trim: true } as const;
    rows = parse(text, options) as unknown as typeof rows;
  } catch (error) {
    throw new UsageError(`index file "${file}": ${firstLine(error)}`, error);
  }
  const header = rows.shift()?.record.join() ?? '';
  if (header !== HEADER)
    throw new UsageError(`index file "${file}" starts with "${header}", it must be "${HEADER}"`);
  return rows.map(({ info: { lines: line }, record }) => {
    const [index = '', ticker = '', start = '', end = ''] = record;
    const refuse = (what: string): never => {
      throw new UsageError(`index file "${file}" line ${line}: ${what}`);
    };
    if (index === '' || ticker === '') refuse('index and ticker must not be empty');
    if (!isIsoDate(start)) refuse(`start "${start}" is not a date, write YYYY-MM-DD`);
    if (end !== '' && !isIsoDate(end)) refuse(`end "${end}" is not a date, write YYYY-MM-DD or nothing`);
    if (end !== '' && end <= start) refuse(`end ${end} is not after start ${start}`);
    return { line, index, ticker, range: { start, end: end === '' ? OPEN : end } };
  });
}
