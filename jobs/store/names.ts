import { KeyFormatError } from './errors.ts';

/** S3 takes keys of 1024 bytes; the rest is for the prefix of a bucket. */
const MAX_KEY_BYTES = 900;

/*
 * Names are any text; keys are the bytes A-Z a-z 0-9 space . _ - with all others as %XX. Each character is encoded by
 * itself, so the key of a prefix is a prefix of the keys of its names. A dot at the start is encoded too: no key has a
 * part `.` or `..`.
 */

/** The key of a name below `folder`. Throws KeyFormatError for a name that cannot be stored. */
export function nameToKey(folder: string, name: string): string {
  if (name === '') throw new KeyFormatError('a name has at least one character');
  const key = folder + encode(name);
  if (key.length > MAX_KEY_BYTES) {
    throw new KeyFormatError(
      `the name "${name.slice(0, 40)}..." is ${key.length - MAX_KEY_BYTES} bytes too long when encoded; choose a shorter one`,
    );
  }
  return key;
}

/** What the keys of all names that start with `prefix` start with. */
export function prefixToKey(folder: string, prefix: string): string {
  return folder + encode(prefix);
}

/** The name of a key below `folder`; undefined where no name has it, and something else was put there. */
export function keyToName(folder: string, key: string): string | undefined {
  try {
    const name = decodeURIComponent(key.slice(folder.length));
    return nameToKey(folder, name) === key ? name : undefined;
  } catch {
    return undefined;
  }
}

function encode(text: string): string {
  if (!text.isWellFormed()) throw new KeyFormatError(`the name ${JSON.stringify(text)} has half a character`);
  if (text.includes('\0')) throw new KeyFormatError(`the name ${JSON.stringify(text)} has the character NUL`);
  return text.replaceAll(/[^\w .-]/gu, encodeBytes).replace(/^\./, '%2E');
}

function encodeBytes(character: string): string {
  return [...Buffer.from(character)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('');
}
