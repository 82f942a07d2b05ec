import { resolve } from 'node:path';
import type { MonthObject } from '../lake/choose-provider.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { readMonths } from '../lake/read-months.ts';
import { readListed } from '../lake/read-one-state.ts';
import { readPrices, type ReadPorts } from '../lake/read-prices.ts';
import type { DateRange, IsoDate } from '../runtime/dates.ts';
import type { PriceRow } from './cache/price-cache.ts';
import { checkClose } from './estimators/series.ts';

/** What a source of prices has of a range. */
export interface PriceAnswer {
  /** Ascending by date, a list for each ticker asked for. */
  readonly rows: ReadonlyMap<string, readonly PriceRow[]>;
  /** A date up to which the source goes at least, whoever has it; undefined when there is nothing. */
  readonly newest: IsoDate | undefined;
}

/** Where prices come from when the cache does not have them. */
export interface PriceReader {
  /** Names it: prices from elsewhere are not mixed with its own. */
  readonly source: string;
  /** Rows in any of the ranges. */
  read(tickers: readonly string[], ranges: readonly DateRange[]): Promise<PriceAnswer>;
}

/** Prices of one provider in the lake. */
export class LakePrices implements PriceReader {
  readonly source: string;
  readonly #store: ObjectStore;
  readonly #provider: string | undefined;
  readonly #ports: ReadPorts;

  /** @param provider whose prices to read; when undefined as in every other command */
  constructor(store: ObjectStore, provider: string | undefined, ports: ReadPorts) {
    const url = store.url.startsWith('file:') ? `file:${resolve(store.url.slice(5))}` : store.url;
    this.source = provider === undefined ? url : `${url}|${provider}`;
    this.#store = store;
    this.#provider = provider;
    this.#ports = ports;
  }

  async read(tickers: readonly string[], ranges: readonly DateRange[]): Promise<PriceAnswer> {
    const rows = new Map<string, PriceRow[]>(tickers.map((ticker) => [ticker, []]));
    const store = this.#store;
    const source = { url: store.url, read: (month: MonthObject) => readListed(store, month) };
    const wanted = { tickers, ranges, columns: ['open', 'close', 'dividend'] } as const;
    const found = await readPrices(store, { provider: this.#provider, tickers }, this.#ports, (prices) =>
      readMonths(source, prices, wanted, (month) =>
        month.filter(({ close, dividend }) => close !== null || dividend !== null),
      ),
    );
    if (found === undefined) return { rows, newest: undefined };
    const { parts, newest } = found;
    for (const { ticker, date, open, close, dividend } of parts.flat()) {
      if (close !== null) checkClose(ticker, date, close);
      rows.get(ticker)!.push({ date, open: finite(open), close, dividend: finite(dividend) });
    }
    return { rows, newest };
  }
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
