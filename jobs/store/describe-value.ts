import { types } from 'node:util';

/**
 * A stored value as JSON for people: Maps and Sets as lists, typed arrays as lists of numbers, and what JSON has no
 * number for as text.
 */
export function describeValue(value: unknown): string {
  return JSON.stringify(toJson(value), undefined, 2);
}

function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (value === undefined) return 'undefined';
  if (typeof value !== 'object' || value === null) return value;
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (types.isMap(value)) return Array.from(value, ([key, part]) => [toJson(key), toJson(part)]);
  if (types.isSet(value) || types.isTypedArray(value)) return Array.from(value as Iterable<unknown>, toJson);
  if (Array.isArray(value)) return value.map(toJson);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, toJson(part)]));
}
