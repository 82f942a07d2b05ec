import type { Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Port, SecurityGroup, SubnetType, type ISecurityGroup, type IVpc } from 'aws-cdk-lib/aws-ec2';
import { Secret as ContainerSecret, type ContainerDefinition } from 'aws-cdk-lib/aws-ecs';
import { CfnServerlessCache, CfnUser, CfnUserGroup } from 'aws-cdk-lib/aws-elasticache';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { REDIS_ACCESS } from '../../jobs/trading/backend/redis-access.ts';
import { acknowledge } from '../compliance.ts';

/** What a serverless cache may grow to, which bounds its bill. Beyond it writes are refused; nothing is evicted. */
export interface TradingStateLimits {
  /** 1 GB to 5,000 GB. */
  readonly storage: Size;
  /** Units of work a second, 1,000 to 15,000,000: one for each kilobyte of a simple command, more for longer work. */
  readonly ecpuPerSecond: number;
}

export interface TradingStateProps {
  /** Of the cache, its user and its group of users: 1 to 40 lower-case letters, digits and hyphens. */
  readonly name: string;
  /** Two or three zones; the cache has an address in a subnet of each. */
  readonly vpc: IVpc;
  /** Who may connect; nobody else may. */
  readonly client: ISecurityGroup;
  readonly limits: TradingStateLimits;
  /** How long the snapshot of each day is kept, 0 to 35 days. */
  readonly snapshotRetention: Duration;
  /**
   * RETAIN_ON_UPDATE_OR_DELETE where state must outlive its stack. RETAIN would also keep what a failed first deployment
   * created, and the next one would find the names taken.
   */
  readonly removalPolicy: RemovalPolicy;
}

const PORT = 6379;
const ENGINE = 'valkey';
/** UTC: after the close in New York and before the open in Tokyo. */
const SNAPSHOT_TIME = '22:00';

/**
 * The state of traders in a serverless Valkey cache: TLS always, encrypted at rest with a key of AWS, one user with a
 * generated password and the rights that the state needs.
 *
 * It keeps two copies in different zones and a snapshot a day, but no log: what is acknowledged outlives one zone, and
 * not the loss of all copies. It is always a cluster, whose scripts take keys of one slot only, hence the hash tag.
 */
export class TradingState extends Construct {
  /** For the variable `TRADING_STATE`; without the password. */
  readonly url: string;
  /** For the variable `TRADING_STATE_PASSWORD`. */
  readonly password: Secret;
  readonly limits: TradingStateLimits;
  readonly #name: string;

  constructor(scope: Construct, id: string, props: TradingStateProps) {
    super(scope, id);
    assertUsable(props);
    const { name, vpc, client, limits, snapshotRetention, removalPolicy } = props;
    this.limits = limits;
    this.#name = name;
    const group = new SecurityGroup(this, 'SecurityGroup', {
      vpc,
      description: 'Trading state: in from the tasks, nothing out',
      allowAllOutbound: false,
    });
    group.connections.allowFrom(client, Port.tcp(PORT), 'Trading state');
    this.password = new Secret(this, 'Password', {
      description: `Password of the user ${name} of the trading state`,
      generateSecretString: { passwordLength: 64, excludePunctuation: true },
    });
    acknowledge(this.password, {
      'AwsSolutions-SMG4':
        'AWS has no rotation for users of caches; the password opens a port that only the tasks can reach',
    });
    const user = new CfnUser(this, 'User', {
      engine: ENGINE,
      userId: name,
      userName: name,
      accessString: REDIS_ACCESS,
      // In the template it is a reference that CloudFormation resolves.
      authenticationMode: { Type: 'password', Passwords: [this.password.secretValue.unsafeUnwrap()] },
    });
    const users = new CfnUserGroup(this, 'Users', {
      engine: ENGINE,
      userGroupId: name,
      userIds: [user.ref],
    });
    const cache = new CfnServerlessCache(this, 'Cache', {
      engine: ENGINE,
      majorEngineVersion: '8',
      serverlessCacheName: name,
      description: 'State of traders',
      subnetIds: vpc.selectSubnets({ subnetType: SubnetType.PUBLIC, onePerAz: true }).subnetIds,
      securityGroupIds: [group.securityGroupId],
      userGroupId: users.ref,
      cacheUsageLimits: {
        dataStorage: { unit: 'GB', maximum: limits.storage.toGibibytes() },
        ecpuPerSecond: { maximum: limits.ecpuPerSecond },
      },
      snapshotRetentionLimit: snapshotRetention.toDays(),
      dailySnapshotTime: SNAPSHOT_TIME,
    });
    for (const part of [group, this.password, user, users, cache]) part.applyRemovalPolicy(removalPolicy);
    this.url = `rediss://${name}@${cache.attrEndpointAddress}:${cache.attrEndpointPort}?useHashTag=true`;
  }

  /**
   * A metric of serverless caches, by AWS's name for it; those of nodes have other names and dimensions.
   * docs.aws.amazon.com/AmazonElastiCache/latest/dg/serverless-metrics-events-redis.html
   */
  metric(
    metricName: 'BytesUsedForCache' | 'ElastiCacheProcessingUnits' | 'ThrottledCmds',
    { statistic, period }: { readonly statistic: string; readonly period: Duration },
  ): Metric {
    return new Metric({
      namespace: 'AWS/ElastiCache',
      metricName,
      dimensionsMap: { clusterId: this.#name },
      statistic,
      period,
    });
  }

  /** Gives a container of a task both variables; the password does not come near the template. */
  passTo(container: ContainerDefinition): void {
    container.addEnvironment('TRADING_STATE', this.url);
    container.addSecret('TRADING_STATE_PASSWORD', ContainerSecret.fromSecretsManager(this.password));
  }
}

/** Throws with everything that AWS would refuse. */
function assertUsable({ name, vpc, limits, snapshotRetention }: TradingStateProps): void {
  const inRange = (what: string, value: number, least: number, most: number): string[] =>
    Number.isInteger(value) && value >= least && value <= most
      ? []
      : [`${what} is ${value}, not a whole number from ${least} to ${most}`];
  const problems = [
    ...(/^[a-z][a-z0-9-]{0,39}$/.test(name)
      ? []
      : [`name is "${name}", not 1 to 40 lower-case letters, digits and hyphens after a letter`]),
    ...inRange('limits.storage in GB', limits.storage.toGibibytes(), 1, 5000),
    ...inRange('limits.ecpuPerSecond', limits.ecpuPerSecond, 1000, 15_000_000),
    ...inRange('snapshotRetention in days', snapshotRetention.toDays(), 0, 35),
    ...inRange('the number of zones of vpc', vpc.availabilityZones.length, 2, 3),
  ];
  if (problems.length > 0) throw new Error(`trading state: ${problems.join('; ')}`);
}
