import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { createSettings } from '../../jobs/features/settings.ts';
import { createNames } from '../names.ts';
import { SMOKE_PREFIX, SMOKE_SET, SMOKE_TRANSFORM } from '../smoke/sample.ts';
import type { DataLake } from './data-lake.ts';
import { LakeCatalog } from './lake-catalog.ts';
import { LakeCrawler } from './lake-crawler.ts';
import { LakeEvents } from './lake-events.ts';

export interface SmokeLakeProps {
  readonly lake: DataLake;
  /** Of the real lake: somebody looks at it. */
  readonly deadLetters: Queue;
  /** Start of the names of its database, crawler, queue and topic. */
  readonly name: string;
}

/**
 * A lake below a prefix of its own, with a database and a crawler of its own, of the same parts as the real one: a
 * release is tried in it, and nobody's prices or features come near that.
 */
export class SmokeLake extends Construct {
  readonly url: string;
  readonly databaseName: string;
  readonly events: LakeEvents;
  readonly catalog: LakeCatalog;
  readonly crawler: LakeCrawler;

  constructor(scope: Construct, id: string, { lake, deadLetters, name }: SmokeLakeProps) {
    super(scope, id);
    const names = createNames(name);
    const bucket = lake.dataBucket;
    const prefix = SMOKE_PREFIX;
    this.url = bucket.s3UrlForObject(prefix.slice(0, -1));
    this.databaseName = names.database;
    this.events = new LakeEvents(this, 'Events', {
      bucket,
      prefix,
      topicName: names.s3Events,
      queueName: names.queue,
      deadLetters,
    });
    this.catalog = new LakeCatalog(this, 'Catalog', {
      bucket,
      prefix,
      databaseName: names.database,
      featureSets: { [SMOKE_SET]: createSettings(SMOKE_TRANSFORM) },
    });
    this.crawler = new LakeCrawler(this, 'Crawler', {
      crawlerName: names.crawler,
      lake,
      prefix,
      catalog: this.catalog,
      events: this.events.queue,
      deadLetters,
      schedule: undefined,
    });
  }
}
