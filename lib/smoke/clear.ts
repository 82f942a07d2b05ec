import { BatchDeletePartitionCommand, paginateGetPartitions, type GlueClient } from '@aws-sdk/client-glue';
import { DeleteObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import type { SmokePlace } from './place.ts';
import { SMOKE_PREFIX } from './sample.ts';

/** What one call of Glue deletes at the most. */
const PARTITIONS_AT_ONCE = 25;

/** Takes away what a smoke test, or one before it that was stopped, has left: objects, and partitions of prices. */
export async function clear(s3: S3Client, glue: GlueClient, { bucket, database }: SmokePlace): Promise<void> {
  const pages = paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: SMOKE_PREFIX });
  for await (const { Contents = [] } of pages) {
    for (const { Key } of Contents) await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
  }
  const table = { DatabaseName: database, TableName: 'raw_data' };
  const values: string[][] = [];
  for await (const { Partitions = [] } of paginateGetPartitions({ client: glue }, table)) {
    values.push(...Partitions.map(({ Values = [] }) => Values));
  }
  for (let from = 0; from < values.length; from += PARTITIONS_AT_ONCE) {
    const PartitionsToDelete = values.slice(from, from + PARTITIONS_AT_ONCE).map((Values) => ({ Values }));
    const { Errors = [] } = await glue.send(
      new BatchDeletePartitionCommand({ ...table, PartitionsToDelete }),
    );
    const reason = Errors[0]?.ErrorDetail?.ErrorMessage;
    if (Errors.length > 0) throw new Error(`${Errors.length} partitions could not be deleted: ${reason}`);
  }
}
