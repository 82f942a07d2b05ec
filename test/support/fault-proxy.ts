import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What to do with one request: pass it on, answer with a status of our own, or pass it on and cut the connection
 * before the answer arrives, so that the sender cannot know that it was carried out, or pass on another body.
 */
export type Fault =
  | 'pass'
  | { readonly status: number; readonly body: string; readonly headers?: Readonly<Record<string, string>> }
  | 'lose-answer'
  | { readonly replaced: string };

/** What more there is to know about a request. */
interface Passing {
  /** `x-amz-target`: service and operation of the JSON protocols. */
  readonly target: string | undefined;
  readonly body: Buffer;
}

export interface FaultProxy {
  readonly url: string;
  /** Decides about each request, in the order in which they come. */
  decide: (method: string, path: string, request: Passing) => Fault | Promise<Fault>;
  readonly seen: {
    method: string;
    path: string;
    ifMatch: string | undefined;
    ifNoneMatch: string | undefined;
  }[];
  close(): Promise<void>;
}

/**
 * An HTTP proxy in front of an emulator. It passes on one request at a time: conditional writes are atomic in S3,
 * and in an emulator with threads they need this help.
 */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  let turn: Promise<void> = Promise.resolve();
  const server = createServer((incoming, outgoing) => {
    turn = turn.then(() => handle(incoming, outgoing)).catch(() => void outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const { method = '', url: path = '', headers } = incoming;
    proxy.seen.push({
      method,
      path,
      ifMatch: headers['if-match'],
      ifNoneMatch: headers['if-none-match'],
    });
    const body = Buffer.concat(parts);
    const fault = await proxy.decide(method, path, {
      target: headers['x-amz-target'] as string | undefined,
      body,
    });
    if (typeof fault === 'object' && 'status' in fault) {
      outgoing
        .writeHead(fault.status, { 'content-type': 'application/xml', ...fault.headers })
        .end(fault.body);
      return;
    }
    const answer = await (typeof fault === 'object'
      ? pass(
          method,
          path,
          { ...headers, 'content-length': String(Buffer.byteLength(fault.replaced)) },
          Buffer.from(fault.replaced),
        )
      : pass(method, path, headers, body));
    if (fault === 'lose-answer') {
      outgoing.destroy();
      return;
    }
    outgoing.writeHead(answer.status, answer.headers).end(answer.body);
  }

  function pass(
    method: string,
    path: string,
    headers: IncomingMessage['headers'],
    body: Buffer,
  ): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const onward = request(new URL(path, target), { method, headers }, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('end', () => {
          resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(parts) });
        });
        answer.on('error', reject);
      });
      onward.on('error', reject);
      onward.end(body);
    });
  }

  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    decide: () => 'pass',
    seen: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;
}

/** An answer of S3 to a request for one page of a listing of so many, each with one object: 0000, 0001 and so on. */
export function listingPage(path: string, pages: number): { status: number; body: string } {
  const { searchParams } = new URL(path, 'http://s3');
  const page = Number(searchParams.get('continuation-token') ?? 0);
  const isLast = page + 1 === pages;
  const next = isLast ? '' : `<NextContinuationToken>${page + 1}</NextContinuationToken>`;
  const key = `${searchParams.get('prefix')}${String(page).padStart(4, '0')}`;
  const contents = `<Contents><Key>${key}</Key><ETag>"e"</ETag></Contents>`;
  const body = `<ListBucketResult><IsTruncated>${!isLast}</IsTruncated>${next}${contents}</ListBucketResult>`;
  return { status: 200, body };
}
