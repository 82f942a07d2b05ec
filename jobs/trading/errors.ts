import { SignalsError, type ExitCode } from '../runtime/errors.ts';

/** Base of what the trading state refuses or cannot do. `code` starts with `trading.`. */
export class TradingStateError extends SignalsError {
  constructor(code: string, message: string, options: { cause?: unknown; exitCode?: ExitCode } = {}) {
    super(`trading.${code}`, message, options);
  }
}

/** An event that the order's present status does not allow. */
export class InvalidTransitionError extends TradingStateError {
  constructor(message: string) {
    super('transition', message);
  }
}

/** A fill whose trade has been applied before. */
export class DuplicateFillError extends TradingStateError {
  constructor(message: string) {
    super('duplicate-fill', message);
  }
}

/** An update or an index of something that was never added, or has been deleted. */
export class NotFoundError extends TradingStateError {
  constructor(message: string) {
    super('not-found', message);
  }
}

/** The stored log is not the one that the update continues: another writer, or an update that was lost. */
export class ConflictError extends TradingStateError {
  constructor(message: string) {
    super('conflict', message);
  }
}

/** What is stored cannot be read back as what it should be. */
export class CorruptStateError extends TradingStateError {
  constructor(message: string, cause?: unknown) {
    super('corrupt', message, { cause });
  }
}

/** A key holds another type of value than its place in the schema asks for. */
export class WrongTypeError extends TradingStateError {
  constructor(message: string) {
    super('wrong-type', message);
  }
}

/** The backend cannot be reached now; what was sent may or may not have been carried out. */
export class UnavailableError extends TradingStateError {
  constructor(message: string, cause?: unknown) {
    super('unavailable', message, { cause });
  }
}

/** The backend answered that it cannot do it: disk full, read-only, out of memory. */
export class BackendError extends TradingStateError {
  constructor(message: string, cause?: unknown) {
    super('backend', message, { cause });
  }
}

/** More writes wait for the backend than the configuration allows. Nothing of the refused write was kept. */
export class QueueFullError extends TradingStateError {
  constructor(limit: number) {
    super('queue-full', `${limit} writes wait for the backend already; await ready() before the next one`);
  }
}

/** A setting that cannot work, or a server that is not fit. */
export class ConfigError extends TradingStateError {
  constructor(message: string, cause?: unknown) {
    super('config', message, { cause, exitCode: 2 });
  }
}
