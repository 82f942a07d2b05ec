import { parse } from 'csv-parse/sync';
import { XMLParser } from 'fast-xml-parser';
import { describeFetchFailure, fetchWithin, readText } from '../../runtime/bounded-fetch.ts';
import type { Clock } from '../../runtime/clock.ts';
import { isIsoDate } from '../../runtime/dates.ts';
import { StatisticsError } from '../errors.ts';
import { maturityOf, type Maturity, type RateProvider, type YieldCurve } from './yields.ts';

export interface TreasuryOptions {
  /** Origin that replaces that of the US Treasury: a proxy, a replay. */
  readonly baseUrl: string | undefined;
  /** Bounds one request, body included. */
  readonly timeoutMs: number;
  /** Ends a request in which no byte comes for this long. Default: `timeoutMs`. */
  readonly silenceMs?: number;
  readonly clock: Clock;
}

const ORIGIN = 'https://home.treasury.gov';
const PATH = '/resource-center/data-chart-center/interest-rates';
const MAX_BYTES = 20_000_000;
const ROUNDS = 2;
const BACKOFF_MS = 1_000;

/** The two forms of the same data, in the order in which they are asked for. */
const FORMS = [
  {
    name: 'XML',
    path: (year: number) => `${PATH}/pages/xml?data=daily_treasury_yield_curve&field_tdr_date_value=${year}`,
    parse: parseTreasuryXml,
  },
  {
    name: 'CSV',
    path: (year: number) =>
      `${PATH}/daily-treasury-rates.csv/${year}/all?type=daily_treasury_yield_curve&field_tdr_date_value=${year}&page&_format=csv`,
    parse: parseTreasuryCsv,
  },
] as const;

/**
 * Daily par yield curve rates of the US Treasury (public domain), a calendar year at a time. What one form of the data
 * does not give, the other one is asked for; after both, once more.
 */
export class TreasuryProvider implements RateProvider {
  readonly name = 'us-treasury';
  readonly #options: TreasuryOptions;

  constructor(options: TreasuryOptions) {
    this.#options = options;
  }

  async fetchYear(year: number, signal: AbortSignal): Promise<YieldCurve[]> {
    const failures: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round > 0) await this.#options.clock.sleep(BACKOFF_MS * (1 + this.#options.clock.random()), signal);
      for (const form of FORMS) {
        try {
          return form.parse(await this.#download(form.path(year), signal), year);
        } catch (error) {
          signal.throwIfAborted();
          failures.push(`${form.name}: ${describeFetchFailure(error)}`);
        }
      }
    }
    throw new StatisticsError(
      'rates-unavailable',
      `the US Treasury gives no yields of ${year} (${failures.slice(-FORMS.length).join('; ')}); ` +
        'try again later; a risk-free rate can be given with --risk-free RATE',
    );
  }

  async #download(path: string, signal: AbortSignal): Promise<string> {
    const { baseUrl = ORIGIN, timeoutMs, silenceMs = timeoutMs } = this.#options;
    const bounds = { signal, timeoutMs, silenceMs, maxBytes: MAX_BYTES };
    const request = { headers: { 'User-Agent': 'signals (statistics)' } };
    return fetchWithin(new URL(path, baseUrl), request, bounds, async ({ status, body }) => {
      const { text } = await readText(body);
      if (status !== 200) throw new TypeError(`HTTP ${status}`);
      return text;
    });
  }
}

/**
 * Curves of an Atom feed, whatever its prefixes and what it is wrapped in: an entry's properties have NEW_DATE and
 * elements such as BC_10YEAR. Unknown ones are passed over; one that is missing, empty or null is a null.
 */
export function parseTreasuryXml(body: string, year: number): YieldCurve[] {
  const parser = new XMLParser({
    removeNSPrefix: true,
    ignoreAttributes: true,
    parseTagValue: false,
    processEntities: false,
  });
  const found: Record<string, unknown>[] = [];
  const search = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    if ('NEW_DATE' in node) found.push(node as Record<string, unknown>);
    else for (const child of Object.values(node)) search(child);
  };
  const document = parser.parse(body);
  search(document);
  if (found.length === 0 && !/<feed[\s>]/.test(body)) throw new TypeError('the answer is no yield feed');
  return toCurves(
    found.map((properties) => {
      const yields = Object.entries(properties).flatMap(([name, value]): [Maturity, number | null][] => {
        const [, count, unit] = /^BC_(\d+(?:_\d+)?)(MONTH|YEAR)$/.exec(name) ?? [];
        const months = Number(count?.replace('_', '.')) * (unit === 'YEAR' ? 12 : 1);
        const maturity = maturityOf(months);
        return maturity === undefined ? [] : [[maturity, parsePercent(value)]];
      });
      return { date: String(properties['NEW_DATE']).slice(0, 10), yields };
    }),
    year,
  );
}

/** Curves of a table whose header names maturities (`1 Mo`, `1.5 Month`, `10 Yr`), dates as MM/DD/YYYY. */
export function parseTreasuryCsv(body: string, year: number): YieldCurve[] {
  const records: Record<string, string>[] = parse(body, { bom: true, columns: true, trim: true });
  if (records.length === 0 && !/^\uFEFF?"?date/i.test(body))
    throw new TypeError('the answer is no table of yields');
  return toCurves(
    records.map((record) => {
      const dateName = Object.keys(record).find((name) => name.toLowerCase() === 'date') ?? '';
      const [, month, day, ofYear] = /^(\d\d)\/(\d\d)\/(\d{4})$/.exec(record[dateName] ?? '') ?? [];
      const yields = Object.entries(record).flatMap(([name, value]): [Maturity, number | null][] => {
        const [, count, unit] = /^(\d+(?:\.\d+)?) (mo|yr)/i.exec(name) ?? [];
        const maturity = maturityOf(Number(count) * (unit?.toLowerCase() === 'yr' ? 12 : 1));
        return maturity === undefined ? [] : [[maturity, parsePercent(value)]];
      });
      return { date: `${ofYear}-${month}-${day}`, yields };
    }),
    year,
  );
}

/** Days in order, each with every maturity that the year has at all. */
function toCurves(
  days: readonly { readonly date: string; readonly yields: readonly [Maturity, number | null][] }[],
  year: number,
): YieldCurve[] {
  const maturities = new Set(days.flatMap(({ yields }) => yields.map(([maturity]) => maturity)));
  return days
    .map(({ date, yields }) => {
      if (!isIsoDate(date) || !date.startsWith(`${year}-`))
        throw new TypeError(`the date ${date} is not one of ${year}`);
      const known = new Map(yields);
      return { date, percent: new Map([...maturities].map((name) => [name, known.get(name) ?? null])) };
    })
    .toSorted((a, b) => (a.date < b.date ? -1 : 1));
}

function parsePercent(value: unknown): number | null {
  if (typeof value !== 'string' || value.trim() === '' || /^n\/?a$/i.test(value.trim())) return null;
  const percent = Number(value);
  if (!Number.isFinite(percent)) throw new TypeError(`the yield "${value}" is not a number`);
  return percent;
}
