/** One order book of an exchange as Yahoo knows it. */
export interface Board {
  /** What Yahoo appends to the local symbol, dot included. */
  readonly suffix: string;
  /** Yahoo's `exchangeName` of its listings; empty where it is not known to us and only the currency can tell. */
  readonly exchanges: readonly string[];
}

/** How names of one Bloomberg exchange become Yahoo symbols. */
export interface Exchange {
  /** Bloomberg's exchange codes. The first is the composite one, which stands for the country. */
  readonly codes: readonly [string, ...string[]];
  /** ISO 3166 code of the country, as numerai tickers end with. */
  readonly country: string;
  /**
   * Where a name may be listed, the most likely first. None: Yahoo's symbols cannot be derived from Bloomberg's, only
   * looked up (`table-only`), or Yahoo has no prices of the exchange at all (`not-on-yahoo`).
   */
  readonly boards: readonly Board[] | 'table-only' | 'not-on-yahoo';
  /** ISO 4217 codes of what its listings are quoted in. */
  readonly currencies: readonly string[];
  /** Local codes that exist; others are refused instead of being turned into a symbol of something else. */
  readonly code?: RegExp;
  /** The name's local symbols in Yahoo's spelling, the most likely first; by default the one with `-` for `/`. */
  readonly rule?: 'zero-padded' | 'share-classes' | 'trust-units' | 'by-number';
  /** Few names of this exchange could be checked: a symbol is worth a look even when it is the only candidate. */
  readonly isDoubtful?: true;
}

const board = (suffix: string, ...exchanges: string[]): Board => ({ suffix, exchanges });

const NEW_YORK = board('', 'NMS', 'NGM', 'NCM', 'NYQ', 'ASE', 'PCX', 'BTS');
const KOSPI = board('.KS', 'KSC');
const KOSDAQ = board('.KQ', 'KOE');
const TORONTO = board('.TO', 'TOR');
const VENTURE = board('.V', 'VAN');
const XETRA = board('.DE', 'GER');
const FRANKFURT = board('.F', 'FRA');
const NSE = board('.NS', 'NSI');
const BSE = board('.BO', 'BSE');
export const SHANGHAI = board('.SS', 'SHH');
export const SHENZHEN = board('.SZ', 'SHZ');

const SIX_DIGITS = /^\d{6}$/;
// Leading zeros belong to it; preferred shares and new listings have letters.
const KOREAN = /^\d[0-9A-Z]{5}$/;

/**
 * Every exchange that the rules cover. A code that is not here is reported, never guessed. Per country the first
 * entry is the one that a numerai ticker is looked up with.
 */
