import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { DeleteParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  FilterLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { CloudFormationClient, CreateStackCommand } from '@aws-sdk/client-cloudformation';
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createTableInput } from '../../jobs/statistics/cache/dynamodb-tables.ts';
import { TABLES } from '../../jobs/statistics/cache/tables.ts';
import { awsClientConfig, awsEnvironment } from '../support/aws.ts';
import { startScript, type Finished } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { repository, temporaryFolder } from '../support/folders.ts';

/* What deploy.sh asks AWS before it begins, against the emulator. Its account is 123456789012. */

const folder = temporaryFolder();
const own = { account: '123456789012', region: 'eu-north-1', alertEmails: ['a@example.org'] };
const ssm = new SSMClient({ ...awsClientConfig, region: own.region });
const parameter = { Name: '/cdk-bootstrap/hnb659fds/version' };

function run(
  script: string,
  args: string[],
  signals: unknown,
  env: Record<string, string> = {},
): Promise<Finished> {
  const cwd = mkdtempSync(join(folder, 'case-'));
  writeFileSync(join(cwd, 'cdk.json'), JSON.stringify({ context: { signals } }));
  return startScript(join(repository, 'bin', script), args, cwd, {
    ...awsEnvironment(),
    AWS_PROFILE: '',
    SIGNALS_ALERT_EMAIL: '',
    ...env,
  }).finished;
}
const preflight = (target: string, signals: unknown, env: Record<string, string> = {}): Promise<Finished> =>
  run('preflight.ts', [target], signals, env);

