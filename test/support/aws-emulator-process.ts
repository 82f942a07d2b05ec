import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/*
 * The AWS emulator is moto, a Python package: the suite installs it into .venv when it is not there yet. Where that
 * cannot be done, the suites that need it are skipped with the reason.
 */

const ROOT = join(import.meta.dirname, '../..');
const VENV = join(ROOT, '.venv');
const REQUIREMENTS = join(ROOT, 'test/requirements.txt');

declare global {
  var awsEmulator: ChildProcess | undefined;
}

export async function startAwsEmulator(): Promise<void> {
  try {
    installMoto();
    process.env['TEST_PYTHON'] = join(VENV, 'bin/python');
    const { child, url } = await spawnMoto();
    globalThis.awsEmulator = child;
    process.env['TEST_AWS_ENDPOINT'] = url;
  } catch (error) {
    process.env['TEST_AWS_MISSING'] = `moto cannot be had: ${String(error).split('\n', 1)[0]}`;
  }
}

export async function stopAwsEmulator(): Promise<void> {
  const child = globalThis.awsEmulator;
  if (child === undefined) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await ended;
}

function installMoto(): void {
  const stamp = join(VENV, 'installed');
  const wanted = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  process.stderr.write('installing the AWS emulator into .venv\n');
  rmSync(VENV, { recursive: true, force: true });
  try {
    execFileSync('python3', ['-m', 'venv', VENV], { stdio: 'pipe' });
  } catch (error) {
    // Debian keeps venv, and sometimes Python itself, in packages of their own.
    if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) throw error;
    execFileSync('apt-get', ['update', '-q'], { stdio: 'pipe' });
    execFileSync('apt-get', ['install', '-qy', '--no-install-recommends', 'python3-venv'], { stdio: 'pipe' });
    execFileSync('/usr/bin/python3', ['-m', 'venv', '--clear', VENV], { stdio: 'pipe' });
  }
  execFileSync(join(VENV, 'bin/pip'), ['install', '-q', '--disable-pip-version-check', '-r', REQUIREMENTS], {
    stdio: 'pipe',
  });
  writeFileSync(stamp, wanted);
}

function spawnMoto(): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(join(VENV, 'bin/moto_server'), ['-H', '127.0.0.1', '-p', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`moto_server ended with ${code}`)));
    createInterface({ input: child.stderr! }).on('line', (line) => {
      const url = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (url !== undefined) resolve({ child, url });
    });
  });
}
