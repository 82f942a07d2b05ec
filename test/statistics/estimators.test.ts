import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { assetType, PERIODS_PER_YEAR } from '../../jobs/statistics/assets.ts';
import { beta, costOfEquity, sharpeRatio } from '../../jobs/statistics/estimators/capm.ts';
import {
  correlationByPercentiles,
  correlationFromSummary,
} from '../../jobs/statistics/estimators/correlation.ts';
import { discountDividends } from '../../jobs/statistics/estimators/dividends.ts';
import {
  estimate,
  estimateFromSummary,
  METHODS,
  type Method,
} from '../../jobs/statistics/estimators/estimate.ts';
import { toCorrelationMatrix } from '../../jobs/statistics/estimators/matrix.ts';
import { movingAverage } from '../../jobs/statistics/estimators/moving-averages.ts';
import { bivariateNormalCdf, normalCdf, normalQuantile } from '../../jobs/statistics/estimators/normal.ts';
import {
  align,
  checkSeries,
  logReturns,
  type LogReturns,
  type PriceSeries,
} from '../../jobs/statistics/estimators/series.ts';
import {
  mergePairSummaries,
  mergeSummaries,
  summarize,
  summarizePair,
} from '../../jobs/statistics/estimators/summary.ts';
import { conditionalValueAtRisk, valueAtRisk } from '../../jobs/statistics/estimators/value-at-risk.ts';
import { StatisticsError } from '../../jobs/statistics/errors.ts';
import { toDay } from '../../jobs/runtime/dates.ts';
import { repository } from '../support/folders.ts';
import { randomNumbers } from '../support/series.ts';
import { distance, reference, referenceSeries } from '../support/statistics.ts';

const returnsOf = (series: PriceSeries): LogReturns =>
  logReturns(series, assetType(series.ticker) === 'crypto' ? 'days' : 'sessions');

function pairOf(x: string, y: string): [LogReturns, LogReturns] {
  const unit = [x, y].every((ticker) => assetType(ticker) === 'crypto') ? 'days' : 'sessions';
  const [a, b] = align(referenceSeries(x, false), referenceSeries(y, false));
  return [logReturns(a, unit), logReturns(b, unit)];
}

const walk = fc
  .array(
    fc.integer({ min: -100_000, max: 100_000 }).map((millionths) => millionths / 1e6),
    { minLength: 5, maxLength: 60 },
  )
  .filter((values) => new Set(values).size > 3);
const regular = (values: number[]): LogReturns => ({
  values: Float64Array.from(values),
  elapsed: new Float64Array(values.length).fill(1),
});

describe('equal what numpy and scipy compute on real prices', () => {
  test.each<[string, Method, boolean, any]>(
    reference.profiles.map((one: any) => [one.ticker, one.method, one.weekends, one]),
  )('return and volatility of %s by %s, weekends %s', (ticker, method, weekends, expected) => {
    const returns = returnsOf(referenceSeries(ticker, weekends));
    const found = estimate(returns, method, PERIODS_PER_YEAR[assetType(ticker)]);
    expect(
      distance(
        [found.annualReturn, found.annualVolatility, found.drift],
        [expected.annual_return, expected.annual_volatility, expected.drift],
      ),
    ).toBeLessThan(1e-9);
  });

  test.each<[string, string, Method, number]>(
    reference.correlations.map((one: any) => [...one.tickers, one.method, one.correlation]),
  )('correlation of %s and %s by %s', (x, y, method, expected) => {
    const [a, b] = pairOf(x, y);
    const pearson = correlationFromSummary(summarizePair(a, b), [x, y]);
    const found = method === 'percentiles' ? correlationByPercentiles(a, b, pearson) : pearson;
    expect(Math.abs(found - expected)).toBeLessThan(method === 'percentiles' ? 1e-6 : 1e-12);
  });

  test('value at risk and conditional value at risk, as price and as loss', () => {
    for (const { ticker, method, weekends, price, probability, years, ...expected } of reference.tails) {
      const found = estimate(
        returnsOf(referenceSeries(ticker, weekends)),
        method,
        PERIODS_PER_YEAR[assetType(ticker)],
      );
      const value = valueAtRisk(price, found, probability, years);
      const conditional = conditionalValueAtRisk(price, found, probability, years);
      expect(
        distance(
          [value.level / price, conditional.level / price],
          [expected.value_at_risk / price, expected.conditional_value_at_risk / price],
        ),
      ).toBeLessThan(1e-9);
      expect(value.loss).toBeCloseTo(price - expected.value_at_risk, 9);
      expect(conditional.lossShare).toBeGreaterThan(value.lossShare);
    }
  });

  test('moving averages', () => {
    for (const { ticker, method, window, every, drift } of reference.averages) {
      const averages = movingAverage(
        returnsOf(referenceSeries(ticker)),
        window,
        method,
        PERIODS_PER_YEAR[assetType(ticker)],
      );
      expect(averages.slice(0, window - 1).every(Number.isNaN)).toBe(true);
      expect(
        distance(
          averages.filter((_, index) => (index + 1 - window) % every === 0),
          drift,
        ),
      ).toBeLessThan(1e-9);
    }
  });

  test('discounted dividends, that grow for ever and that fall to nothing', () => {
    for (const { ticker, start, today, rate, value } of reference.dividends) {
      const rows: Record<string, string>[] = parse(
        readFileSync(join(repository, `data/sample/${ticker}.csv`)),
        { columns: true },
      );
      const payments = rows
        .filter(({ date, dividend }) => dividend !== '' && date! >= start)
        .map(({ date, dividend }) => ({ day: toDay(date!), amount: Number(dividend) }));
      expect(discountDividends(ticker, payments, toDay(today), rate).value / value).toBeCloseTo(1, 9);
    }
    const { payments, today, rate, value } = reference.falling;
    const falling = payments.map(([date, amount]: [string, number]) => ({ day: toDay(date), amount }));
    const found = discountDividends('X', falling, toDay(today), rate);
    expect(found.value / value).toBeCloseTo(1, 9);
    expect(found.growth).toBeLessThan(0);
  });

  test('the bivariate normal, also close to 1 and -1', () => {
    // scipy.stats.multivariate_normal([0, 0], [[1, r], [r, 1]]).cdf([h, k]), scipy 1.17.1.
    expect(bivariateNormalCdf(-1, 0.3, 0.95)).toBeCloseTo(0.15865473313424866, 12);
    expect(bivariateNormalCdf(1, 0.3, -0.99)).toBeCloseTo(0.45925616825749555, 12);
    // At 0 it is 1/4 + asin(r) / (2 pi).
    for (const rho of [-0.99999, -0.5, 0.1, 0.99999])
      expect(bivariateNormalCdf(0, 0, rho)).toBeCloseTo(0.25 + Math.asin(rho) / (2 * Math.PI), 13);
  });
});

