import { Duration, Stack } from 'aws-cdk-lib';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Bucket, CfnBucket } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { SqsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { PRICES_PREFIX } from '../../jobs/lake/layout.ts';

export interface LakeEventsProps {
  readonly bucket: Bucket;
  /** Where the lake is in the bucket: empty, or text that ends with a slash. */
  readonly prefix: string;
  readonly topicName: string;
  readonly queueName: string;
  /** Where to put what could not be delivered. @default a queue of its own */
  readonly deadLetters?: Queue;
}

/** As this file leaves it, for the lake whose events come next. */
type NotificationConfiguration =
  { readonly topicConfigurations: readonly CfnBucket.TopicConfigurationProperty[] } | undefined;

/** The most that SQS keeps a message: a crawl has to come round in that time. */
const RETENTION = Duration.days(14);

/** New price objects, told to whoever subscribes, and kept in a queue until the crawler takes them. */
export class LakeEvents extends Construct {
  readonly topic: Topic;
  readonly queue: Queue;
  /** What could not be delivered to the queue, and what the crawler gave up on. */
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, props: LakeEventsProps) {
    super(scope, id);
    const { bucket, prefix, topicName, queueName } = props;
    this.topic = new Topic(this, 'Topic', { topicName, enforceSSL: true });
    this.deadLetters =
      props.deadLetters ??
      new Queue(this, 'DeadLetters', {
        encryption: QueueEncryption.SQS_MANAGED,
        enforceSSL: true,
        retentionPeriod: RETENTION,
      });
    this.queue = new Queue(this, 'Queue', {
      queueName,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: RETENTION,
      // A crawl holds what it reads until it is done.
      visibilityTimeout: Duration.hours(1),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: 5 },
    });
    this.topic.addSubscription(
      new SqsSubscription(this.queue, { rawMessageDelivery: true, deadLetterQueue: this.deadLetters }),
    );
    this.#announce(bucket, `${prefix}${PRICES_PREFIX}`);
  }

  /**
   * Makes the bucket tell the topic. The bucket's own way (addEventNotification) needs a Lambda that may change the
   * notifications of every bucket; CloudFormation has them as a property.
   */
  #announce(bucket: Bucket, prefix: string): void {
    const grant = this.topic.grants.publish(
      new ServicePrincipal('s3.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    const resource = bucket.node.defaultChild as CfnBucket;
    const others =
      (resource.notificationConfiguration as NotificationConfiguration)?.topicConfigurations ?? [];
    resource.notificationConfiguration = {
      topicConfigurations: [
        ...others,
        {
          event: 's3:ObjectCreated:*',
          topic: this.topic.topicArn,
          filter: { s3Key: { rules: [{ name: 'prefix', value: prefix }] } },
        },
      ],
    };
    // S3 tries the topic when the notification is set.
    grant.applyBefore(resource);
  }
}
