import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, ProjectionType, Table, type Attribute } from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IRole } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { INDEX_ACTIONS, RUNTIME_ACTIONS } from '../../jobs/statistics/cache/iam-policy.ts';
import { TABLES, TTL_ATTRIBUTE, type TableDefinition } from '../../jobs/statistics/cache/tables.ts';
import type { CacheTables } from '../../jobs/runtime/environment.ts';
import { acknowledge } from '../compliance.ts';

export interface StatisticsTablesProps extends CacheTables {
  /** Whether the tables can be restored to any second of the last 35 days. */
  readonly recovery: boolean;
}

/** The tables of the statistics cache, from the constants by which the cache itself would make them on first use. */
export class StatisticsTables extends Construct {
  readonly all: readonly Table[];

  constructor(scope: Construct, id: string, props: StatisticsTablesProps) {
    super(scope, id);
    this.all = Object.values(TABLES).map((definition) => this.#create(definition, props));
  }

  /** Grants what reading and writing items takes: no Scan, no changes to tables. */
  grant(role: IRole): void {
    const resourceArns = this.all.map(({ tableArn }) => tableArn);
    Grant.addToPrincipal({ grantee: role, actions: [...RUNTIME_ACTIONS], resourceArns });
    const indexArns = Object.values(TABLES).flatMap(({ indexes }, nth) =>
      indexes.map(({ name }) => `${this.all[nth]!.tableArn}/index/${name}`),
    );
    Grant.addToPrincipal({ grantee: role, actions: [...INDEX_ACTIONS], resourceArns: indexArns });
  }

  #create(definition: TableDefinition, { tablePrefix, billing, recovery }: StatisticsTablesProps): Table {
    const attribute = (name: string): Attribute => ({
      name,
      type: definition.attributes[name] === 'N' ? AttributeType.NUMBER : AttributeType.STRING,
    });
    // As on first use, units of a provisioned table are those of each of its indexes, too.
    const units =
      billing.mode === 'PROVISIONED'
        ? { readCapacity: billing.readUnits, writeCapacity: billing.writeUnits }
        : {};
    const table = new Table(this, definition.name, {
      tableName: tablePrefix + definition.name,
      partitionKey: attribute(definition.hash),
      sortKey: attribute(definition.range),
      billingMode: billing.mode === 'PROVISIONED' ? BillingMode.PROVISIONED : BillingMode.PAY_PER_REQUEST,
      ...units,
      ...(definition.hasTtl ? { timeToLiveAttribute: TTL_ATTRIBUTE } : {}),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: recovery },
      // A table that a failed first deployment left behind would be in the way of the next one.
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    for (const { name, hash, range, projection } of definition.indexes) {
      table.addGlobalSecondaryIndex({
        indexName: name,
        partitionKey: attribute(hash),
        ...(range === undefined ? {} : { sortKey: attribute(range) }),
        projectionType: ProjectionType[projection],
        ...units,
      });
    }
    if (!recovery) {
      acknowledge(table, {
        'AwsSolutions-DDB3': 'a cache: everything in it is computed again from the lake and the Treasury',
      });
    }
    return table;
  }
}
