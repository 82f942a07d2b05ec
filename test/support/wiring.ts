import { AthenaClient, CreateNamedQueryCommand, CreateWorkGroupCommand } from '@aws-sdk/client-athena';
import {
  CreateCrawlerCommand,
  CreateDatabaseCommand,
  CreateTableCommand,
  GlueClient,
} from '@aws-sdk/client-glue';
import { PutBucketNotificationConfigurationCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { SetTopicAttributesCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { DeployedStack } from './deployed-stack.ts';

/** Properties as the SDK names them where CloudFormation does so differently. */
type Properties = Record<string, any>;

/**
 * Makes the resources that the emulator's CloudFormation skips, by the calls that CloudFormation itself would make,
 * from the properties of the template: nothing here is written down twice.
 */
export async function applyWiring(lake: DeployedStack, jobs: DeployedStack, config: object): Promise<void> {
  const sns = new SNSClient(config);
  const sqs = new SQSClient(config);
  const s3 = new S3Client(config);
  const glue = new GlueClient(config);
  const athena = new AthenaClient(config);
  const scheduler = new SchedulerClient(config);
  for (const stack of [lake, jobs]) {
    for (const [, { Topics, PolicyDocument }] of stack.ofType('AWS::SNS::TopicPolicy')) {
      const AttributeValue = JSON.stringify(PolicyDocument);
      for (const TopicArn of Topics) {
        await sns.send(new SetTopicAttributesCommand({ TopicArn, AttributeName: 'Policy', AttributeValue }));
      }
    }
    for (const [, { Queues, PolicyDocument }] of stack.ofType('AWS::SQS::QueuePolicy')) {
      const Attributes = { Policy: JSON.stringify(PolicyDocument) };
      for (const QueueUrl of Queues) await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
    }
    for (const [, { TopicArn, Protocol, Endpoint, RawMessageDelivery }] of stack.ofType(
      'AWS::SNS::Subscription',
    )) {
      const Attributes = RawMessageDelivery === true ? { RawMessageDelivery: 'true' } : {};
      await sns.send(new SubscribeCommand({ TopicArn, Protocol, Endpoint, Attributes }));
    }
    for (const [id, { NotificationConfiguration }] of stack.ofType('AWS::S3::Bucket')) {
      if (NotificationConfiguration === undefined) continue;
      const TopicConfigurations = NotificationConfiguration.TopicConfigurations.map(
        ({ Event, Topic, Filter }: Properties) => ({
          Events: [Event],
          TopicArn: Topic,
          Filter: { Key: { FilterRules: Filter.S3Key.Rules } },
        }),
      );
      await s3.send(
        new PutBucketNotificationConfigurationCommand({
          Bucket: stack.created.get(id),
          NotificationConfiguration: { TopicConfigurations },
        }),
      );
    }
    for (const [, { CatalogId, DatabaseInput }] of stack.ofType('AWS::Glue::Database')) {
      await glue.send(new CreateDatabaseCommand({ CatalogId, DatabaseInput }));
    }
    for (const [, { DatabaseName, TableInput }] of stack.ofType('AWS::Glue::Table')) {
      await glue.send(new CreateTableCommand({ DatabaseName, TableInput }));
    }
    for (const [, { Schedule, Tags: _tags, ...crawler }] of stack.ofType('AWS::Glue::Crawler')) {
      await glue.send(new CreateCrawlerCommand({ ...crawler, Schedule: Schedule?.ScheduleExpression }));
    }
    for (const [, { Name, Description, WorkGroupConfiguration }] of stack.ofType('AWS::Athena::WorkGroup')) {
      await athena.send(
        new CreateWorkGroupCommand({ Name, Description, Configuration: WorkGroupConfiguration }),
      );
    }
    for (const [, { Name, Description, Database, QueryString, WorkGroup }] of stack.ofType(
      'AWS::Athena::NamedQuery',
    )) {
      await athena.send(new CreateNamedQueryCommand({ Name, Description, Database, QueryString, WorkGroup }));
    }
    for (const [, schedule] of stack.ofType('AWS::Scheduler::Schedule')) {
      await scheduler.send(new CreateScheduleCommand(schedule));
    }
  }
}
