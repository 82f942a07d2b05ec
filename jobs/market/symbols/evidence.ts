import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { z } from 'zod';
import { addDays, isIsoDate, type IsoDate } from '../../runtime/dates.ts';
import { firstLine, UsageError } from '../../runtime/errors.ts';
import { isSymbol } from '../universe.ts';

const text = z.string();
const schema = z.strictObject({
  id: text.min(1),
  /** The symbol whose listing fits; empty when none did. */
  yahoo: text.refine((symbol) => symbol === '' || isSymbol(symbol), 'is no symbol'),
  /** The listing behind it, in the provider's words. */
  exchange: text,
  currency: text,
  name: text,
  /** The UTC date of the answer. */
  checked: text.refine(isIsoDate, 'is no date'),
  /** Candidates before it that were asked for, each with what was wrong with it. */
  refused: text,
});

/** What the provider was found to have for a name. */
export type Evidence = z.infer<typeof schema>;

export type EvidenceById = ReadonlyMap<string, Evidence>;

const COLUMNS = Object.keys(schema.shape);

/** After so many days it is worth asking again for a name that had no listing. */
const NOTHING_HOLDS_DAYS = 30;

/** Reads what was found earlier; nothing when there is no such file. Throws UsageError for a file that is broken. */
export async function readEvidence(file: string): Promise<Map<string, Evidence>> {
  let rows: unknown[];
  try {
    rows = parse(await readFile(file, 'utf8'), { bom: true, columns: true, skip_empty_lines: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw new UsageError(`evidence file "${file}" cannot be read: ${firstLine(error)}`, error);
  }
  const parsed = z.array(schema).safeParse(rows);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    const [row, column] = path;
    throw new UsageError(
      `evidence file "${file}" row ${Number(row) + 1}${column === undefined ? '' : `, ${String(column)}`}: ${message}`,
    );
  }
  return new Map(parsed.data.map((evidence) => [evidence.id, evidence]));
}

/** The content of an evidence file, sorted by id. */
export function formatEvidence(evidence: EvidenceById): string {
  const rows = [...evidence.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return stringify(rows, { header: true, columns: COLUMNS });
}

/** What still holds: a listing that was found does, that none was found does for a month. */
export function currentEvidence(evidence: EvidenceById, today: IsoDate): Map<string, Evidence> {
  const since = addDays(today, -NOTHING_HOLDS_DAYS);
  return new Map([...evidence].filter(([, { yahoo, checked }]) => yahoo !== '' || checked > since));
}
