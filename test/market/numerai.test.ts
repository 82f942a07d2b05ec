import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { downloadLive, newestLive, readNames, type NumeraiOptions } from '../../jobs/market/numerai.ts';
import { openDuckDB, type DuckDBConnection } from '../../jobs/runtime/duckdb.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startNumeraiServer, type NumeraiServer } from '../support/numerai-server.ts';

const folder = temporaryFolder();
let numerai: NumeraiServer;
let db: DuckDBConnection;

beforeAll(async () => {
  numerai = await startNumeraiServer();
  db = await openDuckDB(folder);
});
afterAll(async () => {
  db.closeSync();
  await numerai.close();
});
beforeEach(() => {
  numerai.plays.clear();
  numerai.asked.length = 0;
});

function download(options: Partial<NumeraiOptions> = {}): ReturnType<typeof downloadLive> {
  const { signal } = new AbortController();
  const { url: baseUrl, apiKey } = numerai;
  const limits = { timeoutMs: 10_000, downloadTimeoutMs: 10_000, maxBytes: 1000 };
  return downloadLive(
    { baseUrl, apiKey, signal, ...limits, ...options },
    mkdtempSync(join(folder, 'download-')),
  );
}

describe('newestLive', () => {
  test.each([
    [['signals/v1.0/live.parquet', 'signals/v2.1/live.parquet', 'signals/v2.0/live.parquet'], 'v2.1'],
    [['signals/v2.9/live.parquet', 'signals/v2.10/live.parquet'], 'v2.10'],
    [['signals/v3/live.parquet', 'signals/v2.10/live.parquet'], 'v3'],
    [['signals/v3/live.parquet', 'signals/v3.0/live.parquet'], 'v3.0'],
    [['v5.0/live.parquet', 'crypto/v9.0/live.parquet', 'signals/v2.0/live.parquet'], 'v2.0'],
    [['signals/v9.0/live_example_preds.parquet', 'signals/v2.0/live.parquet'], 'v2.0'],
  ])('of %j is that of %s', (datasets, version) => {
    expect(newestLive(datasets)).toBe(`signals/${version}/live.parquet`);
  });

  test('does not depend on the order of the list', () => {
    const version = fc
      .tuple(fc.nat(12), fc.nat(12))
      .map((parts) => `signals/v${parts.join('.')}/live.parquet`);
    fc.assert(
      fc.property(fc.array(version), (datasets) => {
        expect(newestLive(datasets.toReversed())).toBe(newestLive(datasets));
      }),
    );
  });
});

describe('downloadLive', () => {
  test('brings the live file of the newest version, and shows the key to the API alone', async () => {
    numerai.file = Buffer.from('the bytes of a file');
    const { dataset, file } = await download();
    expect(dataset).toBe('signals/v2.1/live.parquet');
    expect(readFileSync(file, 'utf8')).toBe('the bytes of a file');
    expect(numerai.asked).toEqual([
      { what: 'listDatasets', authorization: 'Token PUBLIC$SECRET' },
      { what: 'dataset', authorization: 'Token PUBLIC$SECRET' },
      { what: '/signals/v2.1/live.parquet?X-Amz-Signature=5ec2e7', authorization: undefined },
    ]);
  });

  test('says that a key is refused, and not what it is', async () => {
    const failure = await download({ apiKey: 'WRONG$KEY' }).catch((error: Error) => error);
    expect(failure).toMatchObject({
      exitCode: 1,
      message: 'Numerai refuses NUMERAI_API_KEY (HTTP 401); make a new key or correct it',
    });
  });

  // Half of a key is what a shell leaves of one between double quotes.
  test.each(['PUB$SE\nCRET', 'SECRET', '$SECRET', 'SECRET$'])(
    'does not send a key that can be none, and does not show it: %j',
    async (apiKey) => {
      await expect(download({ apiKey })).rejects.toMatchObject({
        exitCode: 2,
        message: expect.not.stringMatching(/CRET(?!_KEY)/),
      });
      expect(numerai.asked).toEqual([]);
    },
  );

  test.each([
    [
      'an error of GraphQL',
      'listDatasets',
      200,
      '{"data":null,"errors":[{"message":"Unknown field\\nsecond line"}]}',
      'Numerai answers listDatasets with: Unknown field',
    ],
    [
      'an error of GraphQL for one file',
      'dataset',
      200,
      '{"data":{"dataset":null},"errors":[{"message":"not found"}]}',
      'Numerai answers dataset with: not found',
    ],
    [
      'a gateway page',
      'listDatasets',
      502,
      '<html>Bad Gateway</html>',
      'Numerai answers listDatasets with HTTP 502 and not with what was asked for',
    ],
    [
      'something else than a list',
      'listDatasets',
      200,
      '{"data":{"listDatasets":{"a":1}}}',
      'Numerai answers listDatasets with HTTP 200 and not with what was asked for',
    ],
    [
      'something else than a URL',
      'dataset',
      200,
      '{"data":{"dataset":"file:///etc/passwd"}}',
      'Numerai answers dataset with HTTP 200 and not with what was asked for',
    ],
    [
      'no file of Signals',
      'listDatasets',
      200,
      '{"data":{"listDatasets":["v5.0/live.parquet"]}}',
      'Numerai lists 1 datasets, and no signals/vN/live.parquet',
    ],
    [
      'a signed URL that has expired',
      'download',
      403,
      '<Error>expired</Error>',
      'signals/v2.1/live.parquet cannot be downloaded: HTTP 403',
    ],
    [
      'a file that is too large',
      'download',
      200,
      'x'.repeat(2000),
      'signals/v2.1/live.parquet cannot be downloaded: more than 1000 bytes',
    ],
  ])('%s is one clear line', async (_name, what, status, body, message) => {
    numerai.plays.set(what, (response) => void response.writeHead(status).end(body));
    await expect(download()).rejects.toMatchObject({ exitCode: 1, message });
  });

  test.each([
    [
      'listDatasets',
      { timeoutMs: 100 },
      'Numerai did not answer listDatasets: no whole answer within 100 ms',
    ],
    [
      'download',
      { downloadTimeoutMs: 100 },
      'signals/v2.1/live.parquet cannot be downloaded: no whole answer within 100 ms',
    ],
  ])('%s: a body that hangs runs into the time-out', async (what, limits, message) => {
    numerai.plays.set(what, (response) => void response.writeHead(200).write('{"data":'));
    await expect(download(limits)).rejects.toMatchObject({ message });
  });

  test.each([
    ['listDatasets', /^Numerai did not answer listDatasets: /],
    ['download', /^signals\/v2\.1\/live\.parquet cannot be downloaded: /],
  ])('%s: a body that is cut off is no answer', async (what, message) => {
    numerai.plays.set(what, (response) => {
      response.writeHead(200, { 'content-length': 500 }).write('half', () => response.destroy());
    });
    await expect(download()).rejects.toMatchObject({ exitCode: 1, message: expect.stringMatching(message) });
  });

  test('a server that is not there, and a stop', async () => {
    await expect(download({ baseUrl: 'http://127.0.0.1:1' })).rejects.toThrow(/^Numerai did not answer/);
    await expect(download({ signal: AbortSignal.abort() })).rejects.toThrow(/listDatasets: stopped$/);
  });
});

