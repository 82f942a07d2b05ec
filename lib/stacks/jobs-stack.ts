import { CfnOutput, DefaultStackSynthesizer, Duration, Stack } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { StageConfig } from '../config.ts';
import { acknowledge } from '../compliance.ts';
import { BudgetAlarm } from '../constructs/budget-alarm.ts';
import { JobAlerts } from '../constructs/job-alerts.ts';
import { Jobs } from '../constructs/jobs.ts';
import { LakeWatch } from '../constructs/lake-watch.ts';
import type { Network } from '../constructs/network.ts';
import { OperationsAlarms } from '../constructs/operations-alarms.ts';
import { OperationsDashboard } from '../constructs/operations-dashboard.ts';
import { SmokeTest } from '../constructs/smoke-test.ts';
import { StatisticsFunctions } from '../constructs/statistics-functions.ts';
import { TradingTask } from '../constructs/trading-task.ts';
import { VERSION } from '../package-json.ts';
import type { CacheStack } from './cache-stack.ts';
import type { LakeStack } from './lake-stack.ts';

export interface JobsStackProps {
  readonly config: StageConfig;
  readonly lake: LakeStack;
  readonly cache: CacheStack;
  readonly network: Network;
}

/** What runs, and who is told when it fails. Nothing in it has to be kept. */
export class JobsStack extends Stack {
  constructor(scope: Construct, id: string, { config, lake, cache, network }: JobsStackProps) {
    const { names, alertEmails: emails, logRetention, budget } = config;
    super(scope, id, {
      stackName: names.jobsStack,
      description: 'signals: scheduled jobs and alerts',
      // People look for the images of a version.
      synthesizer: new DefaultStackSynthesizer({ dockerTagPrefix: `v${VERSION}-` }),
    });
    const deadLetters = new Queue(this, 'DeadLetters', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    acknowledge(deadLetters, {
      'AwsSolutions-SQS3':
        'it is the dead-letter queue of schedules and functions, which the rule does not look at',
    });
    const jobs = new Jobs(this, 'Jobs', { config, lake, network, deadLetters });
    const watch = new LakeWatch(this, 'Watch', {
      name: names.freshness,
      lake: lake.lake,
      maxSilence: { load: config.load.maxSilence, transform: config.transform.maxSilence },
      logRetention,
      deadLetters,
    });
    const statistics = new StatisticsFunctions(this, 'Statistics', {
      name: names.statistics,
      callerPolicyName: names.statisticsCaller,
      single: config.statistics,
      lake: lake.lake,
      tables: cache.statistics,
      tablePrefix: config.tables.tablePrefix,
      logRetention,
      deadLetters,
    });
    const alerts = new JobAlerts(this, 'Alerts', {
      stage: config.name,
      functionName: names.errorNotification,
      topicName: names.log,
      emails,
      logRetention,
      deadLetters,
    });
    alerts.watchLog('LoadErrors', jobs.load.logGroup);
    alerts.watchLog('TransformErrors', jobs.transform.logGroup);
    if (jobs.universe !== undefined) alerts.watchLog('UniverseErrors', jobs.universe.logGroup);
    alerts.watchLog('FreshnessErrors', watch.freshness.logGroup);
    if (cache.trading !== undefined) {
      const trading = new TradingTask(this, 'Trading', {
        name: names.trading,
        state: cache.trading,
        logRetention,
      });
      alerts.watchLog('TradingErrors', trading.logGroup);
    }
    if (config.smoke !== undefined && lake.smoke !== undefined) {
      const smoke = new SmokeTest(this, 'Smoke', {
        names,
        config: config.smoke,
        lake,
        smoke: lake.smoke,
        cluster: jobs.cluster,
        network,
        alerts: alerts.topic,
        logRetention,
      });
      alerts.watchLog('SmokeErrors', smoke.logGroup);
    }
    alerts.watchTasks(jobs.cluster);
    alerts.watchCrawler(lake.crawler.crawlerName);
    const alarms = new OperationsAlarms(this, 'Alarms', {
      topic: alerts.topic,
      deadLetters: { lake: lake.events.deadLetters, jobs: deadLetters },
      notification: alerts.notification.handler,
      statistics,
      trading: cache.trading,
    });
    new OperationsDashboard(this, 'Dashboard', {
      name: names.dashboard,
      jobs: [jobs.load, jobs.transform],
      alarms: alarms.all,
      events: lake.events.queue,
      workgroupName: lake.workgroup.workgroupName,
    });
    new CfnOutput(this, 'StatisticsUrl', { value: statistics.url.url });
    new CfnOutput(this, 'StatisticsCallerPolicy', { value: statistics.callerPolicy.managedPolicyArn });
    new CfnOutput(this, 'TaskNetwork', { value: network.runTaskConfiguration });
    if (budget !== undefined) new BudgetAlarm(this, 'Budget', { monthlyUsd: budget, emails });
  }
}
