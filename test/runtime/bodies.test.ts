import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { manifestFolder } from '../../jobs/lake/layout.ts';
import type { LoadManifest } from '../../jobs/loader/outcome.ts';
import { signals } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startYahooServer, type YahooServer } from '../support/yahoo-server.ts';

/* Bodies that would fill the memory are given up while they are read. */

jest.setTimeout(120_000);

const MEBIBYTE = 2 ** 20;
/** A load of one ticker takes about 200 MB, a body of 16 MiB a few times that for a moment. */
const MOST_MEMORY_MB = 450;

const folder = temporaryFolder();
let server: YahooServer;
beforeAll(async () => {
  server = await startYahooServer();
});
afterAll(() => server.close());

/** Writes a chunk again and again, `times` or for ever, as fast as it is taken. */
function pour(response: ServerResponse, chunk: Uint8Array, times = Infinity): void {
  let left = times;
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= 1;
      if (!response.write(chunk)) return;
    }
    if (!response.destroyed) response.end();
  };
  response.on('drain', more);
  more();
}

test.each<[name: string, play: (response: ServerResponse) => void]>([
  [
    'a body without end',
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      pour(response, Buffer.alloc(MEBIBYTE, ' '));
    },
  ],
  [
    'two gigabytes in two megabytes of gzip',
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      // A gzip file may have several members, which unpack to one body.
      pour(response, gzipSync(Buffer.alloc(64 * MEBIBYTE, ' ')), 32);
    },
  ],
])('%s is an invalid answer, and takes no memory', async (_name, play) => {
  server.symbols.set('BOMB', (_request, response) => play(response));
  const cwd = mkdtempSync(join(folder, 'case-'));
  const load = [
    'load',
    '--ticker',
    'BOMB',
    '--start',
    '2024-03-01',
    '--end',
    '2024-03-15',
    '--lake',
    'file:lake',
  ];
  const { code } = await signals(load, cwd, { YAHOO_BASE_URL: server.url });
  expect(code).toBe(3);
  const manifests = join(cwd, 'lake', manifestFolder('load'));
  const file = readdirSync(manifests, { recursive: true, encoding: 'utf8' }).find((name) =>
    name.endsWith('.json'),
  );
  const { tickers, usage } = JSON.parse(readFileSync(join(manifests, file!), 'utf8')) as LoadManifest;
  expect(tickers).toMatchObject([
    { status: 'invalid', attempts: 1, reason: 'the answer has more than 16777216 bytes' },
  ]);
  expect(usage.peakMemoryMB).toBeLessThan(MOST_MEMORY_MB);
});
