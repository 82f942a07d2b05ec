import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

/** Endpoint of the emulator that the run started. */
export const awsEndpoint = process.env['TEST_AWS_ENDPOINT'] ?? '';

/** What the SDK needs to talk to the emulator. */
export function awsEnvironment(endpoint = awsEndpoint): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'eu-west-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

export const awsClientConfig = {
  endpoint: awsEndpoint,
  region: 'eu-west-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  forcePathStyle: true,
};

/** Makes a new bucket and resolves with its name. */
export async function createBucket(): Promise<string> {
  const name = `test-${randomUUID()}`;
  await new S3Client(awsClientConfig).send(
    new CreateBucketCommand({
      Bucket: name,
      CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' },
    }),
  );
  return name;
}
