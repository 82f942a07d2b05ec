import { constants, zstdCompressSync } from 'node:zlib';
import type { FileMetaData, SchemaElement } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import type { EraBlock } from './era-block.ts';

/*
 * Parquet as feature eras need it: one row group, every column one PLAIN data page compressed with zstd level 1.
 * Floats of indicators hardly repeat, so dictionaries and statistics would cost time and save nothing; general
 * writers spend most of theirs there. The footer is left to hyparquet-writer.
 */

const MAGIC = Buffer.from('PAR1');
const PAGE_TYPE_DATA = 0;
const ENCODING_PLAIN = 0;
const ENCODING_RLE = 3;
const COMPRESSION = {
  params: { [constants.ZSTD_c_compressionLevel]: 1 },
  // Large enough for most pages: with node's 16 KiB each page is put together from pieces.
  chunkSize: 32 * 1024,
};

/** Columns that are turned from rows at once: measured, 16 and fewer take half as long again. */
const TILE = 64;

type ColumnChunk = FileMetaData['row_groups'][number]['columns'][number];

export interface EncodedEra {
  /** How many bytes of the memory it was given `features.parquet` takes. */
  readonly bytes: number;
  /** NULLs of each feature. */
  readonly nulls: Int32Array<ArrayBuffer>;
}

/**
 * Memory that is enough for an encoded era, which threads hand to each other and use again: fresh memory for each of
 * them costs more than filling it.
 */
export function encodedBound(
  block: EraBlock,
  tickers: readonly string[],
  features: readonly string[],
  metadata: Readonly<Record<string, string>>,
): number {
  const names = [...features, ...Object.entries(metadata).flat()];
  const texts = tickers.reduce((sum, ticker) => sum + 3 * ticker.length + 4, 0);
  const footer = 4096 + names.reduce((sum, name) => sum + 3 * name.length + 200, 0);
  // Levels take no more than the values that they say are missing; zstd grows what it cannot compress by 1/256.
  const column = Math.ceil((block.days.length * 4 + 32) * 1.01) + 256;
  return Math.ceil(texts * 1.01) + footer + column * (features.length + 1);
}

/**
 * Writes one era as Parquet into `target`: ticker, date, then `features` as REAL with NaN written as NULL, rows as
 * they lie in the block.
 *
 * @param tickers names by the numbers that the block has
 * @param target at least `encodedBound` bytes
 */
