import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { firstLine, UsageError } from '../runtime/errors.ts';
import { packageRoot } from '../runtime/package-root.ts';

/** One name of the universe with its identifiers; an empty text is an identifier that it does not have. */
export interface UniverseEntry {
  readonly id: string;
  readonly numeraiTicker: string;
  readonly bloombergTicker: string;
  /** Yahoo's symbol, the `ticker` of the lake. */
  readonly yahoo: string;
}

/** The universe that comes with the program: for lakes that have none. */
export const SHIPPED_UNIVERSE = join(packageRoot, 'data/config/universe.csv');

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

/** The content of a universe file. */
export function formatUniverse(universe: readonly UniverseEntry[]): string {
  const rows = universe.map((entry) => [entry.id, entry.numeraiTicker, entry.bloombergTicker, entry.yahoo]);
  return stringify([HEADER, ...rows]);
}

/**
 * The provider symbols of names that were asked for by symbol, id, numerai ticker or Bloomberg ticker; where two of
 * these mean different names, the former wins. A symbol need not be in the universe. Throws UsageError for a name
 * that has no symbol, and for one that can be none.
 */
export function resolveSymbols(universe: readonly UniverseEntry[], asked: readonly string[]): string[] {
  const byAlias = new Map<string, string>();
  for (const kind of ['bloombergTicker', 'numeraiTicker', 'id', 'yahoo'] as const) {
    for (const entry of universe) if (entry[kind] !== '') byAlias.set(entry[kind], entry.yahoo);
  }
  return asked.map((text) => {
    const name = text.trim();
    const known = byAlias.get(name);
    if (known === '') throw new UsageError(`ticker "${name}" is in the universe, without a symbol`);
    const symbol = known ?? name;
    if (isSymbol(symbol)) return symbol;
    throw new UsageError(
      `ticker "${symbol}" is no symbol (letters, digits and . - ^ = & _ only) and no name of the universe`,
    );
  });
}

/**
 * The provider symbols to load: all mapped names of the universe, or those asked for (see `resolveSymbols`). Sorted
 * and unique.
 */
export function selectTickers(
  universe: readonly UniverseEntry[],
  asked: readonly string[],
  limit: number | undefined,
): string[] {
  const mapped = universe.map(({ yahoo }) => yahoo).filter((symbol) => symbol !== '');
  const chosen = resolveSymbols(universe, asked.length === 0 ? mapped : asked);
  return [...new Set(chosen.slice(0, limit))].toSorted();
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
