import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LoadManifest, TickerOutcome } from '../../jobs/loader/outcome.ts';
import { loadFigures } from '../../jobs/report/figures/figures.ts';
import { countNames } from '../../jobs/report/figures/names.ts';
import { SERIES_FLAGS } from '../../jobs/loader/outcome.ts';
import { isFailure, SCOPE_NAMES, STATUS_NAMES } from '../../jobs/report/statuses.ts';
import { manifestOf, outcomeOf } from '../support/manifests.ts';

const failed = (ticker: string, reason: string, changes: Partial<TickerOutcome> = {}): TickerOutcome => ({
  ticker,
  status: 'transient',
  reason,
  scope: 'window',
  attempts: 4,
  bytes: 0,
  ...changes,
});

/** Figures of one run of these outcomes. */
const figuresOf = (...tickers: TickerOutcome[]): ReturnType<typeof loadFigures> =>
  loadFigures([manifestOf(tickers)]);

describe('the last run', () => {
  test('has its window, coverage, counts, rows and time', () => {
    const manifest = manifestOf(
      [
        outcomeOf('A', { bytes: 100 }),
        outcomeOf('B', { bytes: 50, rows: { new: 2, changed: 1, unchanged: 0, removed: 3 } }),
        failed('C', 'HTTP 502'),
        { ...failed('D', 'looks 100 times too high'), status: 'quarantined' },
      ],
      {
        startedAt: '2026-11-20T23:00:00.000Z',
        finishedAt: '2026-11-20T23:41:40.000Z',
        arguments: { start: '2026-11-07', end: '2026-11-21' },
        coverage: { required: 0.95, baseline: 'good last time', expected: 3, good: 2 },
        failure: 'coverage is 0.67',
      },
    );
    const { run } = loadFigures([manifest]);
    expect(run).toMatchObject({
      durationMs: 2_500_000,
      window: { start: '2026-11-07', end: '2026-11-21' },
      coverage: { share: 2 / 3, isMet: false, baseline: 'good last time' },
      tickers: 4,
      failures: 1,
      rows: { new: 3, changed: 1, unchanged: 9, removed: 3 },
      bytes: 150,
      failure: 'coverage is 0.67',
    });
    expect(run.counts).toEqual({
      ok: 2,
      empty: 0,
      'rate-limited': 0,
      blocked: 0,
      transient: 1,
      invalid: 0,
      'not-found': 0,
      unattempted: 0,
      quarantined: 1,
      delisted: 0,
    });
  });

  test.each([
    [0, 0, 1, true],
    [100, 95, 0.95, true],
    [100, 94, 0.94, false],
  ])('of %d expected %d are good: %d, met %s', (expected, good, share, isMet) => {
    const coverage = { required: 0.95, baseline: 'asked for' as const, expected, good };
    expect(loadFigures([manifestOf([], { coverage })]).run.coverage).toMatchObject({ share, isMet });
  });

  test('without a window in its arguments has none', () => {
    expect(loadFigures([manifestOf([], { arguments: { start: 7 } })]).run.window).toBeUndefined();
  });
});

