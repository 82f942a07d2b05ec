/** Throws TypeError unless `value` is a string, RangeError when it is empty, naming `what`. */
export function requireId(value: unknown, what: string): string {
  if (typeof value !== 'string') {
    throw new TypeError(`${what} must be a string, not ${value === null ? 'null' : typeof value}`);
  }
  if (value === '') throw new RangeError(`${what} must not be empty`);
  return value;
}

/** Throws TypeError unless `value` is an instance of `type`, naming `what`. */
export function requireInstance<T>(
  value: unknown,
  type: abstract new (...args: never[]) => T,
  what: string,
): T {
  if (!(value instanceof type)) {
    throw new TypeError(
      `${what} must be of type ${type.name}, not ${value === null ? 'null' : typeof value}`,
    );
  }
  return value;
}

/** Throws TypeError unless `value` is an object, naming `what`. */
export function requireObject<T extends object>(value: T, what: string): T {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`${what} must be an object, not ${value === null ? 'null' : typeof value}`);
  }
  return value;
}
