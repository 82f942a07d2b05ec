/*
 * The four tables of the statistics cache, from which everything else follows: CreateTable on first use, the CDK, the
 * schema of the SQLite file, the IAM policy. Names, keys, attribute types and indexes are a contract with caches
 * that exist already: they do not change.
 */

/** DynamoDB's types of attributes that are used: S text, N number. */
export type AttributeType = 'S' | 'N';

export interface IndexDefinition {
  readonly name: string;
  readonly hash: string;
  readonly range?: string;
  readonly projection: 'KEYS_ONLY' | 'ALL';
}

export interface TableDefinition {
  readonly name: TableName;
  readonly hash: string;
  readonly range: string;
  readonly indexes: readonly IndexDefinition[];
  /** Every attribute that an item may have; those of keys and indexes among them. */
  readonly attributes: Readonly<Record<string, AttributeType>>;
  /** True where items can go stale and `TTL_ATTRIBUTE` says when. */
  readonly hasTtl: boolean;
}

export type TableName = 'prices' | 'interest' | 'profile' | 'correlations';

/** Seconds since 1970 after which an item no longer counts; DynamoDB removes it some time later. */
export const TTL_ATTRIBUTE = 'expires_at';

/** What every statistic says of where it comes from. */
const ORIGIN = { source: 'S', est_version: 'N', written_at: 'S', [TTL_ATTRIBUTE]: 'N' } as const;

export const TABLES: Readonly<Record<TableName, TableDefinition>> = {
  prices: {
    name: 'prices',
    hash: 'ticker',
    range: 'date',
    indexes: [],
    attributes: { ticker: 'S', date: 'S', open: 'N', close: 'N', dividend: 'N', source: 'S' },
    hasTtl: false,
  },
  interest: {
    name: 'interest',
    hash: 'maturity',
    range: 'date',
    indexes: [],
    attributes: { maturity: 'S', date: 'S', value: 'N', source: 'S' },
    hasTtl: false,
  },
  profile: {
    name: 'profile',
    hash: 'ticker',
    range: 'start_date',
    indexes: [
      { name: 'DateTelescoping', hash: 'weekends', range: 'end_date', projection: 'KEYS_ONLY' },
      { name: 'EstimationTelescoping', hash: 'method', projection: 'ALL' },
    ],
    attributes: {
      ticker: 'S',
      start_date: 'S',
      end_date: 'S',
      method: 'S',
      weekends: 'N',
      start: 'S',
      sessions: 'S',
      annual_return: 'N',
      annual_volatility: 'N',
      sharpe_ratio: 'N',
      asset_beta: 'N',
      equity_cost: 'N',
      market_return: 'N',
      market_proxy: 'S',
      risk_free: 'N',
      risk_free_maturity: 'S',
      risk_free_date: 'S',
      n: 'N',
      elapsed: 'N',
      sum_log: 'N',
      sum_sq: 'N',
      first_date: 'S',
      first_close: 'N',
      last_date: 'S',
      last_close: 'N',
      ...ORIGIN,
    },
    hasTtl: true,
  },
  correlations: {
    name: 'correlations',
    hash: 'ticker_1',
    range: 'start_date',
    indexes: [
      { name: 'AssetTelescoping', hash: 'ticker_2', range: 'end_date', projection: 'KEYS_ONLY' },
      { name: 'WeekendTelescoping', hash: 'weekends', projection: 'KEYS_ONLY' },
      { name: 'EstimationTelescoping', hash: 'method', projection: 'ALL' },
    ],
    attributes: {
      ticker_1: 'S',
      start_date: 'S',
      ticker_2: 'S',
      end_date: 'S',
      method: 'S',
      weekends: 'N',
      start: 'S',
      sessions: 'S',
      correlation: 'N',
      n: 'N',
      elapsed: 'N',
      sum_1: 'N',
      sum_2: 'N',
      sq_1: 'N',
      sq_2: 'N',
      cross: 'N',
      first_date: 'S',
      first_close_1: 'N',
      first_close_2: 'N',
      last_date: 'S',
      last_close_1: 'N',
      last_close_2: 'N',
      ...ORIGIN,
    },
    hasTtl: true,
  },
};

/** The attributes that keys of a table and its indexes are made of, with their types: what CreateTable wants to know. */
export function keyAttributes(table: TableDefinition): Readonly<Record<string, AttributeType>> {
  const names = new Set([
    table.hash,
    table.range,
    ...table.indexes.flatMap(({ hash, range }) => (range === undefined ? [hash] : [hash, range])),
  ]);
  return Object.fromEntries([...names].map((name) => [name, table.attributes[name]!]));
}
