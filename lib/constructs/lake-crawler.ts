import { CfnCrawler } from 'aws-cdk-lib/aws-glue';
import { Grant, Role, ServicePrincipal, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { PRICES_PREFIX } from '../../jobs/lake/layout.ts';
import type { WeeklyTime } from '../config.ts';
import { acknowledge, acknowledgeWildcards } from '../compliance.ts';
import type { DataLake } from './data-lake.ts';
import type { LakeCatalog } from './lake-catalog.ts';

export interface LakeCrawlerProps {
  readonly crawlerName: string;
  readonly lake: DataLake;
  /** Where the lake is in its bucket: empty, or text that ends with a slash. */
  readonly prefix: string;
  readonly catalog: LakeCatalog;
  /** Where the events of new objects wait. */
  readonly events: Queue;
  readonly deadLetters: Queue;
  /** Of its own, beside the transforms that start it. */
  readonly schedule: WeeklyTime | undefined;
}

/**
 * Adds new partitions of the prices to their table: it reads which objects are new from a queue, and lists the
 * bucket only the first time. The schema stays that of the code.
 */
export class LakeCrawler extends Construct {
  readonly crawlerName: string;
  readonly #resource: CfnCrawler;

  constructor(scope: Construct, id: string, props: LakeCrawlerProps) {
    super(scope, id);
    const { crawlerName, catalog, events, deadLetters, schedule } = props;
    const role = this.#createRole(props);
    this.#resource = new CfnCrawler(this, 'Crawler', {
      name: crawlerName,
      description: 'Adds new partitions to raw_data',
      role: role.roleArn,
      targets: {
        catalogTargets: [
          {
            databaseName: catalog.database.databaseName,
            tables: [catalog.prices.tableName],
            eventQueueArn: events.queueArn,
            dlqEventQueueArn: deadLetters.queueArn,
          },
        ],
      },
      recrawlPolicy: { recrawlBehavior: 'CRAWL_EVENT_MODE' },
      // Code owns the schema: what the crawler thinks of it is logged, and new partitions have that of the table.
      schemaChangePolicy: { updateBehavior: 'LOG', deleteBehavior: 'LOG' },
      configuration: JSON.stringify({
        Version: 1,
        CrawlerOutput: { Partitions: { AddOrUpdateBehavior: 'InheritFromTable' } },
        Grouping: { TableGroupingPolicy: 'CombineCompatibleSchemas' },
      }),
      ...(schedule === undefined ? {} : { schedule: { scheduleExpression: toCron(schedule) } }),
    });
    acknowledge(this.#resource, {
      'AwsSolutions-GL1':
        'its log has counts and keys of public prices; S3 and CloudWatch encrypt at rest anyway',
    });
    this.crawlerName = crawlerName;
    this.#resource.node.addDependency(role);
  }

  /** Lets a job start it and see how it goes. */
  grantStart(grantee: IGrantable): void {
    const arn = Stack.of(this).formatArn({
      service: 'glue',
      resource: 'crawler',
      resourceName: this.#resource.ref,
    });
    Grant.addToPrincipal({
      grantee,
      actions: ['glue:StartCrawler', 'glue:GetCrawler'],
      resourceArns: [arn],
    });
  }

  /** What AWSGlueServiceRole allows on everything, on these things only. */
  #createRole({ lake, prefix, catalog, events, deadLetters }: LakeCrawlerProps): Role {
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('glue.amazonaws.com') });
    lake.grant(role, { read: [`${prefix}${PRICES_PREFIX}*`], write: [], delete: [] });
    catalog.grantRead(role);
    const { catalog: glue, databaseArn } = catalog.database;
    Grant.addToPrincipal({
      grantee: role,
      actions: [
        'glue:UpdateTable',
        'glue:BatchCreatePartition',
        'glue:CreatePartition',
        'glue:UpdatePartition',
      ],
      resourceArns: [glue.catalogArn, databaseArn, catalog.prices.tableArn],
    });
    events.grants.consumeMessages(role);
    // Glue's event mode looks at the queue's own dead letters and empties a queue that has grown too long.
    events.grant(
      role,
      'sqs:ListDeadLetterSourceQueues',
      'sqs:ListQueueTags',
      'sqs:SetQueueAttributes',
      'sqs:PurgeQueue',
    );
    deadLetters.grants.sendMessages(role);
    const logs = Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: '/aws-glue/crawlers*',
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    Grant.addToPrincipal({
      grantee: role,
      actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
      resourceArns: [logs],
    });
    acknowledgeWildcards(role, 'Glue names the log groups of crawlers itself', [
      'log-group:/aws-glue/crawlers*',
    ]);
    return role;
  }
}

function toCron({ minute, hour, weekDay = '*' }: WeeklyTime): string {
  return `cron(${minute} ${hour} ? * ${weekDay} *)`;
}
