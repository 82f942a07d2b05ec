import type { ResultSet } from '@aws-sdk/client-athena';
import type { QueryResult, ResultValue } from './engine.ts';

/** One page of an answer; on the first page of a query the first row is the names of the columns. */
export function readResultPage({ ResultSetMetadata, Rows = [] }: ResultSet): {
  columns: QueryResult['columns'];
  rows: ResultValue[][];
} {
  const columns = (ResultSetMetadata?.ColumnInfo ?? []).map(({ Name, Type, Precision }) => ({
    name: Name!,
    type: Type!,
    precision: Precision ?? 0,
  }));
  return {
    columns: columns.map(({ name, type }) => ({ name, type })),
    rows: Rows.map(({ Data = [] }) =>
      columns.map(({ type, precision }, index) => readValue(Data[index]?.VarCharValue, type, precision)),
    ),
  };
}

const INTEGERS = new Set(['tinyint', 'smallint', 'integer', 'bigint']);
const FLOATS = new Set(['float', 'real', 'double']);

/** Athena hands every value out as text, and leaves NULL out. */
function readValue(text: string | undefined, type: string, precision: number): ResultValue {
  if (text === undefined) return null;
  if (type === 'boolean') return text === 'true';
  const number = Number(text);
  if (INTEGERS.has(type)) return Number.isSafeInteger(number) ? number : text;
  // NaN and infinities stay text, as elsewhere.
  if (FLOATS.has(type)) return Number.isFinite(number) ? number : text;
  // A double holds every decimal of 15 digits.
  if (type === 'decimal' && precision <= 15) return number;
  return text;
}
