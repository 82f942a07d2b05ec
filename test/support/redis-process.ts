import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { reportMissing } from './needs.ts';

/* Redis servers of our own, with certificates of their own. */

/** Looks for the programs that this takes. */
export function findRedis(): void {
  if (!hasPrograms()) reportMissing('Redis', 'redis-server or openssl is missing; run make setup');
}

function hasPrograms(): boolean {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'pipe' });
    execFileSync('openssl', ['version'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

/** How much of what was acknowledged a server keeps when it is killed: nothing, the last second not, or all. */
export type Durability = 'none' | 'everysec' | 'always';

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Kills the server as a power cut would, and resolves when it is gone. */
  kill(): Promise<void>;
  /** Stops the process where it is, connections and all, and lets it go on. */
  pause(): void;
  resume(): void;
  /** Starts it again on the same port with the same files. */
  start(): Promise<void>;
}

export async function startRedis(
  folder: string,
  durability: Durability,
  ...extra: string[]
): Promise<RedisServer> {
  const port = await freePort();
  const append = durability === 'none' ? ['no'] : ['yes', '--appendfsync', durability];
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly'];
  let child: ChildProcess | undefined;
  const server: RedisServer = {
    port,
    url: `redis://127.0.0.1:${port}`,
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child!.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    start() {
      child = spawn('redis-server', [...args, ...append, ...extra], { stdio: ['ignore', 'pipe', 'ignore'] });
      return isReady(child);
    },
  };
  await server.start();
  return server;
}

function isReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line.includes('Ready to accept connections')) resolve();
    });
  });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
