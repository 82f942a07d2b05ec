import { toDay, type DateRange } from '../runtime/dates.ts';
import { assetType } from './assets.ts';
import type { PriceRow } from './cache/price-cache.ts';
import { StatisticsError } from './errors.ts';
import { checkSeries, restrictTo, type PriceSeries } from './estimators/series.ts';
import type { History, TickerHistory } from './history.ts';

/** Prices of one request: those of all its tickers are read together, when the first of them is needed. */
export class RequestPrices {
  readonly #history: History;
  readonly #tickers: readonly string[];
  readonly #window: DateRange;
  readonly #source: string;
  readonly #series = new Map<string, Promise<PriceSeries>>();
  #histories: Promise<Map<string, TickerHistory>> | undefined;

  constructor(history: History, tickers: readonly string[], window: DateRange, source: string) {
    this.#history = history;
    this.#tickers = [...new Set(tickers)];
    this.#window = window;
    this.#source = source;
  }

  /** All rows of a ticker in the window, dividends among them. */
  async rows(ticker: string): Promise<readonly PriceRow[]> {
    return (await this.#historyOf(ticker)).rows;
  }

  /** Closes of a ticker in the window, on `sessions` of another one only where that is given. */
  series(ticker: string, sessions: string | undefined): Promise<PriceSeries> {
    const key = JSON.stringify([ticker, sessions]);
    const series = this.#series.get(key) ?? this.#makeSeries(ticker, sessions);
    this.#series.set(key, series);
    return series;
  }

  /** False while the source can still get prices, of the ticker or of whose sessions it is cut to. */
  async isFinal(ticker: string, sessions: string | undefined): Promise<boolean> {
    const needed = sessions === undefined ? [ticker] : [ticker, sessions];
    const histories = await Promise.all(needed.map((name) => this.#historyOf(name)));
    return histories.every(({ isFinal }) => isFinal);
  }

  async #makeSeries(ticker: string, sessions: string | undefined): Promise<PriceSeries> {
    const all = toSeries(ticker, await this.rows(ticker));
    if (sessions === undefined) return all;
    return restrictTo(all, (await this.series(sessions, undefined)).days);
  }

  async #historyOf(ticker: string): Promise<TickerHistory> {
    this.#histories ??= this.#history.read(this.#tickers, this.#window);
    const history = (await this.#histories).get(ticker)!;
    if (history.rows.some(({ close }) => close !== null)) return history;
    const { start, end } = this.#window;
    throw new StatisticsError(
      'unknown-ticker',
      `there are no closes of ${ticker} from ${start} up to before ${end} in ${this.#source}; ` +
        'check the symbol and the window, or load its prices first',
    );
  }
}

/** Whose sessions a ticker is cut to: a coin without its weekends to those of the market. */
export function sessionsOf(ticker: string, weekends: boolean, marketProxy: string): string | undefined {
  return assetType(ticker) === 'crypto' && !weekends && ticker !== marketProxy ? marketProxy : undefined;
}

function toSeries(ticker: string, rows: readonly PriceRow[]): PriceSeries {
  const closes = rows.filter(({ close }) => close !== null);
  const series = {
    ticker,
    days: Int32Array.from(closes, ({ date }) => toDay(date)),
    closes: Float64Array.from(closes, ({ close }) => close!),
  };
  checkSeries(series);
  return series;
}
