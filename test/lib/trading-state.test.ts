import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { ContainerImage, FargateTaskDefinition } from 'aws-cdk-lib/aws-ecs';
import { REDIS_ACCESS } from '../../jobs/trading/backend/redis-access.ts';
import { CacheDatabaseConfig } from '../../jobs/trading/config.ts';
import { acknowledge, acknowledgeWildcards } from '../../lib/compliance.ts';
import { Network } from '../../lib/constructs/network.ts';
import { TradingState, type TradingStateProps } from '../../lib/constructs/trading-state.ts';
import { describeWith } from '../support/describe-with.ts';
import { temporaryFolder } from '../support/folders.ts';
import { venvProgram } from '../support/venv.ts';
import { flatten } from './flatten.ts';
import { createTestApp, resourcesOf } from './stages.ts';

const folder = temporaryFolder();

interface Synthesized {
  readonly cache: Template;
  readonly tasks: Template;
}

/** The state between the network that it is in and a task that uses it, each in a stack of its own. */
function synthesize(changes: Partial<TradingStateProps> = {}): Synthesized {
  const app = createTestApp();
  const env = { account: '222222222222', region: 'eu-west-1' };
  const [network, cache, tasks] = ['Network', 'Cache', 'Tasks'].map((id) => new Stack(app, id, { env }));
  const { vpc, outbound } = new Network(network!, 'Network', { name: 'signals-vpc' });
  const state = new TradingState(cache!, 'TradingState', {
    name: 'signals-trading',
    vpc,
    client: outbound,
    limits: { storage: Size.gibibytes(1), ecpuPerSecond: 1000 },
    snapshotRetention: Duration.days(7),
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ...changes,
  });
  const task = new FargateTaskDefinition(tasks!, 'Task');
  const image = ContainerImage.fromRegistry('public.ecr.aws/docker/library/node:24-slim');
  state.passTo(task.addContainer('Trader', { image, readonlyRootFilesystem: true }));
  acknowledge(task, {
    'AwsSolutions-ECS2': 'an address',
    'AwsSolutions-ECS7': 'a task for this test, that never runs',
  });
  acknowledgeWildcards(task.obtainExecutionRole(), 'no resource', ['*']);
  return {
    cache: Template.fromStack(cache!),
    tasks: Template.fromStack(tasks!),
  };
}

let stacks: Synthesized;
beforeAll(() => {
  stacks = synthesize();
});

test('a serverless Valkey cache with limits, snapshots and a group of users', () => {
  stacks.cache.hasResourceProperties('AWS::ElastiCache::ServerlessCache', {
    Engine: 'valkey',
    ServerlessCacheName: 'signals-trading',
    CacheUsageLimits: { DataStorage: { Unit: 'GB', Maximum: 1 }, ECPUPerSecond: { Maximum: 1000 } },
    SnapshotRetentionLimit: 7,
    DailySnapshotTime: '22:00',
    UserGroupId: { Ref: Match.stringLikeRegexp('Users') },
    SecurityGroupIds: [{ 'Fn::GetAtt': [Match.stringLikeRegexp('SecurityGroup'), 'GroupId'] }],
    SubnetIds: [Match.anyValue(), Match.anyValue()],
  });
});

test('only the tasks reach it, on its one port, and it reaches nobody', () => {
  stacks.cache.resourceCountIs('AWS::EC2::SecurityGroupIngress', 1);
  stacks.cache.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
    IpProtocol: 'tcp',
    FromPort: 6379,
    ToPort: 6379,
    SourceSecurityGroupId: Match.anyValue(),
    CidrIp: Match.absent(),
  });
  stacks.cache.hasResourceProperties('AWS::EC2::SecurityGroup', {
    SecurityGroupIngress: Match.absent(),
    SecurityGroupEgress: [Match.objectLike({ CidrIp: '255.255.255.255/32' })],
  });
  // The tasks may only go out to HTTPS otherwise.
  stacks.cache.hasResourceProperties('AWS::EC2::SecurityGroupEgress', {
    IpProtocol: 'tcp',
    FromPort: 6379,
    ToPort: 6379,
    DestinationSecurityGroupId: Match.anyValue(),
  });
});

