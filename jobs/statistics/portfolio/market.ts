import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { UsageError } from '../../runtime/errors.ts';
import { StatisticsError } from '../errors.ts';

/** What a portfolio can hold: annual returns and their covariance, and how much of each asset is allowed. */
export interface Market {
  readonly returns: Float64Array;
  readonly covariance: Matrix;
  /** Least and largest weight of each asset; below 0 is a short position. */
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  /** Added to the diagonal of a covariance that is singular; 0 otherwise. */
  readonly ridge: number;
}

/** Weights that sum to 1, and what is expected of them. */
export interface Portfolio {
  readonly weights: Float64Array;
  readonly annualReturn: number;
  readonly annualVolatility: number;
}

/**
 * Ratio of eigenvalues below which a covariance counts as singular, and what is then added to it: enough that weights
 * have more digits than what is compared of them, so that no corner of the frontier is passed twice.
 */
const SINGULAR = 1e-9;
const RIDGE = 1e-8;

/** @param correlation by rows, positive semi-definite */
export function createMarket(
  returns: readonly number[],
  volatilities: readonly number[],
  correlation: readonly (readonly number[])[],
  bounds: { readonly lower: number; readonly upper: number },
): Market {
  // The same bits on both sides of the diagonal, whatever the rounding.
  const covariance = new Matrix(
    correlation.map((row, i) =>
      row.map((rho, j) => ((rho + correlation[j]![i]!) / 2) * (volatilities[i]! * volatilities[j]!)),
    ),
  );
  const assets = returns.length;
  if (bounds.lower > bounds.upper)
    throw new UsageError(`bounds ${bounds.lower} to ${bounds.upper} are reversed`);
  if (bounds.lower * assets > 1 || bounds.upper * assets < 1) {
    throw new StatisticsError(
      'infeasible-bounds',
      `weights of ${assets} assets between ${bounds.lower} and ${bounds.upper} cannot sum to 1; ` +
        `the lower bound is at most ${1 / assets}, the upper at least that`,
    );
  }
  const eigenvalues = new EigenvalueDecomposition(covariance, { assumeSymmetric: true }).realEigenvalues;
  const largest = Math.max(...eigenvalues);
  const ridge = Math.min(...eigenvalues) < SINGULAR * largest ? RIDGE * largest : 0;
  return {
    returns: Float64Array.from(returns),
    covariance: ridge === 0 ? covariance : Matrix.add(covariance, Matrix.eye(assets).mul(ridge)),
    lower: new Float64Array(assets).fill(bounds.lower),
    upper: new Float64Array(assets).fill(bounds.upper),
    ridge,
  };
}

/** What is expected of weights. */
export function assess({ returns, covariance }: Market, weights: Float64Array): Portfolio {
  return {
    weights,
    annualReturn: dot(returns, weights),
    annualVolatility: Math.sqrt(Math.max(0, dot(weights, multiply(covariance, weights)))),
  };
}

export function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0);
}

export function multiply(matrix: Matrix, vector: Float64Array): Float64Array {
  const product = new Float64Array(matrix.rows);
  for (let row = 0; row < matrix.rows; row += 1) {
    let sum = 0;
    for (let column = 0; column < matrix.columns; column += 1)
      sum += matrix.get(row, column) * vector[column]!;
    product[row] = sum;
  }
  return product;
}
