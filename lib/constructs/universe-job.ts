import { Secret as ContainerSecret } from 'aws-cdk-lib/aws-ecs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { UNIVERSE_PREFIX } from '../../jobs/lake/layout.ts';
import type { UniverseConfig } from '../config.ts';
import type { DataLake } from './data-lake.ts';
import { jobImage } from './job-image.ts';
import { ScheduledJob, type ScheduledJobProps } from './scheduled-job.ts';

export interface UniverseJobProps extends Omit<ScheduledJobProps, 'config' | 'image' | 'description'> {
  readonly config: UniverseConfig;
  readonly lake: DataLake;
}

/** Takes Numerai's live universe over into the lake, where the next load finds it. */
export class UniverseJob extends Construct {
  readonly job: ScheduledJob;

  constructor(scope: Construct, id: string, { config, lake, ...props }: UniverseJobProps) {
    super(scope, id);
    this.job = new ScheduledJob(this, 'Refresh', {
      ...props,
      description: "Numerai's live universe into the lake",
      config: config.refresh,
      image: jobImage('cli'),
    });
    const key = Secret.fromSecretNameV2(this, 'Key', config.keySecret);
    // The value does not come near the template; the role that starts the task may read this secret alone.
    this.job.container.addSecret('NUMERAI_API_KEY', ContainerSecret.fromSecretsManager(key));
    const universes = [`${UNIVERSE_PREFIX}*`];
    lake.grant(this.job.role, { read: universes, write: universes, delete: [] });
  }
}
