import { CfnTable, DataFormat, S3Table, S3TableStorage, Schema, type Database } from 'aws-cdk-lib/aws-glue';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { UNIVERSE_PREFIX } from '../../jobs/lake/layout.ts';
import { UNIVERSE_COLUMNS } from '../../jobs/lake/schema.ts';

export interface UniverseTablesProps {
  readonly bucket: Bucket;
  /** Where the lake is in the bucket: empty, or text that ends with a slash. */
  readonly prefix: string;
  readonly database: Database;
  /** The same database as text: a view carries it inside. */
  readonly databaseName: string;
}

/** Text, not a reference to the table: the view carries it inside. */
const OBJECTS = 'universe_objects';
const NAMES = UNIVERSE_COLUMNS.map(({ name }) => name);

/**
 * The universe of every date and the latest one, as on a laptop. There is one object whenever it changes, at no
 * regular distance: its date is read from its path instead of from a partition.
 */
export class UniverseTables extends Construct {
  readonly #database: Database;
  readonly #databaseName: string;

  constructor(scope: Construct, id: string, props: UniverseTablesProps) {
    super(scope, id);
    const { bucket, prefix, database, databaseName } = props;
    this.#database = database;
    this.#databaseName = databaseName;
    const objects = new S3Table(this, 'Objects', {
      database,
      tableName: OBJECTS,
      description: 'Objects of the mapped universe, of all dates',
      storage: S3TableStorage.fromBucket(bucket),
      s3Prefix: `${prefix}${UNIVERSE_PREFIX}`,
      dataFormat: DataFormat.PARQUET,
      columns: NAMES.map((name) => ({ name, type: Schema.STRING })),
    });
    const history = this.#createView(
      'universe_history',
      `select ${NAMES.join(', ')}, cast(regexp_extract("$path", 'date=([0-9-]+)', 1) as date) as date ` +
        `from ${OBJECTS}`,
      [...NAMES, 'date'],
    );
    history.node.addDependency(objects);
    const latest = this.#createView(
      'universe',
      `select ${NAMES.join(', ')} from universe_history ` +
        'where date = (select max(date) from universe_history)',
      NAMES,
    );
    latest.addResourceDependency(history);
  }

  /** A view of Athena, in the form in which Athena itself keeps views in Glue. */
  #createView(name: string, sql: string, columns: readonly string[]): CfnTable {
    const isDate = (column: string): boolean => column === 'date';
    const view = {
      originalSql: sql,
      catalog: 'awsdatacatalog',
      schema: this.#databaseName,
      columns: columns.map((column) => ({ name: column, type: isDate(column) ? 'date' : 'varchar' })),
    };
    return new CfnTable(this, name, {
      catalogId: this.#database.catalog.catalogId,
      databaseName: this.#database.databaseName,
      tableInput: {
        name,
        tableType: 'VIRTUAL_VIEW',
        parameters: { presto_view: 'true' },
        viewOriginalText: `/* Presto View: ${Buffer.from(JSON.stringify(view)).toString('base64')} */`,
        viewExpandedText: '/* Presto View */',
        partitionKeys: [],
        storageDescriptor: {
          columns: columns.map((column) => ({ name: column, type: isDate(column) ? 'date' : 'string' })),
          serdeInfo: {},
        },
      },
    });
  }
}
