import { Fn, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { StageConfig } from '../config.ts';
import { Network } from '../constructs/network.ts';

export interface NetworkStackProps {
  readonly config: StageConfig;
}

/** Where tasks run, and a cache that only they reach: apart from both, so that neither holds the other up. */
export class NetworkStack extends Stack {
  readonly network: Network;

  constructor(scope: Construct, id: string, { config }: NetworkStackProps) {
    const { names } = config;
    super(scope, id, { stackName: names.networkStack, description: 'signals: the network of tasks' });
    this.network = new Network(this, 'Network', { name: names.vpc });
  }

  /** The first two zones of the region, whichever they are: a look-up would need an account at synthesis. */
  override get availabilityZones(): string[] {
    return [0, 1].map((index) => Fn.select(index, Fn.getAzs()));
  }
}