describe('readNames', () => {
  const write = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  const parquet = async (name: string, sql: string): Promise<string> => {
    await db.run(`copy (${sql}) to '${join(folder, name)}' (format parquet)`);
    return join(folder, name);
  };

  test('reads every name of a Parquet file once, with the identifiers that it has', async () => {
    const file = await parquet(
      'live.parquet',
      `select * from (values ('AAPL US', 'BBG000B9XRY4', 1.0), ('7203 JP', null, 2.0), ('AAPL US', null, 3.0),
        (null, 'BBG000000001', 4.0)) as t (numerai_ticker, composite_figi, feature_a)`,
    );
    expect(await readNames(file, db)).toEqual([
      { numeraiTicker: '7203 JP', bloombergTicker: '', compositeFigi: '' },
      { numeraiTicker: 'AAPL US', bloombergTicker: '', compositeFigi: 'BBG000B9XRY4' },
    ]);
  });

  test('reads a CSV file', async () => {
    const file = write('names.csv', 'bloomberg_ticker,numerai_ticker\nAAPL US,AAPL US\nBT/A LN,BT/A GB\n');
    expect(await readNames(file, db)).toEqual([
      { numeraiTicker: 'AAPL US', bloombergTicker: 'AAPL US', compositeFigi: '' },
      { numeraiTicker: 'BT/A GB', bloombergTicker: 'BT/A LN', compositeFigi: '' },
    ]);
  });

  test('refuses what is no such file', async () => {
    const refused: [string, RegExp][] = [
      [await parquet('other.parquet', 'select 1 as a, 2 as b'), /has no column numerai_ticker, but a, b$/],
      [
        await parquet('empty.parquet', "select '' as numerai_ticker"),
        /has no name in its column numerai_ticker/,
      ],
      [write('other.csv', 'ticker,signal\nAAPL,1\n'), /has no column numerai_ticker, but ticker, signal$/],
      [write('cut.csv', 'numerai_ticker,x\nAAPL US\n'), /cannot be read: Invalid Record Length/],
      [write('cut.parquet', 'PAR1 and then nothing'), /cannot be read: /],
      [write('names.txt', 'numerai_ticker\nAAPL US\n'), /is neither a \.parquet nor a \.csv file/],
      [join(folder, 'missing.csv'), /cannot be read: ENOENT/],
      [join(folder, 'missing.parquet'), /cannot be read: /],
    ];
    for (const [file, message] of refused) {
      await expect(readNames(file, db)).rejects.toMatchObject({
        exitCode: 2,
        message: expect.stringMatching(message),
      });
    }
  });
});
