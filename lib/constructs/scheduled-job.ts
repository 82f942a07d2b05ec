import { Duration, RemovalPolicy, TimeZone } from 'aws-cdk-lib';
import {
  AwsLogDriverMode,
  CpuArchitecture,
  FargatePlatformVersion,
  FargateTaskDefinition,
  LogDrivers,
  OperatingSystemFamily,
  type Cluster,
  type ContainerImage,
} from 'aws-cdk-lib/aws-ecs';
import { SubnetType } from 'aws-cdk-lib/aws-ec2';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import { EcsRunFargateTask } from 'aws-cdk-lib/aws-scheduler-targets';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { JobConfig } from '../config.ts';
import { acknowledge, acknowledgeWildcards } from '../compliance.ts';
import type { Network } from './network.ts';
import { createSchedulerRole } from './scheduler-role.ts';

export interface ScheduledJobProps {
  /** Of the task family, the schedule and the log group. */
  readonly name: string;
  readonly description: string;
  readonly config: JobConfig;
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

  constructor(scope: Construct, id: string, props: ScheduledJobProps) {
    super(scope, id);
    this.logGroup = new LogGroup(this, 'Log', {
      logGroupName: props.name,
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.taskDefinition = this.#defineTask(props);
    this.#schedule(props);
  }

  /** What the job may do; for the grants of others. */
  get role(): IRole {
    return this.taskDefinition.taskRole;
  }

  #defineTask({ name, config, image, environment }: ScheduledJobProps): FargateTaskDefinition {
    const definition = new FargateTaskDefinition(this, 'Task', {
      family: name,
      cpu: config.cpu,
      memoryLimitMiB: config.memory.toMebibytes(),
      runtimePlatform: {
        cpuArchitecture: CpuArchitecture.ARM64,
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
    });
    const container = definition.addContainer('Job', {
      image,
      command: [...config.args],
      environment: { ...environment, LOG_FORMAT: 'json' },
      // An error line that gets lost is an alert that gets lost.
      logging: LogDrivers.awsLogs({
        logGroup: this.logGroup,
        streamPrefix: name,
        mode: AwsLogDriverMode.BLOCKING,
      }),
      readonlyRootFilesystem: true,
      stopTimeout: STOP_TIMEOUT,
    });
    definition.addVolume({ name: 'scratch' });
    container.addMountPoints({ sourceVolume: 'scratch', containerPath: '/tmp', readOnly: false });
    acknowledge(definition, {
      'AwsSolutions-ECS2': 'the variables are names of a bucket, a database and the like: nothing secret',
    });
    acknowledgeWildcards(definition.obtainExecutionRole(), 'ecr:GetAuthorizationToken knows no resource', [
      '*',
    ]);
    return definition;
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
