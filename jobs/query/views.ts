import { join } from 'node:path';
import { featureColumns, type FeatureSettings } from '../features/settings.ts';
import { eraPattern, pricesPattern, universePattern } from '../lake/layout.ts';
import { PRICES_COLUMNS, UNIVERSE_COLUMNS } from '../lake/schema.ts';
import { identifier, literal } from '../runtime/duckdb.ts';

/*
 * The tables of a lake as DuckDB views. Patterns name objects exactly, and a table without an object is an empty
 * relation with the right types, so that a query means the same on a new lake.
 */

interface TypedColumn {
  readonly name: string;
  readonly type: string;
}

/** Prices of one provider, with the keys of their partition as columns. */
export function rawDataView(folder: string, provider: string, isEmpty: boolean): string {
  const keys = [
    { name: 'provider', type: 'VARCHAR' },
    { name: 'month', type: 'VARCHAR' },
  ];
  return view('raw_data', join(folder, pricesPattern(provider)), [...PRICES_COLUMNS, ...keys], keys, isEmpty);
}

/** Features of one set, era first. */
export function featuresView(
  folder: string,
  set: string,
  settings: FeatureSettings,
  isEmpty: boolean,
): string {
  const keys = [{ name: 'era', type: 'DATE' }];
  const columns = [
    { name: 'ticker', type: 'VARCHAR' },
    { name: 'date', type: 'DATE' },
    ...featureColumns(settings).map((name) => ({ name, type: 'REAL' })),
    ...keys,
  ];
  return view(`features_${set}`, join(folder, eraPattern(set)), columns, keys, isEmpty);
}

/** Every universe that was kept, by the date from which it held. */
export function universeHistoryView(folder: string, isEmpty: boolean): string {
  const keys = [{ name: 'date', type: 'DATE' }];
  return view(
    'universe_history',
    join(folder, universePattern()),
    [...UNIVERSE_COLUMNS, ...keys],
    keys,
    isEmpty,
  );
}

/** The latest universe. */
export function universeView(): string {
  const names = UNIVERSE_COLUMNS.map(({ name }) => name).join(', ');
  return `create or replace view universe as
    select ${names} from universe_history where date = (select max(date) from universe_history)`;
}

function view(
  name: string,
  pattern: string,
  columns: readonly TypedColumn[],
  keys: readonly TypedColumn[],
  isEmpty: boolean,
): string {
  const empty = columns.map((column) => `cast(null as ${column.type}) as ${identifier(column.name)}`);
  const types = keys.map((key) => `${identifier(key.name)}: ${key.type}`).join(', ');
  const content = isEmpty
    ? `select ${empty.join(', ')} where false`
    : `select * from read_parquet(${literal(pattern)}, hive_partitioning = true, hive_types = {${types}})`;
  return `create or replace view ${identifier(name)} as ${content}`;
}
