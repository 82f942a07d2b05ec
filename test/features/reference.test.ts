import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { CATALOGUE, columnsOf } from '../../jobs/features/catalogue.ts';
import { FeatureComputer } from '../../jobs/features/compute.ts';
import type { Bars } from '../../jobs/features/indicator.ts';
import { openDuckDB } from '../../jobs/runtime/duckdb.ts';
import { repository, temporaryFolder } from '../support/folders.ts';

/*
 * Values of the Python library `ta` 0.11.0; test/reference/README.md says how the files were made. Two values are
 * the same when they differ by no more than 1e-9 of the reference or 1e-10 of the largest value of the column:
 * where a column is a difference of large numbers, its values near zero have no more digits than that.
 */
const FOLDER = join(repository, 'test/reference/ta');
const scratch = temporaryFolder();
const names = CATALOGUE.flatMap(({ columns }) => columns.map(({ name }) => name));

async function readSeries(file: string): Promise<Map<string, Float64Array>> {
  const db = await openDuckDB(scratch);
  const result = await db.runAndReadAll(`select * exclude (date) from '${join(FOLDER, file)}'`);
  const columns = result.getColumnsObject();
  db.closeSync();
  return new Map(
    Object.entries(columns).map(([name, values]) => [
      name,
      Float64Array.from(values, (value) => (value ?? Number.NaN) as number),
    ]),
  );
}

/** The first difference that breaks the rule, or undefined. */
function firstDifference(actual: Float64Array, expected: Float64Array): string | undefined {
  const largest = expected.reduce(
    (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
    0,
  );
  for (let t = 0; t < expected.length; t += 1) {
    const a = actual[t]!;
    const b = expected[t]!;
    const isSame =
      Object.is(a, b) ||
      a === b ||
      Math.abs(a - b) <= 1e-9 * Math.abs(b) ||
      (Number.isFinite(b) && Math.abs(a - b) <= 1e-10 * largest);
    if (!isSame) return `row ${t}: ${a}, reference ${b}`;
  }
  return undefined;
}

describe.each(readdirSync(FOLDER).filter((file) => file.endsWith('.parquet')))('ta 0.11.0 on %s', (file) => {
  let series: Map<string, Float64Array>;
  let bars: Bars;
  beforeAll(async () => {
    series = await readSeries(file);
    const [open, high, low, close, volume] = ['open', 'high', 'low', 'close', 'volume'].map((name) =>
      series.get(name)!,
    );
    bars = { length: close!.length, open: open!, high: high!, low: low!, close: close!, volume: volume! };
  });

  test.each([
    ['without fill', 'ta', ''],
    ['with fill', 'ta-fill', '__fill'],
  ] as const)('%s', (_name, definition, suffix) => {
    const computer = new FeatureComputer('all', definition, bars.length);
    computer.compute(bars);
    const columns = columnsOf('all');
    const compared = names.filter((name) => series.has(name + suffix));
    const differences = compared.flatMap((name) => {
      const difference = firstDifference(
        computer.columns[columns.indexOf(name)]!,
        series.get(name + suffix)!,
      );
      return difference === undefined ? [] : [`${name} ${difference}`];
    });
    expect(differences).toEqual([]);
    // ta itself raises on series shorter than 28 rows for some indicators; everywhere else nothing may be left out.
    expect(bars.length < 28 || compared.length === names.length).toBe(true);
  });
});

test('there are at least seven real series and one with flat bars', () => {
  expect(readdirSync(FOLDER).filter((file) => /^[A-Z]+\.parquet$/.test(file)).length).toBeGreaterThanOrEqual(
    7,
  );
  expect(readdirSync(FOLDER)).toContain('GORO.parquet');
});
