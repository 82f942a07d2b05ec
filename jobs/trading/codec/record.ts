import { firstLine } from '../../runtime/errors.ts';
import type { Kind } from './kinds.ts';

/** A kind for every field; the compiler compares the table with the interface. */
export type FieldsOf<T> = { readonly [K in keyof T & string]: Kind<T[K]> };

/** Names in a map are those of the interface in snake case: `lastQty` is `last_qty`. */
export function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * A map with named fields. Fields in the map that the table does not have are ignored when it is read. Throws
 * RangeError naming the field that cannot be read.
 */
export function record<T>(fields: FieldsOf<T>): Kind<T> {
  const table = Object.entries<Kind<unknown>>(fields).map(([name, kind]) => ({
    name,
    wireName: toSnakeCase(name),
    kind,
  }));
  return {
    encode(value, format) {
      const map: Record<string, unknown> = {};
      for (const { name, wireName, kind } of table) {
        map[wireName] = kind.encode((value as Record<string, unknown>)[name], format);
      }
      return map;
    },
    decode(value) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw new TypeError(`is no map`);
      }
      const map = value as Record<string, unknown>;
      const object: Record<string, unknown> = {};
      for (const { name, wireName, kind } of table) {
        try {
          object[name] = kind.decode(map[wireName]);
        } catch (error) {
          throw new RangeError(`${wireName}: ${firstLine(error)}`, { cause: error });
        }
      }
      return object as T;
    },
  };
}
