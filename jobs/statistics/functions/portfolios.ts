import { z } from 'zod';
import { firstLine, UsageError } from '../../runtime/errors.ts';
import { StatisticsError } from '../errors.ts';
import { allocate } from '../portfolio/allocate.ts';
import { cornerPortfolios } from '../portfolio/frontier.ts';
import { createMarket, type Market, type Portfolio } from '../portfolio/market.ts';
import {
  optimize as findBest,
  portfolioCvar,
  sampleFrontier,
  type Objective,
} from '../portfolio/optimize.ts';
import type { Statistics } from '../statistics.ts';
import { define, each, pricesOf, type Answer } from './definition.ts';
import { common, tail, tickers } from './fields.ts';

export const OBJECTIVES = [
  'minimum-variance',
  'maximum-sharpe',
  'maximum-return',
  'minimum-cvar',
  'target-return',
] as const;

const CURVE_POINTS = 60;

const bounds = { minWeight: z.number().min(-10).default(0), maxWeight: z.number().max(10).default(1) };
const portfolioInput = { ...common, ...bounds, tickers: tickers(2), invest: z.number().gt(0).optional() };

export const optimize = define({
  description: 'the best portfolio for an objective',
  input: z.strictObject({
    ...portfolioInput,
    ...tail,
    /** By default what fits: a target return where there is a target, else the least variance. */
    objective: z.enum(OBJECTIVES).optional(),
    target: z.number().optional(),
  }),
  async run(statistics, input) {
    const { market, facts, closes } = await marketOf(statistics, input.tickers, input);
    const objective = await objectiveOf(statistics, input);
    const portfolio = findBest(market, objective);
    return {
      ...facts,
      ...(objective.kind === 'maximum-sharpe' ? { riskFree: await statistics.riskFree() } : {}),
      result: {
        ...describePortfolio(input.tickers, market, portfolio, closes, input.invest),
        ...(objective.kind === 'minimum-cvar'
          ? { conditional_value_at_risk: portfolioCvar(portfolio, objective.probability, objective.years) }
          : {}),
      },
    };
  },
});

export const frontier = define({
  description: 'portfolios of least variance for their return, with the special ones',
  input: z.strictObject({ ...portfolioInput, steps: z.number().int().min(2).max(1000).default(5) }),
  async run(statistics, input) {
    const { market, facts, closes } = await marketOf(statistics, input.tickers, input);
    const riskFree = await statistics.riskFree();
    const corners = cornerPortfolios(market);
    const describe = (portfolio: Portfolio): unknown =>
      describePortfolio(input.tickers, market, portfolio, closes, input.invest);
    return {
      ...facts,
      riskFree,
      result: {
        frontier: sampleFrontier(market, corners, input.steps).map(describe),
        corners: corners.map(describe),
        // Volatility and return, close enough to draw a line through.
        curve: sampleFrontier(market, corners, CURVE_POINTS).map((one) => [
          one.annualVolatility,
          one.annualReturn,
        ]),
        minimum_variance: describe(corners[0]!),
        maximum_return: describe(corners.at(-1)!),
        maximum_sharpe: bestSharpe(statistics, market, riskFree.rate, describe),
      },
    };
  },
});

async function marketOf(
  statistics: Statistics,
  names: readonly string[],
  { minWeight, maxWeight }: { minWeight: number; maxWeight: number },
): Promise<{ market: Market; facts: Pick<Answer, 'prices'>; closes: number[] }> {
  const found = await each(names, (name) => statistics.own(name, statistics.weekends));
  const own = [...found.values()];
  const market = createMarket(
    own.map(({ annualReturn }) => annualReturn),
    own.map(({ annualVolatility }) => annualVolatility),
    (await statistics.correlations()).rows,
    { lower: minWeight, upper: maxWeight },
  );
  if (market.ridge > 0)
    statistics.warn(
      'the covariance is singular, two assets may be the same; a little was added to its diagonal',
    );
  return { market, facts: { prices: pricesOf(found) }, closes: own.map(({ last }) => last.close) };
}

async function objectiveOf(
  statistics: Statistics,
  input: z.output<typeof optimize.input>,
): Promise<Objective> {
  const { target, probability, years } = input;
  const objective = input.objective ?? (target === undefined ? 'minimum-variance' : 'target-return');
  if ((objective === 'target-return') !== (target !== undefined))
    throw new UsageError('a target goes with the objective target-return, and that with a target');
  switch (objective) {
    case 'target-return':
      return { kind: objective, target: target! };
    case 'maximum-sharpe':
      return { kind: objective, riskFree: (await statistics.riskFree()).rate };
    case 'minimum-cvar':
      return { kind: objective, probability, years };
    default:
      return { kind: objective };
  }
}

/** The portfolio of the largest Sharpe ratio, or null with a warning where nothing returns more than the risk-free rate. */
function bestSharpe(
  statistics: Statistics,
  market: Market,
  riskFree: number,
  describe: (portfolio: Portfolio) => unknown,
): unknown {
  try {
    return describe(findBest(market, { kind: 'maximum-sharpe', riskFree }));
  } catch (error) {
    if (!(error instanceof StatisticsError) || error.code !== 'no-excess-return') throw error;
    statistics.warn(firstLine(error));
    return null;
  }
}

function describePortfolio(
  names: readonly string[],
  market: Market,
  { weights, annualReturn, annualVolatility }: Portfolio,
  closes: readonly number[],
  invest: number | undefined,
): object {
  const bought = invest === undefined ? undefined : allocate(names, weights, closes, invest);
  return {
    holdings: names.map((name, index) => ({
      ticker: name,
      allocation: weights[index]!,
      annual_return: market.returns[index]!,
      annual_volatility: Math.sqrt(market.covariance.get(index, index)),
      ...(bought === undefined ? {} : { shares: bought.positions[index]!.shares }),
    })),
    portfolio_return: annualReturn,
    portfolio_volatility: annualVolatility,
    ...(bought === undefined ? {} : { total: bought.total, cash: bought.cash }),
  };
}
