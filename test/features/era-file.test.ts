import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { EraBlock } from '../../jobs/features/era-block.ts';
import { encodedBound, encodeEra } from '../../jobs/features/era-file.ts';
import { fromDay } from '../../jobs/runtime/dates.ts';
import { openDuckDB, type DuckDBConnection } from '../../jobs/runtime/duckdb.ts';
import { temporaryFolder } from '../support/folders.ts';
import { describeWith } from '../support/describe-with.ts';
import { venvProgram } from '../support/venv.ts';

const folder = temporaryFolder();
let db: DuckDBConnection;
beforeAll(async () => {
  db = await openDuckDB(folder);
});

interface Row {
  readonly ticker: string;
  readonly day: number;
  readonly values: readonly number[];
}

function encode(rows: readonly Row[], features: readonly string[]): { body: Uint8Array; nulls: Int32Array } {
  // Two parts with room to spare: the rows of both have to be moved together.
  const first = Math.ceil(rows.length / 2);
  const block = EraBlock.create(0, features.length, [first + 2, rows.length]);
  for (const [number, { day, values }] of rows.entries()) {
    const computed = { matrix: Float64Array.from(values), stride: 1 };
    block.add(number < first ? 0 : 1, number, day, computed, 0, 1, undefined);
  }
  block.close();
  const tickers = rows.map(({ ticker }) => ticker);
  const metadata = { 'signals.settings': '{"a":"ü"}' };
  const target = new Uint8Array(encodedBound(block, tickers, features, metadata));
  const { bytes, nulls } = encodeEra(block, tickers, features, metadata, target);
  return { body: target.slice(0, bytes), nulls };
}

/** The rows as they must come back: float32, NULL for NaN. */
function expected(rows: readonly Row[], features: readonly string[]): Record<string, unknown>[] {
  return rows.map(({ ticker, day, values }) => ({
    ticker,
    date: fromDay(day),
    ...Object.fromEntries(
      features.map((name, i) => [name, Number.isNaN(values[i]!) ? null : Math.fround(values[i]!)]),
    ),
  }));
}

async function readWithDuckDB(body: Uint8Array): Promise<Record<string, unknown>[]> {
  const file = join(folder, 'era.parquet');
  writeFileSync(file, body);
  const result = await db.runAndReadAll(
    `select * replace (date::varchar as date) from read_parquet('${file}', hive_partitioning = false)`,
  );
  return result.getRowObjects();
}

async function readWithHyparquet(body: Uint8Array): Promise<Record<string, unknown>[]> {
  const file = Uint8Array.from(body).buffer;
  const rows = await parquetReadObjects({ file, compressors });
  return rows.map((row) => ({ ...row, date: (row['date'] as Date).toISOString().slice(0, 10) }));
}

const features = ['feature_a_shift0', 'feature_b_shift0'];
const value = fc.oneof(fc.float({ noDefaultInfinity: true }), fc.constant(Number.NaN), fc.constant(-0));
const rowsOf = fc.array(
  fc.record({
    ticker: fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => text.isWellFormed()),
    day: fc.integer({ min: 0, max: 30_000 }),
    values: fc.tuple(value, value),
  }),
  { minLength: 1, maxLength: 200 },
);

describe('an era object', () => {
  test('gives back every row in DuckDB and in hyparquet', async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf, async (rows) => {
        const { body } = encode(rows, features);
        expect(await readWithDuckDB(body)).toEqual(expected(rows, features));
        expect(await readWithHyparquet(body)).toEqual(expected(rows, features));
      }),
      { numRuns: 60 },
    );
  });

  test('holds runs of gaps and values of any length', async () => {
    const rows = Array.from({ length: 5000 }, (_, index) => ({
      ticker: `T${index}`,
      day: 15_000,
      values: [index < 130 || index > 4000 ? Number.NaN : index, index % 2 === 0 ? Number.NaN : index],
    }));
    expect(await readWithDuckDB(encode(rows, features).body)).toEqual(expected(rows, features));
  });

  test('has zstd pages, types that Athena knows, and its setting in the footer', async () => {
    const metadata = await parquetMetadataAsync(
      Uint8Array.from(encode([{ ticker: 'A', day: 1, values: [1, 2] }], features).body).buffer,
    );
    expect(metadata.key_value_metadata).toEqual([{ key: 'signals.settings', value: '{"a":"ü"}' }]);
    expect(metadata.row_groups).toHaveLength(1);
    expect(new Set(metadata.row_groups[0]!.columns.map((column) => column.meta_data!.codec))).toEqual(
      new Set(['ZSTD']),
    );
    expect(metadata.schema.map(({ name, type, converted_type }) => [name, type, converted_type])).toEqual([
      ['schema', undefined, undefined],
      ['ticker', 'BYTE_ARRAY', 'UTF8'],
      ['date', 'INT32', 'DATE'],
      ['feature_a_shift0', 'FLOAT', undefined],
      ['feature_b_shift0', 'FLOAT', undefined],
    ]);
  });

  test('counts the NULLs of each feature', () => {
    const rows = [1, Number.NaN, 3].map((first, day) => ({ ticker: 'A', day, values: [first, Number.NaN] }));
    expect([...encode(rows, features).nulls]).toEqual([1, 3]);
  });

  test('is the same bytes for the same rows', () => {
    const rows = [{ ticker: 'A', day: 1, values: [1, Number.NaN] }];
    expect(encode(rows, features)).toEqual(encode(rows, features));
  });
});

describeWith('Python', 'pyarrow', () => {
  test('reads the same rows', () => {
    const rows = Array.from({ length: 300 }, (_, index) => ({
      ticker: `T${index}`,
      day: 15_000 + index,
      values: [index / 7, index % 3 === 0 ? Number.NaN : -index],
    }));
    const file = join(folder, 'pyarrow.parquet');
    writeFileSync(file, encode(rows, features).body);
    const script =
      'import json, sys, pyarrow.parquet as p; t = p.read_table(sys.argv[1], partitioning=None); ' +
      'print(json.dumps([{**row, "date": str(row["date"])} for row in t.to_pylist()]))';
    const printed = execFileSync(venvProgram('python'), ['-c', script, file], { encoding: 'utf8' });
    expect(JSON.parse(printed)).toEqual(expected(rows, features));
  });
});

test('a row with a gap in a required column is left out whole', () => {
  const block = EraBlock.create(0, 2, [4]);
  const add = (a: number, b: number): boolean =>
    block.add(0, 0, 0, { matrix: Float64Array.of(a, b), stride: 1 }, 0, 1, [true, false]);
  expect([add(1, Number.NaN), add(Number.NaN, 2), add(3, 4)]).toEqual([true, false, true]);
  expect([...block.values.subarray(0, 4)]).toEqual([1, Number.NaN, 3, 4]);
});
