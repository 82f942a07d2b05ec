import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Matrix } from 'ml-matrix';
import { allocate } from '../../jobs/statistics/portfolio/allocate.ts';
import { cornerPortfolios } from '../../jobs/statistics/portfolio/frontier.ts';
import { assess, createMarket, type Market } from '../../jobs/statistics/portfolio/market.ts';
import { optimize, portfolioCvar, sampleFrontier } from '../../jobs/statistics/portfolio/optimize.ts';
import { randomNumbers } from '../support/series.ts';
import { distance, reference } from '../support/statistics.ts';

const { returns, covariance } = reference.market;
const LONG_ONLY = { lower: 0, upper: 1 };

function referenceMarket(bounds: { lower: number; upper: number }): Market {
  const volatilities = covariance.map((row: number[], index: number) => Math.sqrt(row[index]!));
  const correlation = covariance.map((row: number[], i: number) =>
    row.map((value, j) => value / volatilities[i] / volatilities[j]),
  );
  return createMarket(returns, volatilities, correlation, bounds);
}

/** Any number of assets driven by a few factors. */
function randomMarket(assets: number, seed: number, bounds = LONG_ONLY): Market {
  const random = randomNumbers(seed);
  const loads = new Matrix(
    Array.from({ length: assets }, () => Array.from({ length: 4 }, () => random() - 0.5)),
  );
  const cov = loads.mmul(loads.transpose()).mul(0.04);
  for (let index = 0; index < assets; index += 1)
    cov.set(index, index, cov.get(index, index) + 0.01 + 0.02 * random());
  const volatilities = cov.diagonal().map(Math.sqrt);
  const correlation = cov
    .to2DArray()
    .map((row, i) => row.map((v, j) => v / volatilities[i]! / volatilities[j]!));
  return createMarket(
    Array.from({ length: assets }, () => random() * 0.3 - 0.05),
    volatilities,
    correlation,
    bounds,
  );
}

describe.each<[number, number, any]>(
  reference.portfolios.map((one: any) => [one.bounds[0], one.bounds[1], one]),
)('weights from %s to %s equal those of cvxpy', (lower, upper, expected) => {
  const market = referenceMarket({ lower, upper });

  test('minimum variance, maximum return, maximum Sharpe', () => {
    expect(
      distance(optimize(market, { kind: 'minimum-variance' }).weights, expected.minimum_variance),
    ).toBeLessThan(1e-6);
    expect(
      distance(optimize(market, { kind: 'maximum-return' }).weights, expected.maximum_return),
    ).toBeLessThan(1e-6);
    const { weights } = optimize(market, { kind: 'maximum-sharpe', riskFree: reference.risk_free });
    expect(distance(weights, expected.maximum_sharpe)).toBeLessThan(1e-6);
  });

  test('target returns above and below that of the least variance', () => {
    for (const { target, weights } of Object.values<any>(expected.targets)) {
      const found = optimize(market, { kind: 'target-return', target });
      expect(found.annualReturn).toBeCloseTo(target, 12);
      expect(distance(found.weights, weights)).toBeLessThan(1e-6);
    }
  });

  test('least conditional value at risk', () => {
    const found = optimize(market, { kind: 'minimum-cvar', probability: 0.05, years: 0.5 });
    expect(portfolioCvar(found, 0.05, 0.5)).toBeCloseTo(expected.minimum_cvar.cvar, 9);
    expect(distance(found.weights, expected.minimum_cvar.weights)).toBeLessThan(1e-5);
  });

  test('a target out of reach is answered with what can be reached', () => {
    const [low, high] = expected.interval;
    expect(optimize(market, { kind: 'target-return', target: high - 1e-9 }).annualReturn).toBeCloseTo(
      high,
      8,
    );
    for (const target of [low - 0.001, high + 0.001]) {
      const fail = (): unknown => optimize(market, { kind: 'target-return', target });
      expect(fail).toThrow(`no portfolio within the bounds returns ${target} a year; choose from`);
      expect(fail).toThrow(expect.objectContaining({ code: 'infeasible-target' }));
    }
  });
});

