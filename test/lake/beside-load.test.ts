import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDuckDB, type DuckDBConnection } from '../../jobs/runtime/duckdb.ts';
import { transformBesideLoads } from '../support/beside-load.ts';
import { temporaryFolder } from '../support/folders.ts';
import { folderHome } from '../support/lake-homes.ts';
import { createMarket } from '../support/restated-market.ts';

/** 5 take half a minute; CI runs more, and `make test-engines` more still. */
const rounds = Number(process.env['STRESS_ROUNDS'] ?? 5);

const folder = temporaryFolder();
let db: DuckDBConnection;
beforeAll(async () => {
  db = await openDuckDB(folder);
});
afterAll(() => db.closeSync());

test(
  `${rounds} transforms beside a load each write the set of before or of after it`,
  async () => {
    const market = createMarket(folder, { size: 180, start: '2023-06-01' });
    const sources = rounds > 5 ? (['yahoo', 'csv'] as const) : (['yahoo'] as const);
    const found = await transformBesideLoads(
      folderHome(folder),
      market,
      { rounds, sources, seed: 20261130 },
      folder,
      db,
    );
    expect(found).toMatchObject({ failed: [], mixed: [] });
    // Five can all miss; of 200 `make test-engines` asks for half.
    if (rounds >= 50) expect(found.overlapping).toBeGreaterThanOrEqual(rounds / 4);
  },
  600_000 + rounds * 30_000,
);
