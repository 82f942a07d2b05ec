import type { HeldPrices } from '../lake/held-prices.ts';
import { readMonths, type PriceRecord } from '../lake/read-months.ts';
import { halfMerged } from '../lake/read-prices.ts';
import { addDays, toDay, type IsoDate } from '../runtime/dates.ts';
import type { PriceBars, PriceHistory } from './context.ts';

const COLUMNS = ['close', 'volume', 'dividend', 'split'] as const;
type Column = (typeof COLUMNS)[number];

/** Before the first date that any market has. */
const BEGINNING = '0001-01-01';

/** Prices of one provider in the lake as of a date: no row of a later one leaves it, and no later month is got. */
export class LakeHistory implements PriceHistory {
  readonly #openPrices: () => Promise<HeldPrices | undefined>;
  readonly #envDate: IsoDate;

  /** @param openPrices one state of the prices, asked for with each read */
  constructor(openPrices: () => Promise<HeldPrices | undefined>, envDate: IsoDate) {
    this.#openPrices = openPrices;
    this.#envDate = envDate;
  }

  /** Throws LakeBusyError for prices that are being changed, or that a killed load has left half merged. */
  async read(
    tickers: readonly string[],
    { start = BEGINNING, end }: { readonly start?: IsoDate | undefined; readonly end: IsoDate },
  ): Promise<ReadonlyMap<string, PriceBars>> {
    const last = end < this.#envDate ? end : this.#envDate;
    const prices = await this.#openPrices();
    if (prices === undefined || tickers.length === 0) return new Map();
    const unfinished = tickers.filter((ticker) => prices.unfinished.has(ticker));
    if (unfinished.length > 0) throw halfMerged(unfinished, prices.url);
    const { parts } = await readMonths(
      prices,
      prices,
      { tickers, ranges: [{ start, end: addDays(last, 1) }], columns: COLUMNS },
      barsByTicker,
    );
    const wanted = tickers.filter((ticker) => parts.some((month) => month.has(ticker)));
    return new Map(wanted.map((ticker) => [ticker, join(parts.flatMap((month) => month.get(ticker) ?? []))]));
  }
}

/** @param rows sorted by ticker and date */
function barsByTicker(rows: readonly PriceRecord<Column>[]): Map<string, PriceBars> {
  const groups = Map.groupBy(rows, ({ ticker }) => ticker);
  return new Map([...groups].map(([ticker, own]) => [ticker, toBars(own)]));
}

function toBars(rows: readonly PriceRecord<Column>[]): PriceBars {
  const column = (name: Column): Float64Array => Float64Array.from(rows, (row) => row[name] ?? NaN);
  return {
    dates: Int32Array.from(rows, ({ date }) => toDay(date)),
    close: column('close'),
    volume: column('volume'),
    dividend: column('dividend'),
    split: column('split'),
  };
}

function join(parts: readonly PriceBars[]): PriceBars {
  const rows = parts.reduce((sum, { dates }) => sum + dates.length, 0);
  const dates = new Int32Array(rows);
  const figures = COLUMNS.map((name) => [name, new Float64Array(rows)] as const);
  let from = 0;
  for (const part of parts) {
    dates.set(part.dates, from);
    for (const [name, values] of figures) values.set(part[name], from);
    from += part.dates.length;
  }
  return { dates, ...(Object.fromEntries(figures) as Record<Column, Float64Array>) };
}
