import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { StageConfig } from '../config.ts';
import { StatisticsTables } from '../constructs/statistics-tables.ts';

export interface CacheStackProps {
  readonly config: StageConfig;
}

/** What was costly to compute and is kept for that. */
export class CacheStack extends Stack {
  readonly statistics: StatisticsTables;

  constructor(scope: Construct, id: string, { config }: CacheStackProps) {
    const { names, tables } = config;
    super(scope, id, {
      stackName: names.cacheStack,
      description: 'signals: caches of what was costly to compute',
      terminationProtection: true,
    });
    this.statistics = new StatisticsTables(this, 'Statistics', tables);
  }
}
