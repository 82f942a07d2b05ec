import { stringify } from 'csv-stringify/sync';
import { getBorderCharacters, table } from 'table';
import type { QueryResult, ResultValue } from './engine.ts';

export const FORMATS = ['table', 'csv', 'json'] as const;
export type Format = (typeof FORMATS)[number];

export interface TableLimits {
  readonly rows: number;
  readonly columns: number;
}

/** A result as text: csv and json whole, a table cut to what a person can look at, with a line that says so. */
export function formatResult(result: QueryResult, format: Format, limits: TableLimits): string {
  const names = result.columns.map(({ name }) => name);
  switch (format) {
    case 'csv':
      return stringify([names, ...result.rows]).trimEnd();
    case 'json': {
      const objects = result.rows.map((row) =>
        JSON.stringify(Object.fromEntries(names.map((name, i) => [name, row[i]]))),
      );
      return `[${objects.join(',\n ')}]`;
    }
    case 'table':
      return formatTable(result, limits);
  }
}

function formatTable({ columns, rows }: QueryResult, limits: TableLimits): string {
  const shown = columns.slice(0, limits.columns);
  const isNumber = shown.map((_, index) => rows.some((row) => typeof row[index] === 'number'));
  const lines = [
    shown.map(({ name }) => name),
    ...rows.slice(0, limits.rows).map((row) => shown.map((_, index) => formatCell(row[index]!))),
  ];
  const text = table(lines, {
    border: getBorderCharacters('void'),
    columnDefault: { paddingLeft: 0, paddingRight: 2 },
    columns: isNumber.map((right) => ({ alignment: right ? ('right' as const) : ('left' as const) })),
    drawHorizontalLine: () => false,
  });
  const cut = [
    ...(rows.length > limits.rows ? [`${limits.rows} of ${rows.length} rows`] : []),
    ...(columns.length > limits.columns ? [`${limits.columns} of ${columns.length} columns`] : []),
  ];
  const note =
    cut.length === 0
      ? `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`
      : `${cut.join(', ')}; --format csv or json gives all`;
  return `${text.replaceAll(/ +$/gm, '').trimEnd()}\n(${note})`;
}

function formatCell(value: ResultValue): string {
  if (value === null) return '-';
  if (typeof value === 'number' && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
  return String(value);
}
