import { Stage, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { StageConfig } from './config.ts';
import { CacheStack } from './stacks/cache-stack.ts';
import { JobsStack } from './stacks/jobs-stack.ts';
import { LakeStack } from './stacks/lake-stack.ts';
import { NetworkStack } from './stacks/network-stack.ts';

export interface SignalsStageProps {
  readonly config: StageConfig;
}

/** One environment: the lake and the caches, which are kept, and the jobs, which can be made anew at any time. */
export class SignalsStage extends Stage {
  readonly config: StageConfig;

  constructor(scope: Construct, id: string, { config }: SignalsStageProps) {
    const { account, region } = config;
    super(scope, id, {
      env: { ...(account === undefined ? {} : { account }), ...(region === undefined ? {} : { region }) },
    });
    this.config = config;
    const lake = new LakeStack(this, 'Lake', { config });
    const { network } = new NetworkStack(this, 'Network', { config });
    const cache = new CacheStack(this, 'Cache', { config, network });
    new JobsStack(this, 'Jobs', { config, lake, cache, network });
    Tags.of(this).add('project', 'signals');
    Tags.of(this).add('stage', config.name);
  }
}
