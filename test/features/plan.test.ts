import { describe, expect, test } from '@jest/globals';
import { cutPlan, cutTickers, planEras, type EraPrices, type PlanRequest } from '../../jobs/features/plan.ts';
import { createSettings } from '../../jobs/features/settings.ts';
import { fromDay, toDay } from '../../jobs/runtime/dates.ts';

const settings = createSettings({
  ...{ group: 'volume', provider: 'csv', definitions: 'causal', fill: false, lags: 5 },
  ...{ price: 'close', sample: 'weekly', na: 'keep', window: null },
});
const prices: EraPrices[] = ['2024-03-01', '2024-03-08', '2024-03-15'].map((era, index) => ({
  era: toDay(era),
  hash: BigInt(index + 1) << 40n,
  tickers: [6, 4],
}));
const request: PlanRequest = {
  settings,
  since: undefined,
  today: '2024-04-01',
  isForced: false,
  standing: new Map(),
};

const dates = (planned: readonly { era: number }[]): string[] => planned.map(({ era }) => fromDay(era));

/** What stands after everything planned was written. */
function written(asked: PlanRequest, from = prices): PlanRequest {
  const entries = planEras(from, asked).map(
    ({ era, fingerprint }) => [fromDay(era), { fingerprint, rows: 10, bytes: 1 }] as const,
  );
  return { ...asked, standing: new Map(entries) };
}

describe('planEras', () => {
  test('plans every finished era of an empty set', () => {
    expect(dates(planEras(prices, request))).toEqual(['2024-03-01', '2024-03-08', '2024-03-15']);
  });

  test('leaves out an era whose day has not ended', () => {
    expect(dates(planEras(prices, { ...request, today: '2024-03-15' }))).toEqual([
      '2024-03-01',
      '2024-03-08',
    ]);
  });

  test('plans nothing when nothing changed, and everything when forced', () => {
    expect(planEras(prices, written(request))).toEqual([]);
    expect(planEras(prices, { ...written(request), isForced: true })).toHaveLength(3);
  });

  test('since limits what is written and does not change what an era is made from', () => {
    const late = planEras(prices, { ...request, since: '2024-03-08' });
    expect(late).toEqual(planEras(prices, request).slice(1));
  });

  test('a new era is planned alone', () => {
    const standing = written(request, prices.slice(0, 2));
    expect(dates(planEras(prices, standing))).toEqual(['2024-03-15']);
  });

  test('a restated price makes its own era and all later ones stale, under ta all eras', () => {
    const restated = prices.map((era, index) => (index === 1 ? { ...era, hash: 99n } : era));
    expect(dates(planEras(restated, written(request)))).toEqual(['2024-03-08', '2024-03-15']);
    const ta: PlanRequest = { ...request, settings: { ...settings, definitions: 'ta' } };
    expect(planEras(restated, written(ta))).toHaveLength(3);
  });

  test('another setting makes every era stale', () => {
    const other: PlanRequest = { ...written(request), settings: { ...settings, lags: 3 } };
    expect(planEras(prices, other)).toHaveLength(3);
  });
});

describe('cutPlan', () => {
  const planned = planEras(prices, request);
  test('keeps parts within the bytes, in order', () => {
    const bytes = 10 * 75 * 4;
    expect(cutPlan(planned, 75, 2 * bytes).map(dates)).toEqual([
      ['2024-03-01', '2024-03-08'],
      ['2024-03-15'],
    ]);
    expect(cutPlan(planned, 75, 3 * bytes)).toHaveLength(1);
  });
  test('gives an era that is too large a part of its own', () => {
    expect(cutPlan(planned, 75, 1)).toHaveLength(3);
    expect(cutPlan([], 75, 1)).toEqual([]);
  });
});

describe('cutTickers', () => {
  const cut = (rows: number[], count: number): number[] =>
    cutTickers(
      rows.map((each) => ({ rows: each })),
      count,
    );
  test('gives each part about as many rows', () => {
    expect(cut([1, 1, 1, 1], 2)).toEqual([0, 2]);
    expect(cut([10, 1, 1, 1], 2)).toEqual([0, 1]);
    expect(cut([1, 1, 1, 10], 2)).toEqual([0]);
    expect(cut([5, 5, 5, 5, 5, 5], 3)).toEqual([0, 2, 4]);
  });
  test('never makes more parts than asked for, nor an empty one', () => {
    expect(cut([1], 4)).toEqual([0]);
    expect(cut([1, 1], 4)).toEqual([0, 1]);
  });
});
