import { randomUUID } from 'node:crypto';
import {
  CloudWatchLogsClient,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { packLogEvent } from './cloudwatch.ts';
import type { Finished } from './command.ts';
import type { DeployedStack } from './deployed-stack.ts';
import { startFaultProxy, type Fault, type FaultProxy } from './fault-proxy.ts';

/** What goes wrong, for once. */
type PlayedFault = 'none' | 'no image' | 'no alert';

export interface PlayedAws {
  readonly url: string;
  /** Operations of the JSON protocols that were asked for, such as `ecs:RunTask`. */
  readonly actions: Set<string>;
  fault: PlayedFault;
  /** Resolves when no task is running: what waits for one need not wait any longer. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface PlayedAwsOptions {
  /** Of the emulator. */
  readonly endpoint: string;
  readonly config: object;
  /** With the subscriptions of its logs. */
  readonly jobs: DeployedStack;
  /** Runs a task definition's container with other arguments. */
  readonly runContainer: (family: string, command: readonly string[]) => Promise<Finished>;
  readonly callFunction: (name: string, event: unknown) => Promise<unknown>;
}

interface PlayedTask {
  readonly taskArn: string;
  done: Promise<void>;
  exitCode?: number;
  stoppedReason?: string;
}

/** Services by what their protocol calls them. */
const SERVICES: Readonly<Record<string, string>> = {
  AmazonEC2ContainerServiceV20141113: 'ecs',
  Logs_20140328: 'logs',
  AmazonSQS: 'sqs',
  AWSGlue: 'glue',
};

/**
 * The emulator with what it has no engine for: tasks run as processes of this machine and log what they print, lines of
 * a log go to the function that subscribes to it, and the stack with the jobs has outputs.
 */
export async function startPlayedAws(options: PlayedAwsOptions): Promise<PlayedAws> {
  const { endpoint, config, jobs, runContainer, callFunction } = options;
  const logs = new CloudWatchLogsClient(config);
  const tasks = new Map<string, PlayedTask>();
  const proxy: FaultProxy = await startFaultProxy(endpoint);
  const played: PlayedAws = {
    url: proxy.url,
    actions: new Set(),
    fault: 'none',
    settled: async () => void (await Promise.all([...tasks.values()].map(({ done }) => done))),
    close: () => proxy.close(),
  };

  proxy.decide = async (_method, _path, { target, body }) => {
    if (body.includes('Action=DescribeStacks')) return describeStack(jobs);
    const [service = '', operation = ''] = target?.split('.') ?? [];
    if (SERVICES[service] === undefined) return 'pass';
    played.actions.add(`${SERVICES[service]}:${operation}`);
    const request = JSON.parse(body.toString()) as any;
    switch (`${SERVICES[service]}:${operation}`) {
      case 'ecs:RunTask':
        return answer({ tasks: [{ taskArn: run(request) }], failures: [] });
      case 'ecs:DescribeTasks':
        return answer({ tasks: request.tasks.map((arn: string) => describe(tasks.get(arn)!)) });
      case 'logs:PutLogEvents':
        if (played.fault !== 'no alert') await deliver(request);
        return 'pass';
      default:
        return 'pass';
    }
  };

  function run({ taskDefinition: family, overrides }: any): string {
    const id = randomUUID().replaceAll('-', '');
    const taskArn = `arn:aws:ecs:us-west-2:123456789012:task/cluster/${id}`;
    const [{ command, name }] = overrides.containerOverrides;
    const task: PlayedTask = { taskArn, done: Promise.resolve() };
    tasks.set(taskArn, task);
    if (played.fault === 'no image') {
      task.stoppedReason =
        'CannotPullContainerError: pull image manifest has been retried 7 time(s): not found';
    } else {
      task.done = runToEnd(task, family, command, `${family}/${name}/${id}`);
    }
    return taskArn;
  }

  async function runToEnd(
    task: PlayedTask,
    logGroupName: string,
    command: readonly string[],
    logStreamName: string,
  ): Promise<void> {
    const { code, stdout, stderr } = await runContainer(logGroupName, command);
    const logEvents = `${stdout}\n${stderr}`
      .split('\n')
      .filter((line) => line !== '')
      .map((message) => ({ message, timestamp: Date.now() }));
    await logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
    if (logEvents.length > 0)
      await logs.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
    task.exitCode = code ?? 137;
  }

  /** Lines that a filter lets through; which those are is CloudWatch's to know, here it is one line of the test. */
  async function deliver({ logGroupName, logEvents }: any): Promise<void> {
    const subscribed = jobs
      .ofType('AWS::Logs::SubscriptionFilter')
      .find(([, { LogGroupName }]) => LogGroupName === logGroupName);
    if (subscribed === undefined) return;
    const name = String(subscribed[1].DestinationArn).split(':').at(-1)!;
    await callFunction(name, packLogEvent(logEvents, { logGroup: logGroupName }));
  }

  return played;
}

function describeStack(stack: DeployedStack): Fault {
  const outputs = ['SmokeTest'].map((key) => {
    const value = String(stack.output(key)).replaceAll('"', '&quot;');
    return `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`;
  });
  const described =
    `<StackName>${stack.name}</StackName><CreationTime>2026-11-30T00:00:00Z</CreationTime>` +
    `<StackStatus>CREATE_COMPLETE</StackStatus><Outputs>${outputs.join('')}</Outputs>`;
  const result = `<DescribeStacksResult><Stacks><member>${described}</member></Stacks></DescribeStacksResult>`;
  return { status: 200, body: `<DescribeStacksResponse>${result}</DescribeStacksResponse>` };
}

function describe({ taskArn, exitCode, stoppedReason }: PlayedTask): object {
  if (stoppedReason !== undefined) {
    return { taskArn, lastStatus: 'STOPPED', stoppedReason, containers: [{ name: 'Job' }] };
  }
  if (exitCode === undefined) return { taskArn, lastStatus: 'RUNNING', containers: [{ name: 'Job' }] };
  const ended = 'Essential container in task exited';
  return { taskArn, lastStatus: 'STOPPED', stoppedReason: ended, containers: [{ name: 'Job', exitCode }] };
}

function answer(body: object): Fault {
  const headers = { 'content-type': 'application/x-amz-json-1.1' };
  return { status: 200, headers, body: JSON.stringify(body) };
}
