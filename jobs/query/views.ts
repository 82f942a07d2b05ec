import { featureColumns, type FeatureSettings } from '../features/settings.ts';
import { parquetRows } from '../runtime/parquet.ts';
import { PRICES_COLUMNS, UNIVERSE_COLUMNS } from '../lake/schema.ts';
import { identifier, literal } from '../runtime/duckdb.ts';

/*
 * The tables of a lake as DuckDB views. Files are named exactly, and a table without an object is an empty
 * relation with the right types, so that a query means the same on a new lake.
 */

interface TypedColumn {
  readonly name: string;
  readonly type: string;
}

/** Prices of one provider, with the keys of their partition as columns. */
export function rawDataView(provider: string, files: readonly string[]): string {
  const columns = [
    ...PRICES_COLUMNS,
    { name: 'provider', type: 'VARCHAR' },
    { name: 'month', type: 'VARCHAR' },
  ];
  return filesView('raw_data', files, columns, {
    provider: literal(provider),
    month: folderValue('YYYY-MM', 'prices.parquet'),
  });
}

/** Features of one set, its era last. */
export function featuresView(set: string, settings: FeatureSettings, files: readonly string[]): string {
  const columns = [
    { name: 'ticker', type: 'VARCHAR' },
    { name: 'date', type: 'DATE' },
    ...featureColumns(settings).map((name) => ({ name, type: 'REAL' })),
    { name: 'era', type: 'DATE' },
  ];
  return filesView(`features_${set}`, files, columns, {
    era: `cast(${folderValue('YYYY-MM-DD', 'features.parquet')} as DATE)`,
  });
}

/** Every universe that was kept, by the date from which it held. */
export function universeHistoryView(files: readonly string[]): string {
  const columns = [...UNIVERSE_COLUMNS, { name: 'date', type: 'DATE' }];
  return filesView('universe_history', files, columns, {
    date: `cast(${folderValue('YYYY-MM-DD', 'universe.parquet')} as DATE)`,
  });
}

/** The latest universe. */
export function universeView(): string {
  const names = UNIVERSE_COLUMNS.map(({ name }) => name).join(', ');
  return `create or replace view universe as
    select ${names} from universe_history where date = (select max(date) from universe_history)`;
}

/**
 * A table over files that are named exactly.
 *
 * @param derived SQL of the columns that are not in the files
 */
function filesView(
  name: string,
  files: readonly string[],
  columns: readonly TypedColumn[],
  derived: Readonly<Record<string, string>>,
): string {
  const empty = columns.map((column) => `cast(null as ${column.type}) as ${identifier(column.name)}`);
  const selected = columns.map((column) => {
    const sql = derived[column.name];
    return sql === undefined ? identifier(column.name) : `${sql} as ${identifier(column.name)}`;
  });
  const content =
    files.length === 0 ? `select ${empty.join(', ')} where false` : parquetRows(files, selected, true);
  return `create or replace view ${identifier(name)} as ${content}`;
}

/**
 * SQL for the value in the name of a copy: that of its partition, before the name of the object. DuckDB passes over the files that a
 * condition on it excludes.
 */
function folderValue(form: string, file: string): string {
  return `left(right(filename, ${form.length + 1 + file.length}), ${form.length})`;
}
