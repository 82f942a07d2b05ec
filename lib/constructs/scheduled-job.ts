import { Duration, TimeZone } from 'aws-cdk-lib';
import {
  FargatePlatformVersion,
  type Cluster,
  type ContainerDefinition,
  type ContainerImage,
  type FargateTaskDefinition,
} from 'aws-cdk-lib/aws-ecs';
import { SubnetType } from 'aws-cdk-lib/aws-ec2';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import { EcsRunFargateTask } from 'aws-cdk-lib/aws-scheduler-targets';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { TaskConfig } from '../config.ts';
import { acknowledgeWildcards } from '../compliance.ts';
import { defineJobTask } from './job-task.ts';
import type { Network } from './network.ts';
import { createSchedulerRole } from './scheduler-role.ts';

export interface ScheduledJobProps {
  /** Of the task family, the schedule and the log group. */
  readonly name: string;
  readonly description: string;
  readonly config: TaskConfig;
  readonly image: ContainerImage;
  readonly environment: Readonly<Record<string, string>>;
  readonly cluster: Cluster;
  readonly network: Network;
  readonly logRetention: RetentionDays;
  /** Where starts go that did not succeed after all attempts. */
  readonly deadLetters: Queue;
}

/** The most that Fargate allows between SIGTERM and the end: the partition in hand is finished in it. */
const STOP_TIMEOUT = Duration.seconds(120);

/** A job as a Fargate task on ARM64 that starts on schedule, with a log of its own. */
export class ScheduledJob extends Construct {
  readonly logGroup: LogGroup;
  readonly taskDefinition: FargateTaskDefinition;
  readonly container: ContainerDefinition;

  constructor(scope: Construct, id: string, props: ScheduledJobProps) {
    super(scope, id);
    const { name, config, image, environment, logRetention } = props;
    const { logGroup, definition, container } = defineJobTask(this, {
      name,
      image,
      args: config.args,
      cpu: config.cpu,
      memory: config.memory,
      environment,
      logRetention,
      stopTimeout: STOP_TIMEOUT,
    });
    this.logGroup = logGroup;
    this.taskDefinition = definition;
    this.container = container;
    this.#schedule(props);
  }

  /** What the job may do; for the grants of others. */
  get role(): IRole {
    return this.taskDefinition.taskRole;
  }

  #schedule({ name, description, config, cluster, network, deadLetters }: ScheduledJobProps): void {
    const role = createSchedulerRole(this, 'ScheduleRole');
    acknowledgeWildcards(role, 'a task has its name from its start on; it is tagged as it starts', [
      'task/<>/*',
    ]);
    new Schedule(this, 'Schedule', {
      scheduleName: name,
      description,
      schedule: ScheduleExpression.cron({ ...config.schedule, timeZone: TimeZone.ETC_UTC }),
      target: new EcsRunFargateTask(cluster, {
        role,
        taskDefinition: this.taskDefinition,
        vpcSubnets: { subnetType: SubnetType.PUBLIC },
        securityGroups: [network.outbound],
        assignPublicIp: true,
        platformVersion: FargatePlatformVersion.LATEST,
        propagateTags: true,
        capacityProviderStrategies: [
          { capacityProvider: config.spot ? 'FARGATE_SPOT' : 'FARGATE', weight: 1 },
        ],
        // A start that fails, because there is no capacity for instance, is tried again for an hour.
        retryAttempts: 5,
        maxEventAge: Duration.hours(1),
        deadLetterQueue: deadLetters,
      }),
    });
  }
}
