import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseUniverse, readUniverse, selectShard, selectTickers } from '../../jobs/market/universe.ts';
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

test('the universe that is shipped can be read, and every name has a symbol', async () => {
  const shipped = await readUniverse(join(repository, 'data/config/universe.csv'));
  expect(shipped.length).toBeGreaterThan(50);
  expect(selectTickers(shipped, [], undefined)).toHaveLength(shipped.length);
});
