import { availableParallelism } from 'node:os';
import { setMarkKey } from '../lake/layout.ts';
import { writeManifest } from '../lake/manifest.ts';
import { HeldMark, type MarkPorts } from '../lake/marks.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { addDays, fromDay, toDay, utcDate, type DayNumber, type IsoDate } from '../runtime/dates.ts';
import type { DuckDBConnection } from '../runtime/duckdb.ts';
import { firstLine, LakeError, StoppedError } from '../runtime/errors.ts';
import { measureUsage } from '../runtime/usage.ts';
import type { Logger } from '../runtime/log.ts';
import type { Progress } from '../runtime/progress.ts';
import { createCrew, type Crew } from './crew.ts';
import { EraBlock } from './era-block.ts';
import type { EraEntry, EraIndex } from './era-index.ts';
import { Control } from './gather.ts';
import { NullShares } from './null-shares.ts';
import { cutPlan, cutTickers, planEras, type PlannedEra } from './plan.ts';
import { prepareSet, type SetRequest } from './prepare-set.ts';
import { PriceSource, type PriceSourceOptions, type TickerRows } from './price-source.ts';
import { setRollForward } from './set-change.ts';
import { SetWriter, type SetTarget } from './set-writer.ts';
import { featureColumns } from './settings.ts';
import { writeBlocks } from './write-eras.ts';

export interface TransformRequest extends SetRequest {
  /** The date of a live set, not after today, or its last trading date; undefined for weekly and daily sets. */
  readonly asOf: IsoDate | 'latest' | undefined;
  /**
   * What `--reload` comes to: `lake` computes eras that are up to date as well; of prices that come anew out of
   * `athena` nothing need be computed anew, since eras whose prices are the same stand.
   */
  readonly reload: 'lake' | 'athena' | undefined;
  /** Threads to compute on; as many as are worth their start when undefined. */
  readonly threads: number | undefined;
  readonly versions: Readonly<Record<string, string>>;
}

export interface TransformPorts extends MarkPorts {
  readonly store: ObjectStore;
  readonly db: DuckDBConnection;
  readonly log: Logger;
  readonly progress: Progress;
  /** An existing folder for temporary files. */
  readonly scratch: string;
  /** One state of the prices of the months that are wanted, as files of this machine; none where the lake has none. */
  copyPrices(isWanted: (month: string) => boolean): Promise<readonly string[]>;
}

export interface TransformSummary {
  readonly tickers: number;
  /** Tickers of which no row came out, and why. */
  readonly skipped: readonly { readonly ticker: string; readonly reason: string }[];
  readonly rows: number;
  readonly eras: readonly IsoDate[];
  readonly features: number;
  readonly bytes: number;
  /** Share of NULL by family, 0..1. */
  readonly nullShare: Readonly<Record<string, number>>;
  /** Where the time went; threads side by side count once. */
  readonly seconds: Readonly<Record<Phase, number>>;
  /** Most memory that the process had, in MB of 1e6 bytes. */
  readonly peakMemoryMB: number;
  readonly manifest: string;
}

/** Values that are gathered in memory at once; eras beyond it are computed in another pass over the prices. */
const MAX_BLOCK_BYTES = 1e9;

/** Fewer price rows than this for each of them, and a further thread costs more than it brings. */
const ROWS_WORTH_A_THREAD = 10_000;

/**
 * Computes the features of every era that is missing or stale and writes each as one object. Indicators run over
 * each ticker's whole history, so that the features of an era do not depend on which run made them. A manifest is
 * written however the run ends.
 */
