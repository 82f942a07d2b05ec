/** A column of a result, with the engine's own name of its type. */
interface ResultColumn {
  readonly name: string;
  readonly type: string;
}

/** A value of a result: dates and times are ISO text, integers beyond 2^53 are decimal text. */
export type ResultValue = string | number | boolean | null;

export interface QueryResult {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly ResultValue[])[];
}

/**
 * Runs SQL over the tables of a lake: `raw_data`, `features_<set>`, `universe`, `universe_history`. Every failure
 * of a query is a QueryError with one line.
 */
export interface QueryEngine {
  run(sql: string): Promise<QueryResult>;
  close(): Promise<void>;
}
