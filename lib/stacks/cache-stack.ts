import { CfnOutput, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { StageConfig } from '../config.ts';
import type { Network } from '../constructs/network.ts';
import { ObjectsBucket } from '../constructs/objects-bucket.ts';
import { StatisticsTables } from '../constructs/statistics-tables.ts';
import { TradingState } from '../constructs/trading-state.ts';

export interface CacheStackProps {
  readonly config: StageConfig;
  readonly network: Network;
  /** Against deletion. */
  readonly isProtected: boolean;
}

/** What was costly to compute and is kept for that. */
export class CacheStack extends Stack {
  readonly statistics: StatisticsTables;
  /** Where a stage asks for it. */
  readonly trading: TradingState | undefined;

  constructor(scope: Construct, id: string, { config, network, isProtected }: CacheStackProps) {
    const { names, tables, tableRecovery, trading, snapshotRetention, organisations, versionRetention } =
      config;
    super(scope, id, {
      stackName: names.cacheStack,
      description: 'signals: caches of what was costly to compute',
      terminationProtection: isProtected,
    });
    const { bucket } = new ObjectsBucket(this, 'Objects', {
      organisations,
      policyPrefix: names.objects,
      versionRetention,
    });
    new CfnOutput(this, 'ObjectsBucket', { value: bucket.bucketName });
    this.statistics = new StatisticsTables(this, 'Statistics', { ...tables, recovery: tableRecovery });
    if (trading === undefined) return;
    this.trading = new TradingState(this, 'Trading', {
      name: names.trading,
      vpc: network.vpc,
      client: network.outbound,
      limits: trading,
      snapshotRetention,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
  }
}
