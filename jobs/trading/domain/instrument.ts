import type { Decimal } from './decimal.ts';
import type { Money } from './money.ts';
import type { Nanoseconds } from './nanoseconds.ts';

/** Values of JSON, as other systems attach them. */
export type JsonObject = { readonly [key: string]: unknown };

/** Something that is traded at one venue. */
export interface Instrument {
  /** Kind of instrument: `CurrencyPair`, `Equity`, `CryptoPerpetual`, ... */
  readonly type: string;
  /** `SYMBOL.VENUE`. */
  readonly id: string;
  readonly rawSymbol: string;
  readonly baseCurrency: string | null;
  readonly quoteCurrency: string;
  /** The currency in which profits are booked. */
  readonly settlementCurrency: string;
  /** Quantities are in the quote currency and profits in the base currency. */
  readonly isInverse: boolean;
  readonly pricePrecision: number;
  readonly priceIncrement: Decimal;
  readonly sizePrecision: number;
  readonly sizeIncrement: Decimal;
  /** Units of the underlying per unit of quantity. */
  readonly multiplier: Decimal;
  readonly lotSize: Decimal | null;
  readonly maxQuantity: Decimal | null;
  readonly minQuantity: Decimal | null;
  readonly maxNotional: Money | null;
  readonly minNotional: Money | null;
  readonly maxPrice: Decimal | null;
  readonly minPrice: Decimal | null;
  /** Shares of the order's or position's value. */
  readonly marginInit: Decimal;
  readonly marginMaint: Decimal;
  readonly makerFee: Decimal;
  readonly takerFee: Decimal;
  readonly info: JsonObject | null;
  readonly tsEvent: Nanoseconds;
  readonly tsInit: Nanoseconds;
  /** Fields that only this type of instrument has (strike, expiry, ...), as they are stored. */
  readonly details: JsonObject;
}

/** The venue of an instrument: what follows the last point of its id. */
export function venueOf(instrumentId: string): string {
  return instrumentId.slice(instrumentId.lastIndexOf('.') + 1);
}
