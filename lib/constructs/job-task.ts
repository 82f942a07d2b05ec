import { RemovalPolicy, type Duration, type Size } from 'aws-cdk-lib';
import {
  AwsLogDriverMode,
  CpuArchitecture,
  FargateTaskDefinition,
  LogDrivers,
  OperatingSystemFamily,
  type ContainerDefinition,
  type ContainerImage,
} from 'aws-cdk-lib/aws-ecs';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../compliance.ts';

export interface JobTaskProps {
  /** Of the task family and the log group. */
  readonly name: string;
  readonly image: ContainerImage;
  readonly args: readonly string[];
  /** Share of a processor, in units of 1/1024. */
  readonly cpu: number;
  readonly memory: Size;
  readonly environment: Readonly<Record<string, string>>;
  readonly logRetention: RetentionDays;
  /** Between SIGTERM and the end. */
  readonly stopTimeout: Duration;
}

export interface JobTask {
  readonly logGroup: LogGroup;
  readonly definition: FargateTaskDefinition;
  readonly container: ContainerDefinition;
}

/** Defines a Fargate task on ARM64 with a log of its own, that writes to /tmp only. */
export function defineJobTask(scope: Construct, props: JobTaskProps): JobTask {
  const logGroup = new LogGroup(scope, 'Log', {
    logGroupName: props.name,
    retention: props.logRetention,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const definition = new FargateTaskDefinition(scope, 'Task', {
    family: props.name,
    cpu: props.cpu,
    memoryLimitMiB: props.memory.toMebibytes(),
    runtimePlatform: {
      cpuArchitecture: CpuArchitecture.ARM64,
      operatingSystemFamily: OperatingSystemFamily.LINUX,
    },
  });
  const container = definition.addContainer('Job', {
    image: props.image,
    command: [...props.args],
    environment: { ...props.environment, LOG_FORMAT: 'json' },
    // An error line that gets lost is an alert that gets lost.
    logging: LogDrivers.awsLogs({ logGroup, streamPrefix: props.name, mode: AwsLogDriverMode.BLOCKING }),
    readonlyRootFilesystem: true,
    stopTimeout: props.stopTimeout,
  });
  definition.addVolume({ name: 'scratch' });
  container.addMountPoints({ sourceVolume: 'scratch', containerPath: '/tmp', readOnly: false });
  acknowledge(definition, {
    'AwsSolutions-ECS2': 'the variables are names of a bucket, a database and the like: nothing secret',
  });
  acknowledgeWildcards(definition.obtainExecutionRole(), 'ecr:GetAuthorizationToken knows no resource', [
    '*',
  ]);
  return { logGroup, definition, container };
}
