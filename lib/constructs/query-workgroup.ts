import { Size, SizeRoundingBehavior, Stack } from 'aws-cdk-lib';
import { CfnNamedQuery, CfnWorkGroup } from 'aws-cdk-lib/aws-athena';
import { Grant, type IRole } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { featureColumns, type FeatureSettings } from '../../jobs/features/settings.ts';
import { listNamedQueries, renderNamedQuery } from '../../jobs/query/named.ts';
import { acknowledgeWildcards } from '../compliance.ts';
import type { LakeCatalog } from './lake-catalog.ts';

export interface QueryWorkgroupProps {
  readonly workgroupName: string;
  readonly catalog: LakeCatalog;
  /** Where answers go. */
  readonly results: Bucket;
  /** Most bytes that one query may read; a query that reads more is cancelled. */
  readonly scanLimit: Size;
  /** The set that the named queries of the console read. */
  readonly set: string;
  readonly settings: FeatureSettings;
}

/** Where queries run: answers in one bucket, a limit to what one may read, and the named queries of the jobs. */
export class QueryWorkgroup extends Construct {
  readonly workgroupName: string;
  readonly #workgroup: CfnWorkGroup;
  readonly #results: Bucket;

  constructor(scope: Construct, id: string, props: QueryWorkgroupProps) {
    super(scope, id);
    const { workgroupName, results, scanLimit } = props;
    this.workgroupName = workgroupName;
    this.#results = results;
    this.#workgroup = new CfnWorkGroup(this, 'Workgroup', {
      name: workgroupName,
      description: 'Queries over prices and features',
      // Athena refuses to delete a workgroup that has ever run a query, or has named queries, unless told to.
      recursiveDeleteOption: true,
      workGroupConfiguration: {
        enforceWorkGroupConfiguration: true,
        publishCloudWatchMetricsEnabled: true,
        bytesScannedCutoffPerQuery: scanLimit.toBytes({ rounding: SizeRoundingBehavior.FLOOR }),
        engineVersion: { selectedEngineVersion: 'Athena engine version 3' },
        resultConfiguration: {
          outputLocation: results.s3UrlForObject('results/'),
          encryptionConfiguration: { encryptionOption: 'SSE_S3' },
          expectedBucketOwner: Stack.of(this).account,
        },
      },
    });
    this.#addNamedQueries(props);
  }

  /** Lets a job run queries here and read their answers. */
  grantQuery(grantee: IRole): void {
    const arn = Stack.of(this).formatArn({
      service: 'athena',
      resource: 'workgroup',
      resourceName: this.#workgroup.ref,
    });
    Grant.addToPrincipal({
      grantee,
      actions: [
        'athena:StartQueryExecution',
        'athena:GetQueryExecution',
        'athena:GetQueryResults',
        'athena:StopQueryExecution',
      ],
      resourceArns: [arn],
    });
    // Athena writes and reads answers with the rights of whoever asks.
    Grant.addToPrincipal({
      grantee,
      actions: ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'],
      resourceArns: [this.#results.bucketArn],
    });
    Grant.addToPrincipal({
      grantee,
      actions: ['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
      resourceArns: [this.#results.arnForObjects('results/*')],
    });
    acknowledgeWildcards(grantee, 'Athena names each answer after its query', ['/results/*']);
  }

  #addNamedQueries({ catalog, set, settings }: QueryWorkgroupProps): void {
    const context = { set, features: featureColumns(settings) };
    for (const query of listNamedQueries()) {
      new CfnNamedQuery(this, `Query-${query.name}`, {
        name: query.name,
        description: query.description,
        database: catalog.database.databaseName,
        workGroup: this.#workgroup.ref,
        queryString: renderNamedQuery(query, context),
      });
    }
  }
}
