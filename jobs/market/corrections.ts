import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { firstLine, UsageError } from '../runtime/errors.ts';
import { isSymbol } from './universe.ts';

const correction = z.strictObject({
  /** The symbol at Yahoo; null for a name that Yahoo is known not to have. */
  yahoo: z.string().refine(isSymbol, 'is no symbol').nullable(),
  /** Why the rules are not enough, for whoever wonders later. */
  reason: z.string().min(1),
});

const schema = z.record(z.string().regex(/^\S.* [A-Z][A-Z0-9]$/, 'is no Bloomberg ticker'), correction);

type Correction = z.infer<typeof correction>;

/** What wins over every rule, by Bloomberg ticker. */
export type Corrections = ReadonlyMap<string, Correction>;

/** Reads a JSON object `{ "BLOOMBERG TICKER": { "yahoo": SYMBOL or null, "reason": TEXT } }`. */
export async function readCorrections(file: string): Promise<Corrections> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`corrections file "${file}" cannot be read: ${firstLine(error)}`, error);
  }
  return parseCorrections(text, file);
}

/** Throws UsageError naming the first entry that is not as it should be. */
export function parseCorrections(text: string, file: string): Corrections {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`corrections file "${file}" is not JSON: ${firstLine(error)}`, error);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return new Map(Object.entries(parsed.data));
  const { path, message } = parsed.error.issues[0]!;
  throw new UsageError(`corrections file "${file}": ${path.join(', ') || 'the file'}: ${firstLine(message)}`);
}
