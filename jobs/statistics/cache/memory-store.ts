import { presentAttributes, type Item, type Selection, type TableStore } from './table-store.ts';
import { TABLES, type IndexDefinition, type TableDefinition, type TableName } from './tables.ts';

type Rows = Map<string, Record<string, string | number>>;

/** Tables that live as long as the process. */
export class MemoryStore implements TableStore {
  /** Items by hash key and range key. */
  readonly #tables = new Map<TableName, Map<string, Rows>>();

  async get(table: TableName, hash: string, range: string): Promise<Item | undefined> {
    const found = this.#rows(table, hash).get(range);
    return found === undefined ? undefined : { ...found };
  }

  async *query(table: TableName, { index: indexName, hash, from, before }: Selection): AsyncIterable<Item> {
    const definition = TABLES[table];
    const index = definition.indexes.find(({ name }) => name === indexName);
    const { hash: hashName, range: rangeName } = index ?? definition;
    const rangeOf = (item: Item): string => String(rangeName === undefined ? '' : item[rangeName]);
    const partitions = index === undefined ? [this.#rows(table, String(hash))] : this.#table(table).values();
    const found = [...partitions]
      .flatMap((rows) => [...rows.values()])
      .filter(
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
    for (const item of items.map(presentAttributes)) {
      const [hash, range] = keyOf(table, item);
      this.#rows(table, hash).set(range, item);
    }
  }

  async merge(table: TableName, item: Item): Promise<void> {
    const [hash, range] = keyOf(table, item);
    const rows = this.#rows(table, hash);
    rows.set(range, presentAttributes({ ...rows.get(range), ...item }));
  }

  async delete(table: TableName, keys: readonly Item[]): Promise<void> {
    for (const key of keys) {
      const [hash, range] = keyOf(table, key);
      this.#rows(table, hash).delete(range);
    }
  }

  async close(): Promise<void> {}

  #table(table: TableName): Map<string, Rows> {
    const partitions = this.#tables.get(table) ?? new Map<string, Rows>();
    this.#tables.set(table, partitions);
    return partitions;
  }

  #rows(table: TableName, hash: string): Rows {
    const partitions = this.#table(table);
    const rows = partitions.get(hash) ?? new Map();
    partitions.set(hash, rows);
    return rows;
  }
}

function keyOf(table: TableName, item: Item): [string, string] {
  const { hash, range } = TABLES[table];
  return [String(item[hash]), String(item[range])];
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
