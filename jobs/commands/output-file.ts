import { extname } from 'node:path';
import { firstLine, UsageError } from '../runtime/errors.ts';
import { replaceFile } from '../runtime/replace-file.ts';

/** What a picture is drawn as, by the name of its file. Throws UsageError. */
export function plotForm(file: string): 'svg' | 'html' {
  const form = extname(file).slice(1);
  if (form === 'svg' || form === 'html') return form;
  throw new UsageError(`--plot "${file}" is neither .svg nor .html`);
}

/** Writes a file that the user has named, whole or not at all. Throws UsageError. */
export async function writeOutput(file: string, content: string): Promise<void> {
  try {
    await replaceFile(file, content);
  } catch (error) {
    throw new UsageError(`cannot write "${file}": ${firstLine(error)}`, error);
  }
}
