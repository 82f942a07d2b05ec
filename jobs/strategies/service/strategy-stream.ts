import { fromDay, toDay, type IsoDate } from '../../runtime/dates.ts';
import { UsageError } from '../../runtime/errors.ts';
import type { CacheEvents } from '../../store/events.ts';
import type { PriceBars, PriceHistory, StrategyContext } from '../context.ts';
import type { LevelSeries, Strategy } from '../strategy.ts';
import { reportFailure } from './cached-strategy.ts';
import type { StrategyServiceLike } from './strategy-service-like.ts';

/** One bar of a ticker, in prices and shares of its day; what there is none of is left out. */
interface LiveBar {
  readonly close?: number;
  readonly volume?: number;
  readonly dividend?: number;
  /** New shares per old share, on the ex-date; what came before is restated. */
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
  /** Told what could not be kept: a live strategy goes on without. */
  readonly events: CacheEvents;
}

/**
 * Runs a strategy live: each close moves the environment date to its own, the strategy is built on what was known then
 * and kept in the strategy service under that date. What comes out is what a build up to that date over the same bars
 * gives. What came before the first close is read once. Throws UsageError for a close that is not later than the one
 * before.
 */
export async function* strategyStream({
  context,
  create,
  closes,
  serviceOf,
  events,
}: StrategyStreamOptions): AsyncIterable<LiveLevel> {
  const live = new Map<string, DatedBar[]>();
  const before = readOnce(context);
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
    const prices = new ExtendedHistory(before, live, date);
    const strategy = await create({ ...context, envDate: date, prices }).build();
    try {
      await serviceOf(date).cacheStrategy(strategy);
    } catch (error) {
      reportFailure(events, strategy.name, error);
    }
    yield lastLevel(await strategy.history());
  }
}

interface DatedBar {
  readonly date: IsoDate;
  readonly bar: LiveBar;
}

/** Prices of a context as they are when they are first read: a load meanwhile may restate them for a split too. */
function readOnce({ prices, envDate }: StrategyContext): PriceHistory {
  const known = new Map<string, ReturnType<PriceHistory['read']>>();
  return {
    read(tickers, { start, end }) {
      const range = { start, end: end < envDate ? end : envDate };
      const id = JSON.stringify([tickers, range]);
      const reading = known.get(id) ?? prices.read(tickers, range);
      known.set(id, reading);
      return reading;
    },
  };
}

/** Prices of before with the live bars up to a date after them. */
class ExtendedHistory implements PriceHistory {
  readonly #before: PriceHistory;
  readonly #live: ReadonlyMap<string, readonly DatedBar[]>;
  readonly #envDate: IsoDate;

  constructor(before: PriceHistory, live: ReadonlyMap<string, readonly DatedBar[]>, envDate: IsoDate) {
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

/** Bars with later ones after them, all on the basis after the last split, as a load afterwards gives them. */
function append(bars: PriceBars | undefined, later: readonly DatedBar[]): PriceBars {
  const column = (name: keyof LiveBar): Float64Array =>
    Float64Array.from([...(bars?.[name] ?? []), ...later.map(({ bar }) => bar[name] ?? NaN)]);
  const [close, volume, dividend, split] = [
    column('close'),
    column('volume'),
    column('dividend'),
    column('split'),
  ];
  const known = close.length - later.length;
  let ratio = 1;
  for (let t = close.length - 1; t >= 0; t -= 1) {
    close[t]! /= ratio;
    volume[t]! *= ratio;
    dividend[t]! /= ratio;
    // Splits of before are in the prices of before already; what is no ratio is for the strategy to refuse.
    if (t >= known && split[t]! > 0 && split[t]! < Infinity) ratio *= split[t]!;
  }
  const dates = Int32Array.from([...(bars?.dates ?? []), ...later.map(({ date }) => toDay(date))]);
  return { dates, close, volume, dividend, split };
}

function lastLevel({ dates, levels }: LevelSeries): LiveLevel {
  const [before, level] = [levels.at(-2), levels.at(-1)!];
  return {
    asOf: fromDay(dates.at(-1)!),
    level,
    change: before === undefined ? undefined : level - before,
  };
}
