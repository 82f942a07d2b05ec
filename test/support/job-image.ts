import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { repository } from './folders.ts';

/** One stage of docker/Dockerfile: what it starts from and its instructions, continued lines joined. */
interface Stage {
  readonly name: string;
  readonly from: string;
  readonly instructions: readonly { readonly keyword: string; readonly rest: string }[];
}

export function readDockerfile(root = repository): Stage[] {
  const text = readFileSync(join(root, 'docker/Dockerfile'), 'utf8');
  const lines = text
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const stages: { name: string; from: string; instructions: { keyword: string; rest: string }[] }[] = [];
  for (const line of lines) {
    const [, keyword, rest] = /^([A-Z]+)\s+(.*)$/.exec(line)!;
    const from = /^(?:--platform=\S+ )?(\S+) AS (\S+)$/.exec(rest!);
    if (keyword === 'FROM') stages.push({ name: from![2]!, from: from![1]!, instructions: [] });
    else stages.at(-1)?.instructions.push({ keyword: keyword!, rest: rest! });
  }
  return stages;
}

/** A stage and those that it starts from, the first one first. */
export function stagesOf(name: string): Stage[] {
  const stage = readDockerfile().find((candidate) => candidate.name === name);
  return stage === undefined ? [] : [...stagesOf(stage.from), stage];
}

/** Bundles as the Dockerfile's stage does, in a folder with links to what it copies. */
export function buildBundles(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const path of ['build.ts', 'jobs', 'lambda', 'package.json', 'node_modules']) {
    symlinkSync(join(repository, path), join(folder, path));
  }
  execFileSync(process.execPath, ['build.ts'], { cwd: folder });
}

/**
 * Puts the files of an image into `folder`, by the COPY instructions of its stages.
 *
 * @param bundles folder in which the bundles were built
 */
export function assembleImage(
  target: 'load' | 'transform' | 'cli' | 'statistics',
  bundles: string,
  folder: string,
): void {
  for (const { instructions } of stagesOf(target)) {
    for (const { rest } of instructions.filter(({ keyword }) => keyword === 'COPY')) {
      const [, stage, paths] = /^(?:--from=(\S+) )?(.*)$/.exec(rest)!;
      const sources = paths!.split(' ');
      const to = sources.pop()!;
      const root = stage === 'bundles' ? bundles : repository;
      for (const source of sources) {
        const found = globSync(join(root, source.replace('/build/', '')));
        if (found.length === 0) throw new Error(`COPY ${rest}: there is nothing at ${source}`);
        for (const from of found) {
          const path = join(folder, to.endsWith('/') ? join(to, basename(from)) : to);
          mkdirSync(dirname(path), { recursive: true });
          cpSync(from, path, { recursive: true, dereference: true });
        }
      }
    }
  }
}

/** The words with which a container of an image starts. */
export function entrypointOf(target: 'load' | 'transform' | 'cli'): string[] {
  return wordsOf(target, 'ENTRYPOINT');
}

/** The handler that Lambda calls in the image of the statistics. */
export function commandOf(target: 'statistics'): string[] {
  return wordsOf(target, 'CMD');
}

function wordsOf(target: string, wanted: string): string[] {
  const found = stagesOf(target)
    .flatMap(({ instructions }) => instructions)
    .findLast(({ keyword }) => keyword === wanted)!;
  return JSON.parse(found.rest) as string[];
}
