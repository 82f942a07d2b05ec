import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { applyPins, findPinProblems, readPinnedTexts } from '../lib/pin-uses.ts';
import { CHECK_IMAGE, pinnedImage, readPins, type Pins } from '../lib/pins.ts';
import { startScript, type Finished } from './support/command.ts';
import { describeWith } from './support/describe-with.ts';
import { repository, temporaryFolder } from './support/folders.ts';
import { GIT_IDENTITY } from './support/git.ts';
import { readDockerfile } from './support/job-image.ts';
import { venvProgram } from './support/venv.ts';

/*
 * bin/pin.ts in a tree of its own: a shim answers for docker, and git asks repositories in a folder in place of GitHub.
 */

const folder = temporaryFolder();
const github = join(folder, 'github');
const INDEX = 'application/vnd.oci.image.index.v1+json';
const WORKFLOW = '.github/workflows/check.yml';
const FILES = ['docker/pins.json', 'docker/Dockerfile', WORKFLOW];
const committed = readPins();
const images = Object.keys(committed.images);

/** A digest like no other; the 16 hex digits repeat. */
const digest = (seed: number): string => `sha256:${seed.toString(16).padStart(16, '0').repeat(4)}`;
const digests = (first: number): Record<string, string> =>
  Object.fromEntries(images.map((name, index) => [name, digest(first + index)]));
const git = (repo: string, ...args: string[]): string =>
  execFileSync('git', args, {
    cwd: join(github, repo),
    env: { ...process.env, ...GIT_IDENTITY },
    encoding: 'utf8',
  });
const commitOf = (repo: string): string => git(repo, 'rev-parse', 'v5^{commit}').trim();
const commits = (): Record<string, string> => ({
  'actions/checkout@v5': commitOf('actions/checkout'),
  'actions/setup-node@v5': commitOf('actions/setup-node'),
});

let tree: string;
let shim: string;

/** Has docker answer with these digests, and with an error for any other image. */
function answer(known: Readonly<Record<string, string>>, mediaType = INDEX): void {
  const cases = Object.entries(known).map(
    ([name, value]) => `'buildx imagetools inspect ${name} --format {{json .Manifest}}') d='${value}';;`,
  );
  writeFileSync(
    shim,
    `#!/bin/sh
case "$*" in
'buildx version') exit 0;;
${cases.join('\n')}
*) echo "ERROR: $4: not found" >&2; exit 1;;
esac
printf '{"schemaVersion":2,"mediaType":"${mediaType}","digest":"%s"}\\n' "$d"
`,
  );
  chmodSync(shim, 0o755);
}

function pin(): Promise<Finished> {
  return startScript(join(repository, 'bin/pin.ts'), [], tree, {
    ...GIT_IDENTITY,
    CDK_DOCKER: shim,
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: `url.${github}/.insteadOf`,
    GIT_CONFIG_VALUE_0: 'https://github.com/',
  }).finished;
}

const read = (file: string): string => readFileSync(join(tree, file), 'utf8');
const edit = (file: string, from: string | RegExp, to: string): void =>
  writeFileSync(join(tree, file), read(file).replace(from, to));
const problems = (): string[] => findPinProblems(readPins(tree), readPinnedTexts(tree));

/** Leaves a tag like that of a major version: on the last commit, moved when there is a newer one. */
function release(repo: string, ...tagOptions: string[]): void {
  git(repo, 'commit', '-q', '--allow-empty', '-m', 'next');
  git(repo, 'tag', '-f', ...tagOptions, 'v5');
}

beforeAll(() => {
  for (const repo of ['actions/checkout', 'actions/setup-node']) {
    mkdirSync(join(github, repo), { recursive: true });
    git(repo, 'init', '-q');
  }
  release('actions/checkout', '-a', '-m', 'annotated');
  release('actions/setup-node');
});

