import { CfnOutput, Duration, Stack } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { TTL_DAYS, TTL_TAG } from '../../jobs/store/ttl-class.ts';
import { organisationFolder } from '../../jobs/store/workspace.ts';
import { acknowledgeWildcards } from '../compliance.ts';
import { createPrivateBucket } from './private-bucket.ts';

export interface ObjectsBucketProps {
  /** Each gets a policy for its own prefix: all members share all of it. */
  readonly organisations: readonly string[];
  /** Start of the names of the policies. */
  readonly policyPrefix: string;
  /** How long overwritten and removed objects can be had back. */
  readonly versionRetention: Duration;
}

const UPLOAD_RETENTION = Duration.days(7);
const ACCESS_LOG_RETENTION = Duration.days(90);

/** Objects and strategies that teams share, and a policy for each team. */
export class ObjectsBucket extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, props: ObjectsBucketProps) {
    super(scope, id);
    const accessLogs = createPrivateBucket(this, 'AccessLogs', {
      lifecycleRules: [{ expiration: ACCESS_LOG_RETENTION }],
    });
    this.bucket = createPrivateBucket(this, 'Bucket', {
      versioned: true,
      serverAccessLogsBucket: accessLogs,
      lifecycleRules: [
        { abortIncompleteMultipartUploadAfter: UPLOAD_RETENTION },
        { noncurrentVersionExpiration: props.versionRetention },
        { expiredObjectDeleteMarker: true },
        // What has expired is hidden at once by whoever reads; this takes it away some day later.
        ...TTL_DAYS.map((days) => ({
          tagFilters: { [TTL_TAG]: String(days) },
          expiration: Duration.days(days + 1),
        })),
      ],
    });
    for (const organisation of props.organisations) this.#allow(organisation, props.policyPrefix);
  }

  /** For people and roles of an organisation: whoever has the policy reads, writes and removes below its prefix. */
  #allow(organisation: string, policyPrefix: string): void {
    const folder = organisationFolder(organisation);
    const policy = new ManagedPolicy(this, `Policy-${organisation}`, {
      managedPolicyName: `${policyPrefix}-${organisation}`,
      description: `Objects and strategies of ${organisation}`,
      statements: [
        new PolicyStatement({
          actions: ['s3:ListBucket'],
          resources: [this.bucket.bucketArn],
          conditions: { StringLike: { 's3:prefix': `${folder}*` } },
        }),
        new PolicyStatement({
          actions: ['s3:GetObject', 's3:PutObject', 's3:PutObjectTagging', 's3:DeleteObject'],
          resources: [this.bucket.arnForObjects(`${folder}*`)],
        }),
      ],
    });
    acknowledgeWildcards(policy, 'objects below a prefix have the names that people give them', [
      `/${folder}*`,
    ]);
    new CfnOutput(Stack.of(this), `ObjectsPolicy${organisation.replaceAll(/[^A-Za-z0-9]/g, '')}`, {
      value: policy.managedPolicyArn,
    });
  }
}
