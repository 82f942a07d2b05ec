import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll } from '@jest/globals';
import dynalite from 'dynalite';
import { awsClientConfig } from './aws.ts';

/** Starts dynalite, which is strict where moto is not, for the tests of a file; gives its endpoint once it runs. */
export function useDynalite(): () => string {
  let server: Server;
  beforeAll(async () => {
    server = dynalite({ createTableMs: 0, deleteTableMs: 0 });
    await listen(server);
  });
  afterAll(() => close(server));
  return () => urlOf(server);
}

export function dynamoClient(endpoint: string): DynamoDBClient {
  return new DynamoDBClient({ ...awsClientConfig, endpoint, maxAttempts: 2 });
}

interface DynamoAnswer {
  readonly status: number;
  readonly body: object;
}

export interface DynamoProxy {
  readonly url: string;
  /** Answers a request itself, or changes what is passed on; `undefined` passes it on as it is. */
  intervene: (operation: string, body: any) => DynamoAnswer | { readonly passOn: object } | undefined;
  /** Changes an answer on its way back. */
  amend: (operation: string, request: any, answer: any) => object;
  readonly operations: string[];
  close(): Promise<void>;
}

/** A proxy in front of an emulator that plays a DynamoDB which throttles or takes a part of a batch. */
export async function startDynamoProxy(target: string): Promise<DynamoProxy> {
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const operation = String(incoming.headers['x-amz-target']).split('.')[1]!;
      const body = JSON.parse(await textOf(incoming));
      proxy.operations.push(operation);
      const change = proxy.intervene(operation, body);
      const type = { 'content-type': 'application/x-amz-json-1.0' };
      if (change !== undefined && 'status' in change) {
        outgoing.writeHead(change.status, type).end(JSON.stringify(change.body));
        return;
      }
      const {
        host: _host,
        'content-length': _length,
        connection: _connection,
        ...headers
      } = incoming.headers;
      const answer = await fetch(target, {
        method: 'POST',
        headers: headers as Record<string, string>,
        body: JSON.stringify(change === undefined ? body : change.passOn),
      });
      const answered = JSON.parse(await answer.text());
      const amended = answer.ok ? proxy.amend(operation, body, answered) : answered;
      outgoing.writeHead(answer.status, type).end(JSON.stringify(amended));
    })();
  });
  await listen(server);
  const proxy: DynamoProxy = {
    url: urlOf(server),
    intervene: () => undefined,
    amend: (_operation, _request, answer) => answer,
    operations: [],
    close: () => close(server),
  };
  return proxy;
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
