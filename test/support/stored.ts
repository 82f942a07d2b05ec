import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './folders.ts';

const fixtures = join(repository, 'test/fixtures/v0.1.0');

/** The file with the names of the loads that the fixtures were made by. */
export const STORED_UNIVERSE = join(fixtures, 'universe.csv');

/** A copy in `folder` of what version 0.1.0 stored under a name of the fixtures. */
export function copyStored(name: string, folder: string): string {
  const copy = join(mkdtempSync(join(folder, 'stored-')), name);
  cpSync(join(fixtures, name), copy, { recursive: true });
  return copy;
}

/** What version 0.1.0 answered. */
export function expectedAnswer(name: string): string {
  return readFileSync(join(fixtures, 'expected', name), 'utf8');
}

/** Keys of a trading Redis: type and value, each piece of the value in base64. */
export type StoredKeys = Readonly<Record<string, readonly [type: string, value: unknown]>>;

export function storedKeys(layout: string): StoredKeys {
  return JSON.parse(readFileSync(join(fixtures, 'trading', `${layout}.json`), 'utf8')) as StoredKeys;
}

/**
 * Makes a run that was killed look as if it had started a minute ago: a run is only continued while its answers are
 * fresh. Host and process are those of the fixture, which nobody has, and it last said that it is alive long ago.
 */
export function startRecently(lake: string): string {
  const [runId] = readdirSync(join(lake, 'staging'));
  const file = join(lake, 'staging', runId!, 'run.json');
  const owner = JSON.parse(readFileSync(file, 'utf8')) as object;
  const startedAt = new Date(Date.now() - 60_000).toISOString();
  writeFileSync(file, `${JSON.stringify({ ...owner, startedAt })}\n`);
  return runId!;
}
