/** When these prices were read. */
export const PRICES_OF = 'May 2026';

/** List price of one unit in us-east-1, in USD, without any free tier. Other regions are 0 to 20 % dearer. */
export interface Price {
  readonly usd: number;
  readonly unit: string;
  readonly source: string;
}

export const PRICES = {
  fargateCpu: { usd: 0.03238, unit: 'vCPU-hour, ARM64', source: 'aws.amazon.com/fargate/pricing' },
  fargateMemory: { usd: 0.00356, unit: 'GB-hour, ARM64', source: 'aws.amazon.com/fargate/pricing' },
  publicAddress: { usd: 0.005, unit: 'IPv4 address-hour', source: 'aws.amazon.com/vpc/pricing' },
  crawler: { usd: 0.44, unit: 'DPU-hour, 10 minutes at least', source: 'aws.amazon.com/glue/pricing' },
  storage: { usd: 0.023, unit: 'GB-month', source: 'aws.amazon.com/s3/pricing' },
  writeRequest: { usd: 0.005 / 1000, unit: 'PUT or LIST', source: 'aws.amazon.com/s3/pricing' },
  readRequest: { usd: 0.0004 / 1000, unit: 'GET', source: 'aws.amazon.com/s3/pricing' },
  scan: { usd: 5 / 1e12, unit: 'byte read, 10 MB at least', source: 'aws.amazon.com/athena/pricing' },
  logs: { usd: 0.5, unit: 'GB taken in', source: 'aws.amazon.com/cloudwatch/pricing' },
  alarm: { usd: 0.1, unit: 'alarm-month', source: 'aws.amazon.com/cloudwatch/pricing' },
  image: { usd: 0.1, unit: 'GB-month', source: 'aws.amazon.com/ecr/pricing' },
  invocation: { usd: 0.2e-6, unit: 'request', source: 'aws.amazon.com/lambda/pricing' },
  compute: { usd: 0.0000133334, unit: 'GB-second, ARM64', source: 'aws.amazon.com/lambda/pricing' },
  valkey: { usd: 0.084, unit: 'GB-hour', source: 'aws.amazon.com/elasticache/pricing, serverless Valkey' },
  secret: { usd: 0.4, unit: 'secret-month', source: 'aws.amazon.com/secrets-manager/pricing' },
  itemWrite: { usd: 0.625e-6, unit: 'KB written', source: 'aws.amazon.com/dynamodb/pricing/on-demand' },
  itemRead: { usd: 0.125e-6, unit: '4 KB read', source: 'aws.amazon.com/dynamodb/pricing/on-demand' },
  tableRecovery: { usd: 0.2, unit: 'GB-month', source: 'aws.amazon.com/dynamodb/pricing/on-demand' },
  writeUnit: { usd: 0.00065, unit: 'unit-hour', source: 'aws.amazon.com/dynamodb/pricing/provisioned' },
  readUnit: { usd: 0.00013, unit: 'unit-hour', source: 'aws.amazon.com/dynamodb/pricing/provisioned' },
} as const satisfies Readonly<Record<string, Price>>;

/** What spare capacity costs of the full price, on average. */
export const SPOT_SHARE = 0.3;
