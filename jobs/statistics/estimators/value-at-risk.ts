import type { Estimate } from './estimate.ts';
import { normalCdf, normalQuantile } from './normal.ts';

/** The lower tail of a price after some time, as a price and as what is lost from today's. */
export interface TailRisk {
  /** In the currency of the price. */
  readonly level: number;
  /** Today's price less the level; below 0 where even the tail gains. */
  readonly loss: number;
  /** Loss as a share of today's price. */
  readonly lossShare: number;
}

type Parameters = Pick<Estimate, 'annualReturn' | 'annualVolatility'>;

/**
 * The price that a geometric Brownian motion is below with `probability` after `years`:
 * S exp((mu - sigma^2/2) T + sigma sqrt(T) z).
 */
export function valueAtRisk(
  price: number,
  { annualReturn, annualVolatility }: Parameters,
  probability: number,
  years: number,
): TailRisk {
  const deviation = annualVolatility * Math.sqrt(years);
  const growth = (annualReturn - annualVolatility ** 2 / 2) * years + deviation * normalQuantile(probability);
  return tail(price, price * Math.exp(growth));
}

/** The mean price below the value at risk: S exp(mu T) Phi(z - sigma sqrt(T)) / p. */
export function conditionalValueAtRisk(
  price: number,
  { annualReturn, annualVolatility }: Parameters,
  probability: number,
  years: number,
): TailRisk {
  const shifted = normalQuantile(probability) - annualVolatility * Math.sqrt(years);
  return tail(price, (price * Math.exp(annualReturn * years) * normalCdf(shifted)) / probability);
}

function tail(price: number, level: number): TailRisk {
  return { level, loss: price - level, lossShare: 1 - level / price };
}
