import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

type Play = (response: ServerResponse) => void;

export interface NumeraiServer {
  readonly url: string;
  /** The key that the API takes. */
  readonly apiKey: string;
  /** Requests in order: the field of the API, or the path of a download; and the Authorization header. */
  readonly asked: { readonly what: string; readonly authorization: string | undefined }[];
  /** What `listDatasets` answers. */
  datasets: string[];
  /** What a signed URL answers. */
  file: Uint8Array;
  /** Answers instead: to a field of the API by its name, to a download as `download`. */
  readonly plays: Map<string, Play>;
  close(): Promise<void>;
}

/** A local server that plays Numerai's GraphQL API and the storage behind its signed URLs. */
export async function startNumeraiServer(): Promise<NumeraiServer> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { authorization } = request.headers;
    const json = (status: number, body: unknown): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.method === 'GET') {
      numerai.asked.push({ what: request.url!, authorization });
      const play = numerai.plays.get('download');
      if (play !== undefined) play(response);
      else response.writeHead(200, { 'content-length': numerai.file.length }).end(numerai.file);
      return;
    }
    const { query, variables } = JSON.parse(await text(request)) as {
      query: string;
      variables: { tournament: number; filename?: string };
    };
    const field = /\{\s*(\w+)/.exec(query)![1]!;
    numerai.asked.push({ what: field, authorization });
    const play = numerai.plays.get(field);
    if (play !== undefined) play(response);
    else if (authorization !== `Token ${numerai.apiKey}`) json(401, { errors: { detail: 'Not authorized' } });
    else if (variables.tournament !== 11) json(200, { errors: [{ message: 'tournament not found' }] });
    else if (field === 'listDatasets') json(200, { data: { listDatasets: numerai.datasets } });
    else {
      const signed = `${numerai.url}/${variables.filename!}?X-Amz-Signature=5ec2e7`;
      json(200, { data: { dataset: signed } });
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const numerai: NumeraiServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    apiKey: 'PUBLIC$SECRET',
    asked: [],
    datasets: ['signals/v1.0/live.parquet', 'signals/v2.1/live.parquet', 'signals/v2.1/train.parquet'],
    file: new Uint8Array(),
    plays: new Map(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return numerai;
}
