import { ConflictError, NotFoundError, WrongTypeError } from '../errors.ts';

/* Why a write was not carried out, in the same words for every backend. */

export function notFound(key: string): NotFoundError {
  return new NotFoundError(`"${key}" does not exist: it was never added, or has been deleted`);
}

export function conflict(key: string, position: number, found: number): ConflictError {
  const what =
    found === position
      ? `ends with another event than the one that number ${position} follows`
      : `has ${found} events where ${position} were expected`;
  return new ConflictError(`"${key}" ${what}: another writer, or an update that was lost`);
}

/** A list that is to begin with certain events has a different one at `position`. */
export function differs(key: string, position: number): ConflictError {
  return new ConflictError(
    `"${key}" already exists and its event ${position} differs from the one to add; load it and continue from there, ` +
      'or pass { replace: true } to replace it',
  );
}

export function wrongType(key: string, expected: string, found: string): WrongTypeError {
  return new WrongTypeError(`"${key}" holds a ${found}, not a ${expected}`);
}