describe('what holds whatever the prices', () => {
  test('a series correlates with itself by 1 under every method, and beta to itself is 1', () => {
    fc.assert(
      fc.property(walk, (values) => {
        const returns = regular(values);
        const summary = summarizePair(returns, returns);
        const pearson = correlationFromSummary(summary, ['X', 'X']);
        expect(pearson).toBeCloseTo(1, 14);
        expect(correlationByPercentiles(returns, returns, pearson)).toBe(1);
        const { annualVolatility } = estimate(returns, 'moments', 252);
        expect(beta(pearson, annualVolatility, annualVolatility)).toBeCloseTo(1, 14);
      }),
      { numRuns: 50 },
    );
  });

  test('correlation does not depend on the order of the two', () => {
    for (const method of METHODS) {
      const [a, b] = pairOf('AAPL', 'BTC-USD');
      const of = (one: LogReturns, other: LogReturns): number => {
        const pearson = correlationFromSummary(summarizePair(one, other), ['a', 'b']);
        return method === 'percentiles' ? correlationByPercentiles(one, other, pearson) : pearson;
      };
      expect(of(a, b)).toBeCloseTo(of(b, a), 12);
    }
  });

  test('prices in another currency unit have the same return, volatility and correlation', () => {
    for (const method of METHODS) {
      const series = referenceSeries('GOOG');
      const scaled = { ...series, closes: series.closes.map((close) => close * 1024) };
      expect(estimate(returnsOf(scaled), method, 252)).toEqual(estimate(returnsOf(series), method, 252));
    }
  });

  test('returns that are larger by a factor have a volatility larger by it', () => {
    fc.assert(
      fc.property(walk, fc.double({ min: 0.5, max: 2, noNaN: true }), (values, factor) => {
        for (const method of METHODS) {
          const one = estimate(regular(values), method, 252);
          const other = estimate(regular(values.map((value) => value * factor)), method, 252);
          expect(other.annualVolatility).toBeCloseTo(one.annualVolatility * factor, 10);
          expect(other.drift).toBeCloseTo(one.drift * factor, 9);
        }
      }),
    );
  });

  test('the Ito term is half the variance, and moments differ from likelihood by n - 1 over n', () => {
    const returns = returnsOf(referenceSeries('SPY'));
    const [moments, likelihood] = (['moments', 'likelihood'] as const).map((method) =>
      estimate(returns, method, 252),
    );
    expect(moments!.annualReturn - moments!.drift).toBeCloseTo(moments!.annualVolatility ** 2 / 2, 14);
    const n = returns.values.length;
    expect((likelihood!.annualVolatility / moments!.annualVolatility) ** 2).toBeCloseTo((n - 1) / n, 14);
  });

  test('two windows merge into what one pass over both computes', () => {
    const unevenWalk = fc.array(
      fc.tuple(
        fc.double({ min: -0.1, max: 0.1, noNaN: true }),
        fc.double({ min: -0.1, max: 0.1, noNaN: true }),
        fc.integer({ min: 1, max: 4 }),
      ),
      { minLength: 8, maxLength: 60 },
    );
    fc.assert(
      fc.property(unevenWalk, fc.integer({ min: 1, max: 7 }), (steps, cut) => {
        const part = (from: number, to: number, side: 0 | 1): LogReturns => ({
          values: Float64Array.from(steps.slice(from, to), (step) => step[side]),
          elapsed: Float64Array.from(steps.slice(from, to), (step) => step[2]),
        });
        const end = steps.length;
        const merged = mergeSummaries(summarize(part(0, cut, 0)), summarize(part(cut, end, 0)));
        const direct = summarize(part(0, end, 0));
        expect(distance(Object.values(merged), Object.values(direct))).toBeLessThan(1e-12);
        const pair = mergePairSummaries(
          summarizePair(part(0, cut, 0), part(0, cut, 1)),
          summarizePair(part(cut, end, 0), part(cut, end, 1)),
        );
        const directPair = summarizePair(part(0, end, 0), part(0, end, 1));
        expect(distance(Object.values(pair).flat(), Object.values(directPair).flat())).toBeLessThan(1e-12);
        const [one, two] = [merged, direct].map((summary) => estimateFromSummary(summary, 'likelihood', 252));
        expect(one!.annualVolatility).toBeCloseTo(two!.annualVolatility, 12);
      }),
    );
  });

  test('the quantile function is the inverse of the distribution', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-10, max: 1 - 1e-10, noNaN: true }), (p) => {
        expect(normalCdf(normalQuantile(p)) / p).toBeCloseTo(1, 12);
      }),
    );
  });
});

