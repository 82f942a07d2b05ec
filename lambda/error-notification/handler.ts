import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { z } from 'zod';
import { createAwsClient } from '../../jobs/runtime/aws-client.ts';
import { LAMBDA_LIMITS } from '../../jobs/runtime/limits.ts';
import { formatAlert, type Alert, type Message } from './alert.ts';
import { logGroupLink } from './console-links.ts';
import { digestLogBatch, unpackLogBatch } from './log-batch.ts';
import { RecentAlerts } from './recent-alerts.ts';
import { digestServiceEvent, serviceEvent } from './service-event.ts';

const environment = z.object({
  TOPIC_ARN: z.string(),
  STAGE: z.string(),
  AWS_REGION: z.string(),
  AWS_LAMBDA_LOG_GROUP_NAME: z.string().default('unknown'),
});
const logEvent = z.object({ awslogs: z.object({ data: z.string() }) });

interface Digest {
  readonly account: string;
  readonly alerts: readonly Alert[];
}

// What a warm function keeps.
const recent = new RecentAlerts();
let client: SNSClient | undefined;

/**
 * Entry of the function: error lines of logs and events of services become emails. An event of any other form
 * becomes an email that says so; the function fails only when the topic does not take a message.
 */
export async function handler(event: unknown): Promise<void> {
  const { TOPIC_ARN, STAGE, AWS_REGION: region, AWS_LAMBDA_LOG_GROUP_NAME } = environment.parse(process.env);
  client ??= createAwsClient(SNSClient, { limits: LAMBDA_LIMITS });
  const { account, alerts } = digest(event, region, TOPIC_ARN, AWS_LAMBDA_LOG_GROUP_NAME);
  for (const alert of alerts) {
    if (!recent.take(alert, Date.now())) continue;
    try {
      await publish(client, TOPIC_ARN, formatAlert(alert, { stage: STAGE, account, region }));
    } catch (error) {
      recent.forget(alert);
      throw error;
    }
  }
}

function digest(event: unknown, region: string, topicArn: string, ownLog: string): Digest {
  try {
    const log = logEvent.safeParse(event);
    if (log.success) {
      const batch = unpackLogBatch(log.data.awslogs.data);
      return { account: batch.owner, alerts: digestLogBatch(batch, region) };
    }
    const read = serviceEvent.parse(event);
    return { account: read.account, alerts: [digestServiceEvent(read)] };
  } catch {
    const alert: Alert = {
      job: 'error-notification',
      code: 'unreadable',
      lines: ['an event could not be read', JSON.stringify(event) ?? String(event)],
      runId: undefined,
      link: logGroupLink(region, ownLog),
      isFinal: true,
    };
    return { account: topicArn.split(':')[4] ?? 'unknown', alerts: [alert] };
  }
}

async function publish(sns: SNSClient, topicArn: string, { subject, body }: Message): Promise<void> {
  await sns.send(new PublishCommand({ TopicArn: topicArn, Subject: subject, Message: body }));
}
