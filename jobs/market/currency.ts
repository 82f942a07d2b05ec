/** The unit that prices are quoted in: prices divided by `perMajor` are in `currency`. */
export interface QuoteUnit {
  /** ISO 4217. */
  readonly currency: string;
  readonly perMajor: number;
}

// Exchanges that quote in hundredths or thousandths of their currency, in the codes that providers use.
const MINOR_UNITS: Readonly<Record<string, QuoteUnit>> = {
  GBp: { currency: 'GBP', perMajor: 100 },
  GBX: { currency: 'GBP', perMajor: 100 },
  ZAc: { currency: 'ZAR', perMajor: 100 },
  ILA: { currency: 'ILS', perMajor: 100 },
  KWF: { currency: 'KWD', perMajor: 1000 },
};

const ISO_4217 = new Set(Intl.supportedValuesOf('currency'));

/** The unit behind a provider's code; `undefined` for a code that is neither a minor unit nor ISO 4217. */
export function quoteUnit(code: string): QuoteUnit | undefined {
  return MINOR_UNITS[code] ?? (ISO_4217.has(code) ? { currency: code, perMajor: 1 } : undefined);
}
