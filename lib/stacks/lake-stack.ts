import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { StageConfig } from '../config.ts';
import { DataLake } from '../constructs/data-lake.ts';
import { LakeCatalog } from '../constructs/lake-catalog.ts';
import { LakeCrawler } from '../constructs/lake-crawler.ts';
import { LakeEvents } from '../constructs/lake-events.ts';
import { SmokeLake } from '../constructs/smoke-lake.ts';
import { QueryWorkgroup } from '../constructs/query-workgroup.ts';

export interface LakeStackProps {
  readonly config: StageConfig;
  /** Against deletion. */
  readonly isProtected: boolean;
}

/** What is kept: prices and features, their tables, and the way in which new objects become known. */
export class LakeStack extends Stack {
  readonly lake: DataLake;
  readonly events: LakeEvents;
  readonly catalog: LakeCatalog;
  readonly crawler: LakeCrawler;
  readonly workgroup: QueryWorkgroup;
  /** Where a stage tries releases. */
  readonly smoke: SmokeLake | undefined;

  constructor(scope: Construct, id: string, { config, isProtected }: LakeStackProps) {
    const { names, featureSets, versionRetention, scanLimit, crawl } = config;
    super(scope, id, {
      stackName: names.lakeStack,
      description: 'signals: the lake, its tables and its events',
      terminationProtection: isProtected,
    });
    this.lake = new DataLake(this, 'Lake', { versionRetention });
    this.events = new LakeEvents(this, 'Events', {
      bucket: this.lake.dataBucket,
      prefix: '',
      topicName: names.s3Events,
      queueName: names.queue,
    });
    this.catalog = new LakeCatalog(this, 'Catalog', {
      bucket: this.lake.dataBucket,
      prefix: '',
      databaseName: names.database,
      featureSets,
    });
    this.crawler = new LakeCrawler(this, 'Crawler', {
      crawlerName: names.crawler,
      lake: this.lake,
      prefix: '',
      catalog: this.catalog,
      events: this.events.queue,
      deadLetters: this.events.deadLetters,
      schedule: crawl,
    });
    this.workgroup = new QueryWorkgroup(this, 'Workgroup', {
      workgroupName: names.workgroup,
      catalog: this.catalog,
      results: this.lake.athenaBucket,
      scanLimit,
      set: 'all',
      settings: featureSets['all']!,
    });
    if (config.smoke !== undefined) {
      this.smoke = new SmokeLake(this, 'Smoke', {
        lake: this.lake,
        deadLetters: this.events.deadLetters,
        name: names.smoke,
      });
    }
    new CfnOutput(this, 'DataBucket', { value: this.lake.dataBucket.bucketName });
    new CfnOutput(this, 'AthenaBucket', { value: this.lake.athenaBucket.bucketName });
  }
}
