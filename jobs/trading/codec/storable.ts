const nameOf = (value: object): string => Object.prototype.toString.call(value).slice('[object '.length, -1);

/**
 * Throws TypeError naming the place of what MessagePack would take and give back as something else: a Map as an empty
 * map, an array of doubles as bytes, an integer of more than 64 bits as what is left of it.
 */
export function requireStorable(value: unknown, what: string): void {
  if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value) return;
    throw new TypeError(`${what} has more than 64 bits`);
  }
  if (typeof value !== 'object' || value === null) return;
  switch (nameOf(value)) {
    case 'Uint8Array':
    case 'Date':
      return;
    case 'Array':
    case 'Object':
      for (const [name, item] of Object.entries(value)) requireStorable(item, `${what}.${name}`);
      return;
    default:
      throw new TypeError(`${what} is a ${nameOf(value)}`);
  }
}

/** Whether it is an object with names and values, and no list or anything with a meaning of its own. */
export function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && nameOf(value) === 'Object';
}
