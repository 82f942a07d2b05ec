import { openDuckDB } from '../runtime/duckdb.ts';
import { FeatureComputer } from './compute.ts';
import { EraBlock, type SharedEraBlock } from './era-block.ts';
import { erasOfRows, liveEraOfRows, NO_ERA } from './eras.ts';
import { PriceSource, type PriceSourceOptions, type TickerRows } from './price-source.ts';
import { definitionOf, requiredColumns, type FeatureSettings } from './settings.ts';
import type { DayNumber } from '../runtime/dates.ts';

/** Everything that computing one part of the tickers needs; threads are handed it as it is. */
export interface GatherTask {
  readonly source: PriceSourceOptions;
  readonly settings: FeatureSettings;
  /** Part of the blocks that is this task's. */
  readonly part: number;
  /** Names and row counts of its tickers, in binary order. */
  readonly tickers: readonly TickerRows[];
  /** Number of the first of them among all tickers. */
  readonly firstTicker: number;
  /** Last day of which prices are read. */
  readonly last: DayNumber;
  readonly liveEra: DayNumber | undefined;
  readonly blocks: readonly SharedEraBlock[];
  /** Folder for what DuckDB spills. */
  readonly scratch: string;
  /** Cells of a Control. */
  readonly control: Int32Array<SharedArrayBuffer>;
}

/** What a task shares with whoever waits for it, while it runs. */
export class Control {
  readonly cells: Int32Array<SharedArrayBuffer>;

  constructor(cells = new Int32Array(new SharedArrayBuffer(8))) {
    this.cells = cells;
  }

  /** Asks for an end after the ticker in hand. */
  stop(): void {
    Atomics.store(this.cells, 0, 1);
  }

  get isStopped(): boolean {
    return Atomics.load(this.cells, 0) === 1;
  }

  /** Tickers that are done. */
  get done(): number {
    return Atomics.load(this.cells, 1);
  }

  countTicker(): void {
    Atomics.add(this.cells, 1, 1);
  }
}

/** Memory of DuckDB on each thread; what is beyond spills to the disk. */
const SCAN_MEMORY_MB = 256;

/** Price rows in memory at once, on each thread: 44 bytes each. */
const MAX_ROWS = 700_000;

export interface GatherResult {
  /** For each ticker of the task whether a row of it went into a block. */
  readonly hasRows: readonly boolean[];
  /** Time spent waiting for prices, and computing and gathering. */
  readonly seconds: { readonly read: number; readonly compute: number };
}

/** Computes each ticker of the task and puts the rows of its eras into the blocks. */
export async function gather(task: GatherTask): Promise<GatherResult> {
  const { settings, tickers, part, liveEra } = task;
  const { lags, sample, group } = settings;
  const control = new Control(task.control);
  const blocks = new Map(task.blocks.map((shared) => [shared.era, new EraBlock(shared)]));
  const required = settings.na === 'drop' ? requiredColumns(settings) : undefined;
  const longest = tickers.reduce((most, { rows }) => Math.max(most, rows), 0);
  const computer = new FeatureComputer(group, definitionOf(settings), longest);
  const eras = new Int32Array(longest);
  const hasRows: boolean[] = [];
  const begun = performance.now();
  let computeMs = 0;
  const db = await openDuckDB(task.scratch, { threads: 1, memoryMB: SCAN_MEMORY_MB });
  try {
    const source = await PriceSource.open(db, task.source);
    for (const some of cutByRows(tickers)) {
      for await (const { days, bars } of source.read(some, task.last)) {
        if (control.isStopped) break;
        const from = performance.now();
        let added = false;
        if (bars.length >= lags) {
          computer.compute(bars);
          if (sample === 'live') liveEraOfRows(days, bars.length, liveEra!, eras);
          else erasOfRows(days, bars.length, sample, eras);
          const number = task.firstTicker + hasRows.length;
          // A row whose lags reach before the first bar is left out.
          for (let row = lags - 1; row < bars.length; row += 1) {
            const era = eras[row]!;
            const block = era === NO_ERA ? undefined : blocks.get(era);
            if (block?.add(part, number, days[row]!, computer, row, lags, required) === true) added = true;
          }
        }
        hasRows.push(added);
        control.countTicker();
        computeMs += performance.now() - from;
      }
      if (control.isStopped) break;
    }
  } finally {
    db.closeSync();
  }
  const read = (performance.now() - begun - computeMs) / 1000;
  return { hasRows, seconds: { read, compute: computeMs / 1000 } };
}

/** Neighbours among the tickers whose rows fit into memory together. */
function cutByRows(tickers: readonly TickerRows[]): TickerRows[][] {
  const groups: TickerRows[][] = [];
  let left = 0;
  for (const ticker of tickers) {
    if (groups.length === 0 || ticker.rows > left) {
      groups.push([]);
      left = MAX_ROWS;
    }
    groups.at(-1)!.push(ticker);
    left -= ticker.rows;
  }
  return groups;
}
