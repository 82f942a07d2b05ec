import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { NEW_LISTING, type KnownListing } from '../../jobs/lake/listings.ts';
import { askedFromWith, chooseHistoryStart } from '../../jobs/loader/history.ts';
import { planLoad, type LoadPlan } from '../../jobs/loader/plan.ts';
import { summarise } from '../../jobs/loader/summary.ts';
import { addDays, type IsoDate } from '../../jobs/runtime/dates.ts';
import { at, bar, stock, weekdays } from '../support/charts.ts';
import { ALL_PRICES, readLake } from '../support/lake.ts';
import { worlds, type Loaded, type World } from '../support/loader.ts';

/*
 * Names that are not in a lake from its beginning: they get their history with the next routine load, and a name that
 * began to trade late is asked for it once.
 */
const { create } = worlds();
const SINCE = '2023-11-01';
const TO = '2024-03-23';

/** The routine load of a day, after the close of its session. */
async function loadOn(
  world: World,
  day: IsoDate,
  settings: Parameters<World['load']>[0] = {},
): Promise<Loaded> {
  world.at(`${day}T23:00:00Z`);
  return world.load({ end: addDays(day, 1), ...settings });
}

/** A lake with the years of A and B, filled on 2024-03-18; sessions up to 2024-03-22 are still to come. */
async function filledWorld(): Promise<World> {
  const world = create();
  for (const symbol of ['A', 'B']) world.server.symbols.set(symbol, stock(symbol, SINCE, TO));
  await loadOn(world, '2024-03-18', { start: SINCE, isRoutine: false });
  return world;
}

const firstsOf = async (world: World): Promise<unknown> =>
  Object.fromEntries(
    (await readLake(
      world.lake,
      `select ticker, min(date)::varchar from ${ALL_PRICES} group by ticker order by ticker`,
    )) as [string, string][],
  );

const listingsFile = (world: World): string => join(world.lake, 'listings/provider=yahoo/listings.json');

/** Lets the lake look as one that 0.1.0 has written, where nothing says from when a listing was asked for. */
function forgetAskedFrom(world: World): void {
  const { listings, ...rest } = JSON.parse(readFileSync(listingsFile(world), 'utf8'));
  for (const listing of Object.values<Partial<KnownListing>>(listings)) delete listing.askedFrom;
  writeFileSync(listingsFile(world), JSON.stringify({ ...rest, listings }));
}

