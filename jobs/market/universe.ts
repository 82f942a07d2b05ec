import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { firstLine, UsageError } from '../runtime/errors.ts';

/** One name of the universe with its identifiers; an empty text is an identifier that it does not have. */
export interface UniverseEntry {
  readonly id: string;
  readonly numeraiTicker: string;
  readonly bloombergTicker: string;
  /** Yahoo's symbol, the `ticker` of the lake. */
  readonly yahoo: string;
}

// A symbol ends up in file names and URLs.
const SYMBOL = /^[A-Za-z0-9^][A-Za-z0-9.^=&_-]{0,39}$/;

/** Whether a text can be a symbol of a provider. */
export function isSymbol(text: string): boolean {
  return SYMBOL.test(text);
}

const HEADER = ['id', 'numerai_ticker', 'bloomberg_ticker', 'yahoo'];

/** Reads a universe file with the header `id,numerai_ticker,bloomberg_ticker,yahoo`. */
export async function readUniverse(file: string): Promise<UniverseEntry[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`universe file "${file}" cannot be read: ${firstLine(error)}`, error);
  }
  return parseUniverse(text, file);
}

/** Throws UsageError when the header is another, an id is missing, or two names share an id or a symbol. */
export function parseUniverse(text: string, file: string): UniverseEntry[] {
  let rows: string[][];
  try {
    rows = parse(text, { bom: true, skip_empty_lines: true, trim: true });
  } catch (error) {
    throw new UsageError(`universe file "${file}": ${firstLine(error)}`, error);
  }
  const [header = [], ...records] = rows;
  if (header.join() !== HEADER.join()) {
    throw new UsageError(
      `universe file "${file}" starts with "${header.join()}", it must be "${HEADER.join()}"`,
    );
  }
  const seen = new Map<string, string>();
  return records.map(([id = '', numeraiTicker = '', bloombergTicker = '', yahoo = ''], index) => {
    const line = index + 2;
    if (id === '') throw new UsageError(`universe file "${file}" line ${line}: the id is empty`);
    for (const key of [`id ${id}`, ...(yahoo === '' ? [] : [`yahoo ${yahoo}`])]) {
      const other = seen.get(key);
      if (other !== undefined) {
        throw new UsageError(`universe file "${file}" line ${line}: ${key} stands in line ${other} already`);
      }
      seen.set(key, String(line));
    }
    return { id, numeraiTicker, bloombergTicker, yahoo };
  });
}

/**
 * The provider symbols to load: all mapped names of the universe, or those asked for. A name asked for may be
 * given as symbol, numerai ticker or Bloomberg ticker, and need not be in the universe. Sorted and unique.
 */
export function selectTickers(
  universe: readonly UniverseEntry[],
  asked: readonly string[],
  limit: number | undefined,
): string[] {
  const byAlias = new Map<string, string>();
  for (const { numeraiTicker, bloombergTicker, yahoo } of universe) {
    for (const alias of [bloombergTicker, numeraiTicker])
      if (alias !== '' && yahoo !== '') byAlias.set(alias, yahoo);
  }
  const symbols = new Set(universe.map((entry) => entry.yahoo).filter((symbol) => symbol !== ''));
  const chosen =
    asked.length === 0
      ? [...symbols].slice(0, limit)
      : asked.map((name) => (symbols.has(name) ? name : (byAlias.get(name) ?? name))).slice(0, limit);
  const refused = chosen.find((symbol) => !isSymbol(symbol));
  if (refused !== undefined) {
    throw new UsageError(`ticker "${refused}" is no symbol: letters, digits and . - ^ = & _ only`);
  }
  return [...new Set(chosen)].toSorted();
}

/** One of `count` shares of the work, `index` from 1 on. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** The tickers of a share. Whose share a ticker is does not depend on which others there are. */
export function selectShard(tickers: readonly string[], { index, count }: Shard): string[] {
  return tickers.filter((ticker) => {
    const hash = createHash('sha256').update(ticker).digest().readUInt32BE();
    return hash % count === index - 1;
  });
}