export async function transformPrices(
  request: TransformRequest,
  ports: TransformPorts,
): Promise<TransformSummary> {
  const startedAt = ports.now();
  const tally: Tally = {
    written: new Map(),
    tickers: new Map(),
    nulls: new NullShares(request.settings),
    seconds: { plan: 0, read: 0, compute: 0, write: 0 },
  };
  let failure: unknown;
  try {
    const { store, signal } = ports;
    const { set, runId } = request;
    // A run that only adds eras holds the mark as well: a set has one writer, and its index vouches for no other's eras.
    const held = await HeldMark.take(store, setMarkKey(set), runId, ports, setRollForward(store, ports));
    await held.use(async () => {
      const target = await prepareSet(request, ports, held);
      const writer = new SetWriter(store, target);
      try {
        await computeAndWrite({ ...request, settings: target.setting }, ports, tally, target, writer);
        addWritten(tally, await writer.finish(signal));
      } catch (error) {
        // What ended the run is what is to be told.
        await writer.abandon().catch(() => {});
        throw error;
      }
    });
  } catch (error) {
    failure = error;
  }
  const entries = [...tally.written];
  const summary = {
    tickers: tally.tickers.size,
    skipped: [...tally.tickers].flatMap(([ticker, reason]) =>
      reason === undefined ? [] : [{ ticker, reason }],
    ),
    rows: entries.reduce((sum, [, { rows }]) => sum + rows, 0),
    eras: entries.map(([era]) => era),
    features: featureColumns(request.settings).length,
    bytes: entries.reduce((sum, [, { bytes }]) => sum + bytes, 0),
    nullShare: tally.nulls.byFamily(),
    seconds: tally.seconds,
    peakMemoryMB: Math.round(measureUsage().peakMemoryMB),
  };
  const writing = writeManifest(ports.store, {
    job: 'transform',
    runId: request.runId,
    startedAt: startedAt.toISOString(),
    finishedAt: ports.now().toISOString(),
    status: failure === undefined ? 'done' : failure instanceof StoppedError ? 'stopped' : 'failed',
    ...(failure === undefined ? {} : { failure: firstLine(failure) }),
    arguments: {
      set: request.set,
      ...request.settings,
      since: request.since ?? null,
      asOf: request.asOf ?? null,
      only: request.tickers,
      reload: request.reload !== undefined,
      rebuild: request.isRebuild,
    },
    versions: request.versions,
    ...summary,
  });
  if (failure !== undefined) {
    // What made the run fail may keep its manifest from being written too; the first failure is the one to tell.
    await writing.catch(() => {});
    throw failure;
  }
  return { ...summary, manifest: await writing };
}

/** What a run has done so far. */
interface Tally {
  readonly written: Map<IsoDate, EraEntry>;
  /** Every ticker that was computed, with the reason where no row of it came out. */
  readonly tickers: Map<string, string | undefined>;
  readonly nulls: NullShares;
  readonly seconds: Record<Phase, number>;
}

/** Planning, waiting for prices, computing, and encoding with writing. */
type Phase = 'plan' | 'read' | 'compute' | 'write';

/** Eras that are part of the set now. */
function addWritten({ written }: Tally, eras: EraIndex): void {
  for (const [era, entry] of eras) if (entry.rows > 0) written.set(era, entry);
}

async function computeAndWrite(
  request: TransformRequest,
  ports: TransformPorts,
  tally: Tally,
  { standing, since }: SetTarget,
  writer: SetWriter,
): Promise<void> {
  const { settings, set, asOf } = request;
  const { store, db, log } = ports;
  const begun = performance.now();
  const today = utcDate(ports.now());
  const before = asOf === undefined || asOf === 'latest' || asOf === today ? today : addDays(asOf, 1);
  const from = settings.window === null ? undefined : addDays(before, -settings.window);
  const files = await ports.copyPrices(
    (month) => month <= before.slice(0, 7) && (from === undefined || month >= from.slice(0, 7)),
  );
  const options: PriceSourceOptions = {
    lake: store.url,
    files,
    price: settings.price,
    from,
    before,
    only: request.tickers,
  };
  const source = await PriceSource.open(db, options);
  const tickers = await source.tickers();
  const found = new Set(tickers.map(({ ticker }) => ticker));
  const absent = request.tickers.filter((ticker) => !found.has(ticker));
  for (const ticker of absent) tally.tickers.set(ticker, `no prices before ${before}`);
  if (absent.length > 0 && tickers.length === 0) {
    throw new LakeError(
      `lake "${store.url}" has no prices of ${settings.provider} before ${before} of ${absent.join(', ')}; load them, or check the names`,
    );
  }
  if (tickers.length === 0) {
    log.warn(
      { event: 'transform.empty' },
      `no prices of ${settings.provider} before ${before}; nothing to compute`,
    );
    return;
  }
  const last = fromDay(tickers.reduce((latest, ticker) => Math.max(latest, ticker.last), -Infinity));
  const liveEra =
    settings.sample === 'live' ? toDay(asOf === 'latest' || asOf === undefined ? last : asOf) : undefined;
  const rows = tickers.reduce((sum, ticker) => sum + ticker.rows, 0);
  const worthwhile = Math.min(availableParallelism(), Math.ceil(rows / ROWS_WORTH_A_THREAD));
  const starts = cutTickers(tickers, request.threads ?? worthwhile);
  // Threads take a while to start: they do so while the plan is made.
  const crew = createCrew(starts.length);
  try {
    const prices = await source.eraPrices(
      settings.sample === 'live' ? { live: liveEra! } : settings.sample,
      starts.map((start, index) => ({
        first: tickers[start]!.ticker,
        tickers: (starts[index + 1] ?? tickers.length) - start,
      })),
    );
    const planned = planEras(prices, {
      settings,
      since,
      today: liveEra === undefined ? today : addDays(today, 1),
      // A merge of some tickers has to look at each era: its fingerprint speaks of all tickers.
      isForced: request.reload === 'lake' || request.tickers.length > 0,
      standing,
    });
    log.info(
      {
        event: 'transform.planned',
        set,
        eras: planned.length,
        standing: standing.size,
        prices: last,
        threads: starts.length,
      },
      `set ${set}: ${planned.length} eras to compute, ${standing.size} standing, prices up to ${last}`,
    );
    tally.seconds.plan = (performance.now() - begun) / 1000;
    if (planned.length === 0) return;
    writer.plan(planned.map(({ era }) => fromDay(era)));
    const width = featureColumns(settings).length;
    const parts = cutPlan(planned, width, MAX_BLOCK_BYTES);
    // The same memory for every pass.
    const memory = new SharedArrayBuffer(Math.max(...parts.map((part) => bytesOf(part, width))));
    for (const part of parts) {
      const blocks = await gatherEras(
        request,
        ports,
        crew,
        options,
        tickers,
        starts,
        part,
        memory,
        liveEra,
        tally,
      );
      const gathered = performance.now();
      try {
        await writeBlocks({ request, ports, crew, tickers, writer, nulls: tally.nulls }, blocks, part);
      } finally {
        addWritten(tally, await writer.flush());
      }
      tally.seconds.write += (performance.now() - gathered) / 1000;
    }
  } finally {
    await crew.close();
  }
}

