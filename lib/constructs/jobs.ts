import { Cluster, ContainerInsights } from 'aws-cdk-lib/aws-ecs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  eraKey,
  FEATURES_PREFIX,
  listingsKey,
  manifestFolder,
  manifestKey,
  MARKS_PREFIX,
  PRICES_PREFIX,
  pricesMarkKey,
  setMarkKey,
  STAGING_PREFIX,
  stagingFolder,
  UNIVERSE_PREFIX,
} from '../../jobs/lake/layout.ts';
import type { StageConfig } from '../config.ts';
import type { LakeStack } from '../stacks/lake-stack.ts';
import { acknowledge } from '../compliance.ts';
import type { LakeAccess } from './data-lake.ts';
import { jobImage } from './job-image.ts';
import type { Network } from './network.ts';
import { ScheduledJob } from './scheduled-job.ts';
import { UniverseJob } from './universe-job.ts';

export interface JobsProps {
  readonly config: StageConfig;
  readonly lake: LakeStack;
  readonly network: Network;
  readonly deadLetters: Queue;
}

/** Prices in, with what a load keeps about its names; nothing of the lake is deleted but what is in the making. */
const LOAD_ACCESS: LakeAccess = {
  read: [
    ...[PRICES_PREFIX, UNIVERSE_PREFIX, STAGING_PREFIX, MARKS_PREFIX, manifestFolder('load')].map(below),
    listingsKey('*'),
  ],
  write: [
    ...[PRICES_PREFIX, UNIVERSE_PREFIX, STAGING_PREFIX, MARKS_PREFIX].map(below),
    listingsKey('*'),
    manifestKey('load', '*'),
  ],
  delete: [below(STAGING_PREFIX), besideMark(pricesMarkKey('*'))],
};

/**
 * Features out of prices. Prices are written only to finish the merge of a load that was killed.
 *
 * What it deletes: eras that a change or a rebuild removes from a set, but neither settings nor index, which are only
 * ever replaced; the prices that Athena unloaded for the run; and what lies ready beside the mark of a set or provider,
 * but not the mark itself.
 */
const TRANSFORM_ACCESS: LakeAccess = {
  read: [PRICES_PREFIX, UNIVERSE_PREFIX, FEATURES_PREFIX, STAGING_PREFIX, MARKS_PREFIX].map(below),
  write: [FEATURES_PREFIX, STAGING_PREFIX, MARKS_PREFIX, PRICES_PREFIX]
    .map(below)
    .concat(manifestKey('transform', '*')),
  delete: [
    eraKey('*', '*'),
    below(`${stagingFolder('*')}prices/`),
    besideMark(setMarkKey('*')),
    besideMark(pricesMarkKey('*')),
  ],
};

/** The jobs on their cluster, each with the rights that it needs. */
export class Jobs extends Construct {
  readonly cluster: Cluster;
  readonly load: ScheduledJob;
  readonly transform: ScheduledJob;
  /** Where the universe is refreshed on schedule. */
  readonly universe: ScheduledJob | undefined;

  constructor(scope: Construct, id: string, { config, lake: stack, network, deadLetters }: JobsProps) {
    super(scope, id);
    const { names, logRetention } = config;
    const { lake, catalog, crawler, workgroup } = stack;
    this.cluster = new Cluster(this, 'Cluster', {
      clusterName: names.cluster,
      vpc: network.vpc,
      enableFargateCapacityProviders: true,
      containerInsightsV2: ContainerInsights.DISABLED,
    });
    acknowledge(this.cluster, {
      'AwsSolutions-ECS4':
        'two tasks of minutes a day: their logs, manifests and stop events say what happened',
    });
    const common = {
      cluster: this.cluster,
      network,
      logRetention,
      deadLetters,
      environment: {
        SIGNALS_LAKE: lake.dataBucket.s3UrlForObject(),
        SIGNALS_DATABASE: names.database,
        SIGNALS_WORKGROUP: workgroup.workgroupName,
        SIGNALS_CRAWLER: crawler.crawlerName,
      },
    };
    this.load = new ScheduledJob(this, 'Load', {
      ...common,
      name: names.load,
      description: 'Prices of the last sessions into the lake',
      config: config.load,
      image: jobImage('load'),
    });
    lake.grant(this.load.role, LOAD_ACCESS);
    this.transform = new ScheduledJob(this, 'Transform', {
      ...common,
      name: names.transform,
      description: 'Features of the finished weeks',
      config: config.transform,
      image: jobImage('transform'),
    });
    lake.grant(this.transform.role, TRANSFORM_ACCESS);
    catalog.grantRead(this.transform.role);
    crawler.grantStart(this.transform.role);
    workgroup.grantQuery(this.transform.role);
    this.universe =
      config.universe === undefined
        ? undefined
        : new UniverseJob(this, 'Universe', {
            ...common,
            environment: { SIGNALS_LAKE: common.environment.SIGNALS_LAKE },
            name: names.universe,
            config: config.universe,
            lake,
          }).job;
  }
}

function below(prefix: string): string {
  return `${prefix}*`;
}

/** What jobs/lake/marks.ts puts into the folder named like the mark. */
function besideMark(key: string): string {
  return key.replace(/\.json$/, '/*');
}
