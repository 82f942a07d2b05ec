import { formatDecimal, type Decimal } from '../domain/decimal.ts';
import { formatMoney, type Money } from '../domain/money.ts';
import { nanoseconds, type WireFormat } from './kinds.ts';
import { toSnakeCase } from './record.ts';

/** Fields with names that others have given. */
const FOREIGN: ReadonlySet<string> = new Set(['info', 'details', 'execAlgorithmParams']);

/** Fields with times. Other integers are lengths of time, which are no dates and can be negative. */
const TIME = /^ts[A-Z]|TimeNs$/;

/**
 * A state as a map for people and for other programs: names in snake case, numbers as text with all their digits,
 * timestamps as the format says.
 */
export function toPlain(value: unknown, format: WireFormat): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => toPlain(item, format));
  if (value instanceof Uint8Array) return value;
  if (isDecimal(value)) return formatDecimal(value);
  if (isMoney(value)) return formatMoney(value);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [toSnakeCase(name), fieldToPlain(name, item, format)]),
  );
}

function fieldToPlain(name: string, value: unknown, format: WireFormat): unknown {
  if (FOREIGN.has(name)) return value;
  if (typeof value === 'bigint' && TIME.test(name)) return nanoseconds.encode(value, format);
  return toPlain(value, format);
}

function isDecimal(value: object): value is Decimal {
  return 'units' in value && 'scale' in value && typeof value.units === 'bigint';
}

function isMoney(value: object): value is Money {
  return (
    Object.keys(value).length === 2 &&
    'amount' in value &&
    'currency' in value &&
    typeof value.amount === 'object' &&
    value.amount !== null &&
    isDecimal(value.amount)
  );
}
