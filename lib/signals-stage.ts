import { Stage, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { StageConfig } from './config.ts';
import type { KeptStack } from './kept-stacks.ts';
import { CacheStack } from './stacks/cache-stack.ts';
import { JobsStack } from './stacks/jobs-stack.ts';
import { LakeStack } from './stacks/lake-stack.ts';
import { NetworkStack } from './stacks/network-stack.ts';

export interface SignalsStageProps {
  readonly config: StageConfig;
  /**
   * Stacks to declare protected against deletion: those that are known to exist. The CDK's command line switches
   * protection on before it creates a stack, and off where it is not declared; CloudFormation alone does neither.
   *
   * @default none
   */
  readonly protect?: readonly KeptStack[];
}

/** One environment: the lake and the caches, which are kept, and the jobs, which can be made anew at any time. */
export class SignalsStage extends Stage {
  readonly config: StageConfig;

  constructor(scope: Construct, id: string, { config, protect = [] }: SignalsStageProps) {
    const { account, region } = config;
    super(scope, id, {
      env: { ...(account === undefined ? {} : { account }), ...(region === undefined ? {} : { region }) },
    });
    this.config = config;
    const lake = new LakeStack(this, 'Lake', { config, isProtected: protect.includes('lake') });
    const { network } = new NetworkStack(this, 'Network', { config });
    const cache = new CacheStack(this, 'Cache', { config, network, isProtected: protect.includes('cache') });
    new JobsStack(this, 'Jobs', { config, lake, cache, network });
    Tags.of(this).add('project', 'signals');
    Tags.of(this).add('stage', config.name);
  }
}
