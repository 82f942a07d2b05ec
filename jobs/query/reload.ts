import type { ObjectStore } from '../lake/object-store.ts';
import type { AwsConfig } from '../runtime/aws.ts';
import type { DuckDBConnection } from '../runtime/duckdb.ts';
import type { AthenaNames } from '../runtime/environment.ts';
import type { Logger } from '../runtime/log.ts';
import type { Waiting } from '../runtime/poll.ts';
import { AthenaEngine } from './athena-engine.ts';
import { crawl } from './crawler.ts';
import { UnloadedPrices, type UnloadOptions } from './unloaded-prices.ts';

export interface ReloadRequest extends UnloadOptions {
  readonly lake: ObjectStore;
  readonly db: DuckDBConnection;
  readonly names: AthenaNames;
  readonly config: AwsConfig;
  readonly waiting: Waiting;
  readonly log: Logger;
}

/** Makes Athena know the newest partitions. The prices of the lake that it resolves with are those that Athena has. */
export async function reloadThroughAthena({
  lake,
  db,
  names,
  config,
  waiting,
  log,
  ...unload
}: ReloadRequest): Promise<ObjectStore> {
  log.info({ event: 'transform.crawl', crawler: names.crawler }, `crawl with ${names.crawler}`);
  await crawl(names.crawler, config, waiting);
  log.info({ event: 'transform.unload', workgroup: names.workgroup }, 'unload prices through Athena');
  return new UnloadedPrices(lake, new AthenaEngine(names, config, waiting), db, unload);
}
