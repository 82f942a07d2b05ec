import { Command, CommanderError } from 'commander';
import { readEnvironment, type Environment } from './environment.ts';
import { firstLine, SignalsError, StoppedError, UsageError } from './errors.ts';
import type { Limits } from './limits.ts';
import { createLogger, type Logger } from './log.ts';
import { stopOnSignals } from './stopping.ts';

/** What the process around a command gives to it; everything else is built by the command itself. */
export interface Job {
  readonly environment: Environment;
  /** Aborted by SIGTERM or SIGINT: finish the work in hand, then throw StoppedError. */
  readonly signal: AbortSignal;
  /** What bounds every wait for a server or a lock. */
  readonly limits: Limits;
  /** True when a person watches stderr. */
  readonly isTerminal: boolean;
  now(): Date;
  /** Writes results to stdout. */
  print(text: string): void;
  /** The log of one run; lines carry `bindings`, and `file` gets a copy. */
  openLog(bindings: { job: string; runId: string }, file?: string): Logger;
}

const UNFINISHED = 'before the work in hand was done; the same command starts it again';

/**
 * Runs one command line to its end: reads the environment, turns signals into an AbortSignal, reports what was
 * thrown as one line on stderr, and sets the exit code. `define` adds options and the action to a command.
 */
export async function runJob(
  name: string,
  define: (command: Command, job: Job) => void | Promise<void>,
  argv: readonly string[],
): Promise<void> {
  const isTerminal = process.stderr.isTTY === true;
  let log = createLogger({ level: 'info', format: isTerminal ? 'pretty' : 'json' });
  const { signal, cutOff } = stopOnSignals((signalName) => {
    process.exitCode = report(new StoppedError(`stopped by ${signalName} ${UNFINISHED}`), log);
  });
  const command = new Command(name).exitOverride().configureOutput({ writeErr: () => {} });
  try {
    const environment = readEnvironment(process.env);
    const logOptions = {
      level: environment.logLevel,
      format: environment.logFormat ?? (isTerminal ? ('pretty' as const) : ('json' as const)),
    };
    log = createLogger(logOptions);
    const job: Job = {
      environment,
      signal,
      limits: { silenceMs: environment.requestTimeoutMs, cutOff },
      isTerminal,
      now: () => new Date(),
      print: printToStdout,
      openLog(bindings, file) {
        log = createLogger(file === undefined ? logOptions : { ...logOptions, file }).child(bindings);
        return log;
      },
    };
    command.showHelpAfterError(false).helpOption('-h, --help', 'show this help');
    await define(command, job);
    await command.parseAsync(argv, { from: 'user' });
  } catch (thrown) {
    process.exitCode = report(
      thrown instanceof CommanderError && thrown.exitCode !== 0
        ? explain(thrown, command, argv)
        : explainStop(thrown, signal, cutOff),
      log,
    );
  }
}

/** What fails because the process was told to stop is no failure of its own. */
function explainStop(thrown: unknown, signal: AbortSignal, cutOff: AbortSignal): unknown {
  const isForeseen = thrown instanceof SignalsError;
  if (!signal.aborted || thrown instanceof StoppedError || (isForeseen && !cutOff.aborted)) return thrown;
  const why = thrown === signal.reason ? '' : `: ${firstLine(thrown)}`;
  return new StoppedError(`stopped by ${String(signal.reason)} ${UNFINISHED}${why}`);
}

function report(thrown: unknown, log: Logger): number {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
  if (thrown instanceof SignalsError) {
    log.error({ event: 'job.failed', code: thrown.code }, thrown.message);
    return thrown.exitCode;
  }
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  log.error({ event: 'job.failed', code: 'unexpected', stack }, `unexpected failure: ${firstLine(thrown)}`);
  return 1;
}

/** What is wrong with a command line, and which help says what is right. */
function explain(error: CommanderError, program: Command, argv: readonly string[]): UsageError {
  let [command, name] = [program, program.name()];
  for (const word of argv) {
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) break;
    [command, name] = [next, `${name} ${word}`];
  }
  const commands = command.commands.map((one) => one.name()).join(', ');
  const what =
    error.code === 'commander.help'
      ? `${name} needs a command: ${commands}`
      : error.message
          .replace(/^error: /, '')
          .replace('\n', ' ')
          .replace(/\.$/, '');
  return new UsageError(`${what}; see "${name} --help"`, error);
}

function printToStdout(text: string): void {
  process.stdout.write(`${text}\n`);
}

// A reader that has seen enough (`| head`) closes the pipe: that ends the output, it is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
