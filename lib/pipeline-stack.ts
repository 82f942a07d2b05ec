import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { ComputeType, LinuxArmBuildImage } from 'aws-cdk-lib/aws-codebuild';
import { Repository } from 'aws-cdk-lib/aws-codecommit';
import { PipelineNotificationEvents, PipelineType } from 'aws-cdk-lib/aws-codepipeline';
import { Key } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { CodePipeline, CodePipelineSource, ManualApprovalStep, ShellStep } from 'aws-cdk-lib/pipelines';
import type { Construct } from 'constructs';
import { acknowledgePipeline } from './acknowledge-pipeline.ts';
import { acknowledge } from './compliance.ts';
import type { StageName } from './config.ts';
import { CHECK_IMAGE, pinnedImage } from './pins.ts';
import { protectStep, smokeStep } from './release-steps.ts';
import type { PipelineSettings } from './settings.ts';
import type { SignalsStage } from './signals-stage.ts';
import { toolVersion } from './package-json.ts';

export interface PipelineStackProps {
  readonly settings: PipelineSettings;
  /** Those of the app itself: others of the same names would have other logical ids, and replace what is there. */
  readonly stages: Readonly<Record<StageName, SignalsStage>>;
}

/** From a commit to prod: check, change the pipeline itself, deploy dev, try it, ask a person, deploy prod. */
export class PipelineStack extends Stack {
  constructor(scope: Construct, id: string, { settings, stages }: PipelineStackProps) {
    const { account, region } = settings;
    const { dev, prod } = stages;
    const name = prod.config.names.pipelineStack;
    super(scope, id, { env: { account, region }, stackName: name, description: 'signals: releases commits' });
    const source = this.#createSource(settings.source);
    const checkImage = LinuxArmBuildImage.fromDockerRegistry(pinnedImage(CHECK_IMAGE));
    const pipeline = new CodePipeline(this, 'Pipeline', {
      pipelineName: name,
      pipelineType: PipelineType.V2,
      artifactBucket: this.#createArtifactBucket(),
      // Without these the steps install whatever the tag `latest` points at.
      cliVersion: toolVersion('aws-cdk'),
      cdkAssetsCliVersion: toolVersion('cdk-assets'),
      synth: new ShellStep('Check', {
        input: source,
        env: { CI: 'true' },
        commands: ['make setup', 'make check', 'npx cdk synth --quiet'],
      }),
      // The tests take half an hour on two processors; they use all that there are.
      synthCodeBuildDefaults: {
        buildEnvironment: { buildImage: checkImage, computeType: ComputeType.LARGE },
      },
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
    const steps = { source, image: checkImage };
    const protectDev = protectStep(dev, steps);
    const smoke = smokeStep(dev, steps);
    smoke.addStepDependency(protectDev);
    pipeline.addStage(dev, { post: [protectDev, smoke] });
    pipeline.addStage(prod, {
      pre: [
        new ManualApprovalStep('Release', {
          comment: 'dev has this commit and has passed its smoke test: look at its dashboard and alerts',
        }),
      ],
      post: [protectStep(prod, steps)],
    });
    pipeline.buildPipeline();
    this.#announce(pipeline, [...new Set([dev, prod].flatMap(({ config }) => config.alertEmails))]);
    acknowledgePipeline(pipeline);
  }

  /** Emails when a release has failed, and when it waits for a person. */
  #announce({ pipeline }: CodePipeline, emails: readonly string[]): void {
    const topic = new Topic(this, 'Releases', { enforceSSL: true });
    for (const email of emails) topic.addSubscription(new EmailSubscription(email));
    pipeline.notifyOn('Announce', topic, {
      events: [
        PipelineNotificationEvents.PIPELINE_EXECUTION_FAILED,
        PipelineNotificationEvents.MANUAL_APPROVAL_NEEDED,
      ],
    });
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
