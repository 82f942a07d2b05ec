/** One stock on its business dates 0..n-1, from the one on which it is bought. All arrays have the same length. */
export interface Holding {
  /** Price per share, NaN where there is none; the first is there. */
  readonly close: Float64Array;
  /** Cash per share before tax on its ex-date, on the basis of `close`; 0 where there is none. */
  readonly dividend: Float64Array;
  /** What units are multiplied by at the open of the date; 1 where `close` is adjusted for splits. */
  readonly unitFactor: Float64Array;
  /** On which date a dividend of an ex-date is paid, as an index; n when that is after the last. */
  readonly paidAt: Int32Array;
}

export interface ReinvestmentTerms {
  /** Paid for the first units, costs included. */
  readonly initialCash: number;
  /** Share of what is bought that buying it costs. */
  readonly cost: number;
  /** Share of a dividend that is withheld, 0 to 1. */
  readonly withholding: number;
  /** Buy units for dividends once paid; otherwise they are kept as cash. */
  readonly reinvest: boolean;
}

/** Figures at the close of each date. */
export interface ReinvestmentFigures {
  /** Value of what is held; on a date without a close that of the date before. */
  readonly levels: Float64Array;
  readonly units: Float64Array;
  /** Dividends, after tax, of ex-dates gone by that have not bought units yet. */
  readonly receivable: Float64Array;
  /** Dividends kept. */
  readonly cash: Float64Array;
}

/**
 * Buys a stock at the first close and puts its dividends back into it. With P the close, D the dividend, c the cost,
 * w the withholding:
 *
 *     u(0) = initialCash / (P(0) (1 + c))
 *     A(t) = u(t-1) D(t) (1 - w)         entitlement at the ex-date, from the units held at the close before
 *     u(p) = u(p-1) + A / (P(p) (1 + c))  at the close of the payment date p, which can be the ex-date itself
 *     V(t) = u(t) P(t) + receivable(t) + cash(t)
 *
 * There is no trade without a close: what is due then buys units at the next one. A dividend on date 0 is not
 * ours, the stock was bought ex. With p = t, c = w = 0 this is V(t) / V(t-1) = (P(t) + D(t)) / P(t-1), the total
 * return of CRSP.
 */
export function reinvestDividends(
  { close, dividend, unitFactor, paidAt }: Holding,
  { initialCash, cost, withholding, reinvest }: ReinvestmentTerms,
): ReinvestmentFigures {
  const n = close.length;
  const levels = new Float64Array(n);
  const units = new Float64Array(n);
  const receivables = new Float64Array(n);
  const cashes = new Float64Array(n);
  /** What falls due on a date. */
  const payments = new Float64Array(n);

  let held = initialCash / (close[0]! * (1 + cost));
  let receivable = 0;
  let due = 0;
  let cash = 0;
  let level = 0;
  for (let t = 0; t < n; t += 1) {
    if (t > 0) {
      held *= unitFactor[t]!;
      const entitlement = held * dividend[t]! * (1 - withholding);
      if (!reinvest) {
        cash += entitlement;
      } else if (entitlement > 0) {
        receivable += entitlement;
        if (paidAt[t]! < n) payments[paidAt[t]!]! += entitlement;
      }
    }
    due += payments[t]!;
    const price = close[t]!;
    if (!Number.isNaN(price)) {
      if (due > 0) {
        held += due / (price * (1 + cost));
        receivable -= due;
        due = 0;
      }
      level = held * price + receivable + cash;
    }
    levels[t] = level;
    units[t] = held;
    receivables[t] = receivable;
    cashes[t] = cash;
  }
  return { levels, units, receivable: receivables, cash: cashes };
}
