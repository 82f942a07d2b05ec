import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fetchWithin, isSilence, readText } from '../../jobs/runtime/bounded-fetch.ts';

let answer: (response: ServerResponse) => void;
const server = createServer((_request, response) => answer(response));
let url: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

/** Who sends headers has been heard: a run does not give up on such a server as on one that is gone. */
test.each([
  ['says nothing', true, () => {}],
  ['sends no body after its headers', false, (response) => void response.writeHead(200).flushHeaders()],
  ['stops in the middle of a body', false, (response) => void response.writeHead(200).write('{"chart":')],
] as [string, boolean, (response: ServerResponse) => void][])(
  'a server that %s is silent: %s',
  async (_what, expected, behaviour) => {
    answer = behaviour;
    const { signal } = new AbortController();
    for (const bounds of [
      { silenceMs: 200, timeoutMs: 60_000 },
      { silenceMs: 200, timeoutMs: 200 },
    ]) {
      const error = await fetchWithin(url, {}, { signal, maxBytes: 1000, ...bounds }, ({ body }) =>
        readText(body),
      ).catch((reason: unknown) => reason);
      expect(isSilence(error)).toBe(expected);
    }
  },
);
