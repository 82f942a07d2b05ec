import {
  ACCOUNT_TYPES,
  type AccountBalance,
  type AccountState,
  type MarginBalance,
} from '../domain/account.ts';
import { CURRENCY_TYPES, type Currency } from '../domain/currency.ts';
import { decimal } from '../domain/decimal.ts';
import type { Instrument, JsonObject } from '../domain/instrument.ts';
import type { SyntheticInstrument } from '../domain/synthetic.ts';
import {
  amount,
  decimalNumber,
  flag,
  integer,
  json,
  listOf,
  nanoseconds,
  nullable,
  oneOf,
  text,
  texts,
  withDefault,
  type Kind,
} from './kinds.ts';
import { record, toSnakeCase } from './record.ts';

/** A currency without its code, which is in the key. */
export const currencyDetails: Kind<Omit<Currency, 'code'>> = record<Omit<Currency, 'code'>>({
  precision: integer,
  iso4217: integer,
  name: text,
  currencyType: oneOf(CURRENCY_TYPES),
});

const balance = record<AccountBalance>({
  currency: text,
  total: decimalNumber,
  locked: decimalNumber,
  free: decimalNumber,
});

const margin = record<MarginBalance>({
  currency: text,
  initial: decimalNumber,
  maintenance: decimalNumber,
  instrumentId: nullable(text),
});

export const accountState: Kind<AccountState> = record<AccountState>({
  type: oneOf(['AccountState']),
  accountId: text,
  accountType: oneOf(ACCOUNT_TYPES),
  baseCurrency: nullable(text),
  reported: flag,
  balances: listOf(balance),
  margins: withDefault(listOf(margin), []),
  info: nullable(json),
  eventId: text,
  tsEvent: nanoseconds,
  tsInit: nanoseconds,
});

export const synthetic: Kind<SyntheticInstrument> = record<SyntheticInstrument>({
  symbol: text,
  pricePrecision: integer,
  components: { encode: (list) => list, decode: (value) => texts.decode(value) },
  formula: text,
  tsEvent: nanoseconds,
  tsInit: nanoseconds,
});

const instrumentFields = {
  type: text,
  id: text,
  rawSymbol: text,
  baseCurrency: nullable(text),
  quoteCurrency: text,
  settlementCurrency: text,
  isInverse: flag,
  pricePrecision: integer,
  priceIncrement: decimalNumber,
  sizePrecision: withDefault(integer, 0),
  sizeIncrement: withDefault(decimalNumber, decimal('1')),
  multiplier: withDefault(decimalNumber, decimal('1')),
  lotSize: nullable(decimalNumber),
  maxQuantity: nullable(decimalNumber),
  minQuantity: nullable(decimalNumber),
  maxNotional: nullable(amount),
  minNotional: nullable(amount),
  maxPrice: nullable(decimalNumber),
  minPrice: nullable(decimalNumber),
  marginInit: withDefault(decimalNumber, decimal('0')),
  marginMaint: withDefault(decimalNumber, decimal('0')),
  makerFee: withDefault(decimalNumber, decimal('0')),
  takerFee: withDefault(decimalNumber, decimal('0')),
  info: nullable(json),
  tsEvent: nanoseconds,
  tsInit: nanoseconds,
};
const instrumentRecord = record<Omit<Instrument, 'details'>>(instrumentFields);
const instrumentNames = new Set([...Object.keys(instrumentFields).map(toSnakeCase), 'currency']);

/** An instrument of any type; what only its type has goes through `details` as it is. */
export const instrument: Kind<Instrument> = {
  encode: ({ details, ...fields }, format) => ({
    ...details,
    ...(instrumentRecord.encode(fields, format) as JsonObject),
    // Instruments with one currency name it so.
    currency: fields.quoteCurrency,
  }),
  decode(value) {
    const map = value as JsonObject;
    const quote = map?.['quote_currency'] ?? map?.['currency'];
    const fields = instrumentRecord.decode({
      ...map,
      quote_currency: quote,
      settlement_currency: map?.['settlement_currency'] ?? quote,
    });
    const details = Object.entries(map).filter(([name]) => !instrumentNames.has(name));
    return { ...fields, details: Object.fromEntries(details) };
  },
};
