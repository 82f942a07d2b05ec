import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseCorrections } from '../../jobs/market/corrections.ts';
import { candidates } from '../../jobs/market/symbols/candidates.ts';
import { confirm, type Ask, type Finding } from '../../jobs/market/symbols/confirm.ts';
import {
  currentEvidence,
  formatEvidence,
  readEvidence,
  type Evidence,
} from '../../jobs/market/symbols/evidence.ts';
import { mapName, type Mapping, type Name } from '../../jobs/market/symbols/mapping.ts';
import { mergeNames, refreshUniverse, type NumeraiName } from '../../jobs/market/symbols/refresh.ts';
import { parseUniverse, formatUniverse, type UniverseEntry } from '../../jobs/market/universe.ts';
import { createYahooProvider } from '../../jobs/market/yahoo.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startYahooServer, type PlayedChart, type YahooServer } from '../support/yahoo-server.ts';

const folder = temporaryFolder();

const corrections = parseCorrections(
  `{
    "DBS SP": { "yahoo": "D05.SI", "reason": "code of the exchange" },
    "DEAD US": { "yahoo": null, "reason": "bought in 2024" },
    "035900 KS": { "yahoo": "035900.KQ", "reason": "listed on KOSDAQ" }
  }`,
  'c.json',
);
const evidenceOf = (id: string, yahoo: string): Evidence => ({
  ...{ id, yahoo, exchange: 'KOE', currency: 'KRW', name: 'A name, with a comma' },
  ...{ checked: '2026-11-01', refused: '111111.KS not found' },
});
const nameOf = (bloombergTicker: string, numeraiTicker = bloombergTicker): Name => ({
  id: numeraiTicker,
  numeraiTicker,
  bloombergTicker,
});

describe('mapName', () => {
  const map = (name: Name, known = '', evidence: Evidence[] = []): Mapping =>
    mapName(name, known, corrections, new Map(evidence.map((found) => [found.id, found])));

  test('a correction wins over everything', () => {
    const found = evidenceOf('035900 KS', '035900.KS');
    expect(map(nameOf('035900 KS'), 'X.KS', [found])).toEqual({ yahoo: '035900.KQ', open: [] });
    expect(map(nameOf('DBS SP'))).toEqual({ yahoo: 'D05.SI', open: [] });
  });

  test('a correction to null unmaps a name', () => {
    expect(map(nameOf('DEAD US'), 'DEAD')).toEqual({
      yahoo: '',
      reason: 'not on Yahoo: bought in 2024',
      open: [],
    });
  });

  test('a correction holds for the numerai ticker of its name', () => {
    expect(map({ id: 'DBS SG', numeraiTicker: 'DBS SG', bloombergTicker: '' })).toEqual({
      yahoo: 'D05.SI',
      open: [],
    });
  });

  test('what the provider was found to have wins over what is known and over the rules', () => {
    const found = evidenceOf('111111 KS', '111111.KQ');
    expect(map(nameOf('111111 KS'), '111111.KS', [found])).toEqual({ yahoo: '111111.KQ', open: [] });
  });

  test('that nothing was found leaves a new name without a symbol, and a known one with its own', () => {
    const found = evidenceOf('111111 KS', '');
    const reason = 'no listing fits on 2026-11-01: 111111.KS not found';
    expect(map(nameOf('111111 KS'), '', [found])).toEqual({ yahoo: '', reason, open: [] });
    expect(map(nameOf('111111 KS'), '111111.KS', [found])).toEqual({ yahoo: '111111.KS', reason, open: [] });
  });

  test('several candidates: the first one, or the known one, and the question stays open', () => {
    const { open, ...first } = map(nameOf('111111 KS'));
    expect(first).toEqual({ yahoo: '111111.KS', reason: 'or 111111.KQ' });
    expect(open.map(({ symbol }) => symbol)).toEqual(['111111.KS', '111111.KQ']);
    expect(map(nameOf('111111 KS'), '111111.KQ')).toMatchObject({
      yahoo: '111111.KQ',
      reason: 'or 111111.KS',
      open,
    });
  });

  test('a rule that is seldom checked leaves its only candidate open', () => {
    expect(map(nameOf('BDO PM'))).toMatchObject({
      yahoo: 'BDO.PS',
      reason: 'by a rule that is seldom checked',
      open: [{ symbol: 'BDO.PS' }],
    });
  });

  test('a symbol that no rule gives was put there by hand and stands', () => {
    expect(map(nameOf('111111 KS'), 'ADR')).toEqual({ yahoo: 'ADR', open: [] });
    expect(map({ id: 'our index', numeraiTicker: '', bloombergTicker: '' }, '^GSPC')).toEqual({
      yahoo: '^GSPC',
      open: [],
    });
  });

  test('a refusal is a reason', () => {
    expect(map(nameOf('VNM VN'))).toEqual({
      yahoo: '',
      reason: "unknown-exchange: no rule for Bloomberg's exchange code VN",
      open: [],
    });
    expect(map({ id: 'VNM VN', numeraiTicker: 'VNM VN', bloombergTicker: '' })).toEqual({
      yahoo: '',
      reason: 'unknown-exchange: no rule for country VN',
      open: [],
    });
  });
});

