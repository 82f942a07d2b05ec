import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface S3Server {
  readonly endpoint: string;
  close(): Promise<void>;
}

/** Starts the S3 server that the run has built. Its folder has to be on a file system with extended attributes. */
export function startS3Server(folder: string): Promise<S3Server> {
  const program = process.env['TEST_VERSITYGW']!;
  const child = spawn(join(import.meta.dirname, 'start-s3.sh'), [folder, '0', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    void ended.then((code) =>
      reject(new Error(`start-s3.sh ended with ${code} before the server was ready`)),
    );
    createInterface({ input: child.stdout }).once('line', (line) => {
      const { endpoint } = JSON.parse(line) as { endpoint: string };
      resolve({
        endpoint,
        async close() {
          child.kill();
          await ended;
        },
      });
    });
  });
}
