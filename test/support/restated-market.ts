import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addDays, type IsoDate } from '../../jobs/runtime/dates.ts';
import { at, stock } from './charts.ts';
import { randomNumbers } from './series.ts';
import type { PlayedChart, YahooServer } from './yahoo-server.ts';

/** Date of the split, in the week that the second load appends. */
const SPLIT_ON: IsoDate = '2024-03-19';
const RATIO = 4;
const FIRST_END: IsoDate = '2024-03-16';
const SECOND_END: IsoDate = '2024-03-23';

/**
 * A market at two instants a week apart. The second load asks for a third of the names; one in five of those has
 * split 4 for 1 meanwhile, so that all of its history is restated. A quarter of a price has the same digits, so that
 * whatever does not depend on the level of prices is the same to the last bit on both bases.
 */
export interface RestatedMarket {
  readonly names: readonly string[];
  /** Names that the second load asks for. */
  readonly third: readonly string[];
  /** Names that split. */
  readonly split: readonly string[];
  /** Makes the server answer as of one of the instants. */
  play(server: YahooServer, instant: 'before' | 'after'): void;
  /** Arguments of the load that fills an empty lake, and of the one that appends and restates. */
  readonly load: Readonly<
    Record<Source, { readonly first: readonly string[]; readonly second: readonly string[] }>
  >;
}

export type Source = 'yahoo' | 'csv';

/** @param folder an existing folder, for universe and CSV files */
export function createMarket(
  folder: string,
  { size, start, seed = 1 }: { readonly size: number; readonly start: IsoDate; readonly seed?: number },
): RestatedMarket {
  const own = mkdtempSync(join(folder, 'market-'));
  const names = Array.from({ length: size }, (_, index) => `N${String(index).padStart(4, '0')}`);
  const third = names.filter((_, index) => index % 3 === 0);
  const split = third.filter((_, index) => index % 5 === 0);
  const walks = new Map(names.map((name, index) => [name, randomCloses(seed * 100_003 + index)]));
  const chartOf = (name: string, instant: 'before' | 'after'): PlayedChart => {
    const closeOf = walks.get(name)!;
    if (instant === 'before') return stock(name, start, FIRST_END, closeOf);
    if (!split.includes(name)) return stock(name, start, SECOND_END, closeOf);
    const chart = stock(name, start, SECOND_END, (index) => closeOf(index) / RATIO);
    return {
      ...chart,
      bars: chart.bars.map((bar) => ({ ...bar, volume: bar.volume! * RATIO })),
      splits: [{ at: at(`${SPLIT_ON}T14:30:00Z`), numerator: RATIO, denominator: 1 }],
    };
  };
  const universe = (members: readonly string[], name: string): string => {
    const file = join(own, name);
    const lines = members.map((member) => `${member},,,${member}`);
    writeFileSync(file, ['id,numerai_ticker,bloomberg_ticker,yahoo', ...lines, ''].join('\n'));
    return file;
  };
  const csvFolder = (members: readonly string[], instant: 'before' | 'after'): string => {
    const path = join(own, `csv-${instant}`);
    mkdirSync(path);
    for (const member of members) writeFileSync(join(path, `${member}.csv`), toCsv(chartOf(member, instant)));
    return path;
  };
  const window = ['--start', addDays(FIRST_END, -7), '--end', SECOND_END];
  const whole = ['--start', start, '--end', FIRST_END];
  return {
    names,
    third,
    split,
    play(server, instant) {
      for (const name of names) server.symbols.set(name, chartOf(name, instant));
    },
    load: {
      yahoo: {
        first: [...whole, '--universe', universe(names, 'all.csv')],
        second: [...window, '--universe', universe(third, 'third.csv')],
      },
      csv: {
        first: ['--source', 'csv', '--path', csvFolder(names, 'before'), ...whole],
        // A restated file brings all of its history.
        second: ['--source', 'csv', '--path', csvFolder(third, 'after')],
      },
    },
  };
}

/** Closes in cents by index, a walk that no jump rule of the loader takes for a fault. */
function randomCloses(seed: number): (index: number) => number {
  const random = randomNumbers(seed);
  const closes: number[] = [];
  return (index) => {
    while (closes.length <= index) {
      const last = closes.at(-1) ?? 50 + 100 * random();
      closes.push(Math.round(100 * last * (1 + 0.03 * (random() - 0.5))) / 100);
    }
    return closes[index]!;
  };
}

function toCsv({ bars, splits = [] }: PlayedChart): string {
  const lines = bars.map(({ at: stamp, open, high, low, close, adjclose, volume }) => {
    const ratio = splits.find((event) => event.at === stamp);
    const split = ratio === undefined ? '' : ratio.numerator / ratio.denominator;
    return [
      new Date(stamp * 1000).toISOString().slice(0, 10),
      open,
      high,
      low,
      close,
      adjclose,
      volume,
      '',
      split,
      'USD',
    ].join();
  });
  return ['date,open,high,low,close,adj_close,volume,dividend,split,currency', ...lines, ''].join('\n');
}
