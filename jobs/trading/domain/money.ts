import { add, decimal, formatDecimal, type Decimal } from './decimal.ts';

/** An amount of one currency, named by its code. */
export interface Money {
  readonly amount: Decimal;
  readonly currency: string;
}

/** Reads `12.50 USD`. Throws RangeError for anything else. */
export function money(text: string): Money {
  const [amount, currency, ...rest] = text.split(' ');
  if (amount === undefined || currency === undefined || currency === '' || rest.length > 0) {
    throw new RangeError(`"${text}" is not an amount of money; write it like "12.50 USD"`);
  }
  return { amount: decimal(amount), currency };
}

export function formatMoney({ amount, currency }: Money): string {
  return `${formatDecimal(amount)} ${currency}`;
}

/** One sum per currency, in the order in which the currencies first came. */
export function addMoney(sums: readonly Money[], item: Money): readonly Money[] {
  const at = sums.findIndex(({ currency }) => currency === item.currency);
  if (at < 0) return [...sums, item];
  return sums.with(at, { amount: add(sums[at]!.amount, item.amount), currency: item.currency });
}
