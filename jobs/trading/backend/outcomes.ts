import { ConflictError, NotFoundError, WrongTypeError } from '../errors.ts';

/* Why a write was not carried out, in the same words for every backend. */

export function notFound(key: string): NotFoundError {
  return new NotFoundError(`"${key}" does not exist: it was never added, or has been deleted`);
}

export function conflict(key: string, expected: number, found: number): ConflictError {
  return new ConflictError(
    `"${key}" has ${found} events where ${expected} were expected: another writer, or an update that was lost`,
  );
}

export function wrongType(key: string, expected: string, found: string): WrongTypeError {
  return new WrongTypeError(`"${key}" holds a ${found}, not a ${expected}`);
}
