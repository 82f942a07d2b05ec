import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createCsvProvider, listCsvTickers, parsePrices } from '../../jobs/market/csv.ts';
import { sampleFolder, temporaryFolder } from '../support/folders.ts';

const HEADER = 'date,open,high,low,close,adj_close,volume';
const signal = new AbortController().signal;

describe('parsePrices', () => {
  test('reads bars, empty fields as missing, and the listing', () => {
    const text = `${HEADER},dividend,split,currency\n2020-01-02,1,2,0.5,1.5,1.4,100,,,GBp\n2020-01-03,,,,,,,0.25,4,GBp\n`;
    expect(parsePrices(text, 'x.csv')).toEqual({
      kind: 'ok',
      bars: [
        {
          date: '2020-01-02',
          open: 1,
          high: 2,
          low: 0.5,
          close: 1.5,
          adjClose: 1.4,
          volume: 100,
          dividend: null,
          split: null,
        },
        {
          date: '2020-01-03',
          open: null,
          high: null,
          low: null,
          close: null,
          adjClose: null,
          volume: null,
          dividend: 0.25,
          split: 4,
        },
      ],
      listing: { currency: 'GBp', quotedIn: null, exchange: null, name: null, firstTraded: null },
      lastStamp: null,
    });
  });

  test('reads columns in any order, with a byte order mark and Windows line ends', () => {
    const text = '\uFEFFvolume,date,close,open,low,high,adj_close\r\n7,2020-01-02,4,1,2,3,5\r\n';
    const result = parsePrices(text, 'x.csv');
    expect(result).toMatchObject({
      kind: 'ok',
      bars: [{ open: 1, low: 2, high: 3, close: 4, adjClose: 5, volume: 7 }],
    });
  });

  test.each([
    ['', /x\.csv line 1: is empty/],
    [`${HEADER}\n`, /x\.csv line 1: has a header and no bars/],
    ['date,open,high,low,close,volume\n2020-01-02,1,1,1,1,1\n', /x\.csv line 1: column adj_close is missing/],
    [`${HEADER},bid\n`, /x\.csv line 1: column "bid" is not known/],
    [`${HEADER}\n2020-01-02,1,1,1,1,1\n`, /x\.csv line 2: has 6 fields, the header has 7/],
    [`${HEADER}\n2020-01-02,1,1,1,1,1,1\n2020-02-30,1,1,1,1,1,1\n`, /x\.csv line 3: date "2020-02-30"/],
    [
      `${HEADER}\n2020-01-02,1,1,1,1,1,1\n2020-01-02,1,1,1,1,1,1\n`,
      /x\.csv line 3: date 2020-01-02 does not come after/,
    ],
    [`${HEADER}\n2020-01-02,1,1,one,1,1,1\n`, /x\.csv line 2: low "one" is not a number/],
    [`${HEADER}\n2020-01-02,1,1,1,1,1,-5\n`, /x\.csv line 2: volume "-5"/],
    [`${HEADER}\n2020-01-02,Infinity,1,1,1,1,5\n`, /x\.csv line 2: open "Infinity"/],
    [`${HEADER}\n2020-01-02,"1,1,1,1,1,5\n`, /x\.csv line \d: /],
  ])('refuses %j with file and line', (text, reason) => {
    expect(parsePrices(text, 'x.csv')).toEqual({ kind: 'invalid', reason: expect.stringMatching(reason) });
  });
});

describe('the csv provider', () => {
  const folder = temporaryFolder();
  const fetch = (ticker: string, start: string, end: string) =>
    createCsvProvider(sampleFolder).fetchDaily({ ticker, range: { start, end }, signal });

  test('gives the bars of a half-open range', async () => {
    const result = await fetch('AAPL', '2005-02-25', '2005-03-01');
    expect(result).toMatchObject({
      kind: 'ok',
      bars: [{ date: '2005-02-25' }, { date: '2005-02-28', split: 2 }],
    });
  });

  test('is empty where the file has no bar in the range', async () => {
    expect(await fetch('AAPL', '2013-01-01', '2014-01-01')).toMatchObject({
      kind: 'empty',
      reason: expect.stringMatching(/AAPL\.csv has bars from \S+ to 2012-12-31$/),
      isExpected: true,
    });
  });

  test('does not find a ticker without a file, and names the file', async () => {
    expect(await fetch('NOPE', '2005-01-01', '2006-01-01')).toMatchObject({
      kind: 'not-found',
      reason: expect.stringMatching(/NOPE\.csv cannot be read/),
    });
  });

  test('lists the tickers of a folder, without its universe', async () => {
    expect(await listCsvTickers(sampleFolder)).toEqual([
      'AAPL',
      'DIA',
      'GLD',
      'GOOG',
      'GORO',
      'IBM',
      'IEF',
      'MSFT',
      'SPY',
      'VTI',
    ]);
  });

  test('refuses a folder that is not there or has no file', async () => {
    mkdirSync(join(folder, 'empty'));
    writeFileSync(join(folder, 'file'), '');
    await expect(listCsvTickers(join(folder, 'none'))).rejects.toThrow(/none" is not a folder/);
    await expect(listCsvTickers(join(folder, 'file'))).rejects.toThrow(/file" is not a folder/);
    await expect(listCsvTickers(join(folder, 'empty'))).rejects.toThrow(/holds no <TICKER>\.csv file/);
  });
});