test("the corner portfolios of PyPortfolioOpt's critical line are among ours", () => {
  const corners = cornerPortfolios(referenceMarket(LONG_ONLY));
  // It passes over some events; what lies between its corners is compared with cvxpy above.
  for (const expected of reference.corners)
    expect(Math.min(...corners.map(({ weights }) => distance(weights, expected)))).toBeLessThan(1e-9);
  expect(corners.length).toBeGreaterThanOrEqual(reference.corners.length - 1);
});

test('the frontier of 60 assets is optimal everywhere and ends at the best asset', () => {
  for (const [seed, bounds] of [
    [1, LONG_ONLY],
    [2, { lower: -0.05, upper: 0.1 }],
    [3, { lower: 0.002, upper: 0.05 }],
  ] as const) {
    const market = randomMarket(60, seed, bounds);
    const corners = cornerPortfolios(market);
    expect(corners.length).toBeGreaterThan(10);
    const rng = randomNumbers(seed);
    for (const portfolio of sampleFrontier(market, corners, 12)) {
      expect(portfolio.weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
      expect(Math.min(...portfolio.weights)).toBeGreaterThanOrEqual(bounds.lower);
      expect(Math.max(...portfolio.weights)).toBeLessThanOrEqual(bounds.upper + 1e-15);
      // No small shift of money between two assets that keeps the return or raises it lowers the variance.
      for (let trial = 0; trial < 200; trial += 1) {
        const [a, b] = [Math.floor(60 * rng()), Math.floor(60 * rng())];
        const moved = Float64Array.from(portfolio.weights);
        moved[a]! += 1e-4;
        moved[b]! -= 1e-4;
        if (moved[a]! > bounds.upper || moved[b]! < bounds.lower) continue;
        const other = assess(market, moved);
        const isBetter =
          other.annualReturn >= portfolio.annualReturn - 1e-15 &&
          other.annualVolatility < portfolio.annualVolatility - 1e-12;
        expect(isBetter).toBe(false);
      }
    }
  }
});

test('the maximum Sharpe ratio and the least CVaR are not beaten anywhere on the frontier', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 15 }), fc.integer(), (assets, seed) => {
      const market = randomMarket(assets, seed);
      const corners = cornerPortfolios(market);
      const highest = corners.at(-1)!.annualReturn;
      const riskFree = highest - 0.05;
      const best = optimize(market, { kind: 'maximum-sharpe', riskFree });
      const safest = optimize(market, { kind: 'minimum-cvar', probability: 0.01, years: 2 });
      for (const one of sampleFrontier(market, corners, 50)) {
        const sharpe = (one.annualReturn - riskFree) / one.annualVolatility;
        expect(sharpe).toBeLessThanOrEqual((best.annualReturn - riskFree) / best.annualVolatility + 1e-12);
        expect(portfolioCvar(one, 0.01, 2)).toBeGreaterThanOrEqual(portfolioCvar(safest, 0.01, 2) - 1e-12);
      }
    }),
    { numRuns: 60 },
  );
});

