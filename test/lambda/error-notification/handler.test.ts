import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { awsClientConfig, awsEnvironment } from '../../support/aws.ts';
import { packLogEvent } from '../../support/cloudwatch.ts';
import { describeWith } from '../../support/describe-with.ts';

/* The function as Lambda calls it, on packed events; what it publishes is read from a queue that follows the topic. */

const sqs = new SQSClient(awsClientConfig);
const sns = new SNSClient(awsClientConfig);
let handler: (event: unknown) => Promise<void>;
let queueUrl: string;

interface Email {
  readonly Subject: string;
  readonly Message: string;
}

async function published(): Promise<Email[]> {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10 }),
  );
  return Messages.map(({ Body }) => JSON.parse(Body!) as Email);
}

function failed(overrides: Record<string, unknown> = {}): string {
  return JSON.stringify({
    level: 'error',
    time: 1_795_302_300_000,
    job: 'load',
    runId: `20261121T230000Z-${randomUUID().slice(0, 6)}`,
    event: 'job.failed',
    code: 'coverage',
    msg: '4100 of 5000 tickers answered, 0.95 required',
    ...overrides,
  });
}

describeWith('AWS emulator', 'the notification function', () => {
  beforeAll(async () => {
    Object.assign(process.env, awsEnvironment(), { STAGE: 'prod' });
    ({ handler } = await import('../../../lambda/error-notification/handler.ts'));
  });
  beforeEach(async () => {
    const name = `alerts-${randomUUID()}`;
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: name }));
    const created = await sqs.send(new CreateQueueCommand({ QueueName: name }));
    queueUrl = created.QueueUrl!;
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['QueueArn'] }),
    );
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: Attributes!['QueueArn'] }));
    process.env['TOPIC_ARN'] = TopicArn;
  });

  test('tells job, run, stage, account, code, the line, a link and the first step', async () => {
    const runId = '20261121T230000Z-1f0c9a';
    await handler(packLogEvent([{ message: failed({ runId }) }]));
    const [email, ...others] = await published();
    expect(others).toEqual([]);
    expect(email!.Subject).toBe(
      'signals prod: load failed (coverage): 4100 of 5000 tickers answered, 0.95 required',
    );
    expect(email!.Message).toMatchInlineSnapshot(`
     "job        load
     run        20261121T230000Z-1f0c9a
     stage      prod
     account    123456789012, eu-west-1
     code       coverage

     4100 of 5000 tickers answered, 0.95 required

     What to do first
     Too few tickers were answered. Start load again: it fetches what is missing. Then look at the manifest of the run.
     More in doc/operations.md.

     Log
     https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:logs-insights$3FqueryDetail$3D~(end~'2026-11-22T00*3a05*3a00.000Z~start~'2026-11-21T17*3a05*3a00.000Z~timeType~'ABSOLUTE~tz~'UTC~editorString~'fields*20*40timestamp*2c*20level*2c*20event*2c*20msg*20*7c*20filter*20runId*20*3d*20*2220261121T230000Z-1f0c9a*22*20*7c*20sort*20*40timestamp*20asc*20*7c*20limit*201000~source~(~'signals-load))"
    `);
  });

  test('many lines of one run in one batch are one email, the last word first', async () => {
    const runId = 'run-many';
    const lines = Array.from({ length: 30 }, (_, index) => ({
      message: failed({
        runId,
        event: 'load.ticker',
        code: 'market',
        msg: `ticker ${index} has no currency`,
      }),
    }));
    await handler(packLogEvent([...lines, { message: failed({ runId }) }]));
    const emails = await published();
    expect(emails).toHaveLength(1);
    expect(emails[0]!.Subject).toContain('load failed (coverage)');
    expect(emails[0]!.Message).toContain('ticker 8 has no currency');
    expect(emails[0]!.Message).toContain('... and 21 more lines');
  });

  test('lines of one run in later batches are not told again, but the line that ended it is', async () => {
    const runId = 'run-batches';
    const early = packLogEvent([{ message: failed({ runId, event: 'load.ticker', code: 'market' }) }]);
    const last = packLogEvent([{ message: failed({ runId }) }]);
    for (const event of [early, early, last, last, early]) await handler(event);
    expect((await published()).map(({ Subject }) => /\((\w+)\)/.exec(Subject)![1]).toSorted()).toEqual([
      'coverage',
      'market',
    ]);
  });

  test('two runs in one batch are two emails', async () => {
    await handler(packLogEvent([{ message: failed() }, { message: failed() }]));
    expect(await published()).toHaveLength(2);
  });

  test('a line that is no JSON is told as it is', async () => {
    await handler(
      packLogEvent([{ message: 'FATAL ERROR: Reached heap limit\n' }], { logGroup: 'signals-transform' }),
    );
    const [email] = await published();
    expect(email!.Subject).toBe(
      'signals prod: signals-transform failed (unreadable): FATAL ERROR: Reached heap limit',
    );
  });

  test('a subject is short, of one line and plain', async () => {
    await handler(packLogEvent([{ message: failed({ msg: `Zürich\n${'x'.repeat(300)}` }) }]));
    const [email] = await published();
    expect(email!.Subject).toHaveLength(100);
    expect(email!.Subject).toMatch(/^signals prod: load failed \(coverage\): Z rich x+\.\.\.$/);
  });

  test('the messages with which CloudWatch tries a filter are not told', async () => {
    const control = { messageType: 'CONTROL_MESSAGE' };
    await handler(packLogEvent([{ message: 'CWL CONTROL MESSAGE: Checking health' }], control));
    expect(await published()).toEqual([]);
  });

  test.each([
    ['nothing', undefined],
    ['a text', 'hello'],
    ['no base64', { awslogs: { data: '%%%' } }],
    ['no gzip', { awslogs: { data: Buffer.from('plain').toString('base64') } }],
    ['no JSON', { awslogs: { data: gzipSync('plain').toString('base64') } }],
    ['another form', { awslogs: { data: gzipSync('{"messageType":1}').toString('base64') } }],
    ['an event of another service', { source: 'aws.ec2', detail: {} }],
  ])('%s does not fail the function, and is told', async (_what, event) => {
    await expect(handler(event)).resolves.toBeUndefined();
    const [email] = await published();
    expect(email!.Subject).toMatch(/^signals prod: error-notification failed \(unreadable\)/);
  });

  describe('events of services', () => {
    const envelope = { account: '123456789012', region: 'eu-west-1', time: '2026-11-21T23:05:00Z' };
    const task = (detail: object) => ({
      ...envelope,
      source: 'aws.ecs',
      'detail-type': 'ECS Task State Change',
      detail: {
        taskArn: 'arn:aws:ecs:eu-west-1:123456789012:task/signals-cluster/0f1e',
        taskDefinitionArn: 'arn:aws:ecs:eu-west-1:123456789012:task-definition/signals-load:7',
        lastStatus: 'STOPPED',
        ...detail,
      },
    });

    test('a task that was killed for want of memory', async () => {
      const reason = 'OutOfMemoryError: Container killed due to memory usage';
      await handler(task({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 137, reason }] }));
      const [email] = await published();
      expect(email!.Subject).toBe(
        'signals prod: signals-load failed (exit-137): the task ended with exit code 137',
      );
      expect(email!.Message).toContain(reason);
      expect(email!.Message).toContain('Give it more in lib/config.ts');
    });

    test('a task that could not start', async () => {
      const stoppedReason = 'CannotPullContainerError: image not found';
      await handler(task({ stopCode: 'TaskFailedToStart', stoppedReason, containers: [{}] }));
      const [email] = await published();
      expect(email!.Subject).toContain(
        'signals-load failed (task-start): the task did not start (TaskFailedToStart)',
      );
      expect(email!.Message).toContain(stoppedReason);
    });

    test('a crawl that failed', async () => {
      await handler({
        ...envelope,
        source: 'aws.glue',
        'detail-type': 'Glue Crawler State Change',
        detail: { crawlerName: 'signals-crawler', state: 'Failed', errorMessage: 'Access denied' },
      });
      const [email] = await published();
      expect(email!.Subject).toBe('signals prod: signals-crawler failed (crawl-failed): the crawl failed');
      expect(email!.Message).toContain('Access denied');
    });
  });

  test('a topic that does not take the message fails the function, so that Lambda tries again', async () => {
    const event = packLogEvent([{ message: failed({ runId: 'run-again' }) }]);
    const topic = process.env['TOPIC_ARN']!;
    process.env['TOPIC_ARN'] = topic.replace(/alerts-.*/, 'no-such-topic');
    await expect(handler(event)).rejects.toThrow();
    process.env['TOPIC_ARN'] = topic;
    await handler(event);
    expect(await published()).toHaveLength(1);
  });
});
