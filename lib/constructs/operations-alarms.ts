import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Stats, TreatMissingData, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { StatisticsFunctions } from './statistics-functions.ts';

export interface OperationsAlarmsProps {
  /** Whom to tell. */
  readonly topic: ITopic;
  readonly deadLetters: { readonly lake: Queue; readonly jobs: Queue };
  /** The function that writes the other alerts: when it fails, nobody would hear of them. */
  readonly notification: IFunction;
  readonly statistics: StatisticsFunctions;
}

const PERIOD = Duration.minutes(5);

/** Alarms on counts that should be zero. The description of each, which is in the email, says what to do first. */
export class OperationsAlarms extends Construct {
  readonly all: Alarm[] = [];
  readonly #topic: ITopic;

  constructor(scope: Construct, id: string, props: OperationsAlarmsProps) {
    super(scope, id);
    const { topic, deadLetters, notification, statistics } = props;
    this.#topic = topic;
    const waiting = (queue: Queue): IMetric =>
      queue.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: Stats.MAXIMUM });
    this.#alarm(
      'LakeDeadLetters',
      waiting(deadLetters.lake),
      'Events of new price objects were given up. Read them in the dead-letter queue, then start the crawler by ' +
        'hand; doc/operations.md, "Dead letters".',
    );
    this.#alarm(
      'JobDeadLetters',
      waiting(deadLetters.jobs),
      'A scheduled start or an alert could not be delivered. Read the message in the dead-letter queue: it says ' +
        'what was to be started; run that by hand. doc/operations.md, "Dead letters".',
    );
    this.#alarm(
      'NotificationErrors',
      notification.metricErrors({ period: PERIOD, statistic: Stats.SUM }),
      'The function that writes alerts fails, so other alerts may be missing. Read its log, then those of the ' +
        'jobs; doc/operations.md, "Read an alert".',
    );
    this.#alarm(
      'StatisticsFailures',
      statistics.failures,
      'Statistics were asked for and could not be given: the lake, the tables or the Treasury did not answer. Read ' +
        'the error lines of the function; doc/operations.md, "Statistics".',
    );
    for (const { handler } of statistics.all) {
      this.#alarm(
        `${handler.node.scope!.node.id}Errors`,
        handler.metricErrors({ period: PERIOD, statistic: Stats.SUM }),
        'A statistics function ended without an answer: out of time or of memory, or a bug. Read the end of its log; ' +
          'doc/operations.md, "Statistics".',
      );
    }
  }

  #alarm(id: string, metric: IMetric, whatToDo: string): void {
    const alarm = new Alarm(this, id, {
      alarmDescription: whatToDo,
      metric,
      threshold: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.#topic));
    this.all.push(alarm);
  }
}
