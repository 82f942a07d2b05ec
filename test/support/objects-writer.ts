import { SqliteLevel } from '../../jobs/store/sqlite-level.ts';

/* Writes entries into an SQLite level until it is killed, and says after each that it is done. */

const [file] = process.argv.slice(2);
const level = new SqliteLevel(file!, { nowMs: 0 });
for (let index = 0; ; index += 1) {
  const bytes = Buffer.alloc(300_000, index % 251);
  await level.put(`entry ${index % 20}`, { bytes, expiresAtMs: undefined });
  process.stdout.write(`${index}\n`);
  // Lets the pipe have it.
  await new Promise(setImmediate);
}
