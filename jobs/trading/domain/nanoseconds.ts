/** UNIX time in nanoseconds, 0 to 2^64 - 1. A bigint everywhere: a double has only 16 to 17 digits. */
export type Nanoseconds = bigint;

const MAX = 2n ** 64n - 1n;
const NS_PER_MS = 1_000_000n;
const ISO = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)$/;

/** Throws TypeError for what is no bigint and RangeError outside 0 to 2^64 - 1, naming `what`. */
export function requireNanoseconds(value: unknown, what: string): Nanoseconds {
  if (typeof value !== 'bigint') {
    throw new TypeError(`${what} must be a bigint of nanoseconds, not ${describeType(value)}`);
  }
  if (value < 0n || value > MAX) throw new RangeError(`${what} ${value} is not in 0 to 2^64 - 1`);
  return value;
}

/** Reads an integer, decimal digits, or ISO 8601 in UTC with up to nine digits of seconds. */
export function parseNanoseconds(value: unknown): Nanoseconds {
  if (typeof value === 'bigint') return requireNanoseconds(value, 'timestamp');
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    return requireNanoseconds(BigInt(value), 'timestamp');
  }
  if (typeof value === 'string') {
    if (/^\d{1,20}$/.test(value)) return requireNanoseconds(BigInt(value), 'timestamp');
    const [, seconds, fraction = ''] = ISO.exec(value) ?? [];
    const ms = seconds === undefined ? Number.NaN : Date.parse(`${seconds}Z`);
    // Date takes the 30th of February for the 2nd of March.
    if (Number.isFinite(ms) && new Date(ms).toISOString().startsWith(seconds!)) {
      return requireNanoseconds(BigInt(ms) * NS_PER_MS + BigInt(fraction.padEnd(9, '0')), 'timestamp');
    }
  }
  throw new RangeError(`${describeType(value)} ${String(value)} is not a timestamp in nanoseconds`);
}

/** `2026-11-21T02:40:00.123456789Z`, always nine digits. */
export function formatIso(value: Nanoseconds): string {
  const seconds = value / 1_000_000_000n;
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${text}.${String(value - seconds * 1_000_000_000n).padStart(9, '0')}Z`;
}

function describeType(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
