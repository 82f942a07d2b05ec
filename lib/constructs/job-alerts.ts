import { Duration, Stack } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Cluster } from 'aws-cdk-lib/aws-ecs';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { FilterPattern, SubscriptionFilter, type ILogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { LambdaDestination } from 'aws-cdk-lib/aws-logs-destinations';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { BundledFunction } from './bundled-function.ts';

export interface JobAlertsProps {
  /** Named in every alert. */
  readonly stage: string;
  readonly functionName: string;
  readonly topicName: string;
  readonly emails: readonly string[];
  readonly logRetention: RetentionDays;
  /** Where events go that the function could not handle after all attempts. */
  readonly deadLetters: Queue;
}

/**
 * Turns failures into emails: error lines of logs, tasks that ended badly, crawls that failed. One function writes
 * them all, so that each says what to do first.
 */
export class JobAlerts extends Construct {
  readonly topic: Topic;
  readonly notification: BundledFunction;
  readonly #deadLetters: Queue;

  constructor(scope: Construct, id: string, props: JobAlertsProps) {
    super(scope, id);
    this.#deadLetters = props.deadLetters;
    this.topic = new Topic(this, 'Topic', { topicName: props.topicName, enforceSSL: true });
    for (const email of props.emails) this.topic.addSubscription(new EmailSubscription(email));
    const account = { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } };
    this.topic.grants.publish(new ServicePrincipal('cloudwatch.amazonaws.com', { conditions: account }));
    this.notification = new BundledFunction(this, 'Notification', {
      functionName: props.functionName,
      description: 'Turns failures into emails that say what to do',
      entry: 'lambda/error-notification/handler.ts',
      environment: { TOPIC_ARN: this.topic.topicArn, STAGE: props.stage },
      timeout: Duration.seconds(30),
      logRetention: props.logRetention,
      deadLetters: props.deadLetters,
    });
    this.topic.grants.publish(this.notification.handler);
  }

  /** Every line of a log whose field `level` says error. */
  watchLog(id: string, logGroup: ILogGroup): void {
    new SubscriptionFilter(this, id, {
      logGroup,
      destination: new LambdaDestination(this.notification.handler),
      filterPattern: FilterPattern.any(
        FilterPattern.stringValue('$.level', '=', 'error'),
        FilterPattern.stringValue('$.level', '=', 'fatal'),
      ),
      filterName: 'errors',
    });
  }

  /** Tasks that could not start or whose container ended with another code than 0, with or without a line. */
  watchTasks(cluster: Cluster): void {
    const rule = new Rule(this, 'TaskFailed', {
      description: 'Tasks that ended with another code than 0 or could not start',
      eventPattern: {
        source: ['aws.ecs'],
        detailType: ['ECS Task State Change'],
        detail: {
          clusterArn: [cluster.clusterArn],
          lastStatus: ['STOPPED'],
          $or: [{ containers: { exitCode: [{ 'anything-but': 0 }] } }, { stopCode: ['TaskFailedToStart'] }],
        },
      },
    });
    this.#handle(rule);
  }

  /** Crawls that failed. */
  watchCrawler(crawlerName: string): void {
    const rule = new Rule(this, 'CrawlFailed', {
      description: 'Crawls that failed',
      eventPattern: {
        source: ['aws.glue'],
        detailType: ['Glue Crawler State Change'],
        detail: { crawlerName: [crawlerName], state: ['Failed'] },
      },
    });
    this.#handle(rule);
  }

  #handle(rule: Rule): void {
    rule.addTarget(
      new LambdaFunction(this.notification.handler, {
        retryAttempts: 3,
        deadLetterQueue: this.#deadLetters,
      }),
    );
  }
}