test('returns that are alike, twins and few factors end at the largest return, weights summing to 1', () => {
  const alike = fc.constantFrom('none', 'all', 'some');
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 25 }),
      fc.integer({ min: 1, max: 4 }),
      alike,
      fc.boolean(),
      fc.constantFrom(0, -0.2),
      fc.double({ min: 0, max: 0.5, noNaN: true }),
      fc.integer(),
      (assets, factors, ties, isSingular, lower, room, seed) => {
        const random = randomNumbers(seed);
        const loads = Array.from({ length: assets }, () =>
          Array.from({ length: factors }, () => random() - 0.5),
        );
        if (isSingular && assets > 2) loads[1] = loads[0]!;
        const cov = loads.map((x, i) =>
          loads.map((y, j) => {
            const common = x.reduce((sum, value, k) => sum + value * y[k]!, 0);
            return 0.04 * common + (i === j && !isSingular ? 0.01 : 0);
          }),
        );
        const volatilities = cov.map((row, i) => Math.sqrt(row[i]!));
        const correlation = cov.map((row, i) => row.map((v, j) => v / volatilities[i]! / volatilities[j]!));
        const means = loads.map(() =>
          ties === 'all' ? 0.1 : ties === 'some' ? Math.round(random() * 4) / 20 : 0.3 * random() - 0.05,
        );
        const upper = Math.min(1, 1 / assets + room);
        const market = createMarket(means, volatilities, correlation, { lower, upper });
        const corners = cornerPortfolios(market);
        for (const { weights } of corners)
          expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 7);
        // The linear program: as much as is allowed of the best, then of the next.
        let left = 1 - assets * lower;
        let highest = lower * means.reduce((sum, mean) => sum + mean, 0);
        for (const mean of means.toSorted((a, b) => b - a)) {
          const taken = Math.min(left, upper - lower);
          highest += taken * mean;
          left -= taken;
        }
        expect(corners.at(-1)!.annualReturn).toBeCloseTo(highest, 10);
        for (const [index, { annualReturn }] of corners.slice(1).entries())
          expect(annualReturn).toBeGreaterThan(corners[index]!.annualReturn - 1e-9);
      },
    ),
    { numRuns: 300, examples: [[4, 1, 'some', true, 0, 0, 2147483635]] },
  );
});

test('assets that are the same, alike in return, or alone, are portfolios too', () => {
  const twins = createMarket(
    [0.1, 0.1, 0.05],
    [0.2, 0.2, 0.1],
    [
      [1, 1, 0.2],
      [1, 1, 0.2],
      [0.2, 0.2, 1],
    ],
    LONG_ONLY,
  );
  expect(twins.ridge).toBeGreaterThan(0);
  const [a, b, c] = optimize(twins, { kind: 'minimum-variance' }).weights;
  const single = createMarket(
    [0.1, 0.05],
    [0.2, 0.1],
    [
      [1, 0.2],
      [0.2, 1],
    ],
    LONG_ONLY,
  );
  const [x, y] = optimize(single, { kind: 'minimum-variance' }).weights;
  expect([a! + b!, c]).toEqual([expect.closeTo(x!, 6), expect.closeTo(y!, 6)]);
  expect(optimize(twins, { kind: 'maximum-return' }).annualReturn).toBeCloseTo(0.1, 9);

  const equal = createMarket(
    [0.1, 0.1],
    [0.2, 0.1],
    [
      [1, 0],
      [0, 1],
    ],
    LONG_ONLY,
  );
  expect(cornerPortfolios(equal)).toHaveLength(1);
  expect(distance(optimize(equal, { kind: 'maximum-return' }).weights, [0.2, 0.8])).toBeLessThan(1e-12);

  const alone = createMarket([0.1], [0.2], [[1]], LONG_ONLY);
  expect([...optimize(alone, { kind: 'maximum-sharpe', riskFree: 0 }).weights]).toEqual([1]);
});

test('where nothing returns more than the risk-free rate, that is the answer', () => {
  const fail = (): unknown => optimize(referenceMarket(LONG_ONLY), { kind: 'maximum-sharpe', riskFree: 9 });
  expect(fail).toThrow(/no portfolio returns more than the risk-free rate 9, the best one returns 3\.11/);
  expect(fail).toThrow(expect.objectContaining({ code: 'no-excess-return' }));
});

test('bounds that no weights can keep are refused', () => {
  expect(() => referenceMarket({ lower: 0.2, upper: 1 })).toThrow(
    /weights of 6 assets between 0.2 and 1 cannot/,
  );
  expect(() => referenceMarket({ lower: 0, upper: 0.1 })).toThrow(/cannot sum to 1/);
});

test('an amount buys whole shares and fractions of coins, the rest stays cash', () => {
  const { positions, total, cash } = allocate(
    ['SPY', 'BTC-USD'],
    Float64Array.of(0.5, 0.5),
    [300, 40_000],
    1000,
  );
  expect(positions).toEqual([
    { ticker: 'SPY', shares: 1, value: 300 },
    { ticker: 'BTC-USD', shares: 0.0125, value: 500 },
  ]);
  expect([total, cash]).toEqual([800, 200]);
});
