import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readCorrections } from '../../jobs/market/corrections.ts';
import { candidates, toNumeraiTicker } from '../../jobs/market/symbols/candidates.ts';
import {
  formatUniverse,
  parseUniverse,
  readUniverse,
  resolveSymbols,
  selectShard,
  selectTickers,
} from '../../jobs/market/universe.ts';
import { repository } from '../support/folders.ts';

const HEADER = 'id,numerai_ticker,bloomberg_ticker,yahoo';
const universe = parseUniverse(
  `${HEADER}\nu1,000060 KR,000060 KS,000060.KS\nu2,BT/A GB,BT/A LN,BT-A.L\nu3,GONE US,GONE US,\nu4,AAPL US,AAPL US,AAPL\n`,
  'u.csv',
);

describe('parseUniverse', () => {
  test('reads identifiers, and a name without a symbol', () => {
    expect(universe[2]).toEqual({
      id: 'u3',
      numeraiTicker: 'GONE US',
      bloombergTicker: 'GONE US',
      yahoo: '',
    });
  });

  test.each([
    ['id,yahoo\n', /starts with "id,yahoo"/],
    [`${HEADER}\n,A,B,C\n`, /line 2: the id is empty/],
    [`${HEADER}\n1,A,B,C\n1,D,E,F\n`, /line 3: id 1 stands in line 2 already/],
    [`${HEADER}\n1,A,B,C\n2,D,E,C\n`, /line 3: yahoo C stands in line 2 already/],
    [`${HEADER}\n1,A,B\n`, /u\.csv/],
  ])('refuses %j', (text, message) => expect(() => parseUniverse(text, 'u.csv')).toThrow(message));

  test('names a file that cannot be read', async () => {
    await expect(readUniverse('no/such.csv')).rejects.toThrow(/"no\/such\.csv" cannot be read/);
  });
});

describe('selectTickers', () => {
  test('takes every mapped name, sorted', () => {
    expect(selectTickers(universe, [], undefined)).toEqual(['000060.KS', 'AAPL', 'BT-A.L']);
  });

  test('takes the first n names of the file', () => {
    expect(selectTickers(universe, [], 2)).toEqual(['000060.KS', 'BT-A.L']);
  });

  test('resolves numerai and Bloomberg tickers, and takes symbols that are not in the universe', () => {
    expect(
      selectTickers(universe, ['BT/A LN', '000060 KR', 'BTC-USD', '^GSPC', 'INR=X', 'M&M.NS'], undefined),
    ).toEqual(['000060.KS', 'BT-A.L', 'BTC-USD', 'INR=X', 'M&M.NS', '^GSPC'].toSorted());
  });

  test.each(['', '../x', 'a b', 'A/B', 'A#B', "A'B", '.hidden'])('refuses the symbol "%s"', (symbol) => {
    expect(() => selectTickers([], [symbol], undefined)).toThrow(`ticker "${symbol}" is no symbol`);
  });
});

test('shards share out all tickers, about evenly, and a ticker stays in its shard', () => {
  const tickers = Array.from({ length: 1000 }, (_, index) => `T${index}`);
  const shards = [1, 2, 3, 4].map((index) => selectShard(tickers, { index, count: 4 }));
  expect(shards.flat().toSorted()).toEqual(tickers.toSorted());
  for (const shard of shards) expect(Math.abs(shard.length - 250)).toBeLessThan(50);
  expect(selectShard(shards[0]!.slice(0, 5), { index: 1, count: 4 })).toEqual(shards[0]!.slice(0, 5));
});

describe('resolveSymbols', () => {
  const aliases = parseUniverse(
    `${HEADER}\nour own,,,SPY\nTEVA IL,TEVA IL,TEVA IT,TEVA.TA\nX IT,X IT,X IM,X.MI\nY IL,Y IL,X IT,Y.TA\n`,
    'u.csv',
  );

  test('takes ids, numerai tickers, Bloomberg tickers and symbols, in the order asked', () => {
    const asked = ['TEVA IT', ' our own ', 'TEVA IL', 'TEVA.TA', 'NEW'];
    expect(resolveSymbols(aliases, asked)).toEqual(['TEVA.TA', 'SPY', 'TEVA.TA', 'TEVA.TA', 'NEW']);
  });

  test('a numerai ticker goes before a Bloomberg ticker that reads the same', () => {
    expect(resolveSymbols(aliases, ['X IT'])).toEqual(['X.MI']);
  });

  test('a name without a symbol is refused by its name', () => {
    expect(() => resolveSymbols(universe, ['GONE US'])).toThrow(
      'ticker "GONE US" is in the universe, without a symbol',
    );
  });
});

describe('the universe that is shipped', () => {
  const config = join(repository, 'data/config');

  test('has a symbol for every name, and the form that a refresh writes', async () => {
    const shipped = await readUniverse(join(config, 'universe.csv'));
    expect(shipped.length).toBeGreaterThan(1000);
    expect(selectTickers(shipped, [], undefined)).toHaveLength(shipped.length);
    expect(formatUniverse(shipped.toSorted((a, b) => (a.id < b.id ? -1 : 1)))).toBe(
      readFileSync(join(config, 'universe.csv'), 'utf8'),
    );
  });

  test('says what corrections and rules say, under the numerai ticker as id', async () => {
    const corrections = await readCorrections(join(config, 'ticker_corrections.json'));
    for (const entry of await readUniverse(join(config, 'universe.csv'))) {
      const found = candidates(entry.bloombergTicker);
      const ruled = found.kind === 'candidates' ? found.candidates[0]!.symbol : '';
      const numeraiTicker = toNumeraiTicker(entry.bloombergTicker);
      const yahoo = corrections.get(entry.bloombergTicker)?.yahoo ?? ruled;
      expect(entry).toEqual({ ...entry, id: numeraiTicker, numeraiTicker, yahoo });
    }
  });
});