describe('mergeNames and refreshUniverse', () => {
  const numerai = (numeraiTicker: string, bloombergTicker = '', compositeFigi = ''): NumeraiName => ({
    numeraiTicker,
    bloombergTicker,
    compositeFigi,
  });
  const current = parseUniverse(
    `id,numerai_ticker,bloomberg_ticker,yahoo
our own,,,SPY
AAPL US,AAPL US,AAPL US,AAPL
OLD US,OLD US,OLD US,OLD
AMM MY,AMM MY,AMM MK,
`,
    'u.csv',
  );
  const map = (name: Name, known: string): Mapping => mapName(name, known, corrections, new Map());
  const refresh = (universe: readonly UniverseEntry[], names: readonly NumeraiName[]) => {
    const { kept, gone } = mergeNames(universe, names);
    return { ...refreshUniverse(kept, map), gone };
  };

  test('take over new names, remove those that are gone, keep our own and those without a symbol', () => {
    const names = [numerai('7203 JP'), numerai('AAPL US'), numerai('AMM MY', 'AMM MK', 'BBG000BD6BC6')];
    const { universe, added, gone, changed, unmapped, unverified } = refresh(current, names);
    expect(formatUniverse(universe)).toBe(
      `id,numerai_ticker,bloomberg_ticker,yahoo
7203 JP,7203 JP,7203 JP,7203.T
AAPL US,AAPL US,AAPL US,AAPL
AMM MY,AMM MY,AMM MK,
our own,,,SPY
`,
    );
    expect(added.map(({ id }) => id)).toEqual(['7203 JP']);
    expect(gone.map(({ id }) => id)).toEqual(['OLD US']);
    expect([...changed, ...unverified]).toEqual([]);
    expect(unmapped).toEqual([
      {
        id: 'AMM MY',
        yahoo: '',
        reason:
          'table-only: symbols of MK cannot be derived, only listed in the corrections (FIGI BBG000BD6BC6)',
      },
    ]);
  });

  test('Bloomberg tickers of the file are taken over, and derived where it has none', () => {
    const { universe } = refresh([], [numerai('BT/A GB', 'BT/A LN'), numerai('A2A IT'), numerai('VNM VN')]);
    expect(universe.map(({ bloombergTicker, yahoo }) => [bloombergTicker, yahoo])).toEqual([
      ['A2A IM', 'A2A.MI'],
      ['BT/A LN', 'BT-A.L'],
      ['', ''],
    ]);
  });

  test('two names never share a symbol: the one that has it keeps it', () => {
    const names = [numerai('AAPL US'), numerai('AAPL* US', 'AAPL* US')];
    const { universe, unmapped } = refresh(current, names);
    expect(universe.find(({ id }) => id === 'AAPL US')?.yahoo).toBe('AAPL');
    expect(universe.find(({ id }) => id === 'AAPL* US')?.yahoo).toBe('');
    expect(unmapped).toEqual([{ id: 'AAPL* US', yahoo: '', reason: 'clash: AAPL is the symbol of AAPL US' }]);
  });

  test('a correction that is new changes a known symbol, and says so', () => {
    const known = [{ ...nameOf('035900 KS', '035900 KR'), yahoo: '035900.KS' }];
    const { universe, changed } = refresh(known, [numerai('035900 KR')]);
    expect(universe[0]?.yahoo).toBe('035900.KQ');
    expect(changed).toEqual([{ id: '035900 KR', yahoo: '035900.KQ', reason: 'was 035900.KS' }]);
  });

  const ticker = fc
    .tuple(fc.stringMatching(/^[A-Z0-9/*]{1,5}$/), fc.constantFrom('US', 'KR', 'SE', 'MY', 'VN', 'HK', 'GB'))
    .map((parts) => parts.join(' '));
  test('nothing is lost, no symbol is there twice, and refreshing again changes nothing', () => {
    fc.assert(
      fc.property(fc.uniqueArray(ticker), fc.uniqueArray(ticker), (before, after) => {
        const first = refresh(
          [],
          before.map((name) => numerai(name)),
        );
        const second = refresh(
          first.universe,
          after.map((name) => numerai(name)),
        );
        expect(second.universe.map(({ id }) => id).toSorted()).toEqual(after.toSorted());
        expect(second.gone.map(({ id }) => id).toSorted()).toEqual(
          before.filter((name) => !after.includes(name)).toSorted(),
        );
        const text = formatUniverse(second.universe);
        expect(parseUniverse(text, 'u.csv')).toEqual(second.universe);
        expect(second.unmapped).toHaveLength(second.universe.filter(({ yahoo }) => yahoo === '').length);
        const third = refresh(
          second.universe,
          after.map((name) => numerai(name)),
        );
        expect(third.universe).toEqual(second.universe);
      }),
    );
  });
});

describe('confirm', () => {
  let server: YahooServer;
  let asked: string[];
  beforeAll(async () => {
    server = await startYahooServer();
  });
  afterAll(() => server.close());
  beforeEach(() => {
    server.symbols.clear();
    asked = [];
  });

  const seconds = (instant: string): number => Date.parse(instant) / 1000;
  const list = (symbol: string, exchangeName: string, currency: string, hasBars = true): void => {
    const chart: PlayedChart = {
      ...{ symbol, exchangeName, currency, timeZone: 'Asia/Seoul', gmtoffset: 32_400 },
      session: [seconds('2026-11-20T00:00:00Z'), seconds('2026-11-20T06:30:00Z')],
      bars: hasBars
        ? [
            {
              at: seconds('2026-11-19T00:00:00Z'),
              ...{ open: 10, high: 11, low: 9, close: 10, adjclose: 10, volume: 100 },
            },
          ]
        : [],
    };
    server.symbols.set(symbol, chart);
  };
  const fail = (symbol: string, status: number): void =>
    void server.symbols.set(symbol, (_request, response) => void response.writeHead(status).end('no'));

  const confirmed = (ticker: string): Promise<Finding> => {
    const provider = createYahooProvider({
      baseUrl: server.url,
      timeoutMs: 10_000,
      now: () => new Date('2026-11-21T00:00:00Z'),
    });
    const ask: Ask = (symbol) => {
      asked.push(symbol);
      const range = { start: '2026-11-07', end: '2026-11-22' };
      return provider.fetchDaily({ ticker: symbol, range, signal: new AbortController().signal });
    };
    const found = candidates(ticker);
    return confirm(found.kind === 'candidates' ? found.candidates : [], ask);
  };

  test('takes the first listing that fits and asks no further', async () => {
    list('111111.KS', 'KSC', 'KRW');
    list('111111.KQ', 'KOE', 'KRW');
    expect(await confirmed('111111 KS')).toMatchObject({
      kind: 'found',
      symbol: '111111.KS',
      listing: { exchange: 'KSC', currency: 'KRW' },
      refused: '',
    });
    expect(asked).toEqual(['111111.KS']);
  });

  test('goes on where a symbol is not known', async () => {
    list('222222.KQ', 'KOE', 'KRW');
    expect(await confirmed('222222 KS')).toMatchObject({
      kind: 'found',
      symbol: '222222.KQ',
      refused: '222222.KS not found',
    });
  });

  test('goes on where the listing is another one', async () => {
    list('333333.KS', 'PNK', 'USD');
    list('333333.KQ', 'KOE', 'USD');
    expect(await confirmed('333333 KS')).toEqual({
      kind: 'none',
      refused: '333333.KS is listed on PNK in USD; 333333.KQ is listed on KOE in USD',
    });
  });

  test('no bars are no proof either way', async () => {
    list('444444.KS', 'KSC', 'KRW', false);
    expect(await confirmed('444444 KS')).toEqual({ kind: 'open', reason: '444444.KS: no recent bars' });
    list('444444.KQ', 'KOE', 'KRW');
    expect(await confirmed('444444 KS')).toMatchObject({ kind: 'found', symbol: '444444.KQ' });
  });

  test('an answer that is missing leaves the name open instead of moving it to another board', async () => {
    fail('555555.KS', 500);
    list('555555.KQ', 'KOE', 'KRW');
    expect(await confirmed('555555 KS')).toMatchObject({ kind: 'open' });
    expect(asked).toEqual(['555555.KS']);
  });

  test.each([429, 999])('HTTP %i ends the asking', async (status) => {
    fail('666666.KS', status);
    expect(await confirmed('666666 KS')).toMatchObject({ kind: 'refused' });
    expect(asked).toEqual(['666666.KS']);
  });

  test('an answer for another symbol is no proof', async () => {
    list('AAPL', 'NMS', 'USD');
    server.symbols.set('777777.KS', server.symbols.get('AAPL')!);
    expect(await confirmed('777777 KS')).toMatchObject({
      kind: 'open',
      reason: expect.stringMatching(/777777\.KS: asked for 777777\.KS, got AAPL/),
    });
  });
});

describe('evidence', () => {
  test('is what was written, sorted by id', async () => {
    const file = join(folder, 'evidence.csv');
    const evidence = [evidenceOf('B KR', 'B.KQ'), evidenceOf('A KR', '')];
    writeFileSync(file, formatEvidence(new Map(evidence.map((found) => [found.id, found]))));
    expect([...(await readEvidence(file)).values()]).toEqual(evidence.toReversed());
  });

  test('of a file that is not there is none', async () => {
    expect(await readEvidence(join(folder, 'none.csv'))).toEqual(new Map());
  });

  test.each([
    ['id,yahoo\nA,B\n', /row 1/],
    ['id,yahoo,exchange,currency,name,checked,refused\nA,B,,,,yesterday,\n', /row 1, checked: is no date$/],
    [
      'id,yahoo,exchange,currency,name,checked,refused\nA,a b,,,,2026-01-01,\n',
      /row 1, yahoo: is no symbol$/,
    ],
    ['id,yahoo\nA\n', /cannot be read/],
  ])('%j is refused', async (text, message) => {
    const file = join(folder, 'broken.csv');
    writeFileSync(file, text);
    await expect(readEvidence(file)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(message),
    });
  });

  test('that nothing was found holds for 30 days, a listing for good', () => {
    const evidence = new Map(
      [evidenceOf('A KR', 'A.KQ'), evidenceOf('B KR', '')].map((found) => [found.id, found]),
    );
    expect([...currentEvidence(evidence, '2026-11-30').keys()]).toEqual(['A KR', 'B KR']);
    expect([...currentEvidence(evidence, '2026-12-01').keys()]).toEqual(['A KR']);
    expect([...currentEvidence(evidence, '2030-01-01').keys()]).toEqual(['A KR']);
  });
});
