import { stat } from 'node:fs/promises';
import { awsConfig } from '../runtime/aws.ts';
import { UsageError } from '../runtime/errors.ts';
import type { Limits } from '../runtime/limits.ts';
import { LocalStore } from './local-store.ts';
import type { ObjectStore } from './object-store.ts';

/**
 * Opens the lake at `file:PATH` or `s3://BUCKET[/PREFIX]`. Throws UsageError for anything else, and for a path
 * with a quote or a glob character, which SQL over the lake's files could not name exactly.
 *
 * @param useCredentialFile take AWS credentials from data/credential/aws.csv instead of the SDK's default chain
 */
export async function openLake(
  url: string,
  useCredentialFile: boolean,
  limits?: Limits,
): Promise<ObjectStore> {
  const refused = /['"*?[\]{}\n]/.exec(url);
  if (refused !== null) {
    throw new UsageError(
      `lake "${url}" has the character ${refused[0]} in its path; choose a path without it`,
    );
  }
  const file = /^file:(?:\/\/)?(.+)$/.exec(url);
  if (file !== null) {
    const found = await stat(file[1]!).catch(() => undefined);
    if (found?.isDirectory() === false)
      throw new UsageError(`lake "${url}" is no folder; name one, it is made when it is not there`);
    return new LocalStore(file[1]!, limits);
  }

  const s3 = /^s3:\/\/([a-z0-9][a-z0-9.-]+)(?:\/(.*?))?\/*$/.exec(url);
  if (s3 === null) throw new UsageError(`lake "${url}" is neither file:PATH nor s3://BUCKET[/PREFIX]`);
  // The SDK takes a while to load, and a lake in a folder does not need it.
  const { S3Store } = await import('./s3-store.ts');
  return new S3Store(s3[1]!, s3[2] ?? '', await awsConfig(useCredentialFile, limits));
}
