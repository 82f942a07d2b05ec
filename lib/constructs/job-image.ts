import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { packageRoot } from '../../jobs/runtime/package-root.ts';

/** The image of a job, built from docker/Dockerfile at deployment for ARM64. */
export function jobImage(target: 'load' | 'transform' | 'cli'): ContainerImage {
  return ContainerImage.fromAsset(packageRoot, {
    file: 'docker/Dockerfile',
    target,
    platform: Platform.LINUX_ARM64,
  });
}
