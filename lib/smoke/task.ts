import {
  GetLogEventsCommand,
  ResourceNotFoundException,
  type CloudWatchLogsClient,
} from '@aws-sdk/client-cloudwatch-logs';
import { DescribeTasksCommand, RunTaskCommand, type ECSClient, type Task } from '@aws-sdk/client-ecs';
import { poll, type BackOff, type Waiting } from '../../jobs/runtime/poll.ts';
import type { SmokePlace } from './place.ts';

/** A task waits a minute for its image and its address; a crawl takes up to ten. */
const TASK: BackOff = { firstMs: 2000, maxMs: 10_000, timeoutMs: 20 * 60_000 };
/** Lines are there some seconds after the task has ended. */
const LINES: BackOff = { firstMs: 1000, maxMs: 5000, timeoutMs: 60_000 };
const CONTAINER = 'Job';

export interface TaskPorts {
  readonly ecs: ECSClient;
  readonly logs: CloudWatchLogsClient;
  readonly waiting: Waiting;
}

/**
 * Runs one command of the command line as a task and waits for its end.
 *
 * @returns the name of its log stream
 * @throws Error of one line when it could not start, did not end in time or ended with another code than 0
 */
export async function runTask(
  ports: TaskPorts,
  place: SmokePlace,
  command: readonly string[],
): Promise<string> {
  const { ecs, waiting } = ports;
  const { tasks = [], failures = [] } = await ecs.send(
    new RunTaskCommand({
      cluster: place.cluster,
      taskDefinition: place.task,
      capacityProviderStrategy: [{ capacityProvider: 'FARGATE', weight: 1 }],
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: place.subnets,
          securityGroups: [place.securityGroup],
          assignPublicIp: 'ENABLED',
        },
      },
      overrides: { containerOverrides: [{ name: CONTAINER, command: [...command] }] },
    }),
  );
  const taskArn = tasks[0]?.taskArn;
  if (taskArn === undefined)
    throw new Error(`it was not started: ${failures[0]?.reason ?? 'no reason given'}`);
  const ended = await poll(() => findEnded(ecs, place.cluster, taskArn), TASK, waiting);
  if (ended === undefined)
    throw new Error(`task ${taskArn} has not ended after ${TASK.timeoutMs / 60_000} min`);
  const { containers = [], stoppedReason = 'no reason given' } = ended;
  const code = containers.find(({ name }) => name === CONTAINER)?.exitCode;
  if (code === undefined) throw new Error(`it did not run: ${stoppedReason}`);
  const stream = `${place.task}/${CONTAINER}/${taskArn.split('/').at(-1)}`;
  if (code !== 0) {
    const last = messageOf((await readLines(ports, place.logGroup, stream)).at(-1));
    throw new Error(`it ended with ${code}: ${last} (log ${place.logGroup}, stream ${stream})`);
  }
  return stream;
}

/** Lines of a log stream, once there are any; none when none have come within a minute. */
export async function readLines(
  { logs, waiting }: TaskPorts,
  logGroupName: string,
  logStreamName: string,
): Promise<string[]> {
  const ask = async (): Promise<string[] | undefined> => {
    try {
      const { events = [] } = await logs.send(
        new GetLogEventsCommand({ logGroupName, logStreamName, startFromHead: true }),
      );
      return events.length === 0 ? undefined : events.map(({ message }) => message ?? '');
    } catch (error) {
      // There is no stream before its first line.
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  };
  return (await poll(ask, LINES, waiting)) ?? [];
}

async function findEnded(ecs: ECSClient, cluster: string, taskArn: string): Promise<Task | undefined> {
  const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster, tasks: [taskArn] }));
  return tasks[0]?.lastStatus === 'STOPPED' ? tasks[0] : undefined;
}

/** What a line of a job's log says. */
function messageOf(line = 'it has logged nothing'): string {
  try {
    return (JSON.parse(line) as { msg?: string }).msg ?? line;
  } catch {
    return line;
  }
}
