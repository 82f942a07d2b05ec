import pLimit from 'p-limit';
import type { FetchKind, FetchResult, PriceProvider } from '../market/provider.ts';
import type { UniverseEntry } from '../market/universe.ts';
import { utcDate, type DateRange } from '../runtime/dates.ts';
import type { DuckDBConnection } from '../runtime/duckdb.ts';
import { CoverageError, firstLine, MarketError, StoppedError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Progress } from '../runtime/progress.ts';
import { writeManifest } from './manifest.ts';
import type { ObjectStore } from './object-store.ts';
import { PricesWriter, type RowCounts } from './prices.ts';
import { saveUniverse } from './universe-table.ts';

export interface LoadRequest {
  readonly runId: string;
  readonly tickers: readonly string[];
  /** Trading dates to load. */
  readonly range: DateRange;
  /** Identifiers to keep beside the prices; `undefined` where the tickers came from nowhere else. */
  readonly universe: readonly UniverseEntry[] | undefined;
  /** Least share of tickers that must be answered, 0..1. */
  readonly minCoverage: number;
  /** A ticker without usable prices ends the run before anything is written. */
  readonly isStrict: boolean;
  /** Requests in flight at once. */
  readonly concurrency: number;
  readonly versions: Readonly<Record<string, string>>;
}

export interface LoadPorts {
  readonly store: ObjectStore;
  readonly db: DuckDBConnection;
  readonly provider: PriceProvider;
  readonly log: Logger;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** An existing folder for temporary files. */
  readonly scratch: string;
  now(): Date;
}

/** What became of one ticker; `unattempted` when the run ended before its turn. */
interface TickerOutcome {
  readonly ticker: string;
  status: FetchKind | 'unattempted';
  reason?: string;
  rows?: RowCounts;
  first?: string;
  last?: string;
}

export interface LoadSummary {
  readonly tickers: readonly TickerOutcome[];
  readonly rows: RowCounts;
  readonly written: readonly string[];
  readonly manifest: string;
}

// About 100 MB of rows wait at most, and a month object is merged once for thousands of tickers.
const FLUSH_ROWS = 250_000;

/**
 * Fetches the window of every ticker and merges it into the lake. Every ticker has an outcome in the manifest,
 * which is written however the run ends. Throws MarketError (strict), CoverageError or StoppedError.
 */
export async function loadPrices(request: LoadRequest, ports: LoadPorts): Promise<LoadSummary> {
  const { store, log, now } = ports;
  const startedAt = now();
  const outcomes = new Map<string, TickerOutcome>(
    request.tickers.map((ticker) => [ticker, { ticker, status: 'unattempted' }]),
  );
  const written = new Set<string>();
  let failure: unknown;
  try {
    await fetchAndMerge(request, ports, outcomes, written);
    if (request.universe !== undefined) {
      await saveUniverse(store, ports.db, request.universe, utcDate(startedAt), ports.scratch);
    }
    assertCoverage([...outcomes.values()], request.minCoverage);
  } catch (error) {
    failure = error;
  }
  const tickers = [...outcomes.values()];
  const rows = sumRows(tickers);
  const writing = writeManifest(store, {
    job: 'load',
    runId: request.runId,
    startedAt: startedAt.toISOString(),
    finishedAt: now().toISOString(),
    status: failure === undefined ? 'done' : failure instanceof StoppedError ? 'stopped' : 'failed',
    ...(failure === undefined ? {} : { failure: firstLine(failure) }),
    arguments: { provider: ports.provider.name, ...request.range, minCoverage: request.minCoverage },
    versions: request.versions,
    counts: countBy(tickers),
    rows,
    written: [...written].toSorted(),
    tickers,
  });
  if (failure !== undefined) {
    // What made the run fail may keep its manifest from being written too; the first failure is the one to tell.
    await writing.catch(() => {});
    throw failure;
  }
  const manifest = await writing;
  log.info({ event: 'load.done', rows, written: written.size }, describe(rows, written.size));
  return { tickers, rows, written: [...written], manifest };
}

async function fetchAndMerge(
  { tickers, range, isStrict, concurrency }: LoadRequest,
  { store, db, provider, log, progress, signal, scratch, now }: LoadPorts,
  outcomes: Map<string, TickerOutcome>,
  written: Set<string>,
): Promise<void> {
  const writer = new PricesWriter(store, db, provider.name, scratch);
  const stopWhenAsked = (): void => {
    if (signal.aborted) throw new StoppedError(`stopped by ${String(signal.reason)}; load again to go on`);
  };
  const flush = async (): Promise<void> => {
    const merged = await writer.merge(now(), stopWhenAsked);
    for (const [ticker, rows] of merged.rows) outcomes.get(ticker)!.rows = rows;
    for (const key of merged.written) written.add(key);
    log.debug(
      { event: 'load.merged', written: merged.written.length },
      `merged ${merged.written.length} months`,
    );
  };
  const take = (ticker: string, result: FetchResult): void => {
    const outcome = outcomes.get(ticker)!;
    outcome.status = result.kind;
    if ('reason' in result) outcome.reason = result.reason;
    if (result.kind === 'ok') {
      outcome.first = result.bars[0]!.date;
      outcome.last = result.bars.at(-1)!.date;
      writer.add(ticker, result.bars, result.listing);
    } else if (result.kind !== 'empty') {
      if (isStrict) throw new MarketError(`ticker ${ticker}: ${result.reason}`);
      log.warn(
        { event: 'load.ticker', ticker, status: result.kind },
        `${ticker}: ${result.kind}, ${result.reason}`,
      );
    }
  };

  progress.start('fetching', tickers.length);
  try {
    const limit = pLimit(concurrency);
    // In blocks, so that a merge happens between requests and not beside them.
    for (let from = 0; from < tickers.length; from += 4 * concurrency) {
      stopWhenAsked();
      const block = tickers.slice(from, from + 4 * concurrency);
      const results = await Promise.all(
        block.map((ticker) => limit(() => provider.fetchDaily({ ticker, range, signal }))),
      );
      for (const [index, ticker] of block.entries()) take(ticker, results[index]!);
      progress.advance(block.length);
      // A strict run writes nothing before it has read everything.
      if (writer.pending >= FLUSH_ROWS && !isStrict) await flush();
    }
  } finally {
    progress.stop();
  }
  await flush();
}

function assertCoverage(tickers: readonly TickerOutcome[], minCoverage: number): void {
  const answered = tickers.filter(({ status }) => status === 'ok' || status === 'empty').length;
  if (answered >= minCoverage * tickers.length) return;
  const first = tickers.find(({ reason }) => reason !== undefined);
  throw new CoverageError(
    `${answered} of ${tickers.length} tickers were answered, --min-coverage asks for ${minCoverage}; ` +
      `first failure: ${first?.ticker} ${first?.status}, ${first?.reason}`,
  );
}

function sumRows(tickers: readonly TickerOutcome[]): RowCounts {
  const total: RowCounts = { new: 0, changed: 0, unchanged: 0, removed: 0 };
  for (const { rows } of tickers) {
    for (const outcome of ['new', 'changed', 'unchanged'] as const) total[outcome] += rows?.[outcome] ?? 0;
  }
  return total;
}

function countBy(tickers: readonly TickerOutcome[]): Record<string, number> {
  const counts: Record<string, number> = { total: tickers.length };
  for (const { status } of tickers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

function describe(rows: RowCounts, written: number): string {
  return `${rows.new} rows new, ${rows.changed} changed, ${rows.unchanged} unchanged; ${written} month objects written`;
}
