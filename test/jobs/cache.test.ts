import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { iamPolicy, RUNTIME_ACTIONS } from '../../jobs/statistics/cache/iam-policy.ts';
import { awsEnvironment } from '../support/aws.ts';
import { errorLine, loadSample, signals } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();
const lake = `file:${join(folder, 'lake')}`;
beforeAll(async () => {
  await loadSample(lake, { start: '2012-01-01', end: '2012-04-01' }, folder);
});
const WINDOW = ['--start', '2012-01-01', '--end', '2012-04-01', '--lake', lake];

/** The counts that `cache status` prints, by table. */
async function counts(cwd: string, env: Record<string, string> = {}): Promise<Record<string, string>> {
  const { stdout } = await signals(['cache', 'status'], cwd, env);
  const rows = stdout.split('\n').filter((line) => /ACTIVE|MISSING/.test(line));
  return Object.fromEntries(rows.map((line) => [line.split(/ +/)[0]!, line.split(/ +/).slice(1).join(' ')]));
}

test('the embedded cache is shown, invalidated by condition and emptied', async () => {
  const own = mkdtempSync(join(folder, 'case-'));
  for (const method of ['moments', 'percentiles'])
    expect(
      await signals(['stats', 'correlation', 'SPY', 'IBM', ...WINDOW, '--method', method], own),
    ).toMatchObject({ code: 0 });
  expect(existsSync(join(own, 'data/cache/statistics.db'))).toBe(true);
  expect(await counts(own)).toEqual({
    prices: 'ACTIVE 106',
    interest: 'ACTIVE 0',
    profile: 'ACTIVE 4',
    correlations: 'ACTIVE 2',
  });
  const run = async (...args: string[]): Promise<string> => (await signals(['cache', ...args], own)).stdout;
  expect(await run('invalidate', '--method', 'percentiles')).toBe(
    'removed    2 profiles, 1 correlations, 0 ranges of prices\n',
  );
  expect(await run('invalidate', '--end-before', '2012-04-01')).toBe(
    'removed    0 profiles, 0 correlations, 0 ranges of prices\n',
  );
  expect(await run('invalidate', '--ticker', 'IBM')).toBe(
    'removed    1 profiles, 1 correlations, 1 ranges of prices\n',
  );
  expect(await run('invalidate', '--all')).toBe(
    'removed    1 profiles, 0 correlations, 0 ranges of prices\n',
  );
  expect(await run('drop', '--yes')).toMatch(
    /^dropped {4}prices, interest, profile, correlations of sqlite:/,
  );
  expect(await counts(own)).toMatchObject({ prices: 'ACTIVE 0' });
});

test('what cannot be undone, or has no condition, is asked for twice', async () => {
  expect(await signals(['cache', 'drop'], folder)).toMatchObject({ code: 2 });
  expect(errorLine(await signals(['cache', 'drop', 'price', '--yes'], folder))).toMatch(
    /table "price" is not known; choose prices,/,
  );
  expect(errorLine(await signals(['cache', 'invalidate'], folder))).toMatch(/give conditions, or --all/);
  expect(errorLine(await signals(['cache', 'invalidate', '--ticker', 'AAPL US'], folder))).toMatch(
    /--ticker "AAPL US" is no symbol/,
  );
});

test('a file that cannot be opened is named, with what to do', async () => {
  const failed = await signals(['cache', 'status'], folder, { SQLITE_FILE: folder });
  expect(failed).toMatchObject({ code: 1, stdout: '' });
  expect(errorLine(failed)).toMatch(
    /^cannot open SQLITE_FILE .*; name a file in a folder that can be written$/,
  );
});

