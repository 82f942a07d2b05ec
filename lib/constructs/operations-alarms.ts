import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Stats, TreatMissingData, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { StatisticsFunctions } from './statistics-functions.ts';
import type { TradingState } from './trading-state.ts';

export interface OperationsAlarmsProps {
  /** Whom to tell. */
  readonly topic: ITopic;
  readonly deadLetters: { readonly lake: Queue; readonly jobs: Queue };
  /** The function that writes the other alerts: when it fails, nobody would hear of them. */
  readonly notification: IFunction;
  readonly statistics: StatisticsFunctions;
  /** Where the stage has one. */
  readonly trading: TradingState | undefined;
}

const PERIOD = Duration.minutes(5);
/** Of a limit of the state of traders: enough is left to raise it in time. */
const NEAR_LIMIT = 0.8;
/** The smaller of the two meanings of a gigabyte, so that the alarm comes early rather than late. */
const BYTES_A_GB = 1e9;

/**
 * Alarms on counts that should be zero, and on limits that come near. The description of each, which is in the email,
 * says what to do first.
 */
export class OperationsAlarms extends Construct {
  readonly all: Alarm[] = [];
  readonly #topic: ITopic;

  constructor(scope: Construct, id: string, props: OperationsAlarmsProps) {
    super(scope, id);
    const { topic, deadLetters, notification, statistics, trading } = props;
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
    if (trading !== undefined) this.#watchTrading(trading);
  }

  #watchTrading(trading: TradingState): void {
    const { storage, ecpuPerSecond } = trading.limits;
    this.#alarm(
      'TradingStorage',
      trading.metric('BytesUsedForCache', { statistic: Stats.MAXIMUM, period: PERIOD }),
      'The state of traders fills 80 % of its limit, and beyond the limit writes are refused. Raise trading.gigabytes ' +
        'in cdk.json and deploy, or flush traders that are done; doc/operations.md, "State of traders".',
      NEAR_LIMIT * storage.toGibibytes() * BYTES_A_GB,
    );
    this.#alarm(
      'TradingThroughput',
      trading.metric('ElastiCacheProcessingUnits', { statistic: Stats.SUM, period: PERIOD }),
      'The state of traders works at 80 % of its limit, and beyond the limit commands are refused. Raise ' +
        'trading.ecpuPerSecond in cdk.json and deploy; doc/operations.md, "State of traders".',
      NEAR_LIMIT * ecpuPerSecond * PERIOD.toSeconds(),
    );
    this.#alarm(
      'TradingThrottled',
      trading.metric('ThrottledCmds', { statistic: Stats.SUM, period: PERIOD }),
      'Commands of traders were refused because work grew faster than the cache or beyond its limit. Run the task ' +
        '"trading verify", then raise trading.ecpuPerSecond in cdk.json; doc/operations.md, "State of traders".',
    );
  }

  #alarm(id: string, metric: IMetric, whatToDo: string, threshold = 1): void {
    const alarm = new Alarm(this, id, {
      alarmDescription: whatToDo,
      metric,
      threshold,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.#topic));
    this.all.push(alarm);
  }
}
