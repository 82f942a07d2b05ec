import type { AwsConfig } from '../runtime/aws.ts';
import type { AthenaNames } from '../runtime/environment.ts';
import type { Logger } from '../runtime/log.ts';
import { AthenaEngine } from './athena-engine.ts';
import { crawl } from './crawler.ts';
import { unloadPrices, type UnloadRequest } from './unloaded-prices.ts';

export interface ReloadRequest extends Omit<UnloadRequest, 'athena'> {
  readonly names: AthenaNames;
  readonly config: AwsConfig;
  readonly log: Logger;
}

/**
 * Makes Athena know the newest partitions, and lets it unload the prices. Resolves with files of this machine that have
 * them, sorted.
 */
export async function reloadThroughAthena({
  names,
  config,
  log,
  ...request
}: ReloadRequest): Promise<string[]> {
  log.info({ event: 'transform.crawl', crawler: names.crawler }, `crawl with ${names.crawler}`);
  await crawl(names.crawler, config, request.ports);
  log.info({ event: 'transform.unload', workgroup: names.workgroup }, 'unload prices through Athena');
  return unloadPrices({ ...request, athena: new AthenaEngine(names, config, request.ports) });
}
