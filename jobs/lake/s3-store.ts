import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { types } from 'node:util';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  NotFound,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import pRetry from 'p-retry';
import { createAwsClient } from '../runtime/aws-client.ts';
import { missingRegion, type AwsConfig } from '../runtime/aws.ts';
import { firstLine, LakeError, type SignalsError } from '../runtime/errors.ts';
import { makeFolder } from '../runtime/make-folder.ts';
import {
  ABSENT,
  ConflictError,
  type Expectation,
  type ObjectInfo,
  type ObjectStore,
  type Version,
} from './object-store.ts';

const BODY_ATTEMPTS = 3;
/** Waits, with chance in them, while another conditional write of the same key is under way. */
const UNDECIDED = { retries: 4, minTimeout: 20, factor: 2, randomize: true };

/** What `getIfChanged` answers when the version asked about is still the one that is there. */
export const UNCHANGED = Symbol('unchanged');

/** Texts that are kept with an object, by lower-case name. */
export type Metadata = Readonly<Record<string, string>>;

export interface S3Object {
  readonly body: Uint8Array;
  readonly version: Version;
  readonly metadata: Metadata;
}

/**
 * Objects below a prefix of an S3 bucket. `put` with an expectation is a conditional PutObject; S3 is strongly
 * consistent, so a reader sees the old or the new object. Versions are ETags.
 */
export class S3Store implements ObjectStore {
  readonly url: string;
  readonly folder = undefined;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #what: string;

