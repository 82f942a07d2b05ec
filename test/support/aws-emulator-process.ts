import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { reportMissing, whyMissing } from './needs.ts';
import { findPython, venvProgram } from './venv.ts';

/* The AWS emulator is moto, a Python package. */

declare global {
  var awsEmulator: ChildProcess | undefined;
}

export async function startAwsEmulator(): Promise<void> {
  if (!findPython()) {
    reportMissing('AWS emulator', whyMissing('Python')!);
    return;
  }
  try {
    const { child, url } = await spawnMoto();
    globalThis.awsEmulator = child;
    process.env['TEST_AWS_ENDPOINT'] = url;
  } catch (error) {
    reportMissing('AWS emulator', `moto does not start: ${String(error).split('\n', 1)[0]}`);
  }
}

export async function stopAwsEmulator(): Promise<void> {
  const child = globalThis.awsEmulator;
  if (child === undefined) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await ended;
}

/** The server, which ends with its stdin: where the tests are killed it does not stay behind. */
const SERVER = `
import os, sys, threading
def end_with_stdin():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=end_with_stdin, daemon=True).start()
from moto.server import main
main(['-H', '127.0.0.1', '-p', '0'])
`;

function spawnMoto(): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(venvProgram('python'), ['-c', SERVER], { stdio: ['pipe', 'ignore', 'pipe'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
    createInterface({ input: child.stderr }).on('line', (line) => {
      const url = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (url !== undefined) resolve({ child, url });
    });
  });
}