describe('a name that joins a lake', () => {
  test('has its history after one routine load, and is not asked in full again', async () => {
    const world = await filledWorld();
    world.server.symbols.set('JOIN', stock('JOIN', SINCE, TO));
    const joined = await loadOn(world, '2024-03-19');
    expect(joined.failure).toBeUndefined();
    expect(joined.outcome('JOIN')).toMatchObject({ status: 'ok', scope: 'history', first: SINCE });
    expect(joined.manifest.history).toEqual({ start: SINCE, short: 0 });
    expect(await firstsOf(world)).toEqual({ A: SINCE, B: SINCE, JOIN: SINCE });

    const next = await loadOn(world, '2024-03-20');
    expect(next.outcome('JOIN').scope).toBe('window');
  });

  test('as a symbol that replaces another has the history of the new one', async () => {
    const world = await filledWorld();
    world.server.symbols.set('B2', stock('B2', SINCE, TO));
    await loadOn(world, '2024-03-19', { tickers: ['A', 'B2'] });
    expect(await firstsOf(world)).toEqual({ A: SINCE, B: SINCE, B2: SINCE });
  });

  test('by a load of its own for few days has its history with the next routine load', async () => {
    const world = await filledWorld();
    world.server.symbols.set('JOIN', stock('JOIN', SINCE, TO));
    await loadOn(world, '2024-03-19', { start: '2024-03-12', tickers: ['JOIN'], isRoutine: false });
    expect(await firstsOf(world)).toMatchObject({ JOIN: '2024-03-12' });
    await loadOn(world, '2024-03-20');
    expect(await firstsOf(world)).toMatchObject({ JOIN: SINCE });
  });

  test('and began to trade later is asked for its history once', async () => {
    const world = await filledWorld();
    world.server.symbols.set('YOUNG', stock('YOUNG', '2024-01-15', TO));
    const joined = await loadOn(world, '2024-03-19');
    expect(joined.outcome('YOUNG')).toMatchObject({ scope: 'history', first: '2024-01-15' });
    for (const day of ['2024-03-20', '2024-03-21', '2024-03-22']) {
      const { outcome, manifest } = await loadOn(world, day);
      expect(
        [outcome('A'), outcome('B'), outcome('YOUNG')].filter(({ scope }) => scope === 'history'),
      ).toHaveLength(
        // The nightly share of renewals of three names.
        1,
      );
      expect(manifest.history).toEqual({ start: SINCE, short: 0 });
    }
    expect(await firstsOf(world)).toMatchObject({ YOUNG: '2024-01-15' });
  });

  test('gets the dates from --history on, also when the lake has some of it', async () => {
    const world = await filledWorld();
    const older = '2023-09-04';
    for (const symbol of ['A', 'B']) world.server.symbols.set(symbol, stock(symbol, older, TO));
    const asked = await loadOn(world, '2024-03-19', { historyStart: '2023-09-01' });
    expect(asked.outcome('A')).toMatchObject({ scope: 'history', first: older });
    expect(await firstsOf(world)).toEqual({ A: older, B: older });
    // It is remembered: of the lake, for names that join, and of each name.
    world.server.symbols.set('JOIN', stock('JOIN', older, TO));
    const next = await loadOn(world, '2024-03-20', { historyStart: '2023-09-01' });
    expect(next.outcome('JOIN')).toMatchObject({ scope: 'history', first: older });
    // One of the two may be the nightly renewal.
    expect([next.outcome('A').scope, next.outcome('B').scope]).toContain('window');
    const last = await loadOn(world, '2024-03-21');
    expect(last.manifest.history).toEqual({ start: '2023-09-01', short: 0 });
  });

  test('keeps the older rows of a restated past', async () => {
    const world = await filledWorld();
    world.server.symbols.set('JOIN', stock('JOIN', SINCE, TO));
    await loadOn(world, '2024-03-19', { start: '2024-03-12', tickers: ['JOIN'], isRoutine: false });
    const halved = stock('JOIN', SINCE, TO, (index) => (100 + index / 10) / 2, {
      splits: [{ at: at('2024-03-20T14:30:00Z'), numerator: 2, denominator: 1 }],
    });
    world.server.symbols.set('JOIN', halved);
    const { outcome } = await loadOn(world, '2024-03-20');
    expect(outcome('JOIN')).toMatchObject({ status: 'ok', restated: expect.stringMatching(/split/) });
    expect(
      await readLake(
        world.lake,
        `select count(*)::int, max(close) < 100 from ${ALL_PRICES} where ticker = 'JOIN'`,
      ),
    ).toEqual([[weekdays(SINCE, '2024-03-21').length, true]]);
  });
});

describe('a lake of 0.1.0', () => {
  test('gives a name that joined it late its history, and asks no other in full', async () => {
    const world = await filledWorld();
    for (const symbol of ['C', 'D', 'E']) world.server.symbols.set(symbol, stock(symbol, SINCE, TO));
    await loadOn(world, '2024-03-18', { tickers: ['C', 'D', 'E'], start: SINCE, isRoutine: false });
    world.server.symbols.set('JOIN', stock('JOIN', SINCE, TO));
    world.server.symbols.set('YOUNG', stock('YOUNG', '2024-01-15', TO));
    await loadOn(world, '2024-03-19', { start: '2024-03-08', tickers: ['JOIN'], isRoutine: false });
    await loadOn(world, '2024-03-19', { start: SINCE, tickers: ['YOUNG'], isRoutine: false });
    forgetAskedFrom(world);

    const { manifest, outcome } = await loadOn(world, '2024-03-20');
    const full = manifest.tickers.filter(({ scope }) => scope === 'history').map(({ ticker }) => ticker);
    // One of the seven is the nightly renewal.
    expect(full).toEqual(expect.arrayContaining(['JOIN', 'YOUNG']));
    expect(full.length).toBeLessThanOrEqual(3);
    expect(outcome('JOIN').first).toBe(SINCE);
    expect(manifest.history!.short).toBe(0);
    expect(await firstsOf(world)).toMatchObject({ JOIN: SINCE, YOUNG: '2024-01-15' });

    const next = await loadOn(world, '2024-03-21');
    expect([next.outcome('JOIN').scope, next.outcome('YOUNG').scope]).toEqual(['window', 'window']);
  });
});

