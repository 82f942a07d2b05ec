import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { ComputeType, LinuxArmBuildImage } from 'aws-cdk-lib/aws-codebuild';
import { Repository } from 'aws-cdk-lib/aws-codecommit';
import { PipelineType } from 'aws-cdk-lib/aws-codepipeline';
import { Key } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { CodePipeline, CodePipelineSource, ManualApprovalStep, ShellStep } from 'aws-cdk-lib/pipelines';
import type { Construct } from 'constructs';
import { packageRoot } from '../jobs/runtime/package-root.ts';
import { acknowledgePipeline } from './acknowledge-pipeline.ts';
import { acknowledge } from './compliance.ts';
import type { StageConfig, StageName } from './config.ts';
import type { PipelineSettings } from './settings.ts';
import { SignalsStage } from './signals-stage.ts';

export interface PipelineStackProps {
  readonly settings: PipelineSettings;
  readonly stages: Readonly<Record<StageName, StageConfig>>;
}

/** From a commit to prod: check, change the pipeline itself, deploy dev, ask a person, deploy prod. */
export class PipelineStack extends Stack {
  constructor(scope: Construct, id: string, { settings, stages }: PipelineStackProps) {
    const { account, region, source } = settings;
    super(scope, id, {
      env: { account, region },
      stackName: stages.prod.names.pipelineStack,
      description: 'signals: releases commits',
    });
    const pipeline = new CodePipeline(this, 'Pipeline', {
      pipelineName: stages.prod.names.pipelineStack,
      pipelineType: PipelineType.V2,
      artifactBucket: this.#createArtifactBucket(),
      // Without it the step that changes the pipeline installs whatever the tag `latest` points at.
      cliVersion: cliVersion(),
      synth: new ShellStep('Check', {
        input: this.#createSource(source),
        env: { CI: 'true' },
        commands: ['make setup', 'make check', 'npx cdk synth --quiet'],
      }),
      codeBuildDefaults: {
        // Images for ARM64 are built where they are native.
        buildEnvironment: {
          buildImage: LinuxArmBuildImage.AMAZON_LINUX_2023_STANDARD_4_0,
          computeType: ComputeType.SMALL,
          environmentVariables: { DOCKER_BUILDKIT: { value: '1' } },
        },
        timeout: Duration.hours(1),
      },
    });
    pipeline.addStage(new SignalsStage(this, 'dev', { config: stages.dev }));
    pipeline.addStage(new SignalsStage(this, 'prod', { config: stages.prod }), {
      pre: [
        new ManualApprovalStep('Release', {
          comment: 'dev has this commit: look at its dashboard and alerts',
        }),
      ],
    });
    pipeline.buildPipeline();
    acknowledgePipeline(pipeline);
  }

  #createSource(source: PipelineSettings['source']): CodePipelineSource {
    const { repository, branch } = source;
    if (source.kind === 'connection') {
      return CodePipelineSource.connection(repository, branch, { connectionArn: source.connectionArn });
    }
    return CodePipelineSource.codeCommit(
      Repository.fromRepositoryName(this, 'Repository', repository),
      branch,
    );
  }

  /** With a key of its own, which is what another account can be given. */
  #createArtifactBucket(): Bucket {
    const encryptionKey = new Key(this, 'ArtifactKey', {
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const bucket = new Bucket(this, 'Artifacts', {
      encryption: BucketEncryption.KMS,
      encryptionKey,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      lifecycleRules: [{ expiration: Duration.days(30) }],
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledge(bucket, {
      'AwsSolutions-S1':
        'builds of commits that are gone after a month; CodePipeline itself says who released what',
    });
    return bucket;
  }
}

/** Of the CDK's command line, as the lock file has it. */
function cliVersion(): string {
  const text = readFileSync(join(packageRoot, 'package.json'), 'utf8');
  return (JSON.parse(text) as { devDependencies: { 'aws-cdk': string } }).devDependencies['aws-cdk'];
}
