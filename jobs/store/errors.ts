import { SignalsError, type ExitCode } from '../runtime/errors.ts';

/** Base of what the caches refuse or cannot do. `code` starts with `store.`. */
export class StoreError extends SignalsError {
  constructor(code: string, message: string, options: { cause?: unknown; exitCode?: ExitCode } = {}) {
    super(`store.${code}`, message, options);
  }
}

/** A name or a key that cannot be one. */
export class KeyFormatError extends StoreError {
  constructor(message: string) {
    super('key-format', message, { exitCode: 2 });
  }
}

/** A value has a part that is no plain data; nothing was written. */
export class NotSerialisableError extends StoreError {
  /** Where in the value, as `$.prices[3]`. */
  readonly path: string;

  constructor(path: string, what: string) {
    super('not-serialisable', `cannot store ${what} at ${path}; store plain data and typed arrays`);
    this.path = path;
  }
}

/** The durable level did not take a value; faster levels are as they were. */
export class CacheWriteError extends StoreError {
  constructor(message: string, cause?: unknown) {
    super('write', message, { cause });
  }
}

/** A level cannot be reached now, or answered that it cannot do it. */
export class CacheUnavailableError extends StoreError {
  constructor(message: string, cause?: unknown) {
    super('unavailable', message, { cause });
  }
}

/** What is stored is not what the write expected to be there. */
export class ConflictError extends StoreError {
  constructor(message: string) {
    super('conflict', message);
  }
}

/** Why a stored entry cannot be trusted. */
export type IntegrityFault = 'corrupt' | 'future';

/** What is stored cannot be what was put there, or is of a later version of this program. */
export class IntegrityError extends StoreError {
  readonly fault: IntegrityFault;

  constructor(fault: IntegrityFault, message: string, cause?: unknown) {
    super('integrity', message, { cause });
    this.fault = fault;
  }
}
