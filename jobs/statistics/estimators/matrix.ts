import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** A correlation matrix by rows, and what was done to make it one. */
export interface CorrelationMatrix {
  readonly rows: readonly (readonly number[])[];
  /** Undefined where the pairs fit together as they are. */
  readonly repair?: {
    readonly smallestEigenvalue: number;
    readonly largestChange: number;
  };
}

/** Rounding errors of an eigenvalue decomposition: above minus this, an eigenvalue counts as not negative. */
const TOLERANCE = 1e-10;
const MAX_ROUNDS = 1000;

/**
 * Makes pairwise correlations positive semi-definite. Pairs over the same days are so by themselves; over days that
 * differ, or by percentiles, they can contradict each other, and the nearest correlation matrix in the Frobenius norm
 * is taken instead: Higham's alternating projections (2002, IMA J. Numer. Anal. 22).
 */
export function toCorrelationMatrix(pairs: readonly (readonly number[])[]): CorrelationMatrix {
  const given = new Matrix(pairs.map((row) => [...row]));
  const smallest = Math.min(...eigen(given).realEigenvalues);
  if (smallest >= -TOLERANCE) return { rows: pairs };
  let nearest = given.clone();
  let correction = Matrix.zeros(given.rows, given.columns);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const shifted = Matrix.sub(nearest, correction);
    const positive = projectOnPositive(shifted);
    correction = Matrix.sub(positive, shifted);
    const next = positive.clone();
    for (let index = 0; index < next.rows; index += 1) next.set(index, index, 1);
    const moved = Matrix.sub(next, nearest).norm('frobenius');
    nearest = next;
    if (moved < 1e-12) break;
  }
  // The last projection left the cone by a little: a tiny step towards the identity brings it back.
  const below = Math.min(0, ...eigen(nearest).realEigenvalues);
  const shrink = -below / (1 - below);
  const rows = nearest
    .mul(1 - shrink)
    .add(Matrix.eye(given.rows).mul(shrink))
    .to2DArray();
  const changes = rows.flatMap((row, i) => row.map((value, j) => Math.abs(value - pairs[i]![j]!)));
  return { rows, repair: { smallestEigenvalue: smallest, largestChange: Math.max(...changes) } };
}

function eigen(matrix: Matrix): EigenvalueDecomposition {
  return new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
}

function projectOnPositive(matrix: Matrix): Matrix {
  const { realEigenvalues, eigenvectorMatrix } = eigen(matrix);
  const kept = Matrix.diag(realEigenvalues.map((value) => Math.max(0, value)));
  return eigenvectorMatrix.mmul(kept).mmul(eigenvectorMatrix.transpose());
}
