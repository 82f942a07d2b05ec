import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDuckDB, type DuckDBConnection } from '../../jobs/runtime/duckdb.ts';
import { transformBesideLoads } from '../support/beside-load.ts';
import { temporaryFolder } from '../support/folders.ts';
import { folderHome, s3Home, type LakeHome } from '../support/lake-homes.ts';
import { createMarket } from '../support/restated-market.ts';
import { startS3Server, type S3Server } from './s3-server.ts';

const rounds = Number(process.env['STRESS_ROUNDS'] ?? 200);

const folder = temporaryFolder();
let db: DuckDBConnection;
let s3: S3Server;
beforeAll(async () => {
  db = await openDuckDB(folder);
  s3 = await startS3Server(folder);
});
afterAll(async () => {
  await s3.close();
  db.closeSync();
});

const homes: Readonly<Record<string, () => LakeHome | Promise<LakeHome>>> = {
  'in a folder': () => folderHome(folder),
  'on S3': () => s3Home(s3.endpoint, folder),
};

test.each(Object.keys(homes))(
  `${rounds} transforms beside a load each write the set of before or of after it, %s`,
  async (where) => {
    const home = await homes[where]!();
    const market = createMarket(folder, { size: 180, start: '2023-06-01' });
    const settings = { rounds, sources: ['yahoo', 'csv'], seed: 20261130 } as const;
    const found = await transformBesideLoads(home, market, settings, folder, db);
    process.stdout.write(`${where}: ${JSON.stringify(found, undefined, 1)}\n`);
    expect(found).toMatchObject({ failed: [], mixed: [] });
    expect(found.overlapping).toBeGreaterThanOrEqual(rounds / 2);
  },
);
