import {
  Database,
  DataFormat,
  DateIntervalUnit,
  PartitionProjectionConfiguration,
  S3Table,
  S3TableStorage,
  Schema,
  type Column,
  type ITable,
} from 'aws-cdk-lib/aws-glue';
import { RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, type IRole } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { featureColumns, type FeatureSettings } from '../../jobs/features/settings.ts';
import { FEATURES_PREFIX, PRICES_PREFIX } from '../../jobs/lake/layout.ts';
import { PRICES_COLUMNS, type Column as LakeColumn } from '../../jobs/lake/schema.ts';
import { UniverseTables } from './universe-tables.ts';

export interface LakeCatalogProps {
  readonly bucket: Bucket;
  /** Where the lake is in the bucket: empty, or text that ends with a slash. */
  readonly prefix: string;
  readonly databaseName: string;
  readonly featureSets: Readonly<Record<string, FeatureSettings>>;
}

/** Glue's names of the types that the jobs write. */
const GLUE_TYPES = {
  VARCHAR: Schema.STRING,
  DATE: Schema.DATE,
  DOUBLE: Schema.DOUBLE,
  TIMESTAMP_MS: Schema.TIMESTAMP,
} as const;

/** What looking up the table of prices and its partitions takes. */
export const READ_ACTIONS = [
  'glue:GetDatabase',
  'glue:GetTable',
  'glue:GetPartition',
  'glue:GetPartitions',
  'glue:BatchGetPartition',
] as const;

/**
 * The first week of Yahoo's oldest daily prices of shares: Athena does not see an era from before it. A Friday, so that
 * steps of seven days are the eras of weekly sets.
 */
const FIRST_ERA = '1962-01-05';

/** The lake as tables, with the columns that the jobs write. */
export class LakeCatalog extends Construct {
  readonly database: Database;
  readonly prices: ITable;
  readonly #bucket: Bucket;
  readonly #prefix: string;

  constructor(scope: Construct, id: string, props: LakeCatalogProps) {
    super(scope, id);
    const { bucket, prefix, databaseName, featureSets } = props;
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.database = new Database(this, 'Database', {
      databaseName,
      // A first deployment that failed must not leave its name taken: the next one would fail on it.
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    this.prices = this.#createPrices();
    for (const [set, settings] of Object.entries(featureSets)) this.#createFeatures(set, settings);
    new UniverseTables(this, 'Universe', { bucket, prefix, database: this.database, databaseName });
  }

  /** Lets Athena look up tables and partitions for whoever asks it. */
  grantRead(role: IRole): void {
    role.addToPrincipalPolicy(this.allowOnPrices(READ_ACTIONS));
  }

  /** Allows actions of Glue on the table of prices; Glue checks them on its database and catalog as well. */
  allowOnPrices(actions: readonly string[]): PolicyStatement {
    const { catalog, databaseArn } = this.database;
    return new PolicyStatement({
      actions: [...actions],
      resources: [catalog.catalogArn, databaseArn, this.prices.tableArn],
    });
  }

  /** Prices by provider and month; the crawler adds the partitions. */
  #createPrices(): S3Table {
    return new S3Table(this, 'RawData', {
      database: this.database,
      tableName: 'raw_data',
      description: 'Daily prices as the provider gives them',
      storage: S3TableStorage.fromBucket(this.#bucket),
      s3Prefix: `${this.#prefix}${PRICES_PREFIX}`,
      dataFormat: DataFormat.PARQUET,
      columns: PRICES_COLUMNS.map(toGlue),
      partitionKeys: [
        { name: 'provider', type: Schema.STRING },
        { name: 'month', type: Schema.STRING },
      ],
    });
  }

  /** One set of features; its partitions are computed, no crawl is needed to see a new era. */
  #createFeatures(set: string, settings: FeatureSettings): void {
    const step = settings.sample === 'weekly' ? 7 : 1;
    const prefix = `${this.#prefix}${FEATURES_PREFIX}${set}/`;
    new S3Table(this, `Features-${set}`, {
      database: this.database,
      tableName: `features_${set}`,
      description: `Features of group ${settings.group}, ${settings.sample}, ${settings.lags} lags`,
      storage: S3TableStorage.fromBucket(this.#bucket),
      s3Prefix: prefix,
      dataFormat: DataFormat.PARQUET,
      columns: [
        { name: 'ticker', type: Schema.STRING },
        { name: 'date', type: Schema.DATE },
        ...featureColumns(settings).map((name) => ({ name, type: Schema.FLOAT })),
      ],
      partitionKeys: [{ name: 'era', type: Schema.DATE }],
      partitionProjection: {
        era: PartitionProjectionConfiguration.date({
          min: FIRST_ERA,
          // The Friday of a week that is finished may be tomorrow in UTC.
          max: `NOW+${step}DAYS`,
          format: 'yyyy-MM-dd',
          step: { interval: step, intervalUnit: DateIntervalUnit.DAYS },
        }),
      },
      parameters: { 'storage.location.template': this.#bucket.s3UrlForObject(`${prefix}era=\${era}/`) },
    });
  }
}

function toGlue({ name, type }: LakeColumn): Column {
  return { name, type: GLUE_TYPES[type] };
}