describe('groups of tickers', () => {
  test('are by reason, the largest first, tickers in order', () => {
    const { failures } = figuresOf(
      failed('Z', 'HTTP 502'),
      failed('C', 'time-out'),
      failed('A', 'HTTP 502'),
      failed('B', 'no such symbol', { status: 'not-found' }),
    );
    expect(failures).toEqual([
      {
        status: 'transient',
        groups: [
          {
            key: 'HTTP 502',
            names: [expect.objectContaining({ ticker: 'A' }), expect.objectContaining({ ticker: 'Z' })],
          },
          { key: 'time-out', names: [{ ticker: 'C', runs: 1 }] },
        ],
      },
      { status: 'not-found', groups: [{ key: 'no such symbol', names: [{ ticker: 'B', runs: 1 }] }] },
    ]);
  });

  test('say in how many runs in a row it was so; runs that did not ask are passed over', () => {
    const runs = [
      [failed('NEW', 'x'), failed('OLD', 'x'), failed('GAP', 'x'), failed('OTHER', 'x')],
      [outcomeOf('NEW'), failed('OLD', 'x'), failed('OTHER', 'x', { status: 'blocked' })],
      [failed('NEW', 'x'), failed('OLD', 'y'), failed('GAP', 'x'), failed('OTHER', 'x')],
    ];
    const { failures } = loadFigures(runs.map((tickers) => manifestOf(tickers)));
    expect(failures[0]!.groups[0]!.names).toEqual([
      { ticker: 'GAP', runs: 2 },
      { ticker: 'NEW', runs: 1 },
      { ticker: 'OLD', runs: 3 },
      { ticker: 'OTHER', runs: 1 },
    ]);
  });

  test('a series with two flags is in both lists; stale ones are by last bar, the latest first', () => {
    const { flagged } = figuresOf(
      outcomeOf('A', { flags: ['stale', 'flat'], last: '2026-10-01' }),
      outcomeOf('B', { flags: ['stale'], last: '2026-11-02' }),
      outcomeOf('C', { flags: ['renamed'], exchange: 'NYQ' }),
    );
    const keys = (name: 'stale' | 'flat' | 'renamed'): string[] =>
      flagged[name].map(({ key, names }) => `${key} ${names.map(({ ticker }) => ticker).join()}`);
    expect([keys('stale'), keys('flat'), keys('renamed')]).toEqual([
      ['2026-11-02 B', '2026-10-01 A'],
      ['NMS A'],
      ['NYQ C'],
    ]);
  });

  test('a history that begins late is listed by the date from which it was asked for', () => {
    const { short } = figuresOf(
      outcomeOf('A', { historyFrom: '2024-03-08' }),
      outcomeOf('B'),
      outcomeOf('C', { historyFrom: '2024-03-08' }),
    );
    expect(short.map(({ key, names }) => [key, ...names.map(({ ticker }) => ticker)])).toEqual([
      ['2024-03-08', 'A', 'C'],
    ]);
  });

  test('restatements of earlier runs are kept, those of the last have their reason', () => {
    const split = outcomeOf('A', { restated: 'split 4:1 on 2026-11-18' });
    const { restated, restatedBefore } = loadFigures([
      manifestOf([split, outcomeOf('B')]),
      manifestOf([outcomeOf('A'), outcomeOf('B')], { startedAt: '2026-11-19T23:00:00.000Z' }),
      manifestOf([outcomeOf('C', { restated: 'x' }), split], { startedAt: '2026-11-18T23:00:00.000Z' }),
    ]);
    expect(restated).toEqual([{ key: 'split 4:1 on 2026-11-18', names: [{ ticker: 'A', runs: 1 }] }]);
    expect(restatedBefore).toEqual([{ startedAt: '2026-11-18T23:00:00.000Z', tickers: ['A', 'C'] }]);
  });

  test('missing closes are by date, the newest first; rejected bars by number', () => {
    const { missing, rejected } = figuresOf(
      outcomeOf('B', { missing: ['2026-11-19', '2026-11-20'] }),
      outcomeOf('A', { missing: ['2026-11-19'], rejected: 1 }),
      outcomeOf('C', { rejected: 3 }),
      outcomeOf('D', { rejected: 0 }),
    );
    expect(missing).toEqual([
      { date: '2026-11-20', tickers: ['B'] },
      { date: '2026-11-19', tickers: ['A', 'B'] },
    ]);
    expect(rejected).toEqual([
      { ticker: 'C', bars: 3 },
      { ticker: 'A', bars: 1 },
    ]);
  });
});

