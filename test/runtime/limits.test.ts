import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { createAwsClient } from '../../jobs/runtime/aws-client.ts';
import { readEnvironment } from '../../jobs/runtime/environment.ts';
import { DEFAULT_SILENCE_MS } from '../../jobs/runtime/limits.ts';
import { repository } from '../support/folders.ts';

/* What every client of the AWS SDK is bounded by. */

test('by default a silent server ends a request within a minute', () => {
  expect(readEnvironment({}).requestTimeoutMs).toBe(15_000);
  // The SDK starts its timer three seconds late. A body that stalls is followed by two requests that do.
  const longestMs = 3 * (DEFAULT_SILENCE_MS + 3_000);
  expect(longestMs).toBe(54_000);
});

test.each(['0', '-1', 'x'])('SIGNALS_REQUEST_TIMEOUT=%s is refused', (value) => {
  expect(() => readEnvironment({ SIGNALS_REQUEST_TIMEOUT: value })).toThrow(/^SIGNALS_REQUEST_TIMEOUT /);
});

test('no client of the SDK is made but by createAwsClient, and no fetch but by fetchWithin', () => {
  const found = ['jobs', 'lambda', 'bin', 'lib'].flatMap((folder) =>
    readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(folder, file))
      .filter((file) =>
        /\bnew \w+Client\(|(?<![.\w#])fetch\(/.test(readFileSync(join(repository, file), 'utf8')),
      ),
  );
  expect(found.toSorted()).toEqual([
    // It has a method of that name.
    'jobs/market/fetcher.ts',
    'jobs/runtime/aws-client.ts',
    'jobs/runtime/bounded-fetch.ts',
  ]);
});

describe('a client', () => {
  const SILENCE_MS = 1000;
  /** Longer than a busy machine keeps a process of its own waiting. */
  const PATIENCE_MS = 60_000;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let asked: number;
  let cutOff: AbortController;
  let connect: (silenceMs: number) => S3Client;
  let close: () => void;
  beforeEach(async () => {
    asked = 0;
    cutOff = new AbortController();
    const server = createServer((request, response) => {
      asked += 1;
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const clients: S3Client[] = [];
    connect = (silenceMs) => {
      const client = createAwsClient(S3Client, {
        endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        region: 'eu-west-1',
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
        forcePathStyle: true,
        limits: { silenceMs, cutOff: cutOff.signal },
      });
      clients.push(client);
      return client;
    };
    close = () => {
      for (const client of clients) client.destroy();
      server.close();
      server.closeAllConnections();
    };
  });
  afterEach(() => close());
  const list = (client: S3Client): Promise<unknown> => client.send(new ListObjectsV2Command({ Bucket: 'b' }));
  const read = async (client: S3Client): Promise<number> => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: 'b', Key: 'k' }));
    return (await Body!.transformToByteArray()).length;
  };

  test('asks a silent server twice, and then fails at once for a while', async () => {
    answer = () => {};
    const client = connect(SILENCE_MS);
    await expect(list(client)).rejects.toThrow(/^127\.0\.0\.1 has not answered for \d+ s$/);
    expect(asked).toBe(2);
    await expect(list(client)).rejects.toThrow(/has not answered/);
    expect(asked).toBe(2);
  });

  test('reads a body that comes slowly to its end, however long that takes', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': 20 });
      const drip = (left: number): void => {
        response.write('x');
        if (left > 1) setTimeout(drip, SILENCE_MS / 5, left - 1);
      };
      drip(20);
    };
    expect(await read(connect(2 * SILENCE_MS))).toBe(20);
  });

  test('gives up a body that stalls', async () => {
    answer = (_request, response) => void response.writeHead(200, { 'content-length': 20 }).write('x');
    await expect(read(connect(SILENCE_MS))).rejects.toThrow(/timed out after 1000 ms of inactivity/);
  });

  test('ends a request, and the reading of a body, when the process has to end', async () => {
    answer = () => cutOff.abort(new Error('stopped by SIGTERM'));
    const client = connect(PATIENCE_MS);
    await expect(list(client)).rejects.toThrow('Request aborted');
    await expect(list(client)).rejects.toThrow('Request aborted');
    expect(asked).toBe(1);
  });

  test('does not take a body without end', async () => {
    answer = (_request, response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(2 ** 20);
      const pour = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', pour);
      pour();
    };
    await expect(read(connect(PATIENCE_MS))).rejects.toThrow(
      /declares no length and has more than 67108864 bytes/,
    );
  });
});
