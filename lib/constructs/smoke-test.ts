import { CfnOutput, Duration, Size, Stack } from 'aws-cdk-lib';
import type { Cluster } from 'aws-cdk-lib/aws-ecs';
import {
  AccountPrincipal,
  CompositePrincipal,
  Effect,
  PolicyStatement,
  Role,
  type IRole,
} from 'aws-cdk-lib/aws-iam';
import type { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { SqsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../compliance.ts';
import type { SmokeConfig } from '../config.ts';
import type { Names } from '../names.ts';
import { SMOKE_PREFIX } from '../smoke/sample.ts';
import type { LakeStack } from '../stacks/lake-stack.ts';
import { jobImage } from './job-image.ts';
import { defineJobTask, type JobTask } from './job-task.ts';
import type { Network } from './network.ts';
import type { SmokeLake } from './smoke-lake.ts';

export interface SmokeTestProps {
  readonly names: Names;
  readonly config: SmokeConfig;
  readonly lake: LakeStack;
  readonly smoke: SmokeLake;
  readonly cluster: Cluster;
  readonly network: Network;
  /** Topic of alerts: a test alert has to arrive there. */
  readonly alerts: ITopic;
  readonly logRetention: RetentionDays;
}

/** Long enough for one run, so that alerts of today are not taken for those of the next. */
const INBOX_RETENTION = Duration.hours(1);

/** The account may have the same prefix in another region, and roles are of all regions. */
export function smokeRoleName(names: Names, region: string): string {
  return `${names.smoke}-${region}`;
}

/**
 * What it takes to try a release: a task with the image of the command line on a lake of its own, an inbox for the
 * alert that has to arrive, and a role that can start the task, read its log and clear up after it, and no more.
 */
export class SmokeTest extends Construct {
  readonly logGroup: LogGroup;
  readonly #props: SmokeTestProps;
  readonly #task: JobTask;
  readonly #inbox: Queue;

  constructor(scope: Construct, id: string, props: SmokeTestProps) {
    super(scope, id);
    this.#props = props;
    const { names, lake, smoke, cluster, network, alerts, logRetention } = props;
    this.#task = defineJobTask(this, {
      name: names.smoke,
      image: jobImage('cli'),
      args: ['--help'],
      cpu: 512,
      memory: Size.gibibytes(2),
      environment: {
        SIGNALS_LAKE: smoke.url,
        SIGNALS_DATABASE: smoke.databaseName,
        SIGNALS_WORKGROUP: lake.workgroup.workgroupName,
        SIGNALS_CRAWLER: smoke.crawler.crawlerName,
      },
      logRetention,
      stopTimeout: Duration.seconds(30),
    });
    this.logGroup = this.#task.logGroup;
    this.#allowTask(this.#task.definition.taskRole);
    this.#inbox = new Queue(this, 'Inbox', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: INBOX_RETENTION,
    });
    acknowledge(this.#inbox, {
      'AwsSolutions-SQS3': 'what nobody has read within the hour is of no use to anybody',
    });
    alerts.addSubscription(new SqsSubscription(this.#inbox));
    this.#createRole();
    // One text for the script, which is `lib/smoke/place.ts`.
    const place = {
      cluster: cluster.clusterName,
      task: names.smoke,
      subnets: network.vpc.publicSubnets.map(({ subnetId }) => subnetId),
      securityGroup: network.outbound.securityGroupId,
      logGroup: names.smoke,
      inbox: this.#inbox.queueUrl,
      bucket: lake.lake.dataBucket.bucketName,
      database: smoke.databaseName,
    };
    new CfnOutput(Stack.of(this), 'SmokeTest', { value: Stack.of(this).toJsonString(place) });
  }

  /** What load, transform and query do, below the one prefix. */
  #allowTask(role: IRole): void {
    const { lake, smoke } = this.#props;
    const all = [`${SMOKE_PREFIX}*`];
    lake.lake.grant(role, { read: all, write: all, delete: all });
    smoke.catalog.grantRead(role);
    smoke.crawler.grantStart(role);
    lake.workgroup.grantQuery(role);
  }

  /** For whoever tries a release: the step of the pipeline, or a person of this account. */
  #createRole(): void {
    const { names, config, lake, smoke, cluster } = this.#props;
    const stack = Stack.of(this);
    const { definition, logGroup } = this.#task;
    const trusted = [stack.account, ...(config.releasedFrom === undefined ? [] : [config.releasedFrom])];
    const role = new Role(this, 'Role', {
      roleName: smokeRoleName(names, stack.region),
      description: 'Tries a release in a lake of its own',
      assumedBy: new CompositePrincipal(...trusted.map((account) => new AccountPrincipal(account))),
    });
    const arn = (service: string, resource: string, resourceName: string): string =>
      stack.formatArn({ service, resource, resourceName });
    const allow = (
      actions: string[],
      resources: string[],
      conditions: Record<string, Record<string, string>> = {},
    ): void => {
      role.addToPolicy(new PolicyStatement({ effect: Effect.ALLOW, actions, resources, conditions }));
    };
    const onCluster = { ArnEquals: { 'ecs:cluster': cluster.clusterArn } };
    allow(['cloudformation:DescribeStacks'], [arn('cloudformation', 'stack', `${names.jobsStack}/*`)]);
    allow(['ecs:RunTask'], [arn('ecs', 'task-definition', `${names.smoke}:*`)], onCluster);
    allow(['ecs:DescribeTasks'], [arn('ecs', 'task', `${cluster.clusterName}/*`)], onCluster);
    allow(['iam:PassRole'], [definition.taskRole.roleArn, definition.obtainExecutionRole().roleArn], {
      StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' },
    });
    logGroup.grant(role, 'logs:GetLogEvents', 'logs:CreateLogStream', 'logs:PutLogEvents');
    allow(['sqs:ReceiveMessage', 'sqs:DeleteMessage'], [this.#inbox.queueArn]);
    const bucket = lake.lake.dataBucket;
    allow(['s3:ListBucket'], [bucket.bucketArn], { StringLike: { 's3:prefix': `${SMOKE_PREFIX}*` } });
    allow(['s3:DeleteObject'], [bucket.arnForObjects(`${SMOKE_PREFIX}*`)]);
    const { catalog, databaseArn } = smoke.catalog.database;
    allow(
      ['glue:GetPartitions', 'glue:BatchDeletePartition'],
      [catalog.catalogArn, databaseArn, smoke.catalog.prices.tableArn],
    );
    acknowledgeWildcards(role, 'tasks, revisions, stacks and objects have their names from their start on', [
      `stack/${names.jobsStack}/*`,
      `task-definition/${names.smoke}:*`,
      'task/<>/*',
      `/${SMOKE_PREFIX}*`,
    ]);
  }
}
