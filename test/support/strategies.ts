import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ObjectStore } from '../../jobs/lake/object-store.ts';
import type { Bar } from '../../jobs/market/bar.ts';
import { parsePrices } from '../../jobs/market/csv.ts';
import { addDays, fromDay, toDay, type IsoDate } from '../../jobs/runtime/dates.ts';
import { openDuckDB } from '../../jobs/runtime/duckdb.ts';
import type { PriceBars, PriceHistory, StrategyContext } from '../../jobs/strategies/context.ts';
import type { LevelSeries } from '../../jobs/strategies/strategy.ts';
import { sampleFolder } from './folders.ts';
import { mergePrices } from './prices.ts';

/** Figures of a stock from its first date on, one a calendar day; what is left out is missing. */
export interface Figures {
  readonly close: readonly (number | null)[];
  readonly volume?: readonly (number | null)[];
  /** By index. */
  readonly dividend?: Readonly<Record<number, number>>;
  readonly split?: Readonly<Record<number, number>>;
}

const FIRST_DATE = '2020-01-01';

/** Date of an index into figures. */
export const dateAt = (index: number): IsoDate => addDays(FIRST_DATE, index);

function barsOf({ close, volume, dividend, split }: Figures): PriceBars {
  const column = (at: (index: number) => number | null | undefined): Float64Array =>
    Float64Array.from(close, (_, index) => at(index) ?? NaN);
  return {
    dates: Int32Array.from(close, (_, index) => toDay(FIRST_DATE) + index),
    close: column((index) => close[index]),
    volume: column((index) => volume?.[index]),
    dividend: column((index) => dividend?.[index]),
    split: column((index) => split?.[index]),
  };
}

/** Prices in memory that obey the contract: nothing after `envDate`. */
export function historyOf(bars: Readonly<Record<string, PriceBars>>, envDate: IsoDate): PriceHistory {
  return {
    async read(tickers, { start = '0001-01-01', end }) {
      const last = toDay(end < envDate ? end : envDate);
      const found = tickers.flatMap((ticker): [string, PriceBars][] => {
        const own = bars[ticker];
        if (own === undefined) return [];
        const rows = [...own.dates.keys()].filter(
          (row) => own.dates[row]! >= toDay(start) && own.dates[row]! <= last,
        );
        const pick = (values: Float64Array): Float64Array => Float64Array.from(rows, (row) => values[row]!);
        const { close, volume, dividend, split } = own;
        return rows.length === 0
          ? []
          : [
              [
                ticker,
                {
                  dates: Int32Array.from(rows, (row) => own.dates[row]!),
                  close: pick(close),
                  volume: pick(volume),
                  dividend: pick(dividend),
                  split: pick(split),
                },
              ],
            ];
      });
      return new Map(found);
    },
  };
}

/** A context with made-up stocks, each date of theirs before the environment's. */
export function contextOf(
  stocks: Readonly<Record<string, Figures>>,
  over: Partial<StrategyContext> = {},
): StrategyContext {
  const bars = Object.fromEntries(Object.entries(stocks).map(([ticker, own]) => [ticker, barsOf(own)]));
  const envDate = over.envDate ?? '2030-01-01';
  return { envDate, prices: historyOf(bars, envDate), ...over };
}

/** Bars of a file of the sample. */
export function sampleBars(ticker: string): readonly Bar[] {
  const file = join(sampleFolder, `${ticker}.csv`);
  const parsed = parsePrices(readFileSync(file, 'utf8'), file);
  if (parsed.kind !== 'ok') throw new Error(parsed.reason);
  return parsed.bars;
}

/** A bar at one price all day. */
export function flatBar(date: IsoDate, close: number | null, over: Partial<Bar> = {}): Bar {
  const prices = { open: close, high: close, low: close, close, adjClose: close, volume: 1000 };
  return { date, ...prices, dividend: null, split: null, ...over };
}

/** Merges bars into a lake, as `load` does; `folder` is for its scratch files. */
export async function writeBars(
  store: ObjectStore,
  folder: string,
  bars: Readonly<Record<string, readonly Bar[]>>,
): Promise<void> {
  const db = await openDuckDB(folder);
  try {
    await mergePrices(store, db, folder, (writer) => {
      for (const [ticker, own] of Object.entries(bars))
        writer.add(ticker, own, { currency: 'USD', exchange: null });
    });
  } finally {
    db.closeSync();
  }
}

export const isoDates = ({ dates }: LevelSeries): IsoDate[] => Array.from(dates, fromDay);

/** Largest difference of two series of levels, each relative to the other's. */
export function relativeDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  return Math.max(0, ...Array.from(a, (value, index) => Math.abs(value / b[index]! - 1)));
}
