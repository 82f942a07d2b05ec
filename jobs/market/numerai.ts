import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { describeFetchFailure, fetchWithin, readText } from '../runtime/bounded-fetch.ts';
import { identifier, type DuckDBConnection } from '../runtime/duckdb.ts';
import { firstLine, MarketError, UsageError } from '../runtime/errors.ts';
import { parquetRows } from '../runtime/parquet.ts';
import type { NumeraiName } from './symbols/refresh.ts';

export interface NumeraiOptions {
  /** Origin that replaces that of Numerai's API: a replay server. */
  readonly baseUrl?: string | undefined;
  /** `PUBLIC_ID$SECRET_KEY`, as Numerai's account page gives it. */
  readonly apiKey: string;
  /** Bounds one question to the API, body included. */
  readonly timeoutMs: number;
  /** Bounds the download. */
  readonly downloadTimeoutMs: number;
  /** Ends an exchange in which no byte comes for this long. Default: the bound of the whole. */
  readonly silenceMs?: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

const API_ORIGIN = 'https://api-tournament.numer.ai';
/** Numerai's number of Signals among its tournaments. */
const TOURNAMENT = 11;
const MAX_ANSWER_BYTES = 4_000_000;

const LIST_DATASETS = 'query Datasets($tournament: Int!) { listDatasets(tournament: $tournament) }';
const SIGN_DATASET =
  'query Dataset($tournament: Int!, $filename: String!) { dataset(tournament: $tournament, filename: $filename) }';

const envelope = z.object({
  data: z.record(z.string(), z.unknown()).nullish(),
  errors: z.array(z.object({ message: z.string() })).optional(),
});

/**
 * Downloads the live file of the newest Signals dataset into `folder` and resolves with the name of the dataset and
 * the file. Throws MarketError when Numerai does not answer as it should, UsageError for a key that can be none.
 */
export async function downloadLive(
  options: NumeraiOptions,
  folder: string,
): Promise<{ readonly dataset: string; readonly file: string }> {
  // A key with a line break would end up in the message of whatever refuses the header.
  if (!/^[\x21-\x7e]+$/.test(options.apiKey)) {
    throw new UsageError('NUMERAI_API_KEY has a blank or another character that a key cannot have');
  }
  if (!/^[^$]+\$[^$]+$/.test(options.apiKey)) {
    throw new UsageError(
      'NUMERAI_API_KEY is not PUBLIC_ID$SECRET_KEY; in a shell it needs single quotes, which leave the $ alone',
    );
  }
  const datasets = await ask(options, LIST_DATASETS, {}, 'listDatasets', z.array(z.string()));
  const dataset = newestLive(datasets);
  if (dataset === undefined) {
    throw new MarketError(`Numerai lists ${datasets.length} datasets, and no signals/vN/live.parquet`);
  }
  const url = await ask(
    options,
    SIGN_DATASET,
    { filename: dataset },
    'dataset',
    z.url({ protocol: /^https?$/ }),
  );
  const file = join(folder, 'live.parquet');
  await download(url, file, dataset, options);
  return { dataset, file };
}

/** The live file with the highest version of Signals; versions compare number by number. Pure. */
export function newestLive(datasets: readonly string[]): string | undefined {
  const versions = datasets.flatMap((dataset) => {
    const version = /^signals\/v(\d+(?:\.\d+)*)\/live\.parquet$/.exec(dataset)?.[1];
    return version === undefined ? [] : [{ dataset, parts: version.split('.').map(Number) }];
  });
  const compare = (a: number[], b: number[]): number => {
    const at = a.findIndex((part, index) => part !== (b[index] ?? -1));
    return at === -1 ? a.length - b.length : a[at]! - (b[at] ?? -1);
  };
  return versions.toSorted((a, b) => compare(a.parts, b.parts)).at(-1)?.dataset;
}

/** Asks the API one question; `field` is the part of the answer that is wanted. */
async function ask<T>(
  { baseUrl = API_ORIGIN, apiKey, timeoutMs, silenceMs, signal }: NumeraiOptions,
  query: string,
  variables: Readonly<Record<string, string>>,
  field: string,
  schema: z.ZodType<T>,
): Promise<T> {
  const request = {
    method: 'POST',
    headers: {
      Authorization: `Token ${apiKey}`,
      'Content-Type': 'application/json',
      Accept: 'application/json',
    },
    body: JSON.stringify({ query, variables: { tournament: TOURNAMENT, ...variables } }),
  };
  const bounds = { signal, timeoutMs, maxBytes: MAX_ANSWER_BYTES, ...whereGiven(silenceMs) };
  let status: number;
  let body: string;
  try {
    [status, body] = await fetchWithin(new URL('/', baseUrl), request, bounds, async (answer) => [
      answer.status,
      (await readText(answer.body)).text,
    ]);
  } catch (error) {
    throw new MarketError(`Numerai did not answer ${field}: ${describeFetchFailure(error)}`, error);
  }
  if (status === 401 || status === 403) {
    throw new MarketError(`Numerai refuses NUMERAI_API_KEY (HTTP ${status}); make a new key or correct it`);
  }
  const answer = envelope.safeParse(parseJson(body));
  const message = answer.data?.errors?.[0]?.message;
  if (message !== undefined) throw new MarketError(`Numerai answers ${field} with: ${firstLine(message)}`);
  const wanted = schema.safeParse(answer.data?.data?.[field]);
  if (status !== 200 || !wanted.success) {
    throw new MarketError(`Numerai answers ${field} with HTTP ${status} and not with what was asked for`);
  }
  return wanted.data;
}

/** The URL is signed, which makes it a secret: messages name the dataset. The key is not for this server. */
async function download(
  url: string,
  file: string,
  dataset: string,
  { downloadTimeoutMs: timeoutMs, silenceMs, maxBytes, signal }: NumeraiOptions,
): Promise<void> {
  const bounds = { signal, timeoutMs, maxBytes, ...whereGiven(silenceMs) };
  try {
    await fetchWithin(url, {}, bounds, async ({ status, body }) => {
      if (status < 200 || status >= 300) throw new Error(`HTTP ${status}`);
      await pipeline(Readable.from(body), createWriteStream(file));
    });
  } catch (error) {
    throw new MarketError(`${dataset} cannot be downloaded: ${describeFetchFailure(error)}`, error);
  }
}

function whereGiven(silenceMs: number | undefined): { silenceMs?: number } {
  return silenceMs === undefined ? {} : { silenceMs };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const COLUMNS = {
  numeraiTicker: 'numerai_ticker',
  bloombergTicker: 'bloomberg_ticker',
  compositeFigi: 'composite_figi',
} as const;

/**
 * The names in a file of Numerai, `.parquet` or `.csv`, each once, in the order of their tickers. It needs the column
 * numerai_ticker; bloomberg_ticker and composite_figi are read where they are. Throws UsageError for another file.
 */
export async function readNames(file: string, db: DuckDBConnection): Promise<NumeraiName[]> {
  const isCsv = /\.csv$/i.test(file);
  if (!isCsv && !/\.parquet$/i.test(file)) {
    throw new UsageError(`"${file}" is neither a .parquet nor a .csv file of Numerai's universe`);
  }
  let rows: Record<string, string>[];
  try {
    rows = isCsv ? parseNames(await readFile(file, 'utf8')) : await queryNames(file, db);
  } catch (error) {
    throw new UsageError(`"${file}" cannot be read: ${firstLine(error)}`, error);
  }
  const names = new Map<string, NumeraiName>();
  for (const row of rows) {
    const numeraiTicker = row[COLUMNS.numeraiTicker] ?? '';
    if (numeraiTicker === '') continue;
    const known = names.get(numeraiTicker);
    names.set(numeraiTicker, {
      numeraiTicker,
      bloombergTicker: row[COLUMNS.bloombergTicker] || (known?.bloombergTicker ?? ''),
      compositeFigi: row[COLUMNS.compositeFigi] || (known?.compositeFigi ?? ''),
    });
  }
  if (names.size === 0) throw new UsageError(`"${file}" has no name in its column ${COLUMNS.numeraiTicker}`);
  return [...names.values()].toSorted((a, b) => (a.numeraiTicker < b.numeraiTicker ? -1 : 1));
}

function parseNames(text: string): Record<string, string>[] {
  const columns = (header: string[]): string[] => {
    assertColumn(header);
    return header;
  };
  return parse(text, { bom: true, columns, skip_empty_lines: true, trim: true });
}

async function queryNames(file: string, db: DuckDBConnection): Promise<Record<string, string>[]> {
  const described = await db.runAndReadAll(`describe ${parquetRows([file], ['*'])}`);
  const present = described.getRowsJson().map(([name]) => String(name));
  assertColumn(present);
  const columns = Object.values(COLUMNS).filter((name) => present.includes(name));
  const selected = columns.map(
    (name) => `coalesce(trim(${identifier(name)}::varchar), '') as ${identifier(name)}`,
  );
  const result = await db.runAndReadAll(`select distinct * from (${parquetRows([file], selected)})`);
  return result.getRowObjectsJson() as Record<string, string>[];
}

function assertColumn(columns: readonly string[]): void {
  if (columns.includes(COLUMNS.numeraiTicker)) return;
  const shown = columns.slice(0, 5).join(', ') + (columns.length > 5 ? ', ...' : '');
  throw new Error(`it has no column ${COLUMNS.numeraiTicker}, but ${shown || 'none'}`);
}
