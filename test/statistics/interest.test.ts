import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { MemoryStore } from '../../jobs/statistics/cache/memory-store.ts';
import { RateCache } from '../../jobs/statistics/cache/rate-cache.ts';
import { Rates } from '../../jobs/statistics/interest/rates.ts';
import {
  parseTreasuryCsv,
  parseTreasuryXml,
  TreasuryProvider,
} from '../../jobs/statistics/interest/treasury.ts';
import { toRate } from '../../jobs/statistics/interest/yields.ts';
import { startTreasury, toCsv, toXml, type TreasuryServer } from '../support/treasury-server.ts';

const signal = new AbortController().signal;
let treasury: TreasuryServer;
let slept: number[];
beforeAll(async () => {
  treasury = await startTreasury();
});
afterAll(() => treasury.close());
beforeEach(() => {
  slept = [];
  treasury.days = DAYS;
  treasury.failures = [];
  treasury.override = {};
  treasury.requests.length = 0;
});

// The curve of 2018-10-15 to 17, when the 2-month yield began, without two of its values.
const DAYS: Record<string, Record<string, number | null>> = {
  '2018-10-15': { '1MONTH': 2.18, '2MONTH': null, '3MONTH': 2.3, '10YEAR': 3.16, '30YEAR': 3.34 },
  '2018-10-16': { '1MONTH': 2.18, '2MONTH': 2.24, '3MONTH': 2.3, '10YEAR': 3.16, '30YEAR': 3.32 },
  '2018-10-17': { '1MONTH': 2.18, '2MONTH': 2.25, '3MONTH': 2.31, '10YEAR': null, '30YEAR': 3.35 },
};

const provider = (baseUrl = treasury.url): TreasuryProvider =>
  new TreasuryProvider({
    baseUrl,
    timeoutMs: 5000,
    clock: { now: () => new Date(), sleep: async (ms) => void slept.push(ms), random: () => 0 },
  });

