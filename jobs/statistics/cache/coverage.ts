import type { DateRange, IsoDate } from '../../runtime/dates.ts';
import { startingWith, type Item, type TableStore } from './table-store.ts';
import { TABLES } from './tables.ts';

/*
 * What of a history the cache has is kept as the ranges that were asked for, not worked out from rows and a calendar
 * of holidays: a range without a row is known to have none. Each range is an item of the table it speaks of, under a
 * range key that sorts behind all dates. Ranges are only ever added before those that they contain are removed, so
 * processes that write at the same time lose nothing.
 */

const PREFIX = '~covered#';

/** The ranges of a history that are known, from where, ascending and apart from each other. */
export async function readCoverage(
  store: TableStore,
  table: 'prices' | 'interest',
  hash: string,
): Promise<ReadonlyMap<string, readonly DateRange[]>> {
  const bySource = new Map<string, DateRange[]>();
  for await (const item of store.query(table, { hash, ...startingWith(PREFIX) })) {
    const source = String(item['source']);
    bySource.set(source, [...(bySource.get(source) ?? []), parseKey(String(item[TABLES[table].range]))]);
  }
  return new Map([...bySource].map(([source, ranges]) => [source, unite(ranges)]));
}

/** Notes that a range is known by now. Its rows have to be written before. */
export async function addCoverage(
  store: TableStore,
  table: 'prices' | 'interest',
  hash: string,
  source: string,
  range: DateRange,
): Promise<void> {
  if (range.start >= range.end) return;
  const { hash: hashName, range: rangeName } = TABLES[table];
  const known = (await readCoverage(store, table, hash)).get(source) ?? [];
  const united = unite([...known, range]).find(({ start, end }) => start <= range.start && end >= range.end)!;
  const key = formatKey(united);
  await store.put(table, [{ [hashName]: hash, [rangeName]: key, source }]);
  const obsolete: string[] = [];
  for await (const item of store.query(table, { hash, ...startingWith(PREFIX) })) {
    const other = String(item[rangeName]);
    const { start, end } = parseKey(other);
    const isInside = start >= united.start && end <= united.end;
    if (other !== key && item['source'] === source && isInside) obsolete.push(other);
  }
  if (obsolete.length > 0)
    await store.delete(
      table,
      obsolete.map((other) => ({ [hashName]: hash, [rangeName]: other })),
    );
}

/** Makes a history unknown, from wherever, and resolves with the number of items. */
export async function removeCoverage(
  store: TableStore,
  table: 'prices' | 'interest',
  hash: string,
): Promise<number> {
  const { hash: hashName, range: rangeName } = TABLES[table];
  const keys: Item[] = [];
  for await (const item of store.query(table, { hash, ...startingWith(PREFIX) }))
    keys.push({ [hashName]: hash, [rangeName]: item[rangeName] });
  await store.delete(table, keys);
  return keys.length;
}

/** The parts of a range that no known range covers. Pure. */
export function missingParts(range: DateRange, known: readonly DateRange[]): DateRange[] {
  const parts: DateRange[] = [];
  let start: IsoDate = range.start;
  for (const one of unite(known)) {
    if (one.end <= start) continue;
    if (one.start >= range.end) break;
    if (one.start > start) parts.push({ start, end: one.start });
    start = one.end;
  }
  if (start < range.end) parts.push({ start, end: range.end });
  return parts;
}

/** Ranges that touch or overlap made one, ascending. Pure. */
export function unite(ranges: readonly DateRange[]): DateRange[] {
  const united: DateRange[] = [];
  for (const range of ranges.toSorted((a, b) => (a.start < b.start ? -1 : 1))) {
    const last = united.at(-1);
    if (last === undefined || range.start > last.end) united.push(range);
    else if (range.end > last.end) united[united.length - 1] = { start: last.start, end: range.end };
  }
  return united;
}

function formatKey({ start, end }: DateRange): string {
  return `${PREFIX}${start}#${end}`;
}

function parseKey(key: string): DateRange {
  const [, start, end] = key.split('#');
  return { start: start!, end: end! };
}
