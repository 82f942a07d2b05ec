import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { repository, sampleFolder } from './folders.ts';

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Log lines of stderr. */
  readonly log: readonly Record<string, unknown>[];
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** Who a command runs as; the user of the tests when empty. */
export type User = { readonly uid: number; readonly gid: number } | Record<string, never>;

/** Starts `signals ARGS` from its sources, without npm in between so that signals reach it. */
export function start(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
  user: User = {},
): Running {
  return startScript(join(repository, 'jobs/cli.ts'), args, cwd, env, 'ignore', user);
}

/** Starts another script with the Node that runs the tests. */
export function startScript(
  script: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
  stdin: 'ignore' | 'pipe' = 'ignore',
  user: User = {},
): Running {
  const { SIGNALS_LAKE: _lake, ...inherited } = process.env;
  const child = spawn(process.execPath, [script, ...args], {
    cwd,
    env: { ...inherited, LOG_FORMAT: 'json', LOG_LEVEL: 'info', ...env },
    stdio: [stdin, 'pipe', 'pipe'],
    ...user,
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout!.on('data', (data: Buffer) => out.push(data));
  child.stderr!.on('data', (data: Buffer) => err.push(data));
  const finished = new Promise<Finished>((resolve) => {
    child.once('close', (code, signal) => {
      const stderr = Buffer.concat(err).toString();
      const log = stderr
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr, log });
    });
  });
  return { child, finished };
}

/** Runs `signals ARGS` to its end. */
export function signals(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return start(args, cwd, env).finished;
}

/** Loads the sample prices of trading dates from `start` up to before `end` into a lake. */
export async function loadSample(
  lake: string,
  window: { readonly start: string; readonly end: string },
  cwd: string,
  env: Readonly<Record<string, string>> = {},
  ...more: readonly string[]
): Promise<void> {
  const from = ['load', '--source', 'csv', '--path', sampleFolder, '--start', window.start];
  const { code, stderr } = await signals([...from, '--end', window.end, '--lake', lake, ...more], cwd, env);
  if (code !== 0) throw new Error(`the sample was not loaded: ${stderr}`);
}

/** The one error line of a failed command. */
export function errorLine({ log }: Finished): string {
  const errors = log.filter((line) => line['level'] === 'error');
  return errors.length === 1 ? String(errors[0]!['msg']) : JSON.stringify(errors);
}