describe('exchanges', () => {
  test('count their tickers by outcome; a failure has the exchange that an earlier run learned', () => {
    const { exchanges } = loadFigures([
      manifestOf([outcomeOf('B'), outcomeOf('A'), failed('C', 'x'), failed('D', 'x')]),
      manifestOf([outcomeOf('C', { exchange: 'LSE' })]),
      manifestOf([outcomeOf('C', { exchange: 'NMS' })]),
    ]);
    const none = { ok: 0, empty: 0, failed: 1, quarantined: 0, delisted: 0 };
    expect(exchanges).toEqual([
      { exchange: 'NMS', tickers: 2, counts: { ...none, ok: 2, failed: 0 }, good: ['A', 'B'] },
      { exchange: 'LSE', tickers: 1, counts: none, good: [] },
      { exchange: 'unknown', tickers: 1, counts: none, good: [] },
    ]);
  });
});

describe('sessions', () => {
  const withSessions = (...sessions: LoadManifest['sessions']): LoadManifest => manifestOf([], { sessions });

  test('are in weeks from Monday on, the newest first, the largest exchange on top', () => {
    const { weeks } = loadFigures([
      withSessions(
        { exchange: 'TLV', tickers: 4, closes: { '2026-11-15': 4, '2026-11-16': 3 } },
        { exchange: 'NMS', tickers: 10, closes: { '2026-11-13': 10, '2026-11-16': 9 } },
      ),
    ]);
    expect(weeks).toEqual([
      {
        dates: ['2026-11-16'],
        exchanges: [
          { exchange: 'NMS', cells: [{ closes: 9, tickers: 10 }] },
          { exchange: 'TLV', cells: [{ closes: 3, tickers: 4 }] },
        ],
      },
      {
        dates: ['2026-11-13', '2026-11-15'],
        exchanges: [
          { exchange: 'NMS', cells: [{ closes: 10, tickers: 10 }, undefined] },
          { exchange: 'TLV', cells: [undefined, { closes: 4, tickers: 4 }] },
        ],
      },
    ]);
  });

  test('are of the newest run that asked for at least half of the tickers', () => {
    const of = (tickers: number, closes: Record<string, number>): LoadManifest =>
      withSessions({ exchange: 'NMS', tickers, closes });
    const { weeks } = loadFigures([
      of(1, { '2026-11-18': 1, '2026-11-19': 1 }),
      of(50, { '2026-11-18': 49 }),
      of(100, { '2026-11-17': 90, '2026-11-18': 91 }),
    ]);
    expect(weeks[0]).toEqual({
      dates: ['2026-11-17', '2026-11-18'],
      exchanges: [
        {
          exchange: 'NMS',
          cells: [
            { closes: 90, tickers: 100 },
            { closes: 49, tickers: 50 },
          ],
        },
      ],
    });
  });

  test('are of the last four weeks', () => {
    const closes = Object.fromEntries(
      ['2026-10-19', '2026-10-26', '2026-11-02', '2026-11-09', '2026-11-16'].map((date) => [date, 1]),
    );
    const { weeks } = loadFigures([withSessions({ exchange: 'NMS', tickers: 1, closes })]);
    expect(weeks.map(({ dates }) => dates[0])).toEqual([
      '2026-11-16',
      '2026-11-09',
      '2026-11-02',
      '2026-10-26',
    ]);
  });
});

describe('latency', () => {
  test('has quantiles by linear interpolation, bins without a gap, and the slowest', () => {
    // numpy.quantile([100, 120, 150, 199, 900], [.5, .9, .99]) = 150, 619.6, 871.96
    const { latency } = figuresOf(
      ...[199, 120, 900, 100].map((latencyMs, index) => outcomeOf(`T${index}`, { latencyMs })),
      outcomeOf('H', { latencyMs: 150, scope: 'history' }),
      failed('F', 'no answer'),
    );
    expect(latency!.all).toEqual({
      answers: 5,
      p50: 150,
      p90: expect.closeTo(619.6),
      p99: expect.closeTo(871.96),
      max: 900,
    });
    expect(latency!.scopes.map(({ scope, answers }) => [scope, answers])).toEqual([
      ['window', 4],
      ['history', 1],
    ]);
    expect(latency!.bins).toEqual([
      { from: 100, to: 200, answers: 4 },
      { from: 200, to: 500, answers: 0 },
      { from: 500, to: 1000, answers: 1 },
    ]);
    expect(latency!.slowest[0]).toEqual({ ticker: 'T2', latencyMs: 900 });
  });

  test('is not there when nobody answered', () => {
    expect(figuresOf(failed('A', 'x')).latency).toBeUndefined();
  });
});