  /** @param what the bucket is to the caller, for messages */
  constructor(bucket: string, prefix: string, config: S3ClientConfig & AwsConfig, what = 'lake') {
    this.#client = createAwsClient(S3Client, config);
    this.#bucket = bucket;
    this.#what = what;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.url = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    const pages = paginateListObjectsV2(
      { client: this.#client },
      { Bucket: this.#bucket, Prefix: this.#prefix + prefix },
    );
    try {
      for await (const { Contents = [], IsTruncated } of pages) {
        // A page that is not a listing must not pass for an empty lake.
        required(IsTruncated, 'IsTruncated');
        for (const { Key, Size = 0, ETag, LastModified = new Date(0) } of Contents) {
          const key = required(Key, 'Key').slice(this.#prefix.length);
          yield { key, bytes: Size, version: required(ETag, 'ETag'), modifiedAt: LastModified };
        }
      }
    } catch (error) {
      throw this.#failure('list', prefix, error);
    }
  }

  async get(key: string): Promise<{ body: Uint8Array; version: Version } | undefined> {
    const found = await this.#get(key, {});
    return found && { body: found.body, version: found.version };
  }

  /** The object with what was put beside it, unless it is still of that version. */
  async getIfChanged(
    key: string,
    version: Version | undefined,
  ): Promise<S3Object | typeof UNCHANGED | undefined> {
    try {
      return await this.#get(key, version === undefined ? {} : { IfNoneMatch: version });
    } catch (error) {
      if (statusOf((error as Error).cause) === 304) return UNCHANGED;
      throw error;
    }
  }

  /** What was put beside an object; undefined when it is not there. */
  async head(key: string): Promise<Metadata | undefined> {
    try {
      const answer = await this.#client.send(new HeadObjectCommand(this.#locate(key)));
      required(answer.ETag, 'ETag');
      return answer.Metadata ?? {};
    } catch (error) {
      if (error instanceof NotFound || (await this.#isHiddenAbsence(key, error))) return undefined;
      throw this.#failure('read', key, error);
    }
  }

  async #get(
    key: string,
    condition: { readonly IfNoneMatch?: string; readonly IfMatch?: string },
  ): Promise<S3Object | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      let isBody = false;
      try {
        const answer = await this.#client.send(new GetObjectCommand({ ...this.#locate(key), ...condition }));
        isBody = true;
        const version = required(answer.ETag, 'ETag');
        const body = await required(answer.Body, 'body').transformToByteArray();
        return { body, version, metadata: answer.Metadata ?? {} };
      } catch (error) {
        if (error instanceof NoSuchKey || (await this.#isHiddenAbsence(key, error))) return undefined;
        // The SDK repeats requests, and not the reading of a body that breaks off.
        if (!isBody || attempt === BODY_ATTEMPTS) throw this.#failure('read', key, error);
      }
    }
  }

  async put(
    key: string,
    body: Uint8Array,
    expected?: Expectation,
    { metadata = {}, tags = {} }: { readonly metadata?: Metadata; readonly tags?: Metadata } = {},
  ): Promise<Version> {
    const condition =
      expected === undefined ? {} : expected === ABSENT ? { IfNoneMatch: '*' } : { IfMatch: expected };
    const tagging = Object.keys(tags).length === 0 ? {} : { Tagging: String(new URLSearchParams(tags)) };
    const input = {
      ...this.#locate(key),
      Body: own(body),
      Metadata: { ...metadata },
      ...tagging,
      ...condition,
    };
    try {
      const answer = await pRetry(() => this.#client.send(new PutObjectCommand(input)), {
        ...UNDECIDED,
        // 409: another conditional write of the key is under way, and nobody knows yet who wins.
        shouldRetry: ({ error }) => expected !== undefined && statusOf(error) === 409,
      });
      return required(answer.ETag, 'ETag');
    } catch (error) {
      if (!isConflict(error, expected)) throw this.#failure('write', key, error);
    }
    // The SDK repeats a request whose acknowledgement was lost: the conflict may be with our own write.
    const current = await this.get(key);
    if (current !== undefined && Buffer.compare(current.body, body) === 0) return current.version;
    throw new ConflictError(key);
  }

  async delete(key: string, expected?: Version): Promise<void> {
    const condition = expected === undefined ? {} : { IfMatch: expected };
    try {
      await this.#client.send(new DeleteObjectCommand({ ...this.#locate(key), ...condition }));
    } catch (error) {
      if (isConflict(error, expected)) throw new ConflictError(key);
      throw this.#failure('delete', key, error);
    }
  }

  async copy(key: string, version: Version, file: string): Promise<boolean> {
    try {
      const object = await this.#get(key, { IfMatch: version });
      if (object === undefined) return false;
      makeFolder(dirname(file));
      await writeFile(file, object.body);
      return true;
    } catch (error) {
      if (statusOf((error as Error).cause) === 412) return false;
      throw error;
    }
  }

  /** Ends the connections that are kept open. */
  close(): void {
    this.#client.destroy();
  }

  /**
   * Who may list a prefix only is refused an object that is not there, as S3 does not tell him so: a listing of the key
   * does. A refusal that has another reason stays one.
   */
  async #isHiddenAbsence(key: string, error: unknown): Promise<boolean> {
    if (statusOf(error) !== 403) return false;
    const { Bucket, Key } = this.#locate(key);
    try {
      const request = new ListObjectsV2Command({ Bucket, Prefix: Key, MaxKeys: 1 });
      const { Contents = [], IsTruncated } = await this.#client.send(request);
      required(IsTruncated, 'IsTruncated');
      return Contents[0]?.Key !== Key;
    } catch {
      return false;
    }
  }

  #locate(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }

  #failure(what: string, key: string, error: unknown): SignalsError {
    const message = `cannot ${what} ${key} in ${this.#what} "${this.url}": ${firstLine(error)}`;
    return missingRegion(error) ?? new LakeError(message, error);
  }
}

/** The SDK takes no memory that threads share. */
function own(body: Uint8Array): Uint8Array {
  return types.isSharedArrayBuffer(body.buffer) ? Buffer.from(body) : body;
}

/** Every S3 sends these; a page that a proxy or a login portal answers with status 200 does not have them. */
function required<T>(part: T | undefined, name: string): T {
  if (part === undefined) throw new Error(`the answer has no ${name}; is the endpoint an S3 server?`);
  return part;
}

function isConflict(error: unknown, expected: Expectation | undefined): boolean {
  if (expected === undefined || !(error instanceof S3ServiceException)) return false;
  const status = statusOf(error);
  // 412 the condition fails, 409 another conditional write is still under way, 404 If-Match on an object that is gone.
  return status === 412 || status === 409 || (status === 404 && error.name === 'NoSuchKey');
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}