export function encodeEra(
  block: EraBlock,
  tickers: readonly string[],
  features: readonly string[],
  metadata: Readonly<Record<string, string>>,
  target: Uint8Array,
): EncodedEra {
  const rows = block.length;
  const schema: SchemaElement[] = [
    { name: 'schema', num_children: features.length + 2 },
    { name: 'ticker', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
    { name: 'date', type: 'INT32', converted_type: 'DATE', repetition_type: 'REQUIRED' },
    ...features.map((name): SchemaElement => ({ name, type: 'FLOAT', repetition_type: 'OPTIONAL' })),
  ];
  const chunks: ColumnChunk[] = [];
  let offset = 0;
  const append = (bytes: Uint8Array): void => {
    target.set(bytes, offset);
    offset += bytes.length;
  };
  append(MAGIC);
  let uncompressedTotal = 0;

  const addColumn = (content: Uint8Array): void => {
    const element = schema[chunks.length + 1]!;
    const compressed = zstdCompressSync(content, { ...COMPRESSION, pledgedSrcSize: content.length });
    const header = pageHeader(rows, content.length, compressed.length);
    const size = header.length + compressed.length;
    chunks.push({
      file_offset: 0n,
      meta_data: {
        type: element.type!,
        encodings: ['PLAIN', 'RLE'],
        path_in_schema: [element.name],
        codec: 'ZSTD',
        num_values: BigInt(rows),
        total_uncompressed_size: BigInt(header.length + content.length),
        total_compressed_size: BigInt(size),
        data_page_offset: BigInt(offset),
      },
    });
    append(header);
    append(compressed);
    uncompressedTotal += header.length + content.length;
  };

  addColumn(encodeTexts(block, tickers, rows));
  addColumn(new Uint8Array(block.days.buffer, block.days.byteOffset, rows * 4));
  const nulls = new Int32Array(features.length);
  const page = new OptionalFloatPage(rows);
  const tile = new Float32Array(TILE * rows);
  const gaps = new Uint8Array(TILE);
  for (let first = 0; first < features.length; first += TILE) {
    const count = Math.min(TILE, features.length - first);
    turnTile(block.values, rows, features.length, first, count, tile, gaps);
    for (let index = 0; index < count; index += 1) {
      const values = tile.subarray(index * rows, (index + 1) * rows);
      addColumn(gaps[index] === 0 ? page.encodeWhole(values) : page.encode(values));
      nulls[first + index] = page.nulls;
    }
  }

  const footer = new ByteWriter();
  writeMetadata(footer, {
    version: 1,
    schema,
    num_rows: BigInt(rows),
    row_groups: [
      {
        columns: chunks,
        total_byte_size: BigInt(uncompressedTotal),
        num_rows: BigInt(rows),
        sorting_columns: [{ column_idx: 0, descending: false, nulls_first: false }],
      },
    ],
    key_value_metadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    created_by: 'signals',
    metadata_length: 0,
  });
  append(footer.getBytes());
  append(MAGIC);
  return { bytes: offset, nulls };
}

/**
 * Columns first..first+count-1 of row-wise values, column by column into `tile`; `gaps` says which of them have a NaN.
 * Eight rows at a time: one by one, with each value going to another place, takes twice as long.
 */
function turnTile(
  values: Float32Array,
  rows: number,
  width: number,
  first: number,
  count: number,
  tile: Float32Array,
  gaps: Uint8Array,
): void {
  gaps.fill(0);
  let row = 0;
  for (; row + 8 <= rows; row += 8) {
    for (let index = 0; index < count; index += 1) {
      const target = index * rows + row;
      let source = row * width + first + index;
      let sum = 0;
      for (let next = target; next < target + 8; next += 1) {
        const value = values[source]!;
        tile[next] = value;
        sum += value;
        source += width;
      }
      // A sum with a NaN in it is one; that of two infinities is too, and costs a look for nothing.
      if (Number.isNaN(sum)) gaps[index] = 1;
    }
  }
  for (; row < rows; row += 1) {
    for (let index = 0; index < count; index += 1) {
      const value = values[row * width + first + index]!;
      tile[index * rows + row] = value;
      if (Number.isNaN(value)) gaps[index] = 1;
    }
  }
}

/**
 * Header of a data page of version 1 in Thrift's compact protocol: type, sizes, then the number of values and their
 * encodings. Written out because there is one for every column of every era.
 */
function pageHeader(rows: number, uncompressed: number, compressed: number): Uint8Array {
  const bytes: number[] = [];
  const FIELD_I32 = 0x15;
  const FIELD_STRUCT_TWO_ON = 0x2c;
  const integer = (value: number): void => {
    bytes.push(FIELD_I32);
    // Zigzag, then seven bits at a time.
    let rest = value * 2;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
    bytes.push(rest);
  };
  for (const value of [PAGE_TYPE_DATA, uncompressed, compressed]) integer(value);
  bytes.push(FIELD_STRUCT_TWO_ON);
  for (const value of [rows, ENCODING_PLAIN, ENCODING_RLE, ENCODING_RLE]) integer(value);
  bytes.push(0, 0);
  return Uint8Array.from(bytes);
}

function encodeTexts(block: EraBlock, tickers: readonly string[], rows: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let row = 0; row < rows; row += 1) {
    const bytes = Buffer.from(tickers[block.tickers[row]!]!);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

/**
 * Pages of optional floats: definition levels as runs of equal levels (1 for a value, 0 for NULL), then the values
 * that are there. Memory is made once for pages of one length.
 */
class OptionalFloatPage {
  /** NULLs of the page that was encoded last. */
  nulls = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(rows: number) {
    // A run takes 6 bytes at most, and there are no more runs than rows.
    this.#bytes = new Uint8Array(4 + 6 * rows + 4 * rows);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** A page without gaps. The result is valid until the next call. */
  encodeWhole(values: Float32Array): Uint8Array {
    this.nulls = 0;
    const at = this.#run(4, values.length, 1);
    this.#view.setUint32(0, at - 4, true);
    this.#bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    return this.#bytes.subarray(0, at + values.byteLength);
  }

  /** A page of any values, NaN for NULL. The result is valid until the next call. */
  encode(values: Float32Array): Uint8Array {
    let at = 4;
    this.nulls = 0;
    for (let start = 0; start < values.length;) {
      const isGap = Number.isNaN(values[start]!);
      let end = start + 1;
      while (end < values.length && Number.isNaN(values[end]!) === isGap) end += 1;
      if (isGap) this.nulls += end - start;
      at = this.#run(at, end - start, isGap ? 0 : 1);
      start = end;
    }
    this.#view.setUint32(0, at - 4, true);
    for (const value of values) {
      if (Number.isNaN(value)) continue;
      this.#view.setFloat32(at, value, true);
      at += 4;
    }
    return this.#bytes.subarray(0, at);
  }

  /** Writes a run of levels at `at`: its length, doubled, as a varint, then the level. Returns the byte behind it. */
  #run(at: number, length: number, level: 0 | 1): number {
    let next = at;
    let rest = length * 2;
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[next++] = (rest & 0x7f) | 0x80;
    this.#bytes[next++] = rest;
    this.#bytes[next++] = level;
    return next;
  }
}
