import { CfnCrawler } from 'aws-cdk-lib/aws-glue';
import {
  Grant,
  PolicyDocument,
  PolicyStatement,
  Role,
  ServicePrincipal,
  type IGrantable,
} from 'aws-cdk-lib/aws-iam';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { PRICES_PREFIX } from '../../jobs/lake/layout.ts';
import type { WeeklyTime } from '../config.ts';
import { acknowledge, acknowledgeWildcards } from '../compliance.ts';
import type { DataLake, LakeAccess } from './data-lake.ts';
import { READ_ACTIONS, type LakeCatalog } from './lake-catalog.ts';

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

/** Beside reading: what adding partitions takes. */
const CATALOG_ACTIONS = [
  'glue:GetDatabases',
  'glue:GetTables',
  'glue:UpdateTable',
  'glue:CreatePartition',
  'glue:BatchCreatePartition',
  'glue:UpdatePartition',
  'glue:BatchUpdatePartition',
] as const;
/** Event mode takes messages, looks at the queue's own dead letters, and empties a queue that has grown too long. */
const EVENTS_ACTIONS = [
  'sqs:ReceiveMessage',
  'sqs:ChangeMessageVisibility',
  'sqs:DeleteMessage',
  'sqs:GetQueueUrl',
  'sqs:GetQueueAttributes',
  'sqs:SetQueueAttributes',
  'sqs:ListDeadLetterSourceQueues',
  'sqs:ListQueueTags',
  'sqs:PurgeQueue',
] as const;
const DEAD_LETTERS_ACTIONS = ['sqs:SendMessage', 'sqs:GetQueueUrl', 'sqs:GetQueueAttributes'] as const;

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

  /**
   * What AWSGlueServiceRole allows on everything, on these things only. The rights are part of the role, because Glue
   * checks them when it creates the crawler, and a separate policy may not have taken effect by then
   * (aws/aws-cdk#33907).
   */
  #createRole(props: LakeCrawlerProps): Role {
    const { lake, prefix, catalog, events, deadLetters } = props;
    const access: LakeAccess = { read: [`${prefix}${PRICES_PREFIX}*`], write: [], delete: [] };
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('glue.amazonaws.com'),
      inlinePolicies: {
        Crawl: new PolicyDocument({
          statements: [
            ...lake.statementsFor(access),
            catalog.allowOnPrices([...READ_ACTIONS, ...CATALOG_ACTIONS]),
            new PolicyStatement({ actions: [...EVENTS_ACTIONS], resources: [events.queueArn] }),
            new PolicyStatement({ actions: [...DEAD_LETTERS_ACTIONS], resources: [deadLetters.queueArn] }),
            this.#allowLogs(),
            // The action knows no resource.
            new PolicyStatement({
              actions: ['cloudwatch:PutMetricData'],
              resources: ['*'],
              conditions: { StringEquals: { 'cloudwatch:namespace': 'Glue' } },
            }),
          ],
        }),
      },
    });
    lake.acknowledgeAccess(role, access);
    acknowledgeWildcards(role, 'Glue names the log groups of crawlers itself', [
      'log-group:/aws-glue/crawlers*',
    ]);
    acknowledgeWildcards(role, 'cloudwatch:PutMetricData knows no resource; a condition keeps it to Glue', [
      '*',
    ]);
    return role;
  }

  #allowLogs(): PolicyStatement {
    const logGroups = Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: '/aws-glue/crawlers*',
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    return new PolicyStatement({
      actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroups],
    });
  }
}

function toCron({ minute, hour, weekDay = '*' }: WeeklyTime): string {
  return `cron(${minute} ${hour} ? * ${weekDay} *)`;
}
