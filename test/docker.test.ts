import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { startScript } from './support/command.ts';
import { describeWith } from './support/describe-with.ts';
import { repository, sampleFolder, temporaryFolder } from './support/folders.ts';
import {
  assembleImage,
  buildBundles,
  commandOf,
  entrypointOf,
  readDockerfile,
  stagesOf,
} from './support/job-image.ts';
import { venvProgram } from './support/venv.ts';

const folder = temporaryFolder();
const JOBS = ['load', 'transform'] as const;

describe('the Dockerfile', () => {
  test('has an image for each job, one for the statistics and one to develop in', () => {
    expect(readDockerfile().map(({ name }) => name)).toEqual(
      expect.arrayContaining(['load', 'transform', 'statistics', 'ubuntu']),
    );
  });

  test('executes nothing on the platform of the image, so that no emulation is needed', () => {
    for (const job of [...JOBS, 'statistics']) {
      const keywords = stagesOf(job).flatMap(({ instructions }) =>
        instructions.map(({ keyword }) => keyword),
      );
      expect(keywords).not.toContain('RUN');
    }
    const native = readFileSync(join(repository, 'docker/Dockerfile'), 'utf8').match(
      /^FROM .* AS (bundles|native)$/gm,
    )!;
    for (const line of native) expect(line).toContain('--platform=$BUILDPLATFORM');
  });

  test.each(JOBS)('%s runs as an ordinary user and writes to /tmp only', (job) => {
    const instructions = stagesOf(job).flatMap((stage) => stage.instructions);
    expect(instructions).toContainEqual({ keyword: 'USER', rest: '1000:1000' });
    expect(instructions).toContainEqual({ keyword: 'VOLUME', rest: '/tmp' });
    expect(entrypointOf(job)).toEqual(['node', `dist/${job}.js`]);
  });

  test('is told of nothing but what it copies', () => {
    const ignored = readFileSync(join(repository, '.dockerignore'), 'utf8').split('\n');
    const allowed = ignored.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(ignored.filter((line) => line !== '' && !/^[#!]/.test(line))).toEqual(['*']);
    const copied = readDockerfile().flatMap(({ instructions }) =>
      instructions
        .filter(({ keyword, rest }) => keyword === 'COPY' && !rest.startsWith('--from='))
        .flatMap(({ rest }) => rest.split(' ').slice(0, -1)),
    );
    const isBelow = (path: string): boolean => allowed.some((other) => path.startsWith(`${other}/`));
    const needed = new Set([...copied, 'docker/Dockerfile'].filter((path) => !isBelow(path)));
    expect([...needed].toSorted()).toEqual(allowed.toSorted());
  });
});

describeWith('Python', 'hadolint', () => {
  test('finds nothing in the Dockerfile', () => {
    const hadolint = venvProgram('hadolint');
    expect(execFileSync(hadolint, [join(repository, 'docker/Dockerfile')], { encoding: 'utf8' })).toBe('');
  });
});

describe('the image of the statistics', () => {
  test('has the handler that its command names, and needs nothing else', async () => {
    buildBundles(join(folder, 'lambda-build'));
    assembleImage('statistics', join(folder, 'lambda-build'), join(folder, 'statistics'));
    const [handler] = commandOf('statistics');
    const [file, name] = handler!.split('.');
    const script = join(folder, 'handler.mjs');
    const path = join(folder, `statistics/var/task/${file}.mjs`);
    writeFileSync(script, `process.stdout.write(typeof (await import(${JSON.stringify(path)})).${name});`);
    expect(await startScript(script, [], folder).finished).toMatchObject({ code: 0, stdout: 'function' });
  });
});

describe('a container', () => {
  const lake = `file:${join(folder, 'lake')}`;
  const run = (job: (typeof JOBS)[number] | 'cli', ...args: string[]) => {
    const app = join(folder, job);
    const [, script] = entrypointOf(job);
    return startScript(join(app, script!), args, app, { NODE_ENV: 'production', SIGNALS_LAKE: lake })
      .finished;
  };
  beforeAll(() => {
    buildBundles(join(folder, 'build'));
    for (const job of [...JOBS, 'cli'] as const) assembleImage(job, join(folder, 'build'), join(folder, job));
  });

  test('of the command line has the files of the installed package', async () => {
    const { files } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
    const missing = files.filter(
      (file: string) => !file.startsWith('!') && !existsSync(join(folder, 'cli', file)),
    );
    expect(missing).toEqual([]);
    const load = ['load', '--source', 'csv', '--path', 'data/sample', '--start', '2012-10-01'];
    expect(await run('cli', ...load, '--lake', `${lake}-cli`)).toMatchObject({ code: 0 });
    const asked = await run('cli', 'query', 'select count(*) from raw_data', '--lake', `${lake}-cli`);
    expect(asked).toMatchObject({ code: 0, stderr: '' });
  });

  test('loads and transforms with nothing but what the image has, threads and native parts included', async () => {
    const loaded = await run('load', '--source', 'csv', '--path', sampleFolder, '--start', '2010-01-01');
    expect(loaded).toMatchObject({ code: 0 });
    const transformed = await run('transform', '--cmd', 'all', '--lags', '2', '--threads', '2');
    expect(transformed).toMatchObject({ code: 0, stdout: expect.stringMatching(/eras {7}15\d written/) });
  });

  test('has the universe that the scheduled load asks for', async () => {
    const done = await run('load', '--ntickers', '0');
    expect(done.code).toBe(2);
    expect(done.stderr).not.toContain('universe.csv');
    expect(readFileSync(join(folder, 'load/data/config/universe.csv'), 'utf8')).toContain('yahoo');
  });

  test.each(JOBS)('%s says how it is used', async (job) => {
    expect(await run(job, '--help')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`Usage: ${job}`),
    });
  });
});
