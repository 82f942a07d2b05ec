import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Changes what the server answers on its way back; `cut` breaks the connection in place of the answer. */
  onAnswer: (bytes: Buffer) => Buffer | 'cut';
  /** Bytes of requests that still pass before the connection breaks; the next connection is whole again. */
  requestBytesLeft: number;
  close(): Promise<void>;
}

/** A TCP proxy in front of a server, for connections that break at the worst time. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1');
    const end = (): void => {
      client.destroy();
      target.destroy();
    };
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on('data', (bytes) => {
      const passing = bytes.subarray(0, proxy.requestBytesLeft);
      proxy.requestBytesLeft -= passing.length;
      if (passing.length === bytes.length) {
        target.write(bytes);
      } else {
        proxy.requestBytesLeft = Infinity;
        target.write(passing, end);
      }
    });
    target.on('data', (bytes) => {
      const answer = proxy.onAnswer(bytes);
      if (answer === 'cut') end();
      else client.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    onAnswer: (bytes) => bytes,
    requestBytesLeft: Infinity,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return proxy;
}
