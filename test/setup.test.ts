import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { repository, temporaryFolder } from './support/folders.ts';

/* test/setup.sh on machines that are made of a few programs, of which some only say that they were called. */

const folder = temporaryFolder();
const TOOLS = ['bash', 'cat', 'cut', 'dirname', 'env', 'grep', 'rm'];

interface Machine {
  /** Programs that are there before. */
  readonly has: readonly string[];
  readonly user?: number;
  readonly system?: string;
  /** What apt-get does after it has said that it was called. */
  readonly apt?: string;
  /** Without it, .venv is there and of the packages that are wanted. */
  readonly isStale?: boolean;
}

const ALL = ['redis-server', 'openssl', 'python3', 'apt-get', 'sudo'];

function setUp({ has, user = 0, system = 'Linux', apt = '', isStale = false }: Machine): {
  code: number | null;
  output: string;
  calls: string;
  tree: string;
} {
  const tree = mkdtempSync(join(folder, 'machine-'));
  const bin = join(tree, 'bin');
  const log = join(tree, 'calls');
  for (const path of ['test', 'bin', '.venv/bin']) mkdirSync(join(tree, path), { recursive: true });
  for (const file of ['test/setup.sh', 'test/requirements.txt'])
    copyFileSync(join(repository, file), join(tree, file));
  for (const tool of TOOLS) {
    symlinkSync(
      execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim(),
      join(bin, tool),
    );
  }
  const program = (path: string, body: string): void =>
    writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const wanted = createHash('sha256')
    .update(readFileSync(join(tree, 'test/requirements.txt')))
    .digest('hex');
  const python = `echo "python $*" >> '${log}'; test "$2" != venv || { /bin/mkdir -p "$3/bin"; /bin/cp '${bin}/python3' "$3/bin/python"; }`;
  const bodies: Record<string, string> = {
    'apt-get': `echo "apt-get $*" >> '${log}'; ${apt}`,
    sudo: `echo sudo >> '${log}'; exec "$@"`,
    openssl: `echo '${wanted} *file'`,
    python3: python,
    'redis-server': '',
  };
  for (const name of has) program(join(bin, name), bodies[name]!);
  program(join(bin, 'id'), `echo ${user}`);
  program(join(bin, 'uname'), `echo ${system}`);
  program(join(tree, '.venv/bin/python'), '');
  writeFileSync(join(tree, '.venv/installed'), isStale ? 'of before' : wanted);
  const { status, stdout, stderr } = spawnSync(join(tree, 'test/setup.sh'), {
    env: { PATH: bin },
    encoding: 'utf8',
  });
  const calls = existsSync(log) ? readFileSync(log, 'utf8') : '';
  return { code: status, output: stdout + stderr, calls, tree };
}

/** Makes Redis, as apt-get does in the end. */
const MAKES_REDIS = `/bin/cp "$(dirname "$0")/openssl" "$(dirname "$0")/redis-server"`;
const without = (name: string): string[] => ALL.filter((candidate) => candidate !== name);

test('does nothing where all is there', () => {
  const { code, calls, output } = setUp({ has: ALL });
  expect([code, calls.includes('apt-get'), calls.includes('-m venv')]).toEqual([0, false, false]);
  expect(output).toContain('all that the tests use is there');
});

test('root installs what is missing, and reads what for', () => {
  const { code, calls, output } = setUp({ has: without('redis-server'), apt: MAKES_REDIS });
  expect(output).toContain('redis-server is missing: the trading state is tested on real Redis servers');
  expect(code).toBe(0);
  expect(calls).toMatch(/^apt-get .* update$/m);
  expect(calls).toMatch(/^apt-get .* install -y --no-install-recommends redis-server$/m);
  expect(calls).not.toContain('sudo');
});

test('anybody else installs with sudo', () => {
  const { code, calls } = setUp({ has: without('redis-server'), apt: MAKES_REDIS, user: 1000 });
  expect([code, calls.match(/^sudo$/gm)?.length]).toEqual([0, 2]);
});

test.each<[string, Machine, string]>([
  [
    'sudo',
    { has: ALL.filter((name) => !['redis-server', 'sudo'].includes(name)), user: 1000 },
    'apt-get install redis-server',
  ],
  [
    'apt-get',
    { has: ALL.filter((name) => !['redis-server', 'apt-get'].includes(name)) },
    'install what provides redis-server',
  ],
  ['success', { has: without('redis-server'), apt: 'exit 100' }, 'apt-get update failed'],
  ['effect', { has: without('redis-server') }, 'still missing after the installation: redis-server'],
])('without %s it says what to install and fails', (_what, machine, message) => {
  const { code, output } = setUp(machine);
  expect(code).toBe(1);
  expect(output).toContain(message);
});

test('macOS is told what to install', () => {
  const { code, output, calls } = setUp({ has: without('redis-server'), system: 'Darwin' });
  expect([code, calls.includes('apt-get')]).toEqual([1, false]);
  expect(output).toContain('brew install redis\n');
});

test('makes .venv again when it is of other packages, and stamps it last', () => {
  const { code, calls, tree } = setUp({ has: ALL, isStale: true });
  expect(code).toBe(0);
  expect(calls).toContain('python -m venv .venv');
  expect(calls).toMatch(/python -m pip install .*--requirement test\/requirements\.txt/);
  expect(readFileSync(join(tree, '.venv/installed'), 'utf8')).toMatch(/^[0-9a-f]{64}$/);
});