describe('a correlation matrix', () => {
  test('of pairs over common days is taken as it is', () => {
    const names = ['SPY', 'VTI', 'IEF', 'AAPL', 'GOOG'];
    const rows = names.map((x) =>
      names.map((y) => (x === y ? 1 : correlationFromSummary(summarizePair(...pairOf(x, y)), [x, y]))),
    );
    expect(toCorrelationMatrix(rows)).toEqual({ rows });
  });

  test('over common days never has to be repaired', () => {
    const assets = fc.integer({ min: 2, max: 8 });
    fc.assert(
      fc.property(assets, fc.integer({ min: 3, max: 30 }), fc.integer(), (count, length, seed) => {
        const random = randomNumbers(seed);
        const all = Array.from({ length: count }, () =>
          regular(Array.from({ length }, () => random() - 0.5)),
        );
        const rows = all.map((a) =>
          all.map((b) => (a === b ? 1 : correlationFromSummary(summarizePair(a, b), ['a', 'b']))),
        );
        for (const [i, row] of rows.entries())
          for (const [j, rho] of row.entries()) expect(rho).toBeCloseTo(rows[j]![i]!, 14);
        expect(toCorrelationMatrix(rows).repair).toBeUndefined();
      }),
    );
  });

  test('of pairs that contradict each other is repaired, and says so', () => {
    // The nearest correlation matrix of Higham's example (2002, section 4).
    const rows = [
      [1, 1, 0],
      [1, 1, 1],
      [0, 1, 1],
    ];
    const { rows: repaired, repair } = toCorrelationMatrix(rows);
    expect(repaired[0]![1]).toBeCloseTo(0.7607, 4);
    expect(repaired[0]![2]).toBeCloseTo(0.1573, 4);
    expect(repaired.map((row, index) => row[index])).toEqual([1, 1, 1].map((one) => expect.closeTo(one, 12)));
    expect(repair!.smallestEigenvalue).toBeCloseTo(1 - Math.SQRT2, 12);
    expect(repair!.largestChange).toBeCloseTo(0.2393, 3);
  });
});

describe('data that allow no answer', () => {
  const series = (closes: number[]): PriceSeries => ({
    ticker: 'X',
    days: Int32Array.from(closes, (_, index) => 15_000 + index),
    closes: Float64Array.from(closes),
  });

  test('a close that is NaN, 0 or infinite is named with its ticker and date', () => {
    for (const bad of [NaN, 0, -1, Infinity])
      expect(() => checkSeries(series([1, bad, 2]))).toThrow(`X has the close ${bad} on 2011-01-27`);
  });

  test('fewer than 3 returns are too few', () => {
    expect(() => logReturns(series([1, 2, 3]), 'sessions')).toThrow('X has 2 returns in the window');
    expect(logReturns(series([1, 2, 3, 4]), 'sessions').values).toHaveLength(3);
  });

  test('a series that does not move correlates with nothing', () => {
    const flat = logReturns(series([5, 5, 5, 5, 5]), 'sessions');
    const moving = logReturns(series([5, 6, 5, 6, 5]), 'sessions');
    expect(() => correlationFromSummary(summarizePair(moving, flat), ['A', 'B'])).toThrow(/^B does not move/);
  });

  test('two dividends make no model', () => {
    const payments = [1, 2].map((amount) => ({ day: 15_000 + 90 * amount, amount }));
    expect(() => discountDividends('X', payments, 15_400, 0.05)).toThrow(StatisticsError);
  });
});

test('cost of equity and Sharpe ratio', () => {
  expect(costOfEquity(1, 0.2, 0.0154)).toBeCloseTo(0.2, 15);
  expect(costOfEquity(0, 0.2, 0.0154)).toBe(0.0154);
  expect(sharpeRatio(0.2, 0.1, 0.05)).toBeCloseTo(1.5, 15);
});
