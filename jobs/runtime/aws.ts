import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { firstLine, UsageError } from './errors.ts';
import type { Limits } from './limits.ts';

/** Where `--local` finds AWS credentials: `access_key_id,secret_access_key` and one line of values. */
const CREDENTIAL_FILE = 'data/credential/aws.csv';

/** What every client of the SDK is made with. */
export interface AwsConfig {
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    /** Of a role that was taken on for a while. */
    readonly sessionToken?: string;
  };
  /** Where the SDK's own sources do not say it, or say otherwise. */
  readonly region?: string;
  readonly profile?: string;
  /** How long its requests may take; by default as long as those of a process that nothing stops. */
  readonly limits?: Limits;
}

/**
 * Credentials of data/credential/aws.csv, or of the SDK's default chain, which on AWS is the role of the task.
 * Throws UsageError when the file is missing or has another form.
 */
export async function awsConfig(useCredentialFile: boolean, limits?: Limits): Promise<AwsConfig> {
  return {
    ...(useCredentialFile ? { credentials: await readCredentials() } : {}),
    ...(limits === undefined ? {} : { limits }),
  };
}

/** What is wrong where the SDK finds no region, or one that can be none; undefined for any other error. */
export function missingRegion(error: unknown): UsageError | undefined {
  const reason = firstLine(error);
  if (!/^Region (?:is missing|not accepted)/.test(reason)) return undefined;
  return new UsageError(`${reason}; set AWS_REGION, or a region in the profile`, error);
}

async function readCredentials(): Promise<NonNullable<AwsConfig['credentials']>> {
  let records: Record<string, string>[];
  try {
    records = parse(await readFile(CREDENTIAL_FILE, 'utf8'), { bom: true, columns: true, trim: true });
  } catch (error) {
    throw new UsageError(`--local reads AWS credentials from ${CREDENTIAL_FILE}: ${firstLine(error)}`);
  }
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = records[0] ?? {};
  if (!accessKeyId || !secretAccessKey) {
    throw new UsageError(
      `${CREDENTIAL_FILE} needs the header access_key_id,secret_access_key and one line of values`,
    );
  }
  return { accessKeyId, secretAccessKey };
}
