import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openDuckDB, type DuckDBConnection } from '../../jobs/runtime/duckdb.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { temporaryFolder } from '../support/folders.ts';
import { killEverywhere, type Fate, type KillPorts } from '../support/kills.ts';
import { folderHome, s3Home } from '../support/lake-homes.ts';
import { createMarket } from '../support/restated-market.ts';
import { folderSteps, s3Steps } from '../support/steps.ts';
import { startYahooServer, type YahooServer } from '../support/yahoo-server.ts';
import { startS3Server, type S3Server } from './s3-server.ts';

const kills = Number(process.env['KILLS'] ?? 300);
const works = ['yahoo load', 'csv load', 'first transform', 'update', 'rebuild'] as const;

const folder = temporaryFolder();
let db: DuckDBConnection;
let s3: S3Server;
let server: YahooServer;
beforeAll(async () => {
  db = await openDuckDB(folder);
  s3 = await startS3Server(folder);
  server = await startYahooServer();
});
afterAll(async () => {
  await server.close();
  await s3.close();
  db.closeSync();
});

async function expectOneState(
  where: string,
  fate: Fate,
  { home, runner }: Pick<KillPorts, 'home' | 'runner'>,
): Promise<void> {
  const market = createMarket(folder, { size: 15, start: '2023-12-01' });
  const ports = { home, runner, market, server, db };
  const found = await killEverywhere(ports, { kills, works, seed: 20261130, fate });
  process.stdout.write(`${fate} ${where}: ${JSON.stringify(found, undefined, 1)}\n`);
  expect(found.wrong).toEqual([]);
  expect(found.kills).toBeGreaterThan(0.9 * kills);
}

describe.each(['killed', 'asleep'] as const)(
  `after each of ${kills} commands that are %s the next one finds one state of the lake`,
  (fate) => {
    test('in a folder', async () => {
      const env = { YAHOO_BASE_URL: server.url, YAHOO_RATE: '0' };
      const [home, runner] = [folderHome(folder, env), folderSteps(folder, env)];
      await expectOneState('in a folder', fate, { home, runner });
    });

    test('on S3', async () => {
      const proxy = await startFaultProxy(s3.endpoint);
      try {
        const home = await s3Home(s3.endpoint, folder);
        const env = { ...home.env, YAHOO_BASE_URL: server.url, YAHOO_RATE: '0' };
        await expectOneState('on S3', fate, { home, runner: s3Steps(proxy, folder, env) });
      } finally {
        await proxy.close();
      }
    });
  },
);