describe('the yield curve of a year', () => {
  test.each([
    ['XML', (): unknown => parseTreasuryXml(toXml(Object.entries(DAYS)), 2018)],
    ['CSV', (): unknown => parseTreasuryCsv(toCsv(Object.entries(DAYS)), 2018)],
  ])('is read from %s by its names, what is missing as null, ascending', (_form, read) => {
    expect(read()).toEqual(
      Object.entries(DAYS).map(([date, yields]) => ({
        date,
        percent: new Map([
          ['ONE_MONTH', yields['1MONTH']],
          ['TWO_MONTH', yields['2MONTH']],
          ['THREE_MONTH', yields['3MONTH']],
          ['TEN_YEAR', yields['10YEAR']],
          ['THIRTY_YEAR', yields['30YEAR']],
        ]),
      })),
    );
  });

  test('may have other prefixes, nulls, new maturities and a page around it', () => {
    const body = `<html><pre><x:feed xmlns:x="http://www.w3.org/2005/Atom"><x:entry><x:content><p:properties>
      <q:Id>1</q:Id><q:NEW_DATE>2025-03-03T00:00:00</q:NEW_DATE><q:BC_1_5MONTH>4.38</q:BC_1_5MONTH>
      <q:BC_4MONTH p:null="true" /><q:BC_11YEAR>4</q:BC_11YEAR></p:properties></x:content></x:entry></x:feed></pre></html>`;
    expect(parseTreasuryXml(body, 2025)).toEqual([
      {
        date: '2025-03-03',
        percent: new Map([
          ['SIX_WEEK', 4.38],
          ['FOUR_MONTH', null],
        ]),
      },
    ]);
    const csv = 'Date,"1 Mo","1.5 Month","10 Yr"\n03/03/2025,4.39,4.38,N/A\n';
    expect(parseTreasuryCsv(csv, 2025)).toEqual([
      {
        date: '2025-03-03',
        percent: new Map([
          ['ONE_MONTH', 4.39],
          ['SIX_WEEK', 4.38],
          ['TEN_YEAR', null],
        ]),
      },
    ]);
  });

  test('of a year without days is empty, and anything else is refused', () => {
    expect(parseTreasuryXml(toXml([]), 2018)).toEqual([]);
    expect(parseTreasuryCsv('Date,"1 Mo"\n', 2018)).toEqual([]);
    expect(() => parseTreasuryXml('<html>maintenance</html>', 2018)).toThrow('no yield feed');
    expect(() => parseTreasuryCsv('<html>maintenance</html>', 2018)).toThrow('no table of yields');
    expect(() => parseTreasuryXml(toXml([['2017-01-03', { '10YEAR': 1 }]]), 2018)).toThrow('not one of 2018');
    expect(() => parseTreasuryCsv('Date,"1 Mo"\n10/15/2018,abc\n', 2018)).toThrow('"abc" is not a number');
  });

  test('is asked for as XML, else as CSV, else once more', async () => {
    treasury.failures = [503, 500, 502];
    expect(await provider().fetchYear(2018, signal)).toHaveLength(3);
    expect(treasury.requests.map((path) => (path.includes('csv') ? 'CSV' : 'XML'))).toEqual([
      'XML',
      'CSV',
      'XML',
      'CSV',
    ]);
    expect(slept).toEqual([1000]);
  });

  test('of a server that is not there is an error with the reason of the network', async () => {
    await expect(provider('http://nobody.invalid').fetchYear(2018, signal)).rejects.toThrow(
      /^the US Treasury gives no yields of 2018 \(XML: getaddrinfo \w+ nobody\.invalid; CSV: getaddrinfo/,
    );
  });

  test('that cannot be had is an error with the reason of each form', async () => {
    treasury.failures = [503, 500, 503];
    treasury.override = { csv: 'sorry' };
    await expect(provider().fetchYear(2018, signal)).rejects.toThrow(
      'the US Treasury gives no yields of 2018 (XML: HTTP 503; CSV: the answer is no table of yields); try again later; a risk-free rate can be given with --risk-free RATE',
    );
  });
});

describe('rates', () => {
  const rates = (today: string): Rates =>
    new Rates(new RateCache(new MemoryStore()), provider(), () => new Date(`${today}T12:00:00Z`), signal);

  test('the risk-free rate is the newest yield before a date, by its own date', async () => {
    const some = rates('2018-12-01');
    expect(await some.riskFree('TEN_YEAR', '2018-10-16')).toEqual({
      maturity: 'TEN_YEAR',
      date: '2018-10-15',
      rate: 0.0316,
    });
    expect(await some.riskFree('TEN_YEAR', '2018-10-20')).toMatchObject({ date: '2018-10-16' });
    expect(await some.riskFree('TWO_MONTH', '2018-10-20')).toMatchObject({
      date: '2018-10-17',
      rate: 0.0225,
    });
    expect(treasury.requests).toHaveLength(1);
  });

  test('years are fetched once, this year again on another day', async () => {
    let today = '2018-10-18';
    const some = new Rates(
      new RateCache(new MemoryStore()),
      provider(),
      () => new Date(`${today}T12:00:00Z`),
      signal,
    );
    for (let again = 0; again < 3; again += 1)
      await some.yields('TEN_YEAR', { start: '2018-10-01', end: '2018-10-19' });
    expect(treasury.requests).toHaveLength(1);
    today = '2018-10-19';
    await some.yields('TEN_YEAR', { start: '2018-10-01', end: '2018-10-19' });
    expect(treasury.requests).toHaveLength(2);
    await some.yields('TEN_YEAR', { start: '2017-12-30', end: '2018-01-03' });
    expect(treasury.requests.map((path) => /value=(\d+)/.exec(path)![1])).toEqual(['2018', '2018', '2017']);
  });

  test('yields of a day are asked for once they must be out, not in the hours before', async () => {
    let now = '2018-10-17T03:00:00Z';
    const some = new Rates(new RateCache(new MemoryStore()), provider(), () => new Date(now), signal);
    const range = { start: '2018-10-01', end: '2018-10-18' };
    treasury.days = { '2018-10-15': DAYS['2018-10-15']! };
    await some.yields('TEN_YEAR', range);
    now = '2018-10-17T11:00:00Z';
    await some.yields('TEN_YEAR', range);
    expect(treasury.requests).toHaveLength(1);
    // The yields of the 16th are late.
    treasury.days = DAYS;
    now = '2018-10-17T12:00:00Z';
    expect((await some.yields('TEN_YEAR', range)).map(({ date }) => date)).toContain('2018-10-16');
  });

  test('without a yield of late there is none', async () => {
    await expect(rates('2019-06-01').riskFree('TEN_YEAR', '2019-05-01')).rejects.toThrow(
      'there is no TEN_YEAR yield in the 31 days before 2019-05-01; choose another maturity with RISK_FREE',
    );
  });

  test('conventions: as published, effective and continuous', () => {
    expect(toRate(3, 'as-published')).toBe(0.03);
    expect(toRate(3, 'effective')).toBeCloseTo(0.030225, 15);
    expect(Math.exp(toRate(3, 'continuous'))).toBeCloseTo(1.030225, 14);
  });
});
