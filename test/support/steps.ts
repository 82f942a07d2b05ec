import { chmodSync, existsSync, mkdtempSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { start, type Finished, type Running, type User } from './command.ts';
import type { FaultProxy } from './fault-proxy.ts';
import { repository } from './folders.ts';

/** Whether the process dies before a change takes effect, or after it and before it learns so. */
export type When = 'before' | 'after';

interface Sleeper {
  /** Whether it got as far as the change. */
  readonly isAsleep: boolean;
  /** Wakes it up and resolves when it has ended. */
  wake(): Promise<Finished>;
}

/** Runs commands on lakes of one kind and can end them at any change they make to a lake. */
export interface StepRunner {
  run(args: readonly string[], lake: string, env?: Readonly<Record<string, string>>): Promise<Finished>;
  /** Runs a command to its end and counts the changes that it makes to the lake. */
  count(
    args: readonly string[],
    lake: string,
  ): Promise<{ readonly finished: Finished; readonly steps: number }>;
  /** Kills the command at a change, counted from 1. A command that makes fewer runs to its end. */
  kill(args: readonly string[], lake: string, step: number, when: When): Promise<Finished>;
  /** Stops the command at a change, so that it sleeps there; resolves once it does, or once it has ended before. */
  sleep(args: readonly string[], lake: string, step: number, when: When): Promise<Sleeper>;
  /** Runs a command that may read the lake and may not write it. */
  runReadOnly(
    args: readonly string[],
    lake: string,
    env?: Readonly<Record<string, string>>,
  ): Promise<Finished>;
}

/** Environment of a command whose clock is ahead, so that a dead process looks dead at once. */
export function clockAhead(minutes: number): Record<string, string> {
  return { ...preload, CLOCK_AHEAD_MS: String(minutes * 60_000) };
}

const preload = {
  NODE_OPTIONS: `--disable-warning=ExperimentalWarning --import ${pathToFileURL(join(repository, 'test/support/die-at-step.ts')).href}`,
};
const withLake = (args: readonly string[], lake: string): string[] => [...args, '--lake', lake];

/** Lakes in folders: a change is a call that changes a file below the lake. */
export function folderSteps(folder: string, env: Readonly<Record<string, string>>): StepRunner {
  const below = (lake: string): Record<string, string> => ({
    ...env,
    ...preload,
    STEP_BELOW: lake.slice('file:'.length),
  });
  return {
    run: (args, lake, more) => start(withLake(args, lake), folder, { ...env, ...more }).finished,
    async count(args, lake) {
      const file = join(mkdtempSync(join(folder, 'steps-')), 'count');
      const finished = await start(withLake(args, lake), folder, { ...below(lake), STEP_COUNT: file })
        .finished;
      return { finished, steps: existsSync(file) ? statSync(file).size : 0 };
    },
    kill: (args, lake, step, when) =>
      start(withLake(args, lake), folder, { ...below(lake), STEP_AT: String(step), STEP_WHEN: when })
        .finished,
    sleep(args, lake, step, when) {
      const at = { STEP_AT: String(step), STEP_WHEN: when, STEP_SIGNAL: 'SIGSTOP' };
      const running = start(withLake(args, lake), folder, { ...below(lake), ...at });
      const asleep = new Promise<void>((resolve) => {
        running.child.stderr!.on('data', (data: Buffer) => {
          if (/^asleep$/m.test(data.toString())) resolve();
        });
      });
      return sleeperOf(running, asleep);
    },
    runReadOnly: (args, lake, more) => asStranger(args, lake, folder, { ...env, ...more }),
  };
}

async function sleeperOf({ child, finished }: Running, asleep: Promise<void>): Promise<Sleeper> {
  const isAsleep = await Promise.race([asleep.then(() => true), finished.then(() => false)]);
  return {
    isAsleep,
    wake() {
      child.kill('SIGCONT');
      return finished;
    },
  };
}

/** Nobody, on every Unix. */
const STRANGER: User = { uid: 65_534, gid: 65_534 };

/** As another user where the tests are root's, whom no mode stops, and else with the modes of the lake changed. */
async function asStranger(
  args: readonly string[],
  lake: string,
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<Finished> {
  const own = mkdtempSync(join(folder, 'stranger-'));
  chmodSync(own, 0o777);
  const all = { ...env, TMPDIR: own, HOME: own };
  if (process.getuid?.() === 0) {
    // The root of all lakes is made for its owner alone.
    chmodSync(folder, 0o755);
    for (const entry of readdirSync(folder))
      if (entry.startsWith('home-')) chmodSync(join(folder, entry), 0o755);
    return start(withLake(args, lake), own, all, STRANGER).finished;
  }
  const root = lake.slice('file:'.length);
  const folders = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  const setModes = (mode: number): void => [root, ...folders].forEach((path) => chmodSync(path, mode));
  setModes(0o555);
  try {
    return await start(withLake(args, lake), own, all).finished;
  } finally {
    setModes(0o755);
  }
}

/** Lakes in S3 behind a proxy: a change is a request that is no read. */
export function s3Steps(
  proxy: FaultProxy,
  folder: string,
  env: Readonly<Record<string, string>>,
): StepRunner {
  const throughProxy = { ...env, AWS_ENDPOINT_URL: proxy.url };
  const isChange = (method: string): boolean => method !== 'GET' && method !== 'HEAD';
  const run: StepRunner['run'] = (args, lake, more) =>
    start(withLake(args, lake), folder, { ...throughProxy, ...more }).finished;
  return {
    run,
    async count(args, lake) {
      let steps = 0;
      proxy.decide = (method) => {
        if (isChange(method)) steps += 1;
        return 'pass';
      };
      const finished = await run(args, lake);
      proxy.decide = () => 'pass';
      return { finished, steps };
    },
    async kill(args, lake, step, when) {
      let steps = 0;
      const running = start(withLake(args, lake), folder, throughProxy);
      proxy.decide = (method) => {
        if (!isChange(method)) return 'pass';
        steps += 1;
        if (steps !== step) return steps > step ? DENIED : 'pass';
        running.child.kill('SIGKILL');
        return when === 'before' ? DENIED : 'lose-answer';
      };
      const finished = await running.finished;
      proxy.decide = () => 'pass';
      return finished;
    },
    sleep(args, lake, step) {
      let steps = 0;
      const running = start(withLake(args, lake), folder, throughProxy);
      const { promise: asleep, resolve } = Promise.withResolvers<void>();
      // The request is on its way: whether it takes effect before or after the sleep is the same.
      proxy.decide = (method) => {
        if (isChange(method)) steps += 1;
        if (isChange(method) && steps === step) {
          running.child.kill('SIGSTOP');
          proxy.decide = () => 'pass';
          resolve();
        }
        return 'pass';
      };
      return sleeperOf(running, asleep);
    },
    async runReadOnly(args, lake, more) {
      proxy.decide = (method) => (isChange(method) ? DENIED : 'pass');
      const finished = await run(args, lake, more);
      proxy.decide = () => 'pass';
      return finished;
    },
  };
}

const DENIED = {
  status: 403,
  body: '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>',
};
