import { randomUUID } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import pLimit from 'p-limit';

/** Where the lakes of a test live: one file system or one bucket. No code of the project under test touches them here. */
export interface LakeHome {
  readonly name: string;
  /** Environment of the commands that use these lakes. */
  readonly env: Readonly<Record<string, string>>;
  /** URL of a lake that does not exist yet. */
  newLake(): string;
  copyLake(url: string): Promise<string>;
  removeLake(url: string): Promise<void>;
  /** A folder with the lake's objects below a prefix at their keys: the lake itself, or a download of it. */
  folderOf(url: string, prefix: string): Promise<string>;
  /** When each object below a prefix was last written, in milliseconds since 1970. */
  writtenAt(url: string, prefix: string): Promise<ReadonlyMap<string, number>>;
}

/** @param root an existing folder; lakes get folders of their own in it */
export function folderHome(root: string, env: Readonly<Record<string, string>> = {}): LakeHome {
  const pathOf = (url: string): string => url.slice('file:'.length);
  const newLake = (): string => `file:${join(mkdtempSync(join(root, 'home-')), 'lake')}`;
  return {
    name: 'a folder',
    env,
    newLake,
    async copyLake(url) {
      const copy = newLake();
      cpSync(pathOf(url), pathOf(copy), { recursive: true, preserveTimestamps: true });
      return copy;
    },
    async removeLake(url) {
      rmSync(dirname(pathOf(url)), { recursive: true, force: true });
    },
    async folderOf(url) {
      return pathOf(url);
    },
    async writtenAt(url, prefix) {
      const below = join(pathOf(url), prefix);
      if (!existsSync(below)) return new Map();
      const files = readdirSync(below, { recursive: true, withFileTypes: true });
      return new Map(
        files
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
          .map((path) => [relative(pathOf(url), path), statSync(path).mtimeMs]),
      );
    },
  };
}

const OBJECTS_AT_ONCE = 8;

/**
 * Lakes below prefixes of a new bucket.
 *
 * @param root an existing folder for downloads
 */
export async function s3Home(endpoint: string, root: string): Promise<LakeHome> {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const region = 'eu-west-1';
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const Bucket = `test-${randomUUID()}`;
  await client.send(
    new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: region } }),
  );
  const keyOf = (url: string): string => `${url.slice(`s3://${Bucket}/`.length)}/`;
  const list = async (Prefix: string): Promise<{ key: string; writtenAt: number }[]> => {
    const found: { key: string; writtenAt: number }[] = [];
    for await (const page of paginateListObjectsV2({ client }, { Bucket, Prefix })) {
      for (const { Key, LastModified } of page.Contents ?? [])
        found.push({ key: Key!, writtenAt: LastModified!.getTime() });
    }
    return found;
  };
  const limit = pLimit(OBJECTS_AT_ONCE);
  let lakes = 0;
  const newLake = (): string => `s3://${Bucket}/lake-${(lakes += 1)}`;
  return {
    name: 'S3',
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: region,
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    newLake,
    async copyLake(url) {
      const copy = newLake();
      const copyOne = (key: string): Promise<unknown> => {
        const Key = keyOf(copy) + key.slice(keyOf(url).length);
        return client.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${encodeURI(key)}` }));
      };
      await Promise.all((await list(keyOf(url))).map(({ key }) => limit(() => copyOne(key))));
      return copy;
    },
    async removeLake(url) {
      const keys = await list(keyOf(url));
      for (let from = 0; from < keys.length; from += 1000) {
        const Objects = keys.slice(from, from + 1000).map(({ key }) => ({ Key: key }));
        await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
      }
    },
    async folderOf(url, prefix) {
      const folder = mkdtempSync(join(root, 'download-'));
      const download = async (key: string): Promise<void> => {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: key }));
        const file = join(folder, key.slice(keyOf(url).length));
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, await Body!.transformToByteArray());
      };
      const objects = await list(keyOf(url) + prefix);
      await Promise.all(objects.map(({ key }) => limit(() => download(key))));
      return folder;
    },
    async writtenAt(url, prefix) {
      const objects = await list(keyOf(url) + prefix);
      return new Map(objects.map(({ key, writtenAt }) => [key.slice(keyOf(url).length), writtenAt]));
    },
  };
}