describeWith('AWS emulator', 'the cache in DynamoDB', () => {
  const env = { ...awsEnvironment(), CACHE_MODE: 'dynamodb', TABLE_PREFIX: 'cli-' };

  test('is made on first use, used by a second process, and dropped', async () => {
    expect(await counts(folder, env)).toMatchObject({ 'cli-prices': 'MISSING 0' });
    const ask = ['stats', 'profile', 'IBM', ...WINDOW, '--risk-free', '0.02', '--json'];
    const first = await signals(ask, folder, env);
    expect(first).toMatchObject({ code: 0 });
    const again = await signals(ask, folder, env);
    expect(again.stdout).toBe(first.stdout);
    expect(again.log.find(({ event }) => event === 'stats.answered')).toMatchObject({
      cache: { hits: 1, misses: 0 },
    });
    expect(await counts(folder, env)).toMatchObject({ 'cli-profile': expect.stringMatching(/^ACTIVE/) });
    expect(await signals(['cache', 'drop', '--yes'], folder, env)).toMatchObject({ code: 0 });
    expect(await counts(folder, env)).toMatchObject({ 'cli-profile': 'MISSING 0' });
  });

  test('takes the credentials of the file with --local', async () => {
    const own = mkdtempSync(join(folder, 'case-'));
    const nobody = {
      ...env,
      TABLE_PREFIX: 'local-',
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
      AWS_SHARED_CREDENTIALS_FILE: join(own, 'none'),
      AWS_CONFIG_FILE: join(own, 'none'),
    };
    expect(errorLine(await signals(['cache', 'status'], own, nobody))).toMatch(/local-prices.*credentials/);
    mkdirSync(join(own, 'data/credential'), { recursive: true });
    writeFileSync(join(own, 'data/credential/aws.csv'), 'access_key_id,secret_access_key\ntest,test\n');
    const ask = ['stats', 'var', 'IBM', ...WINDOW, '--local'];
    expect(await signals(ask, own, nobody)).toMatchObject({ code: 0 });
    const status = await signals(['cache', 'status', '--local'], own, nobody);
    expect(status.stdout).toMatch(/local-profile +ACTIVE/);
    expect(await signals(['cache', 'drop', '--yes', '--local'], own, nobody)).toMatchObject({ code: 0 });
  });

  test('is provisioned with units, and never made where that is forbidden', async () => {
    const strict = { ...env, TABLE_PREFIX: 'never-', CACHE_PROVISION: 'never' };
    const refused = await signals(['stats', 'var', 'IBM', ...WINDOW], folder, strict);
    expect(refused.code).toBe(1);
    expect(errorLine(refused)).toMatch(
      /cannot read table never-.*make the tables with "signals cache provision"/,
    );
    const units = { DYNAMO_BILLING_MODE: 'PROVISIONED', DYNAMO_READ_UNITS: '4', DYNAMO_WRITE_UNITS: '3' };
    expect(await signals(['cache', 'provision'], folder, { ...strict, ...units })).toMatchObject({ code: 0 });
    const { DescribeTableCommand } = await import('@aws-sdk/client-dynamodb');
    const { dynamoClient } = await import('../support/dynamodb.ts');
    const { Table } = await dynamoClient(awsEnvironment()['AWS_ENDPOINT_URL']!).send(
      new DescribeTableCommand({ TableName: 'never-profile' }),
    );
    expect(Table!.ProvisionedThroughput).toMatchObject({ ReadCapacityUnits: 4, WriteCapacityUnits: 3 });
  });
});

describe('the IAM policy', () => {
  const location = { partition: 'aws', region: 'eu-west-1', account: '123456789012', prefix: 'dev-' };

  test('allows items and indexes of the four tables, and no scan', async () => {
    const { stdout } = await signals(
      ['cache', 'iam-policy', '--region', 'eu-west-1', '--account', '123456789012'],
      folder,
      { TABLE_PREFIX: 'dev-' },
    );
    expect(JSON.parse(stdout)).toEqual(iamPolicy(location, false));
    for (const action of RUNTIME_ACTIONS) expect(action).not.toMatch(/Scan|PartiQL|CreateTable|\*/);
    expect(JSON.parse(stdout)).toEqual({
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'StatisticsItems',
          Effect: 'Allow',
          Action: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem', 'dynamodb:BatchWriteItem'],
          Resource: ['prices', 'interest', 'profile', 'correlations'].map(
            (name) => `arn:aws:dynamodb:eu-west-1:123456789012:table/dev-${name}`,
          ),
        },
        {
          Sid: 'StatisticsIndexes',
          Effect: 'Allow',
          Action: ['dynamodb:Query'],
          Resource: [
            'profile/index/DateTelescoping',
            'profile/index/EstimationTelescoping',
            'correlations/index/AssetTelescoping',
            'correlations/index/WeekendTelescoping',
            'correlations/index/EstimationTelescoping',
          ].map((name) => `arn:aws:dynamodb:eu-west-1:123456789012:table/dev-${name}`),
        },
      ],
    });
  });

  test('allows to make tables only when asked', () => {
    expect(JSON.stringify(iamPolicy(location, true))).toContain('dynamodb:CreateTable');
  });
});
