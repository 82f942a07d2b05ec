import { assetType } from '../assets.ts';

/** How much of an asset an amount of money buys. */
interface Position {
  readonly ticker: string;
  /** Whole shares; coins in hundred-millionths. */
  readonly shares: number;
  readonly value: number;
}

export interface Allocation {
  readonly positions: readonly Position[];
  /** Sum of the values. */
  readonly total: number;
  /** What is left because shares are whole. */
  readonly cash: number;
}

const COIN_FRACTIONS = 1e8;

/** Spends an amount by weights, each position rounded towards 0. Amount and prices are in one currency. */
export function allocate(
  tickers: readonly string[],
  weights: Float64Array,
  prices: readonly number[],
  amount: number,
): Allocation {
  const positions = tickers.map((ticker, index) => {
    const wanted = (weights[index]! * amount) / prices[index]!;
    const shares =
      assetType(ticker) === 'crypto'
        ? Math.trunc(wanted * COIN_FRACTIONS) / COIN_FRACTIONS
        : Math.trunc(wanted);
    return { ticker, shares, value: shares * prices[index]! };
  });
  const total = positions.reduce((sum, { value }) => sum + value, 0);
  return { positions, total, cash: amount - total };
}
