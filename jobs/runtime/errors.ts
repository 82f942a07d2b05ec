/** Exit codes of every command: 0 done, 1 failed, 2 bad usage or configuration, 3 below the required coverage. */
export type ExitCode = 0 | 1 | 2 | 3;

/**
 * Base of every error that this project throws on purpose. The message is one line that says what failed,
 * the value, and what to do; `code` is stable and meant for filters and alerts.
 */
export class SignalsError extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;

  constructor(code: string, message: string, options: { cause?: unknown; exitCode?: ExitCode } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The caller asked for something that cannot be done as asked: a wrong option, date, file or setting. */
export class UsageError extends SignalsError {
  constructor(message: string, cause?: unknown) {
    super('usage', message, { cause, exitCode: 2 });
  }
}

/** Market data is not there or not usable. */
export class MarketError extends SignalsError {
  constructor(message: string, cause?: unknown) {
    super('market', message, { cause });
  }
}

/** A server sends more than any right answer has. */
export class AnswerTooLongError extends SignalsError {
  constructor(maxBytes: number) {
    super('too-long', `more than ${maxBytes} bytes`);
  }
}

/** The lake cannot be read or written, or holds something that is not what its layout says. */
export class LakeError extends SignalsError {
  constructor(message: string, cause?: unknown, code = 'lake') {
    super(code, message, { cause });
  }
}

/** The lake is being changed, or a killed run has left a change half done: it cannot be read now, and can later. */
export class LakeBusyError extends LakeError {
  constructor(message: string) {
    super(message, undefined, 'lake-busy');
  }
}

/** A query could not be run. */
export class QueryError extends SignalsError {
  constructor(message: string, cause?: unknown) {
    super('query', message, { cause });
  }
}

/** A run ended with fewer usable tickers than the required share. */
export class CoverageError extends SignalsError {
  constructor(message: string) {
    super('coverage', message, { exitCode: 3 });
  }
}

/** A run was asked to stop (SIGTERM, SIGINT) and did so after the work in hand. */
export class StoppedError extends SignalsError {
  constructor(message: string) {
    super('stopped', message);
  }
}

/** The first line of whatever was thrown: messages of libraries can carry pages of context. */
export function firstLine(thrown: unknown): string {
  const message = thrown instanceof Error || isErrorLike(thrown) ? thrown.message : String(thrown);
  return message.split('\n', 1)[0]!.trim();
}

// An error of a Node built-in that crossed a realm (a vm context) is no `instanceof Error`.
function isErrorLike(thrown: unknown): thrown is { message: string } {
  return (
    typeof thrown === 'object' && thrown !== null && 'message' in thrown && typeof thrown.message === 'string'
  );
}
