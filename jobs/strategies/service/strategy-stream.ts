import { fromDay, toDay, type IsoDate } from '../../runtime/dates.ts';
import { UsageError } from '../../runtime/errors.ts';
import type { PriceBars, PriceHistory, StrategyContext } from '../context.ts';
import type { LevelSeries, Strategy } from '../strategy.ts';
import type { StrategyServiceLike } from './strategy-service-like.ts';

/** One bar of a ticker; what there is none of is left out. */
interface LiveBar {
  readonly close?: number;
  readonly volume?: number;
  readonly dividend?: number;
  readonly split?: number;
}

/** The close of a session: the bars of all tickers that traded. */
export interface Close {
  readonly date: IsoDate;
  readonly bars: ReadonlyMap<string, LiveBar>;
}

export interface LiveLevel {
  readonly asOf: IsoDate;
  readonly level: number;
  /** Since the level before; undefined for the first there is. */
  readonly change: number | undefined;
}

export interface StrategyStreamOptions {
  /** What came before the first close; its environment date is the last one known. */
  readonly context: StrategyContext;
  /** The strategy for a context; called once for each close. */
  readonly create: (context: StrategyContext) => Strategy;
  /** Sessions in order of their dates. */
  readonly closes: AsyncIterable<Close>;
  /** Where the strategy of a close is kept. */
  readonly serviceOf: (envDate: IsoDate) => StrategyServiceLike;
}

/**
 * Runs a strategy live: each close moves the environment date to its own, the strategy is built on what was known then
 * and kept in the strategy service under that date. What comes out is what a build up to that date over the same bars
 * gives. Throws UsageError for a close that is not later than the one before.
 */
export async function* strategyStream({
  context,
  create,
  closes,
  serviceOf,
}: StrategyStreamOptions): AsyncIterable<LiveLevel> {
  const live = new Map<string, { date: IsoDate; bar: LiveBar }[]>();
  let last = context.envDate;
  for await (const { date, bars } of closes) {
    if (date <= last)
      throw new UsageError(`the close of ${date} comes after that of ${last}; give closes in order`);
    last = date;
    for (const [ticker, bar] of bars) {
      const own = live.get(ticker) ?? [];
      own.push({ date, bar });
      live.set(ticker, own);
    }
    const prices = new ExtendedHistory(context.prices, live, date);
    const strategy = await create({ ...context, envDate: date, prices }).build();
    await serviceOf(date).cacheStrategy(strategy);
    yield lastLevel(await strategy.history());
  }
}

/** Prices of before with the live bars up to a date after them. */
class ExtendedHistory implements PriceHistory {
  readonly #before: PriceHistory;
  readonly #live: ReadonlyMap<string, readonly { date: IsoDate; bar: LiveBar }[]>;
  readonly #envDate: IsoDate;

  constructor(
    before: PriceHistory,
    live: ReadonlyMap<string, readonly { date: IsoDate; bar: LiveBar }[]>,
    envDate: IsoDate,
  ) {
    this.#before = before;
    this.#live = live;
    this.#envDate = envDate;
  }

  async read(
    tickers: readonly string[],
    range: { readonly start?: IsoDate; readonly end: IsoDate },
  ): Promise<ReadonlyMap<string, PriceBars>> {
    const end = range.end < this.#envDate ? range.end : this.#envDate;
    const found = new Map(await this.#before.read(tickers, range));
    for (const ticker of tickers) {
      const later = (this.#live.get(ticker) ?? []).filter(
        ({ date }) => date <= end && date >= (range.start ?? date),
      );
      if (later.length > 0) found.set(ticker, append(found.get(ticker), later));
    }
    return found;
  }
}

function append(bars: PriceBars | undefined, later: readonly { date: IsoDate; bar: LiveBar }[]): PriceBars {
  const column = (name: keyof LiveBar): Float64Array =>
    Float64Array.from([...(bars?.[name] ?? []), ...later.map(({ bar }) => bar[name] ?? NaN)]);
  return {
    dates: Int32Array.from([...(bars?.dates ?? []), ...later.map(({ date }) => toDay(date))]),
    close: column('close'),
    volume: column('volume'),
    dividend: column('dividend'),
    split: column('split'),
  };
}

function lastLevel({ dates, levels }: LevelSeries): LiveLevel {
  const [before, level] = [levels.at(-2), levels.at(-1)!];
  return {
    asOf: fromDay(dates.at(-1)!),
    level,
    change: before === undefined ? undefined : level - before,
  };
}