const outcome: fc.Arbitrary<Omit<TickerOutcome, 'ticker'>> = fc.record(
  {
    status: fc.constantFrom(...STATUS_NAMES),
    reason: fc.constantFrom('HTTP 502', 'time-out', 'HTTP 404'),
    scope: fc.constantFrom(...SCOPE_NAMES),
    attempts: fc.nat(5),
    bytes: fc.nat(10_000),
    latencyMs: fc.oneof(fc.nat(30_000), fc.double({ min: 0, max: 1e7, noNaN: true })),
    last: fc.constantFrom('2026-11-19', '2026-11-20'),
    exchange: fc.constantFrom('NMS', 'NYQ', 'LSE'),
    restated: fc.constantFrom('split 4:1', 'dividend 0.20'),
    missing: fc.uniqueArray(fc.constantFrom('2026-11-18', '2026-11-19'), { maxLength: 2 }),
    rejected: fc.nat(3),
    flags: fc.uniqueArray(fc.constantFrom(...SERIES_FLAGS)),
  },
  { requiredKeys: ['status', 'scope', 'attempts', 'bytes'] },
);
const run: fc.Arbitrary<LoadManifest> = fc.array(outcome, { maxLength: 40 }).chain((outcomes) =>
  fc
    .shuffledSubarray(
      Array.from({ length: 60 }, (_, index) => `T${index}`),
      {
        minLength: outcomes.length,
        maxLength: outcomes.length,
      },
    )
    .map((tickers) => manifestOf(outcomes.map((rest, index) => ({ ...rest, ticker: tickers[index]! })))),
);

test('every count adds up to the tickers of the last run', () => {
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 4 }), (manifests) => {
      const figures = loadFigures(manifests);
      const { tickers } = manifests[0]!;
      const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
      const count = (holds: (found: TickerOutcome) => boolean): number => tickers.filter(holds).length;

      expect(figures.run.tickers).toBe(tickers.length);
      expect(sum(Object.values(figures.run.counts))).toBe(tickers.length);
      expect(figures.run.failures).toBe(count(({ status }) => isFailure(status)));
      for (const { status, groups } of figures.failures)
        expect(countNames(groups)).toBe(figures.run.counts[status]);
      expect(sum(figures.failures.map(({ groups }) => countNames(groups)))).toBe(figures.run.failures);
      expect(countNames(figures.quarantined)).toBe(figures.run.counts.quarantined);
      expect(countNames(figures.delisted)).toBe(figures.run.counts.delisted);
      expect(countNames(figures.empty)).toBe(figures.run.counts.empty);
      for (const flag of SERIES_FLAGS)
        expect(countNames(figures.flagged[flag])).toBe(count(({ flags }) => flags?.includes(flag) === true));
      expect(countNames(figures.restated)).toBe(count(({ restated }) => restated !== undefined));

      expect(sum(figures.exchanges.map((exchange) => exchange.tickers))).toBe(tickers.length);
      for (const exchange of figures.exchanges) {
        expect(sum(Object.values(exchange.counts))).toBe(exchange.tickers);
        expect(exchange.good).toHaveLength(exchange.counts.ok);
      }
      const timed = count(({ latencyMs }) => latencyMs !== undefined);
      expect(figures.latency?.all.answers ?? 0).toBe(timed);
      expect(sum(figures.latency?.bins.map(({ answers }) => answers) ?? [])).toBe(timed);
      expect(sum(figures.missing.map((date) => date.tickers.length))).toBe(
        sum(tickers.map(({ missing }) => missing?.length ?? 0)),
      );
      expect(figures.runs).toHaveLength(manifests.length);
    }),
    { numRuns: 200 },
  );
});