test('its one user has a generated password, the commands that the state needs, and its keys', () => {
  stacks.cache.hasResourceProperties('AWS::ElastiCache::User', {
    Engine: 'valkey',
    UserName: 'signals-trading',
    AccessString: REDIS_ACCESS,
    NoPasswordRequired: Match.absent(),
  });
  stacks.cache.hasResourceProperties('AWS::ElastiCache::UserGroup', {
    Engine: 'valkey',
    UserIds: [{ Ref: Match.stringLikeRegexp('User') }],
  });
  stacks.cache.hasResourceProperties('AWS::SecretsManager::Secret', {
    GenerateSecretString: { PasswordLength: 64, ExcludePunctuation: true },
  });
  const user = Object.values(resourcesOf(stacks.cache)).find(
    ({ Type }) => Type === 'AWS::ElastiCache::User',
  )!;
  const { Type, Passwords } = user.Properties['AuthenticationMode'];
  expect([Type, Passwords.map(flatten)]).toEqual([
    'password',
    ['{{resolve:secretsmanager:<TradingStatePassword>:SecretString:::}}'],
  ]);
});

describe('a task', () => {
  test('has the address as a variable and the password as a secret', () => {
    const [task] = Object.values(stacks.tasks.findResources('AWS::ECS::TaskDefinition'));
    const [container] = task!['Properties']['ContainerDefinitions'];
    expect(container.Environment).toEqual([{ Name: 'TRADING_STATE', Value: expect.anything() }]);
    expect(container.Secrets).toEqual([{ Name: 'TRADING_STATE_PASSWORD', ValueFrom: expect.anything() }]);
    expect(JSON.stringify(stacks.tasks.toJSON())).not.toContain('resolve:secretsmanager');
    stacks.tasks.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue'],
            Resource: Match.objectLike({}),
          }),
        ]),
      },
    });
  });

  test('reads the address as TLS with a user, and keys in one slot', () => {
    const [task] = Object.values(stacks.tasks.findResources('AWS::ECS::TaskDefinition'));
    const value = task!['Properties']['ContainerDefinitions'][0].Environment[0].Value;
    const [, parts] = value['Fn::Join'] as [string, unknown[]];
    const hostAndPort = ['cache.example', '6379'];
    const url = parts.map((part) => (typeof part === 'string' ? part : hostAndPort.shift())).join('');
    const { settings, password } = CacheDatabaseConfig.fromUrl(url, { password: 'secret' });
    expect(settings).toMatchObject({
      ssl: true,
      host: 'cache.example',
      port: 6379,
      username: 'signals-trading',
      useHashTag: true,
      useTraderPrefix: true,
      database: 0,
    });
    expect(password).toBe('secret');
  });
});

test('what the state needs is kept, or goes, as the stage says', () => {
  const policies = ({ cache }: Synthesized): string[] =>
    Object.values(resourcesOf(cache))
      .filter(({ Type }) => !Type.includes('SecurityGroupIngress') && !Type.includes('SecurityGroupEgress'))
      .map(({ Type, DeletionPolicy }) => `${Type.split('::')[2]} ${DeletionPolicy}`)
      .toSorted();
  const kinds = ['Secret', 'SecurityGroup', 'ServerlessCache', 'User', 'UserGroup'];
  expect(policies(stacks)).toEqual(kinds.map((kind) => `${kind} RetainExceptOnCreate`));
  const passing = synthesize({ removalPolicy: RemovalPolicy.DESTROY });
  expect(policies(passing)).toEqual(kinds.map((kind) => `${kind} Delete`));
});

test('everything that AWS would refuse is said at once', () => {
  const synthesis = (): Synthesized =>
    synthesize({
      name: 'Trading',
      limits: { storage: Size.gibibytes(0), ecpuPerSecond: 999 },
      snapshotRetention: Duration.days(36),
    });
  expect(synthesis).toThrow(
    'trading state: name is "Trading", not 1 to 40 lower-case letters, digits and hyphens after a letter; ' +
      'limits.storage in GB is 0, not a whole number from 1 to 5000; ' +
      'limits.ecpuPerSecond is 999, not a whole number from 1000 to 15000000; ' +
      'snapshotRetention in days is 36, not a whole number from 0 to 35',
  );
});

describeWith('Python', 'cfn-lint', () => {
  test('finds no error in any template', async () => {
    const { cache, tasks } = stacks;
    const files = Object.entries({ cache, tasks }).map(([name, template]) => {
      const file = join(mkdtempSync(join(folder, 'lint-')), `${name}.template.json`);
      writeFileSync(file, JSON.stringify(template.toJSON()));
      return file;
    });
    // W3005: CDK writes dependencies out that a reference implies.
    const options = ['--regions', 'eu-west-1', '--ignore-checks', 'W3005'];
    const lint = promisify(execFile)(venvProgram('cfn-lint'), [...options, '--', ...files]);
    await expect(lint).resolves.toMatchObject({ stdout: '' });
  });
});
