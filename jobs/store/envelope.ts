import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { firstLine } from '../runtime/errors.ts';
import { decodeValue, encodeValue } from './codec.ts';
import { IntegrityError, StoreError } from './errors.ts';

/*
 * What a level keeps, version 1, numbers little-endian:
 *
 *    0  magic          4 bytes  SGNL
 *    4  schema         u16      1
 *    6  codec          u8       0 = CBOR
 *    7  compression    u8       0 = none, 1 = zstd
 *    8  length of meta u32
 *   12  SHA-256        32 bytes of all other bytes, in order
 *   44  meta           CBOR
 *       payload
 */

const MAGIC = Buffer.from('SGNL');
const SCHEMA = 1;
const CODEC_CBOR = 0;
const COMPRESSIONS = { none: 0, zstd: 1 } as const;
const DIGEST_AT = 12;
const META_AT = 44;
/** Below this compression saves nothing worth its time. */
const MIN_COMPRESSED_BYTES = 512;
/** Less than this takes about a millisecond; a thread would take as long to start on it. */
const MIN_THREADED_BYTES = 2 ** 20;
/** Of a value before compression: a few bytes can claim to be any number of them. */
const MAX_PAYLOAD_BYTES = 2 ** 30;
const ZSTD_OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** A key that is not among these was added by a newer version; what would change the meaning of the rest raises SCHEMA. */
const metaSchema = z.object({
  /** The key it was put under: an envelope under another key is not its entry. */
  key: z.string(),
  createdAtMs: z.number(),
  /** From then on it is no longer there; null for never. */
  expiresAtMs: z.number().nullable(),
  /** Who put it there, as they said. */
  creator: z.string(),
  /** Of the payload before compression. */
  payloadBytes: z.int().min(0).max(MAX_PAYLOAD_BYTES),
  /** What the service that put it has to say of it. */
  about: z.record(z.string(), z.string()),
});

export type Meta = z.infer<typeof metaSchema>;

/** An entry that has been found to be whole and to belong under its key. */
export interface Envelope {
  readonly meta: Meta;
  /** The value; throws IntegrityError when no value can be made of it. Each call makes a new one. */
  value(): Promise<unknown>;
}

/** Throws NotSerialisableError, and StoreError for a value that is too large. */
export async function seal(meta: Omit<Meta, 'payloadBytes'>, value: unknown): Promise<Uint8Array> {
  const plain = encodeValue(value);
  if (plain.length > MAX_PAYLOAD_BYTES) {
    throw new StoreError(
      'too-large',
      `${meta.key} has ${plain.length} bytes, more than the ${MAX_PAYLOAD_BYTES} that are stored; put it in parts`,
    );
  }
  const packed = plain.length < MIN_COMPRESSED_BYTES ? plain : await compress(plain, ZSTD_OPTIONS);
  const isSmaller = packed.length < plain.length;
  const payload = isSmaller ? packed : plain;
  const metaBytes = encodeValue({ ...meta, payloadBytes: plain.length });
  // Of its own: what stays in memory would else hold on to the pool that it is a piece of.
  const bytes = Buffer.allocUnsafeSlow(META_AT + metaBytes.length + payload.length);
  MAGIC.copy(bytes);
  bytes.writeUInt16LE(SCHEMA, 4);
  bytes.writeUInt8(CODEC_CBOR, 6);
  bytes.writeUInt8(isSmaller ? COMPRESSIONS.zstd : COMPRESSIONS.none, 7);
  bytes.writeUInt32LE(metaBytes.length, 8);
  bytes.set(metaBytes, META_AT);
  bytes.set(payload, META_AT + metaBytes.length);
  digest(bytes).copy(bytes, DIGEST_AT);
  return bytes;
}

/**
 * Looks at what is stored under a key. Throws IntegrityError for anything that is not what `seal` made for that key.
 *
 * @param isTrusted skip the digest, for bytes that never left this process
 */
export function open(key: string, stored: Uint8Array, isTrusted = false): Envelope {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  if (bytes.length < META_AT || !bytes.subarray(0, 4).equals(MAGIC)) throw corrupt(key, 'it is no envelope');
  const schema = bytes.readUInt16LE(4);
  // A later schema may have its digest elsewhere.
  if (schema > SCHEMA) {
    throw new IntegrityError(
      'future',
      `${key} has schema ${schema}, this program knows ${SCHEMA}; update it`,
    );
  }
  if (!isTrusted && !digest(bytes).equals(bytes.subarray(DIGEST_AT, META_AT))) {
    throw corrupt(key, 'its digest is another');
  }
  const [codec, compression] = [bytes.readUInt8(6), bytes.readUInt8(7)];
  if (codec !== CODEC_CBOR || compression > COMPRESSIONS.zstd)
    throw corrupt(key, `codec ${codec} with compression ${compression} is not known`);
  const payloadAt = META_AT + bytes.readUInt32LE(8);
  const meta = readMeta(key, bytes.subarray(META_AT, payloadAt));
  if (meta.key !== key) throw corrupt(key, `it was put under ${meta.key}`);
  const payload = bytes.subarray(payloadAt);
  return {
    meta,
    async value() {
      try {
        if (compression === COMPRESSIONS.none) return decodeValue(payload);
        const options = { maxOutputLength: Math.max(1, meta.payloadBytes) };
        const isSmall = payload.length < MIN_THREADED_BYTES && meta.payloadBytes < MIN_THREADED_BYTES;
        return decodeValue(
          isSmall ? zstdDecompressSync(payload, options) : await decompress(payload, options),
        );
      } catch (error) {
        throw corrupt(key, firstLine(error), error);
      }
    },
  };
}

function readMeta(key: string, bytes: Uint8Array): Meta {
  let decoded: unknown;
  try {
    decoded = decodeValue(bytes);
  } catch (error) {
    throw corrupt(key, firstLine(error), error);
  }
  const parsed = metaSchema.safeParse(decoded);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw corrupt(key, `meta ${path.join('.')}: ${message}`, parsed.error);
}

function digest(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes.subarray(0, DIGEST_AT)).update(bytes.subarray(META_AT)).digest();
}

function corrupt(key: string, why: string, cause?: unknown): IntegrityError {
  return new IntegrityError('corrupt', `${key} is not usable: ${why}; put it again`, cause);
}
