import { presentAttributes, type Item, type Selection, type TableStore } from './table-store.ts';
import { TABLES, type IndexDefinition, type TableDefinition, type TableName } from './tables.ts';

/** Tables that live as long as the process. */
export class MemoryStore implements TableStore {
  readonly #tables = new Map<TableName, Map<string, Record<string, string | number>>>();

  async get(table: TableName, hash: string, range: string): Promise<Item | undefined> {
    const found = this.#rows(table).get(JSON.stringify([hash, range]));
    return found === undefined ? undefined : { ...found };
  }

  async *query(table: TableName, { index: indexName, hash, from, before }: Selection): AsyncIterable<Item> {
    const definition = TABLES[table];
    const index = definition.indexes.find(({ name }) => name === indexName);
    const { hash: hashName, range: rangeName } = index ?? definition;
    const rangeOf = (item: Item): string => String(rangeName === undefined ? '' : item[rangeName]);
    const found = [...this.#rows(table).values()].filter(
      (item) =>
        item[hashName] === hash &&
        (rangeName === undefined || item[rangeName] !== undefined) &&
        (from === undefined || rangeOf(item) >= from) &&
        (before === undefined || rangeOf(item) < before),
    );
    const sorted = found.toSorted((a, b) => (rangeOf(a) < rangeOf(b) ? -1 : 1));
    for (const item of sorted) yield index === undefined ? { ...item } : projected(item, definition, index);
  }

  async put(table: TableName, items: readonly Item[]): Promise<void> {
    for (const item of items.map(presentAttributes)) this.#rows(table).set(keyOf(table, item), item);
  }

  async merge(table: TableName, item: Item): Promise<void> {
    const key = keyOf(table, item);
    this.#rows(table).set(key, presentAttributes({ ...this.#rows(table).get(key), ...item }));
  }

  async delete(table: TableName, keys: readonly Item[]): Promise<void> {
    for (const key of keys) this.#rows(table).delete(keyOf(table, key));
  }

  async close(): Promise<void> {}

  #rows(table: TableName): Map<string, Record<string, string | number>> {
    const rows = this.#tables.get(table) ?? new Map();
    this.#tables.set(table, rows);
    return rows;
  }
}

function keyOf(table: TableName, item: Item): string {
  const { hash, range } = TABLES[table];
  return JSON.stringify([item[hash], item[range]]);
}

function projected(
  item: Record<string, string | number>,
  { hash, range }: TableDefinition,
  index: IndexDefinition,
): Item {
  if (index.projection === 'ALL') return { ...item };
  const names = [hash, range, index.hash, ...(index.range === undefined ? [] : [index.range])];
  return Object.fromEntries(names.map((name) => [name, item[name]]));
}
