import { isDeepStrictEqual } from 'node:util';
import { parquetMetadata, type FileMetaData } from 'hyparquet';

/** Footer key of eras that replaced other ones: the run that did. */
export const RUN_KEY = 'signals.run';

/** Length of the footer and the magic word behind it. */
const TAIL_BYTES = 8;

/** Whether two eras are the same but for the run that their footers name. */
export function isSameEra(one: Uint8Array, other: Uint8Array): boolean {
  const [first, second] = [footerStart(one), footerStart(other)];
  if (first === undefined || first !== second) return false;
  if (Buffer.compare(one.subarray(0, first), other.subarray(0, first)) !== 0) return false;
  try {
    return isDeepStrictEqual(footerWithoutRun(one, first), footerWithoutRun(other, first));
  } catch {
    // Not Parquet, whatever it is.
    return false;
  }
}

/** Where the footer of a Parquet file begins; undefined for what is no such file. */
function footerStart(file: Uint8Array): number | undefined {
  if (file.length < TAIL_BYTES) return undefined;
  const length = new DataView(file.buffer, file.byteOffset + file.length - TAIL_BYTES).getUint32(0, true);
  const start = file.length - TAIL_BYTES - length;
  return start > 0 ? start : undefined;
}

function footerWithoutRun(file: Uint8Array, start: number): Omit<FileMetaData, 'metadata_length'> {
  // A copy: the file can lie in memory that threads share.
  const { metadata_length: _length, ...metadata } = parquetMetadata(
    new Uint8Array(file.subarray(start)).buffer,
  );
  return {
    ...metadata,
    key_value_metadata: (metadata.key_value_metadata ?? []).filter(({ key }) => key !== RUN_KEY),
  };
}