describeWith('AWS emulator', 'before a deployment', () => {
  beforeAll(async () => {
    await ssm.send(new PutParameterCommand({ ...parameter, Value: '28', Type: 'String', Overwrite: true }));
  });

  test('nothing speaks against it: account, region and profile are told', async () => {
    expect(await preflight('dev', { dev: own })).toMatchObject({
      code: 0,
      stdout: 'account=123456789012\nregion=eu-north-1\nprofile=\nbranch=\n',
      stderr: '',
    });
  });

  test('the address may come from the environment', async () => {
    const dev = { ...own, alertEmails: [] };
    expect(await preflight('dev', { dev }, { SIGNALS_ALERT_EMAIL: 'b@example.org' })).toMatchObject({
      code: 0,
    });
  });

  test.each([
    [
      'no address',
      { dev: { ...own, alertEmails: [] } },
      'no address for alerts of dev: set signals.dev.alertEmails in cdk.json, or SIGNALS_ALERT_EMAIL',
    ],
    [
      'another account',
      { dev: { ...own, account: '999999999999' } },
      'the credentials are of account 123456789012, but dev is account 999999999999',
    ],
    [
      'no bootstrap',
      { dev: { ...own, region: 'eu-south-1' } },
      'account 123456789012, region eu-south-1 is not prepared: npx cdk bootstrap aws://123456789012/eu-south-1',
    ],
    [
      'a wrong setting',
      { dev: { ...own, account: '1' } },
      'cdk.json, context signals.dev.account: an account is 12 digits',
    ],
  ])('%s is one clear line', async (_what, signals, line) => {
    expect(await preflight('dev', signals)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `deploy.sh: ${line}\n`,
    });
  });

  test('credentials that are not there are one clear line', async () => {
    const done = await preflight(
      'dev',
      { dev: { ...own, profile: 'nobody' } },
      { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', HOME: folder },
    );
    expect(done.code).toBe(2);
    expect(done.stderr).toMatch(
      /^deploy\.sh: no usable AWS credentials for profile "nobody": .*; log in, or set AWS_PROFILE\n$/,
    );
  });

  test('a region that is not there is one clear line', async () => {
    const { region: _region, ...dev } = own;
    const done = await preflight('dev', { dev }, { AWS_REGION: '', HOME: folder });
    expect(done).toMatchObject({
      code: 2,
      stderr: 'deploy.sh: no region for dev: set it in cdk.json, or AWS_REGION\n',
    });
  });

  test('prod needs its account to be said', async () => {
    const { account: _account, ...prod } = own;
    expect((await preflight('prod', { prod })).stderr).toBe(
      'deploy.sh: no account for prod: set signals.prod.account in cdk.json\n',
    );
  });

  test('tables that a cache made on first use, with how to take them over or to avoid them', async () => {
    const dynamo = new DynamoDBClient({ ...awsClientConfig, region: own.region });
    const billing = { mode: 'PAY_PER_REQUEST' } as const;
    await dynamo.send(new CreateTableCommand(createTableInput(TABLES.prices, 'yellow-', billing)));
    const dev = { ...own, namePrefix: 'yellow' };
    expect((await preflight('dev', { dev })).stderr).toBe(
      'deploy.sh: tables yellow-prices exist and belong to no stack, as when a cache made them on first use: take ' +
        'them over with npx cdk deploy dev/Cache --import-existing-resources, or set another TABLE_PREFIX\n',
    );
    expect(await preflight('dev', { dev }, { TABLE_PREFIX: 'other-' })).toMatchObject({ code: 0 });
    expect(await preflight('dev', { dev: { ...dev, cache: { TABLE_PREFIX: 'other-' } } })).toMatchObject({
      code: 0,
    });
    await dynamo.send(new DeleteTableCommand({ TableName: 'yellow-prices' }));
  });

  test('tables of the stack itself are no obstacle', async () => {
    const Resources = {
      Prices: {
        Type: 'AWS::DynamoDB::Table',
        Properties: {
          TableName: 'violet-interest',
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [
            { AttributeName: 'maturity', AttributeType: 'S' },
            { AttributeName: 'date', AttributeType: 'S' },
          ],
          KeySchema: [
            { AttributeName: 'maturity', KeyType: 'HASH' },
            { AttributeName: 'date', KeyType: 'RANGE' },
          ],
        },
      },
    };
    await new CloudFormationClient({ ...awsClientConfig, region: own.region }).send(
      new CreateStackCommand({ StackName: 'violet-cache', TemplateBody: JSON.stringify({ Resources }) }),
    );
    expect(await preflight('dev', { dev: { ...own, namePrefix: 'violet' } })).toMatchObject({ code: 0 });
  });

  const pipeline = {
    account: own.account,
    region: own.region,
    source: { kind: 'codecommit', repository: 'signals' },
  };

  test('the pipeline sees what is committed only', async () => {
    const prod = { ...own, alertEmails: [] };
    const done = await preflight('pipeline', { dev: own, prod }, { SIGNALS_ALERT_EMAIL: 'b@example.org' });
    expect(done.stderr.split('\n')).toEqual([
      'deploy.sh: no address for alerts of prod: set signals.prod.alertEmails in cdk.json',
      'deploy.sh: no pipeline: set signals.pipeline in cdk.json, or use --direct',
      '',
    ]);
  });

  test('the pipeline has to be there', async () => {
    const signals = { dev: own, prod: { ...own, namePrefix: 'green' }, pipeline };
    expect((await preflight('pipeline', signals)).stderr).toBe(
      'deploy.sh: the pipeline is not there yet: npx cdk deploy Pipeline, once\n',
    );
    const TemplateBody = JSON.stringify({ Resources: { Topic: { Type: 'AWS::SNS::Topic' } } });
    await new CloudFormationClient({ ...awsClientConfig, region: own.region }).send(
      new CreateStackCommand({ StackName: 'green-pipeline', TemplateBody }),
    );
    expect(await preflight('pipeline', signals)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('branch=main\n'),
    });
  });

  test('changes nothing', async () => {
    await ssm.send(new DeleteParameterCommand(parameter));
    expect((await preflight('dev', { dev: own })).code).toBe(2);
  });
});

describeWith('AWS emulator', 'a test of the alerts', () => {
  test('is an error line in the log of the load, as a failing run writes it', async () => {
    const logs = new CloudWatchLogsClient({ ...awsClientConfig, region: own.region });
    await logs.send(new CreateLogGroupCommand({ logGroupName: 'red-load' }));
    const done = await run('test-alert.ts', ['dev'], { dev: { ...own, namePrefix: 'red' } });
    expect(done).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('written to red-load, test-alert/'),
    });
    const { events = [] } = await logs.send(new FilterLogEventsCommand({ logGroupName: 'red-load' }));
    expect(events.map(({ message }) => JSON.parse(message!))).toEqual([
      expect.objectContaining({ level: 'error', job: 'load', event: 'job.failed', code: 'test' }),
    ]);
  });
});