beforeEach(() => {
  tree = mkdtempSync(join(folder, 'tree-'));
  shim = join(tree, 'docker-shim');
  for (const file of FILES) cpSync(join(repository, file), join(tree, file));
  // As it was committed first, whatever has been pinned since.
  edit('docker/pins.json', /"(sha256:)?[0-9a-f]{40,64}"/g, 'null');
  edit('docker/Dockerfile', /@sha256:\w+/g, '');
  edit(WORKFLOW, /@[0-9a-f]{40} # /g, '@');
});

describe('the pin file of this repository', () => {
  test('agrees with the Dockerfile, the workflows and the check step', () => {
    expect(findPinProblems(committed, readPinnedTexts(repository))).toEqual([]);
  });

  test('says that it is not filled as long as it is not', () => {
    const isEmpty = Object.values(committed.images).includes(null);
    expect(/not filled yet: run `npm run pin`/.test(committed.note)).toBe(isEmpty);
  });
});

describe('npm run pin', () => {
  test('writes digests and commits, which every user then has', async () => {
    answer(digests(1));
    expect(await pin()).toMatchObject({
      code: 0,
      stdout: `pin: changed ${FILES.join(', ')}; commit them\n`,
      stderr: '',
    });
    expect(readPins(tree)).toMatchObject({ images: digests(1), actions: commits() });
    expect(readPins(tree).note).not.toContain('not filled');
    expect(read('docker/Dockerfile')).toContain(`\nARG BASE=node:24-slim@${digest(1)}\n`);
    expect(read(WORKFLOW)).toContain(`- uses: actions/checkout@${commitOf('actions/checkout')} # v5\n`);
    expect(pinnedImage(CHECK_IMAGE, readPins(tree))).toBe(`${CHECK_IMAGE}@${digests(1)[CHECK_IMAGE]}`);
    expect(problems()).toEqual([]);
    expect(readDockerfile(tree)).toEqual(readDockerfile());
  });

  test('takes newer ones of the same tags when it runs again, and tells when there are none', async () => {
    answer(digests(1));
    await pin();
    answer(digests(100));
    release('actions/checkout', '-a', '-m', 'annotated');
    expect(await pin()).toMatchObject({ code: 0 });
    expect(readPins(tree)).toMatchObject({ images: digests(100), actions: commits() });
    expect(problems()).toEqual([]);
    expect(await pin()).toMatchObject({ code: 0, stdout: 'pin: everything is up to date\n' });
  });

  const { 'ubuntu:24.04': _missing, ...others } = digests(1);
  test.each([
    ['an image does not exist', () => answer(others), 'ubuntu:24.04 (ERROR: ubuntu:24.04: not found)'],
    [
      'a digest is none',
      () => answer({ ...others, 'ubuntu:24.04': 'sha256:0' }),
      'ubuntu:24.04 (the answer was "sha256:0")',
    ],
    [
      'a tag does not exist',
      () => {
        answer(digests(1));
        for (const file of [WORKFLOW, 'docker/pins.json']) edit(file, 'setup-node@v5', 'setup-node@v0');
      },
      'actions/setup-node@v0 (no such tag)',
    ],
  ])('names what it could not resolve and writes nothing when %s', async (_what, prepare, failure) => {
    prepare();
    const before = FILES.map(read);
    expect(await pin()).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `pin: could not resolve ${failure}\n`,
    });
    expect(FILES.map(read)).toEqual(before);
  });

  test('says in one line that there is no docker with buildx', async () => {
    shim = join(tree, 'nowhere');
    expect(await pin()).toMatchObject({
      code: 1,
      stderr: `pin: no docker with buildx (spawn ${shim} ENOENT); install it, or name it in CDK_DOCKER\n`,
    });
  });

  test('refuses an image of a single platform', async () => {
    answer(digests(1), 'application/vnd.oci.image.manifest.v1+json');
    const done = await pin();
    expect([done.code, done.stderr.split('\n')]).toEqual([1, [expect.any(String), '']]);
    expect(done.stderr).toContain('application/vnd.oci.image.manifest.v1+json is not an index of platforms');
  });

  test('writes nothing when a file takes what is not listed', async () => {
    answer(digests(1));
    edit('docker/Dockerfile', '=ubuntu:24.04', '=ubuntu:26.04');
    const before = FILES.map(read);
    expect(await pin()).toMatchObject({
      code: 1,
      stderr: 'pin: docker/Dockerfile takes ubuntu:26.04, which is not in docker/pins.json\n',
    });
    expect(FILES.map(read)).toEqual(before);
  });
});

