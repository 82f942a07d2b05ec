import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { eraKey, settingsKey } from '../lake/layout.ts';
import { writeManifest } from '../lake/manifest.ts';
import { ABSENT, ConflictError, type ObjectStore } from '../lake/object-store.ts';
import { retryConflicts } from '../lake/retry-conflicts.ts';
import { addDays, fromDay, toDay, utcDate, type DayNumber, type IsoDate } from '../runtime/dates.ts';
import type { DuckDBConnection } from '../runtime/duckdb.ts';
import { firstLine, LakeError, StoppedError, UsageError } from '../runtime/errors.ts';
import { measureUsage } from '../runtime/usage.ts';
import type { Logger } from '../runtime/log.ts';
import type { Progress } from '../runtime/progress.ts';
import { createCrew, type Crew } from './crew.ts';
import { EraBlock } from './era-block.ts';
import { encodedBound } from './era-file.ts';
import { addToIndex, readStandingEras, type EraEntry } from './era-index.ts';
import { Control } from './gather.ts';
import { mergeEra } from './merge-era.ts';
import { NullShares } from './null-shares.ts';
import { cutPlan, cutTickers, planEras, type PlannedEra } from './plan.ts';
import { PriceSource, type PriceSourceOptions, type TickerRows } from './price-source.ts';
import {
  compareSettings,
  describeDifference,
  featureColumns,
  formatSettings,
  parseSettings,
  settleSettings,
  type FeatureSettings,
} from './settings.ts';

export interface TransformRequest {
  readonly runId: string;
  readonly set: string;
  readonly settings: FeatureSettings;
  /** Write eras on or after this date only. */
  readonly since: IsoDate | undefined;
  /** The date of a live set, not after today, or its last trading date; undefined for weekly and daily sets. */
  readonly asOf: IsoDate | 'latest' | undefined;
  /** Compute these tickers only and merge their rows into the eras that stand; all when empty. */
  readonly tickers: readonly string[];
  /**
   * What `--reload` comes to: `lake` computes eras that are up to date as well; of prices that come anew out of
   * `athena` nothing need be computed anew, since eras whose prices are the same stand.
   */
  readonly reload: 'lake' | 'athena' | undefined;
  /** Threads to compute on; as many as are worth their start when undefined. */
  readonly threads: number | undefined;
  /** Replace a set that was made with another setting. */
  readonly isRebuild: boolean;
  readonly versions: Readonly<Record<string, string>>;
}

