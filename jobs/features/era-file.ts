import { constants, zstdCompressSync } from 'node:zlib';
import type { FileMetaData, SchemaElement } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import { serializeTCompactProtocol } from 'hyparquet-writer/src/thrift.js';
import type { EraBlock } from './era-block.ts';

/*
 * Parquet as feature eras need it: one row group, every column one PLAIN data page compressed with zstd level 1.
 * Floats of indicators hardly repeat, so dictionaries and statistics would cost time and save nothing; general
 * writers spend most of theirs there. Thrift structures are left to hyparquet-writer.
 */

const MAGIC = Buffer.from('PAR1');
const PAGE_TYPE_DATA = 0;
const ENCODING_PLAIN = 0;
const ENCODING_RLE = 3;

type ColumnChunk = FileMetaData['row_groups'][number]['columns'][number];

/** The bytes of `features.parquet`: ticker, date, then `features` as REAL with NaN written as NULL. */
export function encodeEra(
  block: EraBlock,
  features: readonly string[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const rows = block.length;
  const parts: Uint8Array[] = [MAGIC];
  const chunks: ColumnChunk[] = [];
  let offset = MAGIC.length;
  let uncompressedTotal = 0;

  const addColumn = (element: SchemaElement, content: Uint8Array): void => {
    const compressed = zstdCompressSync(content, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
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
    parts.push(header, compressed);
    offset += size;
    uncompressedTotal += header.length + content.length;
  };

  const schema: SchemaElement[] = [
    { name: 'schema', num_children: features.length + 2 },
    { name: 'ticker', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
    { name: 'date', type: 'INT32', converted_type: 'DATE', repetition_type: 'REQUIRED' },
    ...features.map((name): SchemaElement => ({ name, type: 'FLOAT', repetition_type: 'OPTIONAL' })),
  ];
  addColumn(schema[1]!, encodeTexts(block.tickers));
  addColumn(schema[2]!, bytesOf(block.days));
  const scratch = new Uint8Array(rows * 4 + levelBytes(rows));
  for (let index = 0; index < features.length; index += 1) {
    addColumn(schema[index + 3]!, encodeOptionalFloats(block.column(index), scratch));
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
  parts.push(footer.getBytes(), MAGIC);
  return Buffer.concat(parts);
}

function pageHeader(rows: number, uncompressed: number, compressed: number): Uint8Array {
  const header = new ByteWriter();
  serializeTCompactProtocol(header, {
    field_1: PAGE_TYPE_DATA,
    field_2: uncompressed,
    field_3: compressed,
    field_5: { field_1: rows, field_2: ENCODING_PLAIN, field_3: ENCODING_RLE, field_4: ENCODING_RLE },
  });
  return header.getBytes();
}

function encodeTexts(texts: readonly string[]): Uint8Array {
  const parts = texts.flatMap((text) => {
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(parts);
}

function bytesOf(array: Int32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Upper bound of the bytes of definition levels: a run takes at most 6 and there are no more runs than rows. */
function levelBytes(rows: number): number {
  return 4 + 6 * (rows + 1);
}

/**
 * A page with definition levels, as runs of equal levels (1 for a value, 0 for NULL), and the values that are
 * there. The result is a view of `scratch`.
 */
function encodeOptionalFloats(values: Float32Array, scratch: Uint8Array): Uint8Array {
  let at = 4;
  for (let start = 0; start < values.length;) {
    const isGap = Number.isNaN(values[start]!);
    let end = start + 1;
    while (end < values.length && Number.isNaN(values[end]!) === isGap) end += 1;
    // A run is its length, doubled, as a varint and then the level.
    let length = (end - start) * 2;
    for (; length > 0x7f; length >>>= 7) scratch[at++] = (length & 0x7f) | 0x80;
    scratch[at++] = length;
    scratch[at++] = isGap ? 0 : 1;
    start = end;
  }
  const view = new DataView(scratch.buffer, scratch.byteOffset);
  view.setUint32(0, at - 4, true);
  const isWhole = at === 4 + 1 + varintLength(values.length * 2) && scratch[at - 1] === 1;
  if (isWhole) {
    scratch.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    return scratch.subarray(0, at + values.byteLength);
  }
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    view.setFloat32(at, value, true);
    at += 4;
  }
  return scratch.subarray(0, at);
}

function varintLength(value: number): number {
  return value < 0x80 ? 1 : 1 + varintLength(value >>> 7);
}
