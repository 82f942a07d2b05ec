import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { SignalsError } from '../../runtime/errors.ts';
import { assess, multiply, type Market, type Portfolio } from './market.ts';

/**
 * Portfolios of least variance for their return, exactly: Markowitz's critical lines. With multiplier t for the
 * return, the weights that minimise w'Cw/2 - t m'w are a straight line in t as long as the same assets are at their
 * bounds. The minimum-variance portfolio (t = 0) is found by an active set; from there on each event, a weight that
 * reaches a bound or a bound that lets go of one, is a corner portfolio. Between two neighbouring corners every
 * portfolio of the frontier is a mixture of both.
 */

/** Where a weight is held. */
type Place = 'free' | 'lower' | 'upper';

/** Weights and multipliers as lines in t: value + slope t. */
interface Line {
  readonly value: Float64Array;
  readonly slope: Float64Array;
}

const TOLERANCE = 1e-11;
/** Relative size below which a difference is rounding. */
const NOISE = 1e-12;

/** Corner portfolios by rising return, from the least variance to the largest return; at least one. */
export function cornerPortfolios(market: Market): Portfolio[] {
  const assets = market.returns.length;
  const { weights: start, places } = minimizeVariance(market);
  const corners = [assess(market, start)];
  let t = 0;
  for (let events = 0; events < 100 * (assets + 10); events += 1) {
    const { weights, multipliers } = criticalLine(market, places);
    const event = nextEvent(market, places, weights, multipliers, t);
    if (event === undefined) {
      // From here on nothing changes with t, and without t there is less rounding.
      const last = assess(market, within(market, weights.value));
      return [...corners.slice(0, -1).filter(({ annualReturn }) => annualReturn < last.annualReturn), last];
    }
    t = event.t;
    places[event.asset] = event.place;
    const corner = weights.value.map((value, index) => value + weights.slope[index]! * event.t);
    const portfolio = assess(market, within(market, corner));
    // Events at one place move nothing, or only by rounding.
    if (portfolio.annualReturn > corners.at(-1)!.annualReturn) corners.push(portfolio);
  }
  throw new SignalsError(
    'frontier',
    `the efficient frontier of ${assets} assets does not end; two of them may be the same`,
  );
}

/** The least-variance portfolio within the bounds, by a primal active set. */
function minimizeVariance(market: Market): { weights: Float64Array; places: Place[] } {
  const { lower, upper } = market;
  const assets = lower.length;
  const weights = Float64Array.from(lower);
  const places: Place[] = Array.from(lower, () => 'lower');
  let left = 1 - lower.reduce((sum, value) => sum + value, 0);
  let last = 0;
  for (let asset = 0; asset < assets && left > 0; asset += 1) {
    const added = Math.min(left, upper[asset]! - lower[asset]!);
    weights[asset] = lower[asset]! + added;
    places[asset] = 'upper';
    left -= added;
    last = asset;
  }
  places[last] = 'free';
  const scale = Math.max(...market.covariance.diagonal());
  for (let step = 0; step < 100 * (assets + 10); step += 1) {
    const line = criticalLine(market, places);
    const goal = line.weights.value;
    const blocked = firstBlocked(market, places, weights, goal);
    for (let asset = 0; asset < assets; asset += 1) {
      if (places[asset] === 'free')
        weights[asset]! += (blocked?.share ?? 1) * (goal[asset]! - weights[asset]!);
    }
    if (blocked !== undefined) {
      places[blocked.asset] = blocked.place;
      weights[blocked.asset] = (blocked.place === 'lower' ? lower : upper)[blocked.asset]!;
      continue;
    }
    const released = mostWrong(places, line.multipliers.value, TOLERANCE * scale);
    if (released === -1) return { weights, places };
    places[released] = 'free';
  }
  throw new SignalsError('portfolio', `no portfolio of least variance was found for ${assets} assets`);
}

/** The free weight that meets a bound first on the way to `goal`, and after which share of it; undefined for none. */
function firstBlocked(
  { lower, upper }: Market,
  places: readonly Place[],
  weights: Float64Array,
  goal: Float64Array,
): { readonly asset: number; readonly share: number; readonly place: 'lower' | 'upper' } | undefined {
  let first: ReturnType<typeof firstBlocked>;
  for (const [asset, place] of places.entries()) {
    const move = goal[asset]! - weights[asset]!;
    if (place !== 'free' || Math.abs(move) <= TOLERANCE) continue;
    const bound = move < 0 ? 'lower' : 'upper';
    const share = Math.max(0, ((bound === 'lower' ? lower : upper)[asset]! - weights[asset]!) / move);
    if (share < (first?.share ?? 1)) first = { asset, share, place: bound };
  }
  return first;
}

/** The bound whose multiplier says most clearly that it should let go; -1 for none. */
function mostWrong(places: readonly Place[], multipliers: Float64Array, tolerance: number): number {
  let worst = -1;
  let most = tolerance;
  for (const [asset, place] of places.entries()) {
    const wrong =
      place === 'lower' ? -multipliers[asset]! : place === 'upper' ? multipliers[asset]! : -Infinity;
    if (wrong > most) [worst, most] = [asset, wrong];
  }
  return worst;
}

