import { Duration, TimeZone } from 'aws-cdk-lib';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledgeWildcards } from '../compliance.ts';
import { BundledFunction } from './bundled-function.ts';
import type { DataLake } from './data-lake.ts';
import { createSchedulerRole } from './scheduler-role.ts';

export interface LakeWatchProps {
  readonly name: string;
  readonly lake: DataLake;
  /** The longest time between two finished runs of each job that is no fault. */
  readonly maxSilence: Readonly<Record<'load' | 'transform', Duration>>;
  readonly logRetention: RetentionDays;
  readonly deadLetters: Queue;
}

/**
 * Looks once a day at what the jobs left behind, and logs an error where a run or new prices are overdue: what
 * never started logs nothing itself.
 */
export class LakeWatch extends Construct {
  readonly freshness: BundledFunction;

  constructor(scope: Construct, id: string, props: LakeWatchProps) {
    super(scope, id);
    const { name, lake, maxSilence, logRetention, deadLetters } = props;
    this.freshness = new BundledFunction(this, 'Freshness', {
      functionName: name,
      description: 'Logs an error when a run or new prices are overdue',
      entry: 'lambda/freshness/handler.ts',
      environment: {
        BUCKET: lake.dataBucket.bucketName,
        MAX_HOURS_LOAD: String(maxSilence.load.toHours()),
        MAX_HOURS_TRANSFORM: String(maxSilence.transform.toHours()),
      },
      timeout: Duration.minutes(1),
      logRetention,
      deadLetters,
    });
    // It lists, and reads nothing.
    lake.grant(this.freshness.role, { read: [], write: [], delete: [] });
    const role = createSchedulerRole(this, 'ScheduleRole');
    acknowledgeWildcards(role, 'any version of the one function', [':*']);
    new Schedule(this, 'Schedule', {
      scheduleName: name,
      description: 'Looks for overdue runs and prices',
      schedule: ScheduleExpression.cron({ hour: '6', minute: '0', timeZone: TimeZone.ETC_UTC }),
      target: new LambdaInvoke(this.freshness.handler, {
        role,
        retryAttempts: 3,
        maxEventAge: Duration.hours(1),
        deadLetterQueue: deadLetters,
      }),
    });
  }
}