export interface TransformPorts {
  readonly store: ObjectStore;
  readonly db: DuckDBConnection;
  readonly log: Logger;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** An existing folder for temporary files. */
  readonly scratch: string;
  now(): Date;
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
    const settings = await prepareSet(request, ports);
    await computeAndWrite({ ...request, settings }, ports, tally);
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

/** Makes sure that the set has the setting of this run, and resolves with it. */
async function prepareSet(request: TransformRequest, ports: TransformPorts): Promise<FeatureSettings> {
  const { set, isRebuild } = request;
  const { store } = ports;
  const key = settingsKey(set);
  const first = settleSettings(request.settings, undefined);
  const stored = await store.get(key);
  if (stored === undefined || isRebuild) {
    if (isRebuild) for await (const { key: old } of store.list(`features/${set}/`)) await store.delete(old);
    try {
      await store.put(key, Buffer.from(formatSettings(first)), isRebuild ? undefined : ABSENT);
      return first;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
  const current = (await store.get(key)) ?? stored;
  if (current === undefined) throw new LakeError(`${key} was deleted while it was being read; run again`);
  const before = parseSettings(Buffer.from(current.body).toString(), key);
  const settings = settleSettings(request.settings, before);
  const compared = compareSettings(before, settings);
  if (compared === 'same') return settings;
  if (compared !== 'rebuild') throw new UsageError(describeDifference(set, compared.different));
  if (request.tickers.length > 0 || request.since !== undefined) {
    throw new UsageError(
      `set "${set}" was made with catalogue ${before.catalogue} (now ${settings.catalogue}); ` +
        'transform it once without --ticker and --since, which computes all of it anew',
    );
  }
  return prepareSet({ ...request, settings, isRebuild: true }, ports);
}

async function computeAndWrite(
  request: TransformRequest,
  ports: TransformPorts,
  tally: Tally,
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
    const standing = await readStandingEras(store, set);
    const prices = await source.eraPrices(
      settings.sample === 'live' ? { live: liveEra! } : settings.sample,
      starts.map((start, index) => ({
        first: tickers[start]!.ticker,
        tickers: (starts[index + 1] ?? tickers.length) - start,
      })),
    );
    const planned = planEras(prices, {
      settings,
      since: request.since,
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

      await writeBlocks(request, ports, crew, tickers, blocks, part, tally);
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

/** Writes each block as the object of its era; ends early, with what is written recorded, when asked to stop. */
async function writeBlocks(
  request: TransformRequest,
  ports: TransformPorts,
  crew: Crew,
  tickers: readonly TickerRows[],
  blocks: readonly EraBlock[],
  planned: readonly PlannedEra[],
  tally: Tally,
): Promise<void> {
  const { set, settings } = request;
  const { store, progress, signal } = ports;
  const standing = await readStandingEras(store, set);
  const added = new Map<IsoDate, EraEntry>();
  const encoding = {
    tickers: tickers.map(({ ticker }) => ticker),
    features: featureColumns(settings),
    metadata: footerOf(settings),
  };
  const { tickers: names, features, metadata } = encoding;
  const longest = Math.max(...blocks.map((block) => encodedBound(block, names, features, metadata)));
  // Memory that no era uses at the moment.
  const targets: SharedArrayBuffer[] = [];
  // One more than there are threads: it is written while the others are encoded.
  const limit = pLimit(request.tickers.length === 0 ? crew.size + 1 : 1);
  const write = async (block: EraBlock, { era: day, fingerprint }: PlannedEra): Promise<void> => {
    if (signal.aborted) throw new StoppedError(`stopped by ${String(signal.reason)}; run again to go on`);
    const era = fromDay(day);
    const key = eraKey(set, era);
    if (block.length === 0) {
      // An era without rows has no object, and an entry that says so.
      if (request.tickers.length > 0) return;
      await store.delete(key);
      added.set(era, { fingerprint, rows: 0, bytes: 0 });
      return;
    }
    const target = targets.pop() ?? new SharedArrayBuffer(longest);
    const { bytes, nulls } = await crew.encode({ block: block.shared, ...encoding, target });
    const body = new Uint8Array(target, 0, bytes);
    tally.nulls.add(block.length, nulls);
    if (request.tickers.length === 0) {
      await store.put(key, body);
      added.set(era, { fingerprint, rows: block.length, bytes });
    } else {
      added.set(era, await mergeIntoEra(request, ports, key, body, block.length, standing.get(era)));
    }
    targets.push(target);
    progress.advance();
  };
  progress.start('writing', blocks.length);
  try {
    const writing = blocks.map((block, index) => limit(() => write(block, planned[index]!)));
    const failed = (await Promise.allSettled(writing)).find(({ status }) => status === 'rejected');
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
  } finally {
    progress.stop();
    if (added.size > 0) await addToIndex(store, set, added);
    for (const [era, entry] of added) if (entry.rows > 0) tally.written.set(era, entry);
  }
}

/** Puts the rows of some tickers into an era, beside those of all others. */
async function mergeIntoEra(
  { settings, tickers }: TransformRequest,
  { store, db, scratch }: TransformPorts,
  key: string,
  fresh: Uint8Array,
  freshRows: number,
  standing: EraEntry | undefined,
): Promise<EraEntry> {
  // An era with some tickers only must not pass for a whole one, nor a stale one for a fresh one.
  const fingerprint = standing?.fingerprint ?? `only ${tickers.toSorted().join(' ')}`;
  return retryConflicts(async () => {
    const current = await store.get(key);
    const { body, rows } =
      current === undefined
        ? { body: fresh, rows: freshRows }
        : await mergeEra(db, current.body, fresh, tickers, footerOf(settings), scratch);
    await store.put(key, body, current?.version ?? ABSENT);
    return { fingerprint, rows, bytes: body.length };
  });
}

function footerOf(settings: FeatureSettings): Record<string, string> {
  return { 'signals.settings': JSON.stringify(settings) };
}
