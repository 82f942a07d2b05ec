import { Duration } from 'aws-cdk-lib';
import { PolicyStatement, type IRole } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { STAGING_PREFIX } from '../../jobs/lake/layout.ts';
import { acknowledgeWildcards } from '../compliance.ts';
import { createPrivateBucket } from './private-bucket.ts';

export interface DataLakeProps {
  /** How long overwritten and deleted objects can be had back. */
  readonly versionRetention: Duration;
}

/** What a job may do with which objects: keys, in which `*` stands for anything. */
export interface LakeAccess {
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly delete: readonly string[];
}

/** How long half-done work and answers of queries are of use. */
const SCRATCH_RETENTION = Duration.days(7);
const ACCESS_LOG_RETENTION = Duration.days(90);

/** The buckets: prices and features, answers of Athena, and who asked for what. */
export class DataLake extends Construct {
  readonly dataBucket: Bucket;
  readonly athenaBucket: Bucket;

  constructor(scope: Construct, id: string, { versionRetention }: DataLakeProps) {
    super(scope, id);
    const accessLogs = createPrivateBucket(this, 'AccessLogs', {
      lifecycleRules: [{ expiration: ACCESS_LOG_RETENTION }],
    });
    this.dataBucket = createPrivateBucket(this, 'Data', {
      versioned: true,
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: 'data/',
      lifecycleRules: [
        { abortIncompleteMultipartUploadAfter: SCRATCH_RETENTION },
        { noncurrentVersionExpiration: versionRetention },
        { expiredObjectDeleteMarker: true },
        { prefix: STAGING_PREFIX, expiration: SCRATCH_RETENTION },
      ],
    });
    this.athenaBucket = createPrivateBucket(this, 'Athena', {
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: 'athena/',
      lifecycleRules: [
        { expiration: SCRATCH_RETENTION, abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
    });
  }

  /** Lets a role do what `statementsFor` says. */
  grant(role: IRole, access: LakeAccess): void {
    for (const statement of this.statementsFor(access)) role.addToPrincipalPolicy(statement);
    this.acknowledgeAccess(role, access);
  }

  /**
   * Exactly what an object store of jobs/lake does. The bucket's own grants would allow every action that begins with
   * GetObject or List.
   */
  statementsFor(access: LakeAccess): PolicyStatement[] {
    const objects = (keys: readonly string[]): string[] =>
      keys.map((key) => this.dataBucket.arnForObjects(key));
    // Without ListBucket a missing object is a refusal to S3, not an absence: no condition on prefixes here.
    const statements: [string[], string[]][] = [
      [['s3:ListBucket', 's3:GetBucketLocation'], [this.dataBucket.bucketArn]],
      [['s3:GetObject'], objects(access.read)],
      [['s3:PutObject', 's3:AbortMultipartUpload'], objects(access.write)],
      [['s3:DeleteObject'], objects(access.delete)],
    ];
    return statements
      .filter(([, resources]) => resources.length > 0)
      .map(([actions, resources]) => new PolicyStatement({ actions, resources }));
  }

  /** Tells cdk-nag why the keys have wildcards; to be called for a role that is created with the statements. */
  acknowledgeAccess(role: IRole, access: LakeAccess): void {
    acknowledgeWildcards(
      role,
      'objects below a prefix have their names from the day on which they are written',
      [...access.read, ...access.write, ...access.delete].map((key) => `/${key}`),
    );
  }
}