describe('a history that does not come', () => {
  const jump = (symbol: string) => {
    const chart = stock(symbol, SINCE, TO);
    // As by a split that was not applied, in the dates that the lake does not have.
    const early = chart.bars.slice(0, 60).map((one) => bar(dateOf(one.at), one.close! * 100));
    return { ...chart, bars: [...early, ...chart.bars.slice(60)] };
  };
  const dateOf = (stamp: number): IsoDate => new Date(stamp * 1000).toISOString().slice(0, 10);

  test('is counted, and costs the name one window, not every one', async () => {
    const world = await filledWorld();
    world.server.symbols.set('ODD', jump('ODD'));
    await loadOn(world, '2024-03-18', { start: '2024-03-04', tickers: ['ODD'], isRoutine: false });
    const held = await loadOn(world, '2024-03-19', { minCoverage: 0.5 });
    expect(held.outcome('ODD')).toMatchObject({
      status: 'quarantined',
      scope: 'history',
      historyFrom: '2024-03-04',
    });
    expect(held.manifest.history).toEqual({ start: SINCE, short: 1 });
    expect(summarise(held.manifest, 'file:x', 'm')).toMatch(
      /\nhistory {4}does not reach back to 2023-11-01: ODD \(from 2024-03-04\)\n/,
    );
    const next = await loadOn(world, '2024-03-20');
    expect(next.outcome('ODD')).toMatchObject({ status: 'ok', scope: 'window', historyFrom: '2024-03-04' });
    expect(next.manifest).toMatchObject({ history: { start: SINCE, short: 1 }, coverage: { good: 3 } });

    world.at('2024-03-21T23:00:00Z');
    const accepted = await loadOn(world, '2024-03-21', {
      tickers: ['ODD'],
      historyStart: SINCE,
      isRoutine: false,
      isTrusted: true,
    });
    expect(accepted.outcome('ODD')).toMatchObject({ status: 'ok', scope: 'history', first: SINCE });
    expect(accepted.manifest.history!.short).toBe(0);
  });

  test('because everybody was refused is asked for the next time', async () => {
    const world = await filledWorld();
    await loadOn(world, '2024-03-18', { start: '2024-03-04', tickers: ['JOIN'], isRoutine: false });
    world.server.symbols.set('JOIN', stock('JOIN', SINCE, TO));
    await loadOn(world, '2024-03-18', { start: '2024-03-04', tickers: ['JOIN'], isRoutine: false });
    world.server.symbols.set('JOIN', (_request, response) => void response.writeHead(429).end());
    const refused = await loadOn(world, '2024-03-19', { minCoverage: 0, policy: { maxAttempts: 1 } });
    expect(refused.outcome('JOIN').status).toBe('rate-limited');
    world.server.symbols.set('JOIN', stock('JOIN', SINCE, TO));
    expect((await loadOn(world, '2024-03-20')).outcome('JOIN')).toMatchObject({
      scope: 'history',
      first: SINCE,
    });
  });
});

describe('a first load of a name that was killed', () => {
  test('has its history afterwards although the lake may have its first rows', () => {
    const known = new Map([['A', { ...NEW_LISTING, first: '2016-01-04' }]]);
    const plan = planOn('2024-03-22', ['A'], known, { historyStart: '2014-01-01' });
    expect(plan.asks).toEqual([
      { ticker: 'A', range: { start: '2014-01-01', end: '2024-03-23' }, scope: 'history' },
    ]);
  });
});

