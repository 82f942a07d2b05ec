export const CURRENCY_TYPES = ['CRYPTO', 'FIAT', 'COMMODITY_BACKED'] as const;

/** A currency, for instance AUD with precision 2, ISO 4217 number 36, "Australian dollar", FIAT. */
export interface Currency {
  readonly code: string;
  /** Digits after the point of an amount. */
  readonly precision: number;
  /** Number in ISO 4217; 0 for none. */
  readonly iso4217: number;
  readonly name: string;
  readonly currencyType: (typeof CURRENCY_TYPES)[number];
}
