/** Components of a basket on their common dates. */
export interface BasketInput {
  /** Level of each component at the close of each date, above 0. */
  readonly levels: readonly Float64Array[];
  /** Of each component; they sum to 1. */
  readonly weights: Float64Array;
  /** Indexes of the dates at whose close the basket is brought back to its weights, ascending, each above 0. */
  readonly rebalances: readonly number[];
  /** Level on date 0. */
  readonly initialCash: number;
  /** Share of what is bought or sold that trading costs. */
  readonly cost: number;
}

export interface BasketFigures {
  readonly levels: Float64Array;
  /** Units of each component held from the close of each date. */
  readonly units: readonly Float64Array[];
}

/**
 * A basket that holds units x of its components with levels L, and resizes them on some dates r, at the close and
 * after marking:
 *
 *     V(t) = sum x L(t)
 *     V(r) = V - c sum |w V - x L(r)|   the cost is that of trading to the weights of the value before it,
 *     x    = w V(r) / L(r)              and the units those of the value after it: exact up to c squared
 *
 * Units of date 0 are bought without cost: the initial cash is what the basket is worth then. Levels from where one
 * is not above 0 mean nothing; it is for the caller to look.
 */
export function rollBasket({ levels, weights, rebalances, initialCash, cost }: BasketInput): BasketFigures {
  const n = levels[0]!.length;
  const values = new Float64Array(n);
  const units = levels.map(() => new Float64Array(n));
  const held = weights.map((weight, i) => (weight * initialCash) / levels[i]![0]!);
  let next = 0;
  for (let t = 0; t < n; t += 1) {
    let value = initialCash;
    if (t > 0) {
      value = 0;
      for (let i = 0; i < held.length; i += 1) value += held[i]! * levels[i]![t]!;
    }
    if (rebalances[next] === t) {
      next += 1;
      let traded = 0;
      for (let i = 0; i < held.length; i += 1)
        traded += Math.abs(weights[i]! * value - held[i]! * levels[i]![t]!);
      value -= cost * traded;
      for (let i = 0; i < held.length; i += 1) held[i] = (weights[i]! * value) / levels[i]![t]!;
    }
    values[t] = value;
    for (let i = 0; i < held.length; i += 1) units[i]![t] = held[i]!;
  }
  return { levels: values, units };
}