interface Event {
  readonly t: number;
  readonly asset: number;
  readonly place: Place;
}

/** What happens first when t grows from where it is. */
function nextEvent(
  { lower, upper }: Market,
  places: readonly Place[],
  weights: Line,
  multipliers: Line,
  from: number,
): Event | undefined {
  let first: Event | undefined;
  const consider = (asset: number, place: Place, line: Line, goal: number): void => {
    const t = Math.max(from, (goal - line.value[asset]!) / line.slope[asset]!);
    if (Number.isFinite(t) && (first === undefined || t < first.t)) first = { t, asset, place };
  };
  for (const [asset, place] of places.entries()) {
    const slope = weights.slope[asset]!;
    const change = multipliers.slope[asset]!;
    if (place === 'free' && slope < 0) consider(asset, 'lower', weights, lower[asset]!);
    if (place === 'free' && slope > 0) consider(asset, 'upper', weights, upper[asset]!);
    if (place === 'lower' && change < 0) consider(asset, 'free', multipliers, 0);
    if (place === 'upper' && change > 0) consider(asset, 'free', multipliers, 0);
  }
  return first;
}

/**
 * Weights, and the multipliers of those at a bound (at least 0 at the lower, at most 0 at the upper one where the
 * bound is right), as lines in t while `places` stay as they are.
 */
function criticalLine(market: Market, places: readonly Place[]): { weights: Line; multipliers: Line } {
  const { returns, covariance, lower, upper } = market;
  const free = places.flatMap((place, asset) => (place === 'free' ? [asset] : []));
  const weights = { value: new Float64Array(returns.length), slope: new Float64Array(returns.length) };
  for (const [asset, place] of places.entries()) {
    if (place !== 'free') weights.value[asset] = (place === 'lower' ? lower : upper)[asset]!;
  }
  const held = multiply(covariance, weights.value);
  const heldSum = sumOf(weights.value);
  // Returns count by their differences only: measured from one that is free, those that are alike cancel exactly.
  const origin = returns[free[0]!]!;
  const [ones, rewards, pulls] = solve(covariance.selection(free, free), [
    free.map(() => 1),
    free.map((asset) => returns[asset]! - origin),
    free.map((asset) => held[asset]!),
  ]);
  const total = sumOf(ones!);
  // The multiplier of the sum of weights.
  const price = { value: (1 - heldSum + sumOf(pulls!)) / total, slope: -sumOf(rewards!) / total };
  // What cancels leaves this much of rounding.
  const noise = NOISE * (largest(rewards!) + Math.abs(price.slope) * largest(ones!));
  for (const [index, asset] of free.entries()) {
    weights.value[asset] = price.value * ones![index]! - pulls![index]!;
    const slope = rewards![index]! + price.slope * ones![index]!;
    weights.slope[asset] = free.length === 1 || Math.abs(slope) <= noise ? 0 : slope;
  }
  const error = (1 - sumOf(weights.value)) / total;
  for (const [index, asset] of free.entries()) weights.value[asset]! += error * ones![index]!;
  const forces = [weights.value, weights.slope].map((vector) => multiply(covariance, vector));
  const multipliers = {
    value: forces[0]!.map((force, asset) => (places[asset] === 'free' ? 0 : force - price.value)),
    slope: forces[1]!.map((force, asset) => {
      if (places[asset] === 'free') return 0;
      const [reward, change] = [returns[asset]! - origin, force - (returns[asset]! - origin) - price.slope];
      return Math.abs(change) <= NOISE * (Math.abs(force) + Math.abs(reward) + Math.abs(price.slope))
        ? 0
        : change;
    }),
  };
  return { weights, multipliers };
}

/** Solutions of a positive definite system for several right sides, with one step of iterative refinement. */
function solve(matrix: Matrix, rightSides: readonly number[][]): number[][] {
  const decomposition = new CholeskyDecomposition(matrix);
  const wanted = new Matrix(rightSides as number[][]).transpose();
  const first = decomposition.solve(wanted);
  const residual = Matrix.sub(wanted, matrix.mmul(first));
  return first.add(decomposition.solve(residual)).transpose().to2DArray();
}

function largest(values: readonly number[]): number {
  return Math.max(...values.map(Math.abs));
}

function sumOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) sum += values[index]!;
  return sum;
}

/** Weights without rounding: within their bounds, and summing to 1 as far as those allow. */
function within({ lower, upper }: Market, weights: Float64Array): Float64Array {
  const clamp = (weight: number, index: number): number =>
    Math.min(upper[index]!, Math.max(lower[index]!, weight));
  const clamped = weights.map(clamp);
  let rest = 1 - sumOf(clamped);
  // Those between their bounds take the rest, so that a weight of 0 stays one.
  const isInside = (index: number): boolean =>
    clamped[index]! > lower[index]! && clamped[index]! < upper[index]!;
  const order = [...clamped.keys()].toSorted((a, b) => Number(isInside(b)) - Number(isInside(a)));
  for (const index of order) {
    const weight = clamped[index]!;
    clamped[index] = clamp(weight + rest, index);
    rest -= clamped[index]! - weight;
  }
  return clamped;
}
