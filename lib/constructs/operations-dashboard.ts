import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  LogQueryWidget,
  Metric,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { ScheduledJob } from './scheduled-job.ts';

export interface OperationsDashboardProps {
  readonly name: string;
  readonly jobs: readonly ScheduledJob[];
  readonly alarms: readonly Alarm[];
  readonly events: Queue;
  readonly workgroupName: string;
}

const DAY = Duration.days(1);

/** What an operator asks first: is anything wrong, what went wrong, did the jobs run, does the queue drain. */
export class OperationsDashboard extends Construct {
  constructor(scope: Construct, id: string, props: OperationsDashboardProps) {
    super(scope, id);
    const { name, jobs, alarms, events, workgroupName } = props;
    const logGroupNames = jobs.map(({ logGroup }) => logGroup.logGroupName);
    const dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: name,
      defaultInterval: Duration.days(14),
    });
    dashboard.addWidgets(
      new TextWidget({ markdown: '# signals\nWhat to do first: doc/operations.md', width: 24, height: 2 }),
      new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: 24, height: 3 }),
    );
    dashboard.addWidgets(
      new LogQueryWidget({
        title: 'Last errors',
        logGroupNames,
        queryLines: [
          'fields @timestamp, job, code, msg, runId',
          'filter level in ["error", "fatal"]',
          'sort @timestamp desc',
          'limit 20',
        ],
        width: 24,
      }),
    );
    dashboard.addWidgets(
      new LogQueryWidget({
        title: 'Last runs',
        logGroupNames,
        queryLines: [
          'fields @timestamp, job, event, msg, runId',
          'filter event like /\\.(started|done|finished|failed)$/',
          'sort @timestamp desc',
          'limit 20',
        ],
        width: 12,
      }),
      new GraphWidget({
        title: 'Price objects announced and waiting for the crawler',
        left: [
          events.metricNumberOfMessagesSent({ period: DAY, statistic: Stats.SUM }),
          events.metricApproximateNumberOfMessagesVisible({ period: DAY, statistic: Stats.MAXIMUM }),
        ],
        width: 6,
      }),
      new GraphWidget({
        title: 'Bytes read by queries',
        left: [
          new Metric({
            namespace: 'AWS/Athena',
            metricName: 'ProcessedBytes',
            dimensionsMap: { WorkGroup: workgroupName },
            statistic: Stats.SUM,
            period: DAY,
          }),
        ],
        width: 6,
      }),
    );
  }
}
