import { paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { manifestFolder, PRICES_PREFIX } from '../../jobs/lake/layout.ts';
import { createAwsClient } from '../../jobs/runtime/aws-client.ts';
import { LAMBDA_LIMITS } from '../../jobs/runtime/limits.ts';
import { createLogger } from '../../jobs/runtime/log.ts';
import { findOverdue } from './overdue.ts';

const environment = z.object({
  BUCKET: z.string(),
  MAX_HOURS_LOAD: z.coerce.number(),
  MAX_HOURS_TRANSFORM: z.coerce.number(),
});

/** Entry of the function: an error line for each thing that is overdue, which the alerts of the log pick up. */
export async function handler(): Promise<void> {
  const { BUCKET, MAX_HOURS_LOAD, MAX_HOURS_TRANSFORM } = environment.parse(process.env);
  const log = createLogger({ level: 'info', format: 'json' }).child({ job: 'freshness' });
  const client = createAwsClient(S3Client, { limits: LAMBDA_LIMITS });
  const written = (prefix: string): Promise<Date[]> => listTimes(client, BUCKET, prefix);
  const [load, transform, prices] = await Promise.all([
    written(manifestFolder('load')),
    written(manifestFolder('transform')),
    written(PRICES_PREFIX),
  ]);
  const overdue = findOverdue({ runs: { load, transform }, prices: prices.at(-1) }, new Date(), {
    load: MAX_HOURS_LOAD,
    transform: MAX_HOURS_TRANSFORM,
  });
  for (const { job, message } of overdue) {
    log.error({ event: 'freshness.overdue', code: 'stale', overdue: job }, message);
  }
  if (overdue.length === 0) log.info({ event: 'freshness.done' }, 'nothing is overdue');
}

/** When the objects below a prefix were written, oldest first. */
async function listTimes(client: S3Client, bucket: string, prefix: string): Promise<Date[]> {
  const times: Date[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2(
    { client },
    { Bucket: bucket, Prefix: prefix },
  )) {
    times.push(...Contents.map(({ LastModified }) => LastModified!));
  }
  return times.sort((a, b) => a.getTime() - b.getTime());
}
