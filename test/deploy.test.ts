import { execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { describeWith } from './support/describe-with.ts';
import { repository, temporaryFolder } from './support/folders.ts';
import { GIT_IDENTITY } from './support/git.ts';
import { venvProgram } from './support/venv.ts';

/*
 * deploy.sh in a tree of its own: git is the real one with a bare repository as origin, and says what it was asked;
 * cdk, docker and the npm scripts are stubs that do.
 */

const folder = temporaryFolder();
let tree: string;
let origin: string;
let bin: string;
let calls: string;

const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: tree, env: { ...process.env, ...GIT_IDENTITY }, encoding: 'utf8' }).trim();

function script(path: string, body: string): void {
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}

beforeEach(() => {
  const root = mkdtempSync(join(folder, 'deploy-'));
  tree = join(root, 'tree');
  origin = join(root, 'origin.git');
  bin = join(root, 'bin');
  calls = join(root, 'calls');
  for (const path of [join(tree, 'node_modules/.bin'), bin]) mkdirSync(path, { recursive: true });
  copyFileSync(join(repository, 'deploy.sh'), join(tree, 'deploy.sh'));
  const log = (name: string): string => `echo "${name} $*" >> '${calls}'`;
  const realGit = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
  script(join(bin, 'git'), `case $1 in commit|push) ${log('git')};; esac\nexec '${realGit}' "$@"`);
  script(join(bin, 'docker'), `${log('docker')}\ntest -z "$NO_DOCKER" || test "$1" != "$NO_DOCKER"`);
  script(
    join(tree, 'node_modules/.bin/cdk'),
    `echo "cdk $* profile=$AWS_PROFILE" >> '${calls}'
     case $1 in deploy) mkdir -p cdk.out; printf '{\\n  "signals-lake": {\\n    "DataBucket": "lake-1"\\n  }\\n}\\n' > "$(echo "$*" | sed 's/.*--outputs-file //')";; esac
     case $* in *"$UNREACHED"*) test -z "$UNREACHED" || exit 1;; esac
     test "$1" != "$FAIL_CDK"`,
  );
  const npmScript = (name: string): string => `${log(name)}; test "$FAIL_SCRIPT" != ${name}`;
  script(
    join(tree, 'preflight.sh'),
    `${npmScript('preflight')} || { echo "deploy.sh: no usable AWS credentials" >&2; exit 2; }
     printf 'account=111111111111\\nregion=eu-west-1\\nprofile=team\\nbranch=main\\nprotect=%s\\n' "$PROTECT"`,
  );
  for (const name of ['check', 'cost', 'protect', 'smoke', 'test-alert'])
    script(join(tree, `${name}.sh`), npmScript(name));
  const scripts = Object.fromEntries(
    ['check', 'cost', 'preflight', 'protect', 'smoke', 'test-alert'].map((name) => [name, `./${name}.sh`]),
  );
  writeFileSync(join(tree, 'package.json'), JSON.stringify({ name: 'x', scripts }));
  writeFileSync(
    join(tree, 'Makefile'),
    `check:\n\t@echo make check >> '${calls}'; test "$$FAIL_MAKE" != 1\n`,
  );
  writeFileSync(join(tree, '.gitignore'), 'node_modules\ncdk.out\n');
  execFileSync('git', ['init', '-q', '--bare', origin]);
  execFileSync('git', ['init', '-q', '-b', 'main', tree]);
  git('remote', 'add', 'origin', origin);
  git('add', '--all');
  git('commit', '-qm', 'first');
});

interface Deployed {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What was called, in order, without npm's own words. */
  readonly called: string[];
}

