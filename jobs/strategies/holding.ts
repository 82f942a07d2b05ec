import { fromDay, toDay, type IsoDate } from '../runtime/dates.ts';
import type { PriceBars } from './context.ts';
import { BadPriceError, RecipeError } from './errors.ts';
import type { Holding } from './reinvestment-kernel.ts';

/** `adjusted`: prices as the lake has them, adjusted for splits. `raw`: prices as they were, and units that split. */
export type Basis = 'adjusted' | 'raw';

/** When a dividend is paid: on its ex-date, or later by dates that are known, else by a lag. */
export type Payment =
  | 'exDate'
  | {
      /** By ex-date; the first business date on or after it counts. */
      readonly dates: Readonly<Record<IsoDate, IsoDate>>;
      /** Business dates of the stock, for dividends that are not in `dates`; null when all have to be. */
      readonly lag: number | null;
    };

/**
 * A stock from its first close to its last one, ready for `reinvestDividends`; undefined when it has no close. A
 * stock that is no longer listed so ends at its last price.
 */
export function holdingOf(
  ticker: string,
  bars: PriceBars,
  basis: Basis,
  payment: Payment,
): { readonly dates: Int32Array; readonly holding: Holding } | undefined {
  checkFigures(ticker, bars);
  const first = bars.close.findIndex((close) => !Number.isNaN(close));
  if (first === -1) return undefined;
  const end = bars.close.findLastIndex((close) => !Number.isNaN(close)) + 1;
  const { close, dividend, split } = basis === 'raw' ? toRaw(bars) : bars;
  const dates = bars.dates.subarray(first, end);
  return {
    dates,
    holding: {
      close: close.subarray(first, end),
      dividend: dividend.subarray(first, end).map((cash) => (Number.isNaN(cash) ? 0 : cash)),
      unitFactor:
        basis === 'raw' ? split.subarray(first, end).map(ratioOf) : new Float64Array(end - first).fill(1),
      paidAt: paidAt(ticker, dates, dividend.subarray(first, end), payment),
    },
  };
}

/** Prices and dividends before splits: what a share cost and paid that day. */
function toRaw(bars: PriceBars): PriceBars {
  const close = bars.close.slice();
  const dividend = bars.dividend.slice();
  let factor = 1;
  for (let t = close.length - 1; t >= 0; t -= 1) {
    close[t]! *= factor;
    dividend[t]! *= factor;
    factor *= ratioOf(bars.split[t]!);
  }
  return { ...bars, close, dividend };
}

function ratioOf(split: number): number {
  return Number.isNaN(split) ? 1 : split;
}

function paidAt(ticker: string, dates: Int32Array, dividend: Float64Array, payment: Payment): Int32Array {
  const n = dates.length;
  const indexes = Int32Array.from(dates, (_, index) => index);
  if (payment === 'exDate') return indexes;
  return indexes.map((t) => {
    if (t === 0 || !(dividend[t]! > 0)) return t;
    const exDate = fromDay(dates[t]!);
    const payDate = payment.dates[exDate];
    if (payDate === undefined) {
      if (payment.lag !== null) return Math.min(t + payment.lag, n);
      throw new RecipeError(
        `payDates of ${ticker} has no date for the dividend of ${exDate}; add it, or give a payLag for the others`,
      );
    }
    const found = dates.findIndex((day) => day >= toDay(payDate));
    return found === -1 ? n : found;
  });
}

function checkFigures(ticker: string, { dates, close, dividend, split }: PriceBars): void {
  const refuse = (what: string, value: number, t: number): never => {
    throw new BadPriceError(
      `${ticker} has the ${what} ${value} on ${fromDay(dates[t]!)}; correct it in the lake`,
    );
  };
  for (let t = 0; t < dates.length; t += 1) {
    if (close[t]! <= 0 || close[t] === Infinity) refuse('close', close[t]!, t);
    if (dividend[t]! < 0 || dividend[t] === Infinity) refuse('dividend', dividend[t]!, t);
    if (split[t]! <= 0 || split[t] === Infinity) refuse('split', split[t]!, t);
  }
}
