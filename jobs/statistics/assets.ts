import { quoteUnit } from '../market/currency.ts';

export type AssetType = 'equity' | 'crypto';

/**
 * What a symbol stands for. A coin's is that of the coin, a hyphen and the currency it is quoted in (`BTC-USD`);
 * share classes (`BRK-B`) have no currency there, so a coin never has the symbol of a share.
 */
export function assetType(ticker: string): AssetType {
  const currency = /-([A-Z]{3})$/.exec(ticker)?.[1];
  return currency !== undefined && quoteUnit(currency) !== undefined ? 'crypto' : 'equity';
}

/** Units of time in a year: trading sessions of an exchange, calendar days of a coin. */
export const PERIODS_PER_YEAR: Readonly<Record<AssetType, number>> = { equity: 252, crypto: 365 };
