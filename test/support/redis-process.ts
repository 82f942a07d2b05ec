import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';

/*
 * Redis servers of our own, with certificates of their own. Debian has what that takes as the packages redis-server and
 * openssl, which the tests install where one is missing and that is possible; elsewhere the suites that need them are
 * skipped with the reason.
 */

const PACKAGES = ['redis-server', 'openssl'];

/** Looks for the programs, or installs them. Runs once, before all suites. */
export function installRedis(): void {
  try {
    if (hasPrograms()) return;
    if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
      throw new Error(`${PACKAGES.join(' or ')} is missing, and installing it needs root and apt-get`);
    }
    process.stderr.write(`installing ${PACKAGES.join(' and ')}\n`);
    execFileSync('apt-get', ['update', '-q'], { stdio: 'pipe' });
    execFileSync('apt-get', ['install', '-qy', '--no-install-recommends', ...PACKAGES], { stdio: 'pipe' });
  } catch (error) {
    process.env['TEST_REDIS_MISSING'] = `Redis cannot be had: ${String(error).split('\n', 1)[0]}`;
  }
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
