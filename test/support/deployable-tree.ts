import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './folders.ts';

const COPIED = [
  '.dockerignore',
  '.npmrc',
  'bin',
  'build.ts',
  'cdk.json',
  'data/config',
  'deploy.sh',
  'docker',
  'jobs',
  'lambda',
  'lib',
  'package-lock.json',
  'package.json',
];

/**
 * Copies what deploy.sh needs into an empty folder, with settings of its own in cdk.json. `npm run check`, which is
 * about the code and not about AWS, does nothing there.
 *
 * @param context what cdk.json has besides
 */
export function createDeployableTree(folder: string, context: Readonly<Record<string, unknown>>): void {
  for (const path of COPIED) cpSync(join(repository, path), join(folder, path), { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  change(join(folder, 'cdk.json'), (cdk) => ({
    ...cdk,
    context: { ...(cdk['context'] as object), ...context },
  }));
  change(join(folder, 'package.json'), (json) => ({
    ...json,
    scripts: { ...(json['scripts'] as object), check: 'true' },
  }));
}

/** A program in docker's place that says yes to everything but to whether an image is there, and keeps what it was asked. */
export function createDockerShim(folder: string): { path: string; asked: () => string[] } {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'docker-shim');
  const log = join(folder, 'docker.log');
  writeFileSync(path, `#!/bin/sh\necho "$*" >> '${log}'\ntest "$1" != inspect\n`);
  chmodSync(path, 0o755);
  return { path, asked: () => readFileSync(log, 'utf8').trim().split('\n') };
}

function change(file: string, edit: (json: Record<string, unknown>) => Record<string, unknown>): void {
  writeFileSync(
    file,
    JSON.stringify(edit(JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>)),
  );
}
