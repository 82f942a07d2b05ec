import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface SilentProxy {
  readonly url: string;
  /** Resolves with the first request that is not answered. */
  readonly silence: Promise<void>;
  /** Requests that came after it and are not answered either. */
  readonly unanswered: string[];
  close(): Promise<void>;
}

/**
 * An HTTP proxy that passes everything on until `operation` is asked for. From then on it takes requests and does not
 * answer them; `in` the body, the first one still gets its headers and half of its body.
 */
export async function startSilentProxy(
  target: string,
  operation: string,
  where: 'answer' | 'body' = 'answer',
): Promise<SilentProxy> {
  let isSilent = false;
  let fallSilent = (): void => {};
  const silence = new Promise<void>((resolve) => {
    fallSilent = resolve;
  });
  const unanswered: string[] = [];

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const name = operationOf(incoming);
    if (isSilent || name === operation) {
      unanswered.push(name);
      const isFirst = !isSilent;
      isSilent = true;
      if (isFirst && where === 'body') {
        const answer = await pass(incoming);
        outgoing.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
        outgoing.write(answer.body.subarray(0, answer.body.length / 2));
      }
      fallSilent();
      return;
    }
    const answer = await pass(incoming);
    outgoing.writeHead(answer.status, answer.headers).end(answer.body);
  }

  async function pass(
    incoming: IncomingMessage,
  ): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }> {
    const body = await buffer(incoming);
    const { method, headers } = incoming;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      send(new URL(incoming.url!, target), { method: method!, headers }, resolve)
        .on('error', reject)
        .end(body);
    });
    return { status: answer.statusCode!, headers: answer.headers, body: await buffer(answer) };
  }

  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    silence,
    unanswered,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What AWS calls the request; its method where it is none of AWS. */
function operationOf({ method = '', url = '', headers }: IncomingMessage): string {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') return target.split('.').at(-1)!;
  if (headers.authorization?.startsWith('AWS4') !== true) return method;
  if (method === 'GET') return url.includes('list-type=2') ? 'ListObjectsV2' : 'GetObject';
  return `${method[0]}${method.slice(1).toLowerCase()}Object`;
}