function deploy(
  args: readonly string[],
  env: Record<string, string> = {},
  path = `${bin}:${process.env['PATH']}`,
): Promise<Deployed> {
  const child = spawn(join(tree, 'deploy.sh'), args, {
    cwd: folder,
    env: {
      ...process.env,
      ...GIT_IDENTITY,
      AWS_PROFILE: '',
      PATH: path,
      npm_config_loglevel: 'silent',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  return new Promise((resolve) => {
    child.once('close', (code) => {
      const called = existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [];
      resolve({ code, stdout, stderr, called });
    });
  });
}

const remoteHead = (): string =>
  execFileSync('git', ['--git-dir', origin, 'log', '--format=%s', 'main'], { encoding: 'utf8' }).trim();

describe('./deploy.sh dev', () => {
  test('looks, checks, shows the difference and the costs, deploys, and says what to do next', async () => {
    const done = await deploy(['dev', '--yes']);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.called).toEqual([
      'docker info',
      'docker buildx version',
      'preflight dev',
      'check ',
      'cdk synth --quiet profile=team',
      'cdk diff --app cdk.out --method=template dev/* profile=team',
      'cost --stage dev',
      'cdk deploy --app cdk.out dev/* --require-approval never --outputs-file cdk.out/outputs-dev.json profile=team',
      'protect dev',
    ]);
    expect(done.stdout).toContain('dev is account 111111111111, region eu-west-1, profile team');
    expect(done.stdout).toContain('DataBucket lake-1\n');
    expect(done.stdout).toContain('Confirm the email subscription');
  });

  test('lets the CDK ask about wider permissions unless told not to', async () => {
    expect((await deploy(['dev'])).called.at(-2)).toContain('--require-approval broadening');
  });

  test.each([
    ['preflight', { FAIL_SCRIPT: 'preflight' }, 2, 'preflight dev'],
    ['the checks', { FAIL_SCRIPT: 'check' }, 1, 'check'],
    ['the synthesis', { FAIL_CDK: 'synth' }, 1, 'cdk synth --quiet profile=team'],
    [
      'the difference',
      { FAIL_CDK: 'diff' },
      1,
      'cdk diff --app cdk.out --method=template dev/* profile=team',
    ],
  ])('stops where %s fails', async (_what, env, code, last) => {
    const done = await deploy(['dev', '--yes'], env);
    expect([done.code, done.called.at(-1)]).toEqual([code, last]);
  });

  test('declares the stacks that exist protected, so that the CDK does not switch it off', async () => {
    const { called } = await deploy(['dev', '--yes'], { PROTECT: 'lake,cache' });
    expect(called).toContain('cdk synth --quiet --context protect=lake,cache profile=team');
  });

  test('a failed deployment protects what is there all the same, and fails', async () => {
    const done = await deploy(['dev', '--yes'], { FAIL_CDK: 'deploy' });
    expect(done).toMatchObject({
      code: 1,
      stderr: 'deploy.sh: not everything is deployed; see "When a deployment fails" in doc/operations.md\n',
    });
    expect(done.called.at(-1)).toBe('protect dev');
    expect(done.stdout).not.toContain('Confirm');
  });

  test('says that the protection failed', async () => {
    expect(await deploy(['dev', '--yes'], { FAIL_SCRIPT: 'protect' })).toMatchObject({
      code: 1,
      stderr: 'deploy.sh: deployed, but not protected; try again: npm run -s protect -- dev\n',
    });
  });

  test.each([
    ['info', 'deploy.sh: docker does not answer; start it, it builds the images\n'],
    ['buildx', 'deploy.sh: docker has no buildx; install it, it builds images for ARM64\n'],
  ])('says in one line that docker is not ready (%s), before anything else', async (what, stderr) => {
    const done = await deploy(['dev', '--yes'], { NO_DOCKER: what });
    expect(done).toMatchObject({ code: 2, stderr, stdout: '' });
    expect(done.called.filter((call) => !call.startsWith('docker'))).toEqual([]);
  });

  test.each(['git', 'npm', 'npx', 'docker'])('says in one line that %s is not installed', async (missing) => {
    const only = join(tree, '..', 'only');
    mkdirSync(only);
    for (const tool of ['bash', 'env', 'dirname', 'cat']) {
      symlinkSync(
        execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim(),
        join(only, tool),
      );
    }
    for (const tool of ['git', 'npm', 'npx', 'docker'].filter((name) => name !== missing)) {
      script(join(only, tool), 'exit 0');
    }
    const done = await deploy(['dev', '--yes'], {}, only);
    expect(done.code).toBe(2);
    expect(done.stderr).toMatch(new RegExp(`^deploy.sh: ${missing} is not installed; it is needed .*\\n$`));
  });
});

/** A release changes the pipeline, then what it deploys, none of it from the environment of the person. */
const shown = [
  'cdk synth --quiet --context release=true profile=team',
  'cdk diff --app cdk.out --method=template Pipeline profile=team',
  'cdk diff --app cdk.out --method=template dev/* profile=team',
  'cdk diff --app cdk.out --method=template prod/* profile=team',
  'cost --stage prod --release',
];

describe('./deploy.sh prod', () => {
  test('releases HEAD through the pipeline', async () => {
    const done = await deploy(['prod', '--yes']);
    expect(done).toMatchObject({ code: 0, stderr: expect.not.stringContaining('deploy.sh') });
    expect(done.called).toEqual(['preflight pipeline', 'check ', ...shown, 'git push origin HEAD:main']);
    expect(remoteHead()).toBe('first');
  });

  test.each([
    ['a changed file', 'package.json'],
    ['a new file', 'new.txt'],
  ])('refuses a tree with %s', async (_what, file) => {
    appendFileSync(join(tree, file), '\n');
    for (const args of [
      ['prod', '--yes'],
      ['prod', '--direct', '--yes'],
    ]) {
      const done = await deploy(args);
      expect(done).toMatchObject({
        code: 2,
        stderr: 'deploy.sh: there are uncommitted changes; commit them, or say ./deploy.sh "message"\n',
        called: [],
      });
    }
  });

  test('says which part could not be compared, and goes on', async () => {
    const done = await deploy(['prod', '--yes'], { UNREACHED: 'dev/*' });
    expect(done).toMatchObject({ code: 0, called: expect.arrayContaining(shown) });
    expect(done.stderr).toContain('deploy.sh: note: dev/* could not be compared with what is deployed\n');
    expect(done.stderr.match(/could not be compared/g)).toHaveLength(1);
  });

  test('refuses another branch than the one that the pipeline releases', async () => {
    git('checkout', '-q', '-b', 'other');
    const done = await deploy(['prod', '--yes']);
    expect(done).toMatchObject({
      code: 2,
      stderr: 'deploy.sh: this is branch other, and the pipeline releases main\n',
      called: ['preflight pipeline'],
    });
  });

  test('does nothing when nobody agrees', async () => {
    const done = await deploy(['prod']);
    expect(done.code).toBe(2);
    expect(done.stderr).toContain('nobody is there to answer "Release');
    expect(done.called).not.toContainEqual(expect.stringContaining('push'));
  });

  test('--direct deploys into the account, without the pipeline', async () => {
    const done = await deploy(['prod', '--direct', '--yes']);
    expect(done.code).toBe(0);
    expect(done.called).toContain('preflight prod');
    expect(done.called.at(-2)).toContain('cdk deploy --app cdk.out prod/*');
    expect(done.called.at(-1)).toBe('protect prod');
    expect(done.called).not.toContainEqual(expect.stringContaining('push'));
  });
});

describe('./deploy.sh "message"', () => {
  beforeEach(() => {
    writeFileSync(join(tree, 'new.txt'), 'new\n');
    appendFileSync(join(tree, 'Makefile'), '# changed\n');
  });

  test('commits what it has shown after the checks, and pushes', async () => {
    const done = await deploy(['feat: a new thing', '--yes']);
    expect(done).toMatchObject({ code: 0 });
    expect(done.called).toEqual([
      'preflight pipeline',
      'make check',
      ...shown,
      'git commit --quiet -m feat: a new thing',
      'git push origin HEAD:main',
    ]);
    expect(done.stdout).toMatch(/To be committed as "feat: a new thing":\n M Makefile\n\?\? new.txt\n/);
    expect(remoteHead()).toBe('feat: a new thing\nfirst');
    expect(git('status', '--porcelain')).toBe('');
  });

  test.each([
    ['the checks fail', { FAIL_MAKE: '1' }],
    ['preflight fails', { FAIL_SCRIPT: 'preflight' }],
  ])('commits nothing when %s', async (_what, env) => {
    const done = await deploy(['a message', '--yes'], env);
    expect(done.code).not.toBe(0);
    expect(git('log', '--format=%s')).toBe('first');
    expect(git('diff', '--cached', '--name-only')).toBe('');
  });

  test('commits nothing when nobody agrees', async () => {
    expect((await deploy(['a message'])).code).toBe(2);
    expect(git('log', '--format=%s')).toBe('first');
  });

  test('commits nothing when a file has changed since it was checked', async () => {
    writeFileSync(join(tree, 'Makefile'), 'check:\n\techo other >> new.txt\n');
    const done = await deploy(['a message', '--yes']);
    expect(done).toMatchObject({
      code: 1,
      stderr: 'deploy.sh: files have changed since they were checked; nothing was committed\n',
    });
    expect(git('log', '--format=%s')).toBe('first');
  });

  test('takes a single word with a capital as a message', async () => {
    expect((await deploy(['Fix', '--yes'])).code).toBe(0);
    expect(remoteHead()).toBe('Fix\nfirst');
  });

  test('needs something to commit', async () => {
    git('add', '--all');
    git('commit', '-qm', 'second');
    expect(await deploy(['a message', '--yes'])).toMatchObject({
      code: 2,
      stderr: 'deploy.sh: there is nothing to commit; ./deploy.sh prod releases HEAD\n',
      called: [],
    });
  });
});

describe('./deploy.sh --smoke', () => {
  test('tries what is deployed, once it has looked where', async () => {
    const done = await deploy(['--smoke', 'dev']);
    expect([done.code, done.called]).toEqual([0, ['preflight dev', 'smoke dev']]);
  });

  test('takes dev alone', async () => {
    expect(await deploy(['--smoke', 'prod'])).toMatchObject({
      code: 2,
      stderr: 'deploy.sh: --smoke takes dev, not "prod": prod has no lake to try things in\n',
      called: [],
    });
  });
});

describe('./deploy.sh --test-alert', () => {
  test('looks first, then sends one', async () => {
    const done = await deploy(['--test-alert', 'dev']);
    expect([done.code, done.called]).toEqual([0, ['preflight dev', 'test-alert dev']]);
  });

  test('takes dev or prod', async () => {
    expect((await deploy(['--test-alert', 'Everywhere'])).code).toBe(2);
  });
});

describe('usage', () => {
  test('--help tells everything and changes nothing', async () => {
    const done = await deploy(['--help']);
    expect(done).toMatchObject({ code: 0, stderr: '', called: [] });
    for (const word of ['dev', 'prod', '--direct', '--test-alert', '--smoke', '--yes', '"commit message"']) {
      expect(done.stdout).toContain(word);
    }
  });

  test.each([
    [['staging'], '"staging" is neither dev nor prod'],
    [['push'], '"push" is neither dev nor prod'],
    [['--force'], '--force is not an option'],
    [['dev', 'prod'], '"prod" comes after "dev"; put a message into quotes'],
    [['dev', '--direct'], '--direct goes with prod'],
    [[], 'usage: ./deploy.sh dev'],
    [[''], 'usage: ./deploy.sh dev'],
  ])('%j is a usage error', async (args, message) => {
    const done = await deploy(args);
    expect([done.code, done.called]).toEqual([2, []]);
    expect(done.stderr).toContain(message);
  });
});

describeWith('Python', 'shellcheck', () => {
  test.each(['deploy.sh', 'load.sh', 'transform.sh', '.ci/run', 'test/setup.sh'])(
    'finds nothing in %s',
    (file) => {
      const shellcheck = venvProgram('shellcheck');
      expect(execFileSync(shellcheck, [join(repository, file)], { encoding: 'utf8' })).toBe('');
    },
  );
});