/** Computes every ticker, a part of them on each thread, and collects the rows of the eras of `planned`. */
async function gatherEras(
  { settings }: TransformRequest,
  { progress, signal, scratch }: TransformPorts,
  crew: Crew,
  source: PriceSourceOptions,
  tickers: readonly TickerRows[],
  starts: readonly number[],
  planned: readonly PlannedEra[],
  memory: SharedArrayBuffer,
  liveEra: DayNumber | undefined,
  tally: Tally,
): Promise<EraBlock[]> {
  const width = featureColumns(settings).length;
  const blocks = layOut(planned, width, memory);
  // Later prices change nothing under causal definitions, and everything under ta's full-sample means.
  const last = settings.definitions === 'causal' ? planned.at(-1)!.era : toDay('9999-12-31');
  const control = new Control();
  const stop = (): void => control.stop();
  signal.addEventListener('abort', stop);
  progress.start('computing', tickers.length);
  const ticking = progress.follow(() => control.done);
  try {
    const gathering = starts.map(async (firstTicker, part) => {
      try {
        return await crew.gather({
          source,
          settings,
          part,
          tickers: tickers.slice(firstTicker, starts[part + 1]),
          firstTicker,
          last,
          liveEra,
          blocks: blocks.map(({ shared }) => shared),
          scratch,
          control: control.cells,
        });
      } catch (error) {
        // One part that fails ends the others.
        control.stop();
        throw error;
      }
    });
    await Promise.allSettled(gathering);
    const results = await Promise.all(gathering);
    if (signal.aborted) throw new StoppedError(`stopped by ${String(signal.reason)}; run again to go on`);
    for (const phase of ['read', 'compute'] as const) {
      // Parts run side by side: what they took together is what one of them took, on average.
      tally.seconds[phase] += results.reduce((sum, { seconds }) => sum + seconds[phase], 0) / results.length;
    }
    for (const [index, hasRows] of results.flatMap((result) => result.hasRows).entries()) {
      const { ticker, rows } = tickers[index]!;
      const isKnown = tally.tickers.has(ticker) && tally.tickers.get(ticker) === undefined;
      const few = rows < settings.lags ? `${rows} bars for ${settings.lags} lags` : 'no row in these eras';
      tally.tickers.set(ticker, hasRows || isKnown ? undefined : few);
    }
  } finally {
    ticking.stop();
    progress.stop();
    signal.removeEventListener('abort', stop);
  }
  for (const block of blocks) block.close();
  return blocks;
}

/** Blocks for the eras of one pass, one after another in `memory`. */
function layOut(planned: readonly PlannedEra[], width: number, memory: SharedArrayBuffer): EraBlock[] {
  let offset = 0;
  return planned.map((plan) => {
    const block = EraBlock.create(plan.era, width, plan.capacities, memory, offset);
    offset += EraBlock.bytes(width, plan.capacities);
    return block;
  });
}

function bytesOf(planned: readonly PlannedEra[], width: number): number {
  return planned.reduce((sum, { capacities }) => sum + EraBlock.bytes(width, capacities), 0);
}
