import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { signals } from '../support/command.ts';
import { temporaryFolder } from '../support/folders.ts';
import { copyStored } from '../support/stored.ts';
import { startYahooServer } from '../support/yahoo-server.ts';

/* What 0.1.0 found out about the symbols of names is not asked for again. */

const folder = temporaryFolder();

test('a universe and the evidence beside it are read and written', async () => {
  const place = copyStored('universe', folder);
  const read = (name: string): string => readFileSync(join(place, name), 'utf8');
  const before = read('universe.csv');
  expect(before).toBe(`id,numerai_ticker,bloomberg_ticker,yahoo
138250 KR,138250 KR,138250 KS,138250.KQ
AAPL US,AAPL US,AAPL US,AAPL
NONE PH,NONE PH,NONE PM,
`);
  const yahoo = await startYahooServer();
  const refresh = ['universe', 'refresh', '--file', 'names.csv', '--universe', 'universe.csv', '--verify'];
  const { code, stdout } = await signals(refresh, place, { YAHOO_BASE_URL: yahoo.url });
  await yahoo.close();
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/names +3: 0 added, 0 gone, 0 with another symbol/),
  ]);
  // That there was no listing holds for a month, and may be asked for again.
  expect(yahoo.asked.filter((url) => url.includes('138250'))).toEqual([]);
  expect(read('universe.csv')).toBe(before);
  expect(read('ticker_evidence.csv')).toContain(
    '\n138250 KR,138250.KQ,KOE,KRW,"NS, ""Shopping""",2026-11-30,',
  );
});
