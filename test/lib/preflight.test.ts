import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
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
import { awsClientConfig, awsEndpoint, awsEnvironment } from '../support/aws.ts';
import { startScript, type Finished } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { createEcsRole } from '../support/ecs-role.ts';
import { startFaultProxy, type Fault, type FaultProxy } from '../support/fault-proxy.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { reportStates } from '../support/stack-states.ts';

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
    await createEcsRole();
  });

  test('nothing speaks against it: account, region and profile are told', async () => {
    expect(await preflight('dev', { dev: own })).toMatchObject({
      code: 0,
      stdout: 'account=123456789012\nregion=eu-north-1\nprofile=\nbranch=\nprotect=\n',
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
    expect(await preflight('dev', { dev: { ...own, namePrefix: 'violet' } })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('\nprotect=cache\n'),
    });
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

  describe('with a stack that is not as it should be', () => {
    let proxy: FaultProxy;
    beforeAll(async () => {
      proxy = await startFaultProxy(awsEndpoint);
    });
    afterAll(() => proxy.close());
    const through = (): Record<string, string> => ({ AWS_ENDPOINT_URL: proxy.url });
    const dev = { ...own, namePrefix: 'amber' };
    const at = '--stack-name amber-lake --region eu-north-1';

    test.each([
      [
        'ROLLBACK_COMPLETE',
        `its creation failed, and nothing can be deployed over it; delete it: aws cloudformation delete-stack ${at}`,
      ],
      [
        'ROLLBACK_FAILED protected',
        'its creation failed, and nothing can be deployed over it; delete it: ' +
          `aws cloudformation update-termination-protection --no-enable-termination-protection ${at} && ` +
          `aws cloudformation delete-stack ${at}`,
      ],
      [
        'DELETE_FAILED',
        'its events name the resources that could not be deleted; empty or delete them, then: ' +
          `aws cloudformation delete-stack ${at}`,
      ],
      [
        'UPDATE_ROLLBACK_FAILED protected',
        'an update failed and could not be undone; put right what its events name, then: ' +
          `aws cloudformation continue-update-rollback ${at}`,
      ],
      ['UPDATE_IN_PROGRESS', 'someone else is deploying; wait until it has finished'],
      [
        'REVIEW_IN_PROGRESS',
        'someone is about to create it; wait for them, or delete the empty stack with its change set: ' +
          `aws cloudformation delete-stack ${at}`,
      ],
    ])('%s is one line with what to do', async (state, line) => {
      reportStates(proxy, { 'amber-lake': state, 'amber-cache': 'UPDATE_COMPLETE protected' });
      expect(await preflight('dev', { dev }, through())).toMatchObject({
        code: 2,
        stdout: '',
        stderr: `deploy.sh: stack amber-lake is ${state.split(' ')[0]}: ${line}\n`,
      });
    });

    test('each has a line, and the command has the profile of the settings', async () => {
      reportStates(proxy, { 'amber-lake': 'ROLLBACK_COMPLETE', 'amber-jobs': 'CREATE_IN_PROGRESS' });
      const credentials = join(folder, 'credentials');
      writeFileSync(credentials, '[team]\naws_access_key_id = test\naws_secret_access_key = test\n');
      const { stderr } = await preflight(
        'dev',
        { dev: { ...dev, profile: 'team' } },
        {
          ...through(),
          AWS_ACCESS_KEY_ID: '',
          AWS_SECRET_ACCESS_KEY: '',
          AWS_SHARED_CREDENTIALS_FILE: credentials,
        },
      );
      expect(stderr.trim().split('\n')).toEqual([
        expect.stringContaining('delete-stack --stack-name amber-lake --region eu-north-1 --profile team'),
        'deploy.sh: stack amber-jobs is CREATE_IN_PROGRESS: someone else is deploying; wait until it has finished',
      ]);
    });

    test('kept stacks that exist as a whole are told, so that they stay protected', async () => {
      reportStates(proxy, { 'amber-lake': 'UPDATE_ROLLBACK_COMPLETE', 'amber-cache': 'IMPORT_COMPLETE' });
      expect((await preflight('dev', { dev }, through())).stdout).toContain('\nprotect=lake,cache\n');
    });

    test('the pipeline and the stages that share its account stop a release', async () => {
      reportStates(proxy, {
        'amber-pipeline': 'UPDATE_IN_PROGRESS',
        'amber-cache': 'ROLLBACK_COMPLETE',
        'signals-lake': 'ROLLBACK_COMPLETE',
      });
      const signals = { dev: { ...own, account: '999999999999' }, prod: dev, pipeline };
      const { stderr } = await preflight('pipeline', signals, through());
      expect(stderr.trim().split('\n')).toEqual([
        expect.stringMatching(/^deploy.sh: stack amber-pipeline is UPDATE_IN_PROGRESS: /),
        expect.stringMatching(/^deploy.sh: stack amber-cache is ROLLBACK_COMPLETE: /),
      ]);
    });

    /** The account has not been used for ECS, Lake Formation governs it, or the person may not look. */
    const answers = (role: Fault, lakeFormation: Fault): void => {
      proxy.decide = (_method, path, { body }) => {
        if (body.toString().includes('Action=GetRole')) return role;
        return path === '/GetDataLakeSettings' ? lakeFormation : 'pass';
      };
    };
    const refusal = (code: string): Fault => ({
      status: code === 'NoSuchEntity' ? 404 : 403,
      body: `<ErrorResponse><Error><Code>${code}</Code><Message>not for you</Message></Error></ErrorResponse>`,
    });
    const json = (status: number, body: unknown, type?: string): Fault => ({
      status,
      body: JSON.stringify(body),
      headers: {
        'content-type': 'application/json',
        ...(type === undefined ? {} : { 'x-amzn-errortype': type }),
      },
    });

    test('an account without the role of ECS, and what creates it', async () => {
      answers(refusal('NoSuchEntity'), 'pass');
      expect((await preflight('dev', { dev }, through())).stderr).toBe(
        'deploy.sh: account 123456789012 has no service-linked role for ECS, without which the first cluster fails: ' +
          'aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com\n',
      );
    });

    const toIam = {
      Principal: { DataLakePrincipalIdentifier: 'IAM_ALLOWED_PRINCIPALS' },
      Permissions: ['ALL'],
    };
    test.each([
      ['databases', { CreateDatabaseDefaultPermissions: [], CreateTableDefaultPermissions: [toIam] }],
      ['tables', { CreateDatabaseDefaultPermissions: [toIam], CreateTableDefaultPermissions: [] }],
    ])('Lake Formation that does not leave new %s to IAM', async (_what, DataLakeSettings) => {
      answers('pass', json(200, { DataLakeSettings }));
      expect((await preflight('dev', { dev }, through())).stderr).toBe(
        'deploy.sh: Lake Formation in account 123456789012, region eu-north-1 does not leave new databases and tables ' +
          'to IAM, so the jobs would not see their own: select both "Use only IAM access control" boxes in its ' +
          'console, Data Catalog settings\n',
      );
    });

    test('neither stops a person who may not look at it', async () => {
      answers(refusal('AccessDenied'), json(400, { Message: 'not for you either' }, 'AccessDeniedException'));
      expect(await preflight('dev', { dev }, through())).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('account='),
        stderr:
          'deploy.sh: note: the service-linked role of ECS could not be checked: not for you\n' +
          'deploy.sh: note: the settings of Lake Formation could not be checked: not for you either\n',
      });
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
