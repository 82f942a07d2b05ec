import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { ECSClient } from '@aws-sdk/client-ecs';
import {
  BatchCreatePartitionCommand,
  GetCrawlerCommand,
  GetPartitionsCommand,
  GetTablesCommand,
  GlueClient,
} from '@aws-sdk/client-glue';
import { ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { findSmokePlace, type SmokePlace } from '../../lib/smoke/place.ts';
import { smokeTest } from '../../lib/smoke/smoke-test.ts';
import { letCrawlsTake, seedCount, startUnloadingAthena } from '../support/athena.ts';
import { awsClientConfig, awsEndpoint, awsEnvironment } from '../support/aws.ts';
import { packLogEvent } from '../support/cloudwatch.ts';
import { startScript, type Finished } from '../support/command.ts';
import { createDeployableTree, createDockerShim } from '../support/deployable-tree.ts';
import { DeployedStack, resolveOutputsOf, type TemplateJson } from '../support/deployed-stack.ts';
import { describeWith } from '../support/describe-with.ts';
import { createEcsRole } from '../support/ecs-role.ts';
import { startFaultProxy, type Fault, type FaultProxy } from '../support/fault-proxy.ts';
import { sampleFolder, temporaryFolder } from '../support/folders.ts';
import { assembleImage, buildBundles, entrypointOf } from '../support/job-image.ts';
import { startPlayedAws, type PlayedAws } from '../support/played-aws.ts';
import { runProgram, type Ended } from '../support/run-program.ts';
import { applyWiring } from '../support/wiring.ts';

/*
 * A fresh deployment by deploy.sh into the emulator, then the whole flow on what it made. The emulator's
 * CloudFormation skips types that it has no model for, which the list below names; the wiring among them is made from
 * the same templates by the calls that CloudFormation would make. SQL, crawls and functions do not run in the
 * emulator: DuckDB carries out the unloads, crawls take a moment, and functions are called with packed events.
 */

const account = '123456789012';
const region = 'us-west-2';
const prefix = 'e2e';
const config = { ...awsClientConfig, region };

type StackId = 'lake' | 'cache' | 'network' | 'jobs';

/** What the emulator's CloudFormation leaves out of each stack, and what makes up for it here. */
const SKIPPED: Readonly<Record<StackId, readonly string[]>> = {
  lake: [
    'AWS::Athena::NamedQuery', // wiring
    'AWS::Athena::WorkGroup', // wiring
    'AWS::CDK::Metadata', // nothing
    'AWS::Glue::Crawler', // wiring
    'AWS::Glue::Database', // wiring
    'AWS::Glue::Table', // wiring
    'AWS::S3::BucketPolicy', // the template only
    'AWS::SNS::Subscription', // wiring
    'AWS::SNS::TopicPolicy', // wiring
    'AWS::SQS::QueuePolicy', // wiring
  ],
  cache: [
    'AWS::CDK::Metadata', // nothing
    'AWS::S3::BucketPolicy', // the template only
  ],
  network: [
    'AWS::CDK::Metadata', // nothing
  ],
  jobs: [
    'AWS::CDK::Metadata', // nothing
    'AWS::CloudWatch::Alarm', // the template only
    'AWS::CloudWatch::Dashboard', // the template only: it refers to the alarms
    'AWS::ECS::ClusterCapacityProviderAssociations', // the template only
    'AWS::Lambda::EventInvokeConfig', // the template only
    'AWS::Lambda::Url', // the template only
    'AWS::Logs::MetricFilter', // the template only
    'AWS::Logs::SubscriptionFilter', // the function is called with packed lines
    'AWS::SNS::Subscription', // wiring
    'AWS::SNS::TopicPolicy', // wiring
    'AWS::SQS::QueuePolicy', // wiring
    'AWS::Scheduler::Schedule', // wiring
  ],
};

describeWith('AWS emulator', 'a deployment', () => {
  const folder = temporaryFolder();
  const tree = join(folder, 'tree');
  const cloudFormation = new CloudFormationClient(config);
  const sqs = new SQSClient(config);
  /** In the order in which they were: what was asked of CloudFormation about which stack. */
  const asked: string[] = [];
  let proxy: FaultProxy;
  let shim: ReturnType<typeof createDockerShim>;
  let bootstrapped: Ended;
  let deployed: Ended;
  let lake: DeployedStack;
  let cache: DeployedStack;
  let network: DeployedStack;
  let jobs: DeployedStack;

  const templateOf = (stack: StackId): TemplateJson => {
    const assembly = join(tree, 'cdk.out/assembly-dev');
    const { artifacts } = JSON.parse(readFileSync(join(assembly, 'manifest.json'), 'utf8'));
    const found = Object.values<any>(artifacts).find(
      ({ properties }) => properties?.stackName === `${prefix}-${stack}`,
    );
    return JSON.parse(readFileSync(join(assembly, found.properties.templateFile), 'utf8'));
  };
  const read = (stack: StackId, siblings: DeployedStack[] = []): Promise<DeployedStack> =>
    DeployedStack.read(
      cloudFormation,
      `${prefix}-${stack}`,
      templateOf(stack),
      { account, region },
      siblings,
    );

  /**
   * What the emulator's CloudFormation does not know: termination protection, outputs of other stacks, and the alarms
   * that a dashboard refers to.
   */
  async function help(body: string): Promise<Fault> {
    const request = new URLSearchParams(body);
    const enabled = request.get('EnableTerminationProtection') ?? '';
    asked.push([request.get('Action'), nameOf(request.get('StackName') ?? ''), enabled].join(' ').trim());
    if (body.includes('Action=UpdateTerminationProtection')) {
      const name = 'UpdateTerminationProtection';
      return { status: 200, body: `<${name}Response><${name}Result/></${name}Response>` };
    }
    if (!body.includes('Action=CreateChangeSet') || !body.includes(`StackName=${prefix}-jobs`)) return 'pass';
    const { Resources, ...rest } = resolveOutputsOf(
      await Promise.all([read('lake'), read('cache'), read('network')]),
      templateOf('jobs'),
    );
    const known = Object.entries(Resources).filter(([, { Type }]) => Type !== 'AWS::CloudWatch::Dashboard');
    const parameters = new URLSearchParams(body);
    parameters.delete('TemplateURL');
    parameters.set('TemplateBody', JSON.stringify({ ...rest, Resources: Object.fromEntries(known) }));
    return { replaced: parameters.toString() };
  }

  /** The CLI asks by id, too. */
  const nameOf = (stack: string): string => /^arn:.*:stack\/([^/]+)\//.exec(stack)?.[1] ?? stack;

  beforeAll(async () => {
    proxy = await startFaultProxy(awsEndpoint);
    proxy.decide = (_method, _path, { body }) => help(body.toString());
    mkdirSync(tree);
    createDeployableTree(tree, {
      signals: { dev: { account, region, namePrefix: prefix, alertEmails: ['dev@example.org'] } },
    });
    execFileSync('git', ['init', '-q', tree]);
    shim = createDockerShim(folder);
    const options = {
      cwd: tree,
      env: {
        ...process.env,
        // The emulator knows the addresses of templates by this name.
        ...awsEnvironment(proxy.url.replace('127.0.0.1', 'localhost')),
        AWS_REGION: region,
        CDK_DOCKER: shim.path,
        CI: 'true',
      },
      // Half a minute here; a machine with much else to do takes many times that.
      timeoutMs: 540_000,
    };
    await createEcsRole();
    const bootstrap = ['cdk', 'bootstrap', `aws://${account}/${region}`, '--no-notices'];
    bootstrapped = await runProgram('npx', bootstrap, options);
    deployed = await runProgram('./deploy.sh', ['dev', '--yes'], options);
    if (deployed.code !== 0) throw new Error(deployed.output.slice(-2000));
    lake = await read('lake');
    cache = await read('cache');
    network = await read('network');
    jobs = await read('jobs', [lake, cache, network]);
  });
  afterAll(() => proxy.close());

  test('succeeds after a bootstrap, shows what it does and says what to do next', () => {
    expect(bootstrapped.code).toBe(0);
    expect(deployed.output).toContain(`dev is account ${account}, region ${region}`);
    expect(deployed.output).toMatch(/AWS::S3::Bucket .*LakeData16689F05/);
    expect(deployed.output).toMatch(/^all +\d\.\d\d$/m);
    expect(deployed.output).toContain('Confirm the email subscription');
  });

  test('protects what is kept, after it was created', () => {
    expect(deployed.output).toContain(`${prefix}-lake is protected against deletion from now on\n`);
    expect(deployed.output).toContain(`${prefix}-cache is protected against deletion from now on\n`);
    const steps = asked.filter((step) => /^(ExecuteChangeSet|UpdateTerminationProtection) /.test(step));
    expect(steps).toContain(`ExecuteChangeSet ${prefix}-lake`);
    expect(steps.slice(-2)).toEqual([
      `UpdateTerminationProtection ${prefix}-lake true`,
      `UpdateTerminationProtection ${prefix}-cache true`,
    ]);
    expect(steps.slice(0, -2).filter((step) => step.startsWith('Update'))).toEqual([]);
  });

  test('builds an image for ARM64 of each job', () => {
    const builds = shim.asked().filter((line) => line.startsWith('build '));
    expect(builds).toEqual([
      expect.stringMatching(/--target load --file docker\/Dockerfile --platform linux\/arm64 \.$/),
      expect.stringMatching(/--target transform --file docker\/Dockerfile --platform linux\/arm64 \.$/),
      expect.stringMatching(/--target cli --file docker\/Dockerfile --platform linux\/arm64 \.$/),
    ]);
  });

  test.each(['lake', 'cache', 'network', 'jobs'] as const)(
    'creates everything of the stack %s that the emulator knows',
    (name) => {
      const stack = { lake, cache, network, jobs }[name];
      const missing = Object.entries(stack.template.Resources).filter(([id]) => !stack.created.has(id));
      expect([...new Set(missing.map(([, { Type }]) => Type))].toSorted()).toEqual(SKIPPED[name]);
    },
  );

  describe('with its wiring', () => {
    let bucket: string;
    let athena: FaultProxy;

    beforeAll(async () => {
      await applyWiring(lake, jobs, config);
      await letCrawlsTake(0.2);
      bucket = lake.created.get('LakeData16689F05')!;
      athena = await startUnloadingAthena(bucket, '', folder);
      buildBundles(join(folder, 'build'));
      for (const job of ['load', 'transform', 'cli'] as const)
        assembleImage(job, join(folder, 'build'), join(folder, job));
    });
    afterAll(() => athena.close());

    /** Runs a job as its task does: the files of the image, the variables of the task definition, other arguments. */
    function runTask(job: 'load' | 'transform', ...args: string[]): Promise<Finished> {
      return runContainer(`${prefix}-${job}`, job, args, athena.url);
    }

    function runContainer(
      family: string,
      image: 'load' | 'transform' | 'cli',
      args: readonly string[],
      endpoint: string,
    ): Promise<Finished> {
      const [, { ContainerDefinitions }] = jobs
        .ofType('AWS::ECS::TaskDefinition')
        .find(([, { Family }]) => Family === family)!;
      const variables = ContainerDefinitions[0].Environment.map(({ Name, Value }: any) => [Name, Value]);
      const app = join(folder, image);
      return startScript(join(app, entrypointOf(image)[1]!), args, app, {
        ...awsEnvironment(endpoint),
        AWS_REGION: region,
        NODE_ENV: 'production',
        ...Object.fromEntries(variables),
      }).finished;
    }

    async function keys(below: string): Promise<string[]> {
      const { Contents = [] } = await new S3Client(config).send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: below }),
      );
      return Contents.map(({ Key }) => Key!);
    }

    test('tables and crawler are those of the template', async () => {
      const glue = new GlueClient(config);
      const { TableList = [] } = await glue.send(new GetTablesCommand({ DatabaseName: prefix }));
      expect(TableList.map(({ Name }) => Name)).toEqual(
        expect.arrayContaining(['raw_data', 'features_all', 'universe', 'universe_history']),
      );
      expect(TableList.find(({ Name }) => Name === 'features_all')!.Parameters).toMatchObject({
        'projection.enabled': 'true',
        'storage.location.template': `s3://${bucket}/features/all/era=\${era}/`,
      });
      const { Crawler } = await glue.send(new GetCrawlerCommand({ Name: `${prefix}-crawler` }));
      expect(Crawler!.RecrawlPolicy).toEqual({ RecrawlBehavior: 'CRAWL_EVENT_MODE' });
    });

    test('load writes prices, and the event of each new object reaches the queue', async () => {
      const load = [
        '--source',
        'csv',
        '--path',
        sampleFolder,
        '--start',
        '2012-10-01',
        '--end',
        '2013-01-01',
      ];
      expect(await runTask('load', ...load)).toMatchObject({ code: 0 });
      const months = ['2012-10', '2012-11', '2012-12'];
      const written = months.map((month) => `raw_data/provider=csv/month=${month}/prices.parquet`);
      expect(await keys('raw_data/')).toEqual(written);
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: lake.created.get('EventsQueue7396B467'),
          MaxNumberOfMessages: 10,
        }),
      );
      const events = Messages.map(({ Body }) => JSON.parse(Body!)).filter(
        ({ Records }) => Records !== undefined,
      );
      const announced = events.map(({ Records }) => decodeURIComponent(Records[0].s3.object.key));
      expect(announced.toSorted()).toEqual(written);
    });

    test('transform --reload starts the crawler, reads what Athena unloads and writes features', async () => {
      const done = await runTask('transform', '--cmd', 'other', '--lags', '2', '--reload');
      expect(done).toMatchObject({ code: 0 });
      expect(done.log.map(({ event }) => event)).toContain('transform.unload');
      expect((await keys('features/other/era=')).length).toBeGreaterThan(10);
      expect(await keys('staging/')).toEqual([]);
      const { Crawler } = await new GlueClient(config).send(
        new GetCrawlerCommand({ Name: `${prefix}-crawler` }),
      );
      expect(Crawler!.LastCrawl!.Status).toBe('COMPLETED');
    });

    test('the error line of a failing job becomes a message on the topic of alerts', async () => {
      const failed = await runTask('transform', '--cmd', 'other', '--lags', '2', '--provider', 'nobody');
      expect(failed.code).toBe(2);
      const line = failed.stderr.split('\n').find((text) => text.includes('"level":"error"'));
      const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: `${prefix}-inbox` }));
      const TopicArn = jobs.created.get('AlertsTopicCF7C81C9')!;
      const Endpoint = `arn:aws:sqs:${region}:${account}:${prefix}-inbox`;
      await new SNSClient(config).send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint }));

      await callFunction(
        `${prefix}-error-notification`,
        packLogEvent([{ message: line! }], { logGroup: `${prefix}-transform` }),
      );

      const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
      const email = JSON.parse(Messages[0]!.Body!) as { Subject: string; Message: string };
      expect(email.Subject).toBe(
        `signals dev: ${prefix}-transform failed (usage): --provider "nobody" has no prices in lake "s3://${bucket}"; it has csv`
          .slice(0, 97)
          .concat('...'),
      );
      expect(email.Message).toContain('Compare its arguments in lib/config.ts with --help.');
    });

    test('statistics come from the lake, then from the tables of the stack', async () => {
      const request = {
        function: 'profile',
        tickers: ['IBM'],
        start: '2012-10-01',
        end: '2013-01-01',
        riskFree: 0.0178,
      };
      const first = await callFunction(`${prefix}-statistics`, request);
      expect(first).toMatchObject({ status: 200, prices: { IBM: { first: '2012-10-01' } } });
      const again = await callFunction(`${prefix}-statistics`, request);
      expect(again).toMatchObject({ status: 200, result: first.result, cache: { misses: 0 } });
      const { Items = [] } = await new DynamoDBClient(config).send(
        new QueryCommand({
          TableName: `${prefix}-profile`,
          KeyConditionExpression: 'ticker = :ticker',
          ExpressionAttributeValues: { ':ticker': { S: 'IBM' } },
        }),
      );
      expect(Items.map(({ annual_return }) => Number(annual_return!.N))).toEqual([
        first.result.IBM.annual_return,
      ]);
    });

    describe('a smoke test', () => {
      let answering: FaultProxy;
      let played: PlayedAws;
      let place: SmokePlace;
      beforeAll(async () => {
        answering = await startUnloadingAthena(bucket, 'smoke', folder, { answersIn: region });
        played = await startPlayedAws({
          endpoint: awsEndpoint,
          config,
          jobs,
          runContainer: (family, args) => runContainer(family, 'cli', args, answering.url),
          callFunction,
        });
        const client = new CloudFormationClient({ ...config, endpoint: played.url });
        place = await findSmokePlace(client, `${prefix}-jobs`);
      });
      afterAll(async () => {
        await played.close();
        await answering.close();
      });

      /** Partitions are there as if a crawl had added them. */
      async function leaveSomething(): Promise<void> {
        const Body = 'of a test that was killed';
        await new S3Client(config).send(
          new PutObjectCommand({ Bucket: bucket, Key: 'smoke/raw_data/left', Body }),
        );
        await new GlueClient(config).send(
          new BatchCreatePartitionCommand({
            DatabaseName: `${prefix}_smoke`,
            TableName: 'raw_data',
            PartitionInputList: [{ Values: ['csv', '2012-10'] }],
          }),
        );
      }
      async function left(): Promise<string[]> {
        const { Partitions = [] } = await new GlueClient(config).send(
          new GetPartitionsCommand({ DatabaseName: `${prefix}_smoke`, TableName: 'raw_data' }),
        );
        return [...(await keys('smoke/')), ...Partitions.map(({ Values }) => String(Values))];
      }

      /** The test in this process, whose waits are over as soon as the task that it waits for has ended. */
      async function tried(): Promise<string[]> {
        const lines: string[] = [];
        const ports = { ...config, endpoint: played.url };
        await smokeTest(
          {
            ecs: new ECSClient(ports),
            logs: new CloudWatchLogsClient(ports),
            s3: new S3Client(ports),
            glue: new GlueClient(ports),
            sqs: new SQSClient({ ...ports, useQueueUrlAsEndpoint: false }),
            waiting: { signal: new AbortController().signal, sleep: () => played.settled() },
            now: () => new Date(),
            say: (line) => lines.push(line),
          },
          place,
        );
        return lines;
      }

      test('takes the sample from a file to an answer and an alert, and leaves nothing', async () => {
        await leaveSomething();
        const role = `arn:aws:iam::${account}:role/${prefix}-smoke-${region}`;
        const { code, output } = await runProgram(
          'npm',
          ['run', '-s', 'smoke', '--', 'dev', '--role', role],
          {
            cwd: tree,
            env: { ...process.env, ...awsEnvironment(played.url), AWS_REGION: region },
            timeoutMs: 540_000,
          },
        );
        expect(output.trim().split('\n')).toEqual([
          'smoke: load: prices are in the lake',
          'smoke: transform: crawled, and features are in the lake',
          expect.stringMatching(/^smoke: query: Athena counts [1-9]\d* rows$/),
          'smoke: alert: an error line became an alert',
        ]);
        expect(code).toBe(0);
        expect(await left()).toEqual([]);
      });

      test('its role may do what it does, and no more', () => {
        const [, { PolicyDocument }] = jobs
          .ofType('AWS::IAM::Policy')
          .find(([, { PolicyName }]) => PolicyName.startsWith('SmokeRoleDefaultPolicy'))!;
        const allowed = PolicyDocument.Statement.flatMap(({ Action }: any) => Action);
        // Those of other protocols are not told apart here; PassRole is part of RunTask.
        const others = ['cloudformation:DescribeStacks', 'iam:PassRole', 's3:DeleteObject', 's3:ListBucket'];
        expect(new Set(allowed)).toEqual(new Set([...played.actions, ...others]));
      });

      test.each([
        ['no image', /^load: it did not run: CannotPullContainerError/],
        ['no alert', /^alert: the line of run \S+ in log e2e-smoke has not become an alert$/],
      ] as const)('ends at %s, and leaves nothing', async (fault, message) => {
        played.fault = fault;
        await expect(tried()).rejects.toThrow(message);
        played.fault = 'none';
        expect(await left()).toEqual([]);
      });

      test('ends at an empty answer, and leaves nothing', async () => {
        const { decide } = answering;
        answering.decide = async (method, path, request) => {
          const isStart = request.target === 'AmazonAthena.StartQueryExecution';
          if (!isStart || request.body.includes('unload (')) return decide(method, path, request);
          await seedCount(region, 0);
          return 'pass';
        };
        await expect(tried()).rejects.toThrow(
          'query: Athena sees no row of the features that were just written',
        );
        answering.decide = decide;
        expect(await left()).toEqual([]);
      });
    });

    /** Calls a function as Lambda does: the deployed bundle, with the variables of the template. */
    async function callFunction(name: string, event: unknown): Promise<any> {
      const [, { Code, Environment, Handler }] = jobs
        .ofType('AWS::Lambda::Function')
        .find(([, { FunctionName }]) => FunctionName === name)!;
      const bundle = join(tree, `cdk.out/asset.${String(Code.S3Key).replace('.zip', '')}/index.mjs`);
      const script = join(folder, 'call.mjs');
      writeFileSync(
        script,
        `import * as index from ${JSON.stringify(bundle)};\n` +
          `const answer = await ${Handler}(${JSON.stringify(event)}, { getRemainingTimeInMillis: () => 60_000 });\n` +
          'process.stdout.write(`\\n${JSON.stringify(answer ?? null)}`);\n',
      );
      const done = await startScript(script, [], folder, {
        ...awsEnvironment(awsEndpoint),
        AWS_REGION: region,
        ...Environment.Variables,
      }).finished;
      expect(done).toMatchObject({ code: 0, stderr: '' });
      return JSON.parse(done.stdout.split('\n').at(-1)!);
    }
  });
});