describe.each([false, true])('the rule, pin file filled: %s', (isFilled) => {
  /** Fills the tree as the script does. */
  beforeEach(() => {
    if (!isFilled) return;
    const pins: Pins = { note: 'filled', images: digests(1), actions: commits() };
    writeFileSync(join(tree, 'docker/pins.json'), JSON.stringify(pins));
    const { dockerfile, workflows } = applyPins(pins, readPinnedTexts(tree));
    writeFileSync(join(tree, 'docker/Dockerfile'), dockerfile);
    writeFileSync(join(tree, WORKFLOW), workflows[WORKFLOW]!);
  });

  test('finds nothing to begin with', () => {
    expect(problems()).toEqual([]);
  });

  test.each([
    ['docker/Dockerfile', 'alpine:3', '\nFROM job AS load', '\nFROM alpine:3 AS load'],
    ['docker/Dockerfile', 'busybox:1', 'COPY build.ts', 'COPY --from=busybox:1 /bin/sh'],
    ['docker/Dockerfile', 'busybox:1', 'RUN node build.ts', 'RUN --mount=type=bind,from=busybox:1 true'],
    ['docker/Dockerfile', 'docker/dockerfile:1', /^/, '# syntax=docker/dockerfile:1\n'],
    [WORKFLOW, 'owner/other@v1', '- run: make setup', '- uses: owner/other@v1 # why'],
    [WORKFLOW, 'docker://alpine:3', '- run: make setup', '- uses: docker://alpine:3'],
    [WORKFLOW, 'alpine:3', 'runs-on: ubuntu-latest', 'container: alpine:3'],
  ])('refuses what %s takes and the pin file has not: %s', (file, name, from, to) => {
    edit(file, from, to);
    expect(problems()).toContain(`${file} takes ${name}, which is not in docker/pins.json`);
  });

  test('refuses what is listed and not taken', () => {
    edit(WORKFLOW, /- uses: actions\/setup-node.*/, '- name: node');
    expect(problems()).toEqual(['docker/pins.json has actions/setup-node@v5, which nothing takes']);
  });

  test('refuses a file without the image of the check step', () => {
    edit('docker/pins.json', CHECK_IMAGE, 'docker.io/library/node:24-bookworm');
    expect(problems()).toEqual([
      `the check step takes ${CHECK_IMAGE}, which is not in docker/pins.json`,
      'docker/pins.json has docker.io/library/node:24-bookworm, which nothing takes',
    ]);
  });

  test('refuses a file that is filled in part', () => {
    if (isFilled) edit('docker/pins.json', /"sha256:\w+"/, 'null');
    else edit('docker/pins.json', 'null', `"${digest(1)}"`);
    expect(problems()).toContainEqual(
      expect.stringMatching(/^docker\/pins.json has nothing for .*; run npm run pin$/),
    );
  });

  test('refuses another digest or commit, and tags where there should be one', () => {
    const name = 'node:24-slim';
    const wanted = isFilled ? digest(1) : 'its tag';
    edit('docker/Dockerfile', /(ARG BASE=node:24-slim)\S*/, `$1@${digest(9)}`);
    expect(problems()).toEqual([`docker/Dockerfile takes ${name} at ${digest(9)}, not at ${wanted}`]);
    if (!isFilled) return;
    edit('docker/Dockerfile', /(ARG BASE=node:24-slim)\S*/, '$1');
    edit(WORKFLOW, /checkout@\w+ # v5/, 'checkout@v5');
    expect(problems()).toEqual([
      `docker/Dockerfile takes ${name} at its floating tag, not at ${digest(1)}`,
      `${WORKFLOW} takes actions/checkout@v5 at its floating tag, not at ${commitOf('actions/checkout')}`,
    ]);
  });
});

describe('pinnedImage', () => {
  test('gives the tag as it stands as long as there is no digest', () => {
    expect(pinnedImage(CHECK_IMAGE, readPins(tree))).toBe(CHECK_IMAGE);
  });

  test('refuses an image that is not listed', () => {
    expect(() => pinnedImage('node:26')).toThrow(
      'image "node:26" is not in docker/pins.json; add it with null and run npm run pin',
    );
  });
});

test.each([
  ['null', '"sha256:1"', 'docker/pins.json, images node:24-slim: not sha256: and 64 hex digits'],
  ['node:24-slim', '--help:1', 'docker/pins.json, images --help:1: not NAME:TAG of an image'],
  [
    'checkout@v5',
    'checkout',
    'docker/pins.json, actions actions/checkout: not OWNER/REPOSITORY@TAG of an action',
  ],
])('the pin file may not have %s replaced by %s', (from, to, message) => {
  edit('docker/pins.json', from, to);
  expect(() => readPins(tree)).toThrow(message);
});

describeWith('Python', 'hadolint', () => {
  test('finds nothing in a pinned Dockerfile', () => {
    const pins = { ...committed, images: digests(1) };
    writeFileSync(join(tree, 'docker/Dockerfile'), applyPins(pins, readPinnedTexts(tree)).dockerfile);
    const file = join(tree, 'docker/Dockerfile');
    expect(execFileSync(venvProgram('hadolint'), [file], { encoding: 'utf8' })).toBe('');
  });
});
