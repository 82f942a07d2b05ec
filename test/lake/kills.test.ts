import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDuckDB, type DuckDBConnection } from '../../jobs/runtime/duckdb.ts';
import { temporaryFolder } from '../support/folders.ts';
import { killEverywhere } from '../support/kills.ts';
import { folderHome } from '../support/lake-homes.ts';
import { createMarket } from '../support/restated-market.ts';
import { folderSteps } from '../support/steps.ts';
import { startYahooServer, type YahooServer } from '../support/yahoo-server.ts';

/** A few of the kills that `make test-engines` does. */
const KILLS = 4;

const folder = temporaryFolder();
let db: DuckDBConnection;
let server: YahooServer;
beforeAll(async () => {
  db = await openDuckDB(folder);
  server = await startYahooServer();
});
afterAll(async () => {
  await server.close();
  db.closeSync();
});

test.each(['killed', 'asleep'] as const)(
  `after each of ${KILLS} loads that are %s the next command finds the lake of before or of after`,
  async (fate) => {
    const market = createMarket(folder, { size: 15, start: '2023-12-01' });
    const env = { YAHOO_BASE_URL: server.url, YAHOO_RATE: '0' };
    const runner = folderSteps(folder, env);
    const found = await killEverywhere(
      { home: folderHome(folder, env), runner, market, server, db },
      { kills: KILLS, works: ['yahoo load'], seed: 20261130, fate },
    );
    expect(found.wrong).toEqual([]);
    expect(found.kills).toBe(KILLS);
  },
);
