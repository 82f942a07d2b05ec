import { z } from 'zod';
import type { Alert } from './alert.ts';
import { insightsLink, logGroupLink } from './console-links.ts';

const envelope = { account: z.string(), region: z.string(), time: z.coerce.date() };

const taskStopped = z.object({
  ...envelope,
  source: z.literal('aws.ecs'),
  detail: z.object({
    taskArn: z.string(),
    group: z.string().optional(),
    taskDefinitionArn: z.string(),
    stopCode: z.string().optional(),
    stoppedReason: z.string().optional(),
    containers: z
      .array(z.object({ exitCode: z.number().optional(), reason: z.string().optional() }))
      .default([]),
  }),
});

const crawlFailed = z.object({
  ...envelope,
  source: z.literal('aws.glue'),
  detail: z.object({
    crawlerName: z.string(),
    message: z.string().optional(),
    errorMessage: z.string().optional(),
  }),
});

/** Events of ECS and Glue, as EventBridge hands them on. */
export const serviceEvent = z.discriminatedUnion('source', [taskStopped, crawlFailed]);
type ServiceEvent = z.infer<typeof serviceEvent>;

export function digestServiceEvent(event: ServiceEvent): Alert {
  return event.source === 'aws.ecs' ? digestTask(event) : digestCrawl(event);
}

/** A task that ended badly. Its family is also the name of its log group. */
function digestTask({ region, time, detail }: z.infer<typeof taskStopped>): Alert {
  const family = /task-definition\/([^:]+)/.exec(detail.taskDefinitionArn)?.[1] ?? detail.taskDefinitionArn;
  const exitCode = detail.containers.find((container) => container.exitCode !== undefined)?.exitCode;
  const reasons = [detail.stoppedReason, ...detail.containers.map(({ reason }) => reason)];
  const what =
    exitCode === undefined
      ? `the task did not start (${detail.stopCode ?? 'no code'})`
      : `the task ended with exit code ${exitCode}`;
  return {
    job: family,
    code: exitCode === undefined ? 'task-start' : `exit-${exitCode}`,
    lines: [what, ...reasons.filter((reason) => reason !== undefined), `task ${detail.taskArn}`],
    runId: undefined,
    link: insightsLink(region, family, undefined, time),
    isFinal: true,
  };
}

function digestCrawl({ region, detail }: z.infer<typeof crawlFailed>): Alert {
  const reasons = [detail.errorMessage, detail.message].filter((reason) => reason !== undefined);
  return {
    job: detail.crawlerName,
    code: 'crawl-failed',
    lines: ['the crawl failed', ...reasons],
    runId: undefined,
    link: logGroupLink(region, '/aws-glue/crawlers'),
    isFinal: true,
  };
}
