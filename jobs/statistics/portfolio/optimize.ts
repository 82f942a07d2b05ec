import { normalCdf, normalPdf, normalQuantile } from '../estimators/normal.ts';
import { sharpeRatio } from '../estimators/capm.ts';
import { StatisticsError } from '../errors.ts';
import { cornerPortfolios } from './frontier.ts';
import { assess, dot, multiply, type Market, type Portfolio } from './market.ts';

/** What a portfolio is to be best at. */
export type Objective =
  | { readonly kind: 'minimum-variance' }
  | { readonly kind: 'maximum-return' }
  | { readonly kind: 'target-return'; readonly target: number }
  | { readonly kind: 'maximum-sharpe'; readonly riskFree: number }
  | { readonly kind: 'minimum-cvar'; readonly probability: number; readonly years: number };

/** The best portfolio of a market. Throws StatisticsError where there is none, with what there is instead. */
export function optimize(market: Market, objective: Objective): Portfolio {
  const corners = cornerPortfolios(market);
  switch (objective.kind) {
    case 'minimum-variance':
      return corners[0]!;
    case 'maximum-return':
      return corners.at(-1)!;
    case 'target-return':
      return withReturn(market, corners, objective.target);
    case 'maximum-sharpe':
      return withBestSharpe(market, corners, objective.riskFree);
    case 'minimum-cvar':
      return withLeastCvar(market, corners, objective.probability, objective.years);
  }
}

/** Portfolios of the frontier at `steps` even distances of return, both ends included. */
export function sampleFrontier(market: Market, corners: readonly Portfolio[], steps: number): Portfolio[] {
  const [low, high] = [corners[0]!.annualReturn, corners.at(-1)!.annualReturn];
  return Array.from({ length: steps }, (_, index) =>
    index === steps - 1
      ? corners.at(-1)!
      : mix(market, corners, low + ((high - low) * index) / Math.max(1, steps - 1)),
  );
}

/**
 * The share of a portfolio's value that is lost on average in the worst `probability` of outcomes after `years`, its
 * value taken for lognormal: 1 - exp(mu T) Phi(z - sigma sqrt(T)) / p. Below 0 where even the tail gains.
 */
export function portfolioCvar(
  { annualReturn, annualVolatility }: Pick<Portfolio, 'annualReturn' | 'annualVolatility'>,
  probability: number,
  years: number,
): number {
  const shifted = normalQuantile(probability) - annualVolatility * Math.sqrt(years);
  return 1 - (Math.exp(annualReturn * years) * normalCdf(shifted)) / probability;
}

function withReturn(market: Market, corners: readonly Portfolio[], target: number): Portfolio {
  const high = corners.at(-1)!.annualReturn;
  const slack = 1e-10 * Math.max(1, Math.abs(high));
  if (target >= corners[0]!.annualReturn && target <= high + slack)
    return mix(market, corners, Math.min(target, high));
  // Below the portfolio of least variance the frontier goes on downwards: that of the negated returns.
  const mirrored = { ...market, returns: market.returns.map((value) => -value) };
  const downwards = cornerPortfolios(mirrored);
  const low = -downwards.at(-1)!.annualReturn;
  if (target < low - slack || target > high + slack) {
    throw new StatisticsError(
      'infeasible-target',
      `no portfolio within the bounds returns ${target} a year; choose from ${low} to ${high}`,
    );
  }
  return assess(market, mix(mirrored, downwards, Math.min(-target, -low)).weights);
}

/** The mixture of two neighbouring corners with a certain return. */
function mix(market: Market, corners: readonly Portfolio[], annualReturn: number): Portfolio {
  const above = corners.findIndex((corner) => corner.annualReturn >= annualReturn);
  if (above === -1) return corners.at(-1)!;
  if (above === 0) return corners[0]!;
  const [from, to] = [corners[above - 1]!, corners[above]!];
  return between(
    market,
    from,
    to,
    (annualReturn - from.annualReturn) / (to.annualReturn - from.annualReturn),
  );
}

function between(market: Market, from: Portfolio, to: Portfolio, share: number): Portfolio {
  return assess(
    market,
    from.weights.map((weight, index) => weight + share * (to.weights[index]! - weight)),
  );
}

/** Mean and variance along the mixtures of two corners: `excess + share gain`, `variance + 2 share pull + share^2 bend`. */
function along(market: Market, from: Portfolio, to: Portfolio) {
  const move = to.weights.map((weight, index) => weight - from.weights[index]!);
  const force = multiply(market.covariance, move);
  return {
    gain: to.annualReturn - from.annualReturn,
    variance: from.annualVolatility ** 2,
    pull: dot(force, from.weights),
    bend: dot(force, move),
  };
}

function withBestSharpe(market: Market, corners: readonly Portfolio[], riskFree: number): Portfolio {
  const highest = corners.at(-1)!.annualReturn;
  if (highest <= riskFree) {
    throw new StatisticsError(
      'no-excess-return',
      `no portfolio returns more than the risk-free rate ${riskFree}, the best one returns ${highest}: ` +
        'holding none of these assets has the best Sharpe ratio; choose minimum variance or a target return',
    );
  }
  const candidates = corners.slice(1).flatMap((to, index) => {
    const from = corners[index]!;
    const { gain, variance, pull, bend } = along(market, from, to);
    const excess = from.annualReturn - riskFree;
    // Where the derivative of (excess + share gain) / deviation is 0, which is linear in the share.
    const share = (gain * variance - excess * pull) / (excess * bend - gain * pull);
    return share > 0 && share < 1 ? [between(market, from, to, share)] : [];
  });
  const sharpe = ({ annualReturn, annualVolatility }: Portfolio): number =>
    sharpeRatio(annualReturn, annualVolatility, riskFree);
  return [...corners, ...candidates].reduce((best, one) => (sharpe(one) > sharpe(best) ? one : best));
}

/**
 * The logarithm of what is left in the tail, mu T + ln Phi(z - sigma sqrt(T)), is concave in the weights and rises with
 * the return: its maximum lies on the frontier, where its derivative changes sign once.
 */
function withLeastCvar(
  market: Market,
  corners: readonly Portfolio[],
  probability: number,
  years: number,
): Portfolio {
  const root = Math.sqrt(years);
  const z = normalQuantile(probability);
  const candidates = corners.slice(1).map((to, index) => {
    const from = corners[index]!;
    const { gain, variance, pull, bend } = along(market, from, to);
    const rises = (share: number): boolean => {
      const deviation = Math.sqrt(Math.max(0, variance + 2 * share * pull + share * share * bend));
      const shifted = z - deviation * root;
      const slope = (pull + share * bend) / deviation;
      return gain * years > (normalPdf(shifted) / normalCdf(shifted)) * root * slope;
    };
    let [low, high] = [0, 1];
    if (rises(1)) return to;
    while (high - low > 1e-15) {
      const middle = (low + high) / 2;
      if (middle === low || middle === high) break;
      if (rises(middle)) low = middle;
      else high = middle;
    }
    return between(market, from, to, low);
  });
  const cvar = (one: Portfolio): number => portfolioCvar(one, probability, years);
  return [corners[0]!, ...candidates].reduce((best, one) => (cvar(one) < cvar(best) ? one : best));
}