export const EXCHANGES: readonly Exchange[] = [
  { codes: ['US', 'UN', 'UW', 'UQ', 'UA', 'UR'], country: 'US', boards: [NEW_YORK], currencies: ['USD'] },
  {
    codes: ['CN', 'CA'],
    country: 'CA',
    boards: [TORONTO, VENTURE, board('.NE', 'NEO'), board('.CN', 'CNQ')],
    currencies: ['CAD', 'USD'],
    rule: 'trust-units',
  },
  { codes: ['CT'], country: 'CA', boards: [TORONTO], currencies: ['CAD', 'USD'], rule: 'trust-units' },
  { codes: ['CV'], country: 'CA', boards: [VENTURE], currencies: ['CAD'], rule: 'trust-units' },
  // Latin America
  { codes: ['BZ', 'BS'], country: 'BR', boards: [board('.SA', 'SAO')], currencies: ['BRL'] },
  { codes: ['MF'], country: 'MX', boards: [board('.MX', 'MEX')], currencies: ['MXN'] },
  {
    codes: ['CI', 'CC'],
    country: 'CL',
    boards: [board('.SN', 'SGO')],
    currencies: ['CLP'],
    isDoubtful: true,
  },
  // Europe
  { codes: ['LN'], country: 'GB', boards: [board('.L', 'LSE')], currencies: ['GBP', 'USD', 'EUR'] },
  { codes: ['GR'], country: 'DE', boards: [XETRA, FRANKFURT], currencies: ['EUR'] },
  { codes: ['GY'], country: 'DE', boards: [XETRA, FRANKFURT], currencies: ['EUR'] },
  { codes: ['FP'], country: 'FR', boards: [board('.PA', 'PAR')], currencies: ['EUR'] },
  { codes: ['NA'], country: 'NL', boards: [board('.AS', 'AMS')], currencies: ['EUR', 'USD'] },
  { codes: ['BB'], country: 'BE', boards: [board('.BR', 'BRU')], currencies: ['EUR'] },
  { codes: ['PL'], country: 'PT', boards: [board('.LS', 'LIS')], currencies: ['EUR'] },
  { codes: ['ID'], country: 'IE', boards: 'table-only', currencies: ['EUR'] },
  { codes: ['SM', 'SQ'], country: 'ES', boards: [board('.MC', 'MCE')], currencies: ['EUR'] },
  { codes: ['IM'], country: 'IT', boards: [board('.MI', 'MIL')], currencies: ['EUR'] },
  {
    codes: ['SW', 'SE', 'VX'],
    country: 'CH',
    boards: [board('.SW', 'EBS')],
    currencies: ['CHF', 'USD', 'EUR'],
  },
  { codes: ['AV'], country: 'AT', boards: [board('.VI', 'VIE')], currencies: ['EUR'] },
  {
    codes: ['SS'],
    country: 'SE',
    boards: [board('.ST', 'STO')],
    currencies: ['SEK', 'EUR'],
    rule: 'share-classes',
  },
  { codes: ['DC'], country: 'DK', boards: [board('.CO', 'CPH')], currencies: ['DKK'], rule: 'share-classes' },
  { codes: ['FH'], country: 'FI', boards: [board('.HE', 'HEL')], currencies: ['EUR'] },
  { codes: ['NO'], country: 'NO', boards: [board('.OL', 'OSL')], currencies: ['NOK'] },
  { codes: ['PW'], country: 'PL', boards: [board('.WA', 'WSE')], currencies: ['PLN'] },
  { codes: ['GA'], country: 'GR', boards: [board('.AT', 'ATH')], currencies: ['EUR'] },
  { codes: ['HB'], country: 'HU', boards: [board('.BD', 'BUD')], currencies: ['HUF'] },
  { codes: ['CP', 'CK'], country: 'CZ', boards: [board('.PR', 'PRA')], currencies: ['CZK'] },
  { codes: ['TI'], country: 'TR', boards: [board('.IS', 'IST')], currencies: ['TRY'] },
  // Yahoo has had no prices from Moscow since 2022.
  { codes: ['RM', 'RX'], country: 'RU', boards: 'not-on-yahoo', currencies: ['RUB'] },
  // Asia and the Pacific
  {
    codes: ['JP', 'JT'],
    country: 'JP',
    boards: [board('.T', 'JPX')],
    currencies: ['JPY'],
    code: /^\d[0-9A-Z]{3,4}$/,
  },
  {
    codes: ['HK'],
    country: 'HK',
    boards: [board('.HK', 'HKG')],
    currencies: ['HKD', 'CNY', 'USD'],
    code: /^\d{1,5}$/,
    rule: 'zero-padded',
  },
  { codes: ['KS'], country: 'KR', boards: [KOSPI, KOSDAQ], currencies: ['KRW'], code: KOREAN },
  { codes: ['KP'], country: 'KR', boards: [KOSPI], currencies: ['KRW'], code: KOREAN },
  { codes: ['KQ'], country: 'KR', boards: [KOSDAQ], currencies: ['KRW'], code: KOREAN },
  {
    codes: ['TT'],
    country: 'TW',
    boards: [board('.TW', 'TAI'), board('.TWO', 'TWO')],
    currencies: ['TWD'],
    code: /^\d{4,6}[A-Z]?$/,
  },
  {
    codes: ['CH', 'C1', 'C2'],
    country: 'CN',
    boards: [SHANGHAI, SHENZHEN],
    currencies: ['CNY', 'USD', 'HKD'],
    code: SIX_DIGITS,
    rule: 'by-number',
  },
  {
    codes: ['CG'],
    country: 'CN',
    boards: [SHANGHAI],
    currencies: ['CNY', 'USD'],
    code: SIX_DIGITS,
    rule: 'by-number',
  },
  {
    codes: ['CS'],
    country: 'CN',
    boards: [SHENZHEN],
    currencies: ['CNY', 'HKD'],
    code: SIX_DIGITS,
    rule: 'by-number',
  },
  { codes: ['AU', 'AT'], country: 'AU', boards: [board('.AX', 'ASX')], currencies: ['AUD'] },
  { codes: ['NZ'], country: 'NZ', boards: [board('.NZ', 'NZE')], currencies: ['NZD'] },
  // Bloomberg's short names often differ from the symbols of the NSE: most large ones are in the corrections.
  { codes: ['IN'], country: 'IN', boards: [NSE, BSE], currencies: ['INR'], isDoubtful: true },
  { codes: ['IS'], country: 'IN', boards: [NSE], currencies: ['INR'], isDoubtful: true },
  { codes: ['IB'], country: 'IN', boards: [BSE], currencies: ['INR'], isDoubtful: true },
  { codes: ['MK'], country: 'MY', boards: 'table-only', currencies: ['MYR'] },
  { codes: ['SP'], country: 'SG', boards: 'table-only', currencies: ['SGD', 'USD'] },
  {
    codes: ['TB'],
    country: 'TH',
    boards: [board('.BK', 'SET')],
    currencies: ['THB'],
    // Foreign lines and depositary receipts (-F, -R) have prices of their own.
    code: /^(?!.*[/-][FR]$)/,
    isDoubtful: true,
  },
  { codes: ['IJ'], country: 'ID', boards: [board('.JK', 'JKT')], currencies: ['IDR'] },
  {
    codes: ['PM'],
    country: 'PH',
    boards: [board('.PS', 'PHS', 'PHP')],
    currencies: ['PHP'],
    isDoubtful: true,
  },
  // Africa and the Middle East
  { codes: ['SJ'], country: 'ZA', boards: [board('.JO', 'JNB')], currencies: ['ZAR'] },
  { codes: ['IT'], country: 'IL', boards: [board('.TA', 'TLV')], currencies: ['ILS'] },
  {
    codes: ['AB', 'SA'],
    country: 'SA',
    boards: [board('.SR', 'SAU')],
    currencies: ['SAR'],
    isDoubtful: true,
  },
  { codes: ['QD'], country: 'QA', boards: [board('.QA', 'DOH')], currencies: ['QAR'], isDoubtful: true },
  { codes: ['UH'], country: 'AE', boards: [board('.AE')], currencies: ['AED'], isDoubtful: true },
  { codes: ['KK'], country: 'KW', boards: [board('.KW', 'KUW')], currencies: ['KWD'], isDoubtful: true },
];
