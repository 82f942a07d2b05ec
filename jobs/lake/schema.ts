/** A column of a Parquet table of the lake, in DuckDB's names of types. */
export interface Column {
  readonly name: string;
  readonly type: 'VARCHAR' | 'DATE' | 'DOUBLE' | 'TIMESTAMP_MS';
}

/** Key of a price row: unique, and the order of rows in an object. */
export const PRICES_KEY = ['ticker', 'date'] as const;

/** What a price row says; rows that agree in all of these are the same row. */
export const PRICES_VALUES: readonly Column[] = [
  { name: 'open', type: 'DOUBLE' },
  { name: 'high', type: 'DOUBLE' },
  { name: 'low', type: 'DOUBLE' },
  { name: 'close', type: 'DOUBLE' },
  { name: 'adj_close', type: 'DOUBLE' },
  { name: 'volume', type: 'DOUBLE' },
  { name: 'dividend', type: 'DOUBLE' },
  { name: 'split', type: 'DOUBLE' },
  { name: 'currency', type: 'VARCHAR' },
  { name: 'exchange', type: 'VARCHAR' },
];

/**
 * Columns of `raw_data` objects. Prices per share in `currency`, split-adjusted as the provider gives them;
 * `date` is the trading date of the exchange; `fetched_at` is in UTC, when the row's present content first came.
 */
export const PRICES_COLUMNS: readonly Column[] = [
  { name: 'ticker', type: 'VARCHAR' },
  { name: 'date', type: 'DATE' },
  ...PRICES_VALUES,
  { name: 'fetched_at', type: 'TIMESTAMP_MS' },
];

/** Columns of `universe` objects; the date partition is in the path only. */
export const UNIVERSE_COLUMNS: readonly Column[] = ['id', 'numerai_ticker', 'bloomberg_ticker', 'yahoo'].map(
  (name) => ({ name, type: 'VARCHAR' }),
);
