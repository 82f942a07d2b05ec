import { UsageError } from '../runtime/errors.ts';

const PROVIDERS = ['api', 'local', 'memory'] as const;

export interface MetadataOptions {
  /** `api` (the default): the shared place; `local`: a folder of this machine; `memory`: this process only. */
  readonly provider?: string;
  readonly workspaceId?: string;
  /** Bucket of the organisation. */
  readonly organisationBucket?: string;
  /** Where everything is, in place of the bucket: file:FOLDER or s3://BUCKET[/PREFIX]. */
  readonly datastoreRoot?: string;
}

/** Where the services of environments that are made from now on keep things; undefined is as the settings say. */
export interface Metadata {
  readonly provider: (typeof PROVIDERS)[number];
  readonly url: string | undefined;
  readonly workspace: string | undefined;
}

let current: Metadata = { provider: 'api', url: undefined, workspace: undefined };

/**
 * Says where objects and strategies are, for environments that are made afterwards; a later call replaces all that an
 * earlier one has said. Throws RangeError for a provider that is not known and UsageError for options that do not
 * go together.
 */
export function setupMetadata({
  provider = 'api',
  workspaceId,
  organisationBucket,
  datastoreRoot,
}: MetadataOptions = {}): Metadata {
  const known = PROVIDERS.find((one) => one === provider);
  if (known === undefined)
    throw new RangeError(`provider "${provider}" is not known; choose ${PROVIDERS.join(', ')}`);
  if (organisationBucket !== undefined && (known !== 'api' || datastoreRoot !== undefined)) {
    throw new UsageError(
      `organisationBucket "${organisationBucket}" goes with provider api and without datastoreRoot`,
    );
  }
  const bucket = organisationBucket === undefined ? undefined : `s3://${organisationBucket}`;
  const url = {
    api: datastoreRoot ?? bucket,
    local: datastoreRoot ?? 'file:data/objects',
    memory: 'memory:',
  }[known];
  current = { provider: known, url, workspace: workspaceId };
  return current;
}

export function currentMetadata(): Metadata {
  return current;
}