describe('where a lake starts', () => {
  const from = (first: IsoDate, over: Partial<KnownListing> = {}): KnownListing => ({
    ...NEW_LISTING,
    first,
    last: '2024-03-21',
    refreshedOn: '2024-03-22',
    ...over,
  });
  const startOf = (listings: readonly KnownListing[]): IsoDate | undefined =>
    chooseHistoryStart(
      { historyStart: undefined, isRoutine: true },
      new Map(listings.map((listing, index) => [`T${index}`, listing])),
    )?.date;

  test('is the earliest date of a small one, and that of an empty one is not known', () => {
    expect(startOf([])).toBeUndefined();
    expect(startOf([NEW_LISTING])).toBeUndefined();
    expect(startOf([from('2020-01-02'), from('2016-01-04'), from('2024-01-02')])).toBe('2016-01-04');
    expect(startOf([from('2020-01-02', { askedFrom: '2016-01-01' })])).toBe('2016-01-01');
  });

  test('is not that of a few names that someone loaded from earlier on', () => {
    const lake = Array.from({ length: 1000 }, (_, index) => from(index < 700 ? '2016-01-04' : '2020-05-04'));
    expect(startOf(lake)).toBe('2016-01-04');
    expect(startOf([...lake, ...Array.from({ length: 30 }, () => from('1962-01-02'))])).toBe('2016-01-04');
  });

  test('an upgrade asks those in full that begin later, each once, and not the whole lake', () => {
    const tickers = Array.from({ length: 500 }, (_, index) => `T${index}`);
    const known = new Map(
      tickers.map((ticker, index) => [
        ticker,
        from(index < 490 ? `2016-01-0${(index % 6) + 1}` : '2024-03-08'),
      ]),
    );
    const full = planOn('2024-03-22', tickers, known).asks.filter(({ scope }) => scope === 'history');
    expect(full.map(({ ticker }) => ticker)).toEqual(tickers.slice(490));
    expect(new Set(full.map(({ range }) => range.start))).toEqual(new Set(['2016-01-01']));
  });
});

describe('from when a listing was asked for', () => {
  const known = (askedFrom: IsoDate | null, first: IsoDate | null): KnownListing => ({
    ...NEW_LISTING,
    askedFrom,
    first,
  });
  test.each([
    ['the first time', known(null, null), '2024-01-01', '2024-02-01', '2024-01-01'],
    ['from further back', known('2020-01-01', '2020-01-02'), '2016-01-01', '2024-02-01', '2016-01-01'],
    ['for its last days', known('2020-01-01', '2020-01-02'), '2024-01-01', '2024-02-01', '2020-01-01'],
    ['for its last days, not knowing', known(null, '2020-01-02'), '2024-01-01', '2024-02-01', null],
    ['from its first row on, not knowing', known(null, '2020-01-02'), '2020-01-02', '2024-02-01', null],
    [
      'for days with a gap after them',
      known('2020-01-01', '2020-01-02'),
      '2010-01-01',
      '2012-01-01',
      '2020-01-01',
    ],
    [
      'for days with a gap after them, not knowing',
      known(null, '2020-01-02'),
      '2010-01-01',
      '2012-01-01',
      '2020-01-02',
    ],
    [
      'for the days before what it has',
      known('2020-01-01', '2020-01-02'),
      '2016-01-01',
      '2020-01-01',
      '2016-01-01',
    ],
  ])('when asked %s', (_name, listing, start, end, expected) => {
    expect(askedFromWith(listing, { start, end })).toBe(expected);
  });
});

function planOn(
  today: IsoDate,
  tickers: readonly string[],
  known: ReadonlyMap<string, KnownListing>,
  { historyStart }: { historyStart?: IsoDate } = {},
): LoadPlan {
  const end = addDays(today, 1);
  return planLoad(
    { tickers, range: { start: addDays(end, -14), end }, isRoutine: true, historyStart, today },
    known,
  );
}
