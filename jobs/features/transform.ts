import { eraKey, settingsKey } from '../lake/layout.ts';
import { writeManifest } from '../lake/manifest.ts';
import { ABSENT, ConflictError, type ObjectStore } from '../lake/object-store.ts';
import { addDays, fromDay, toDay, utcDate, type DayNumber, type IsoDate } from '../runtime/dates.ts';
import type { DuckDBConnection } from '../runtime/duckdb.ts';
import { firstLine, LakeError, StoppedError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Progress } from '../runtime/progress.ts';
import { FeatureComputer } from './compute.ts';
import { EraBlock } from './era-block.ts';
import { encodeEra } from './era-file.ts';
import { addToIndex, readStandingEras, type EraEntry } from './era-index.ts';
import { erasOfRows, liveEraOfRows, NO_ERA } from './eras.ts';
import { mergeEra } from './merge-era.ts';
import { cutPlan, planEras, type PlannedEra } from './plan.ts';
import { PriceSource } from './price-source.ts';
import {
  assertSameSettings,
  definitionOf,
  featureColumns,
  formatSettings,
  parseSettings,
  requiredColumns,
  type FeatureSettings,
} from './settings.ts';
import { NullShares } from './null-shares.ts';

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
  /** Compute eras that are up to date as well. */
  readonly isForced: boolean;
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
}

export interface TransformSummary {
  readonly tickers: number;
  /** Tickers with bars of which no row came out, with the reason. */
  readonly skipped: readonly { readonly ticker: string; readonly reason: string }[];
  readonly rows: number;
  readonly eras: readonly IsoDate[];
  readonly features: number;
  readonly bytes: number;
  /** Share of NULL by family, 0..1. */
  readonly nullShare: Readonly<Record<string, number>>;
  readonly manifest: string;
}

/** Values that are gathered in memory at once; eras beyond it are computed in another pass over the prices. */
const MAX_BLOCK_BYTES = 1 << 30;

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
  const tally: Tally = { written: new Map(), without: new Map(), nulls: new NullShares(request.settings) };
  let failure: unknown;
  try {
    await prepareSet(request, ports);
    await computeAndWrite(request, ports, tally);
  } catch (error) {
    failure = error;
  }
  const entries = [...tally.written];
  const summary = {
    tickers: tally.without.size,
    skipped: [...tally.without].flatMap(([ticker, reason]) =>
      reason === undefined ? [] : [{ ticker, reason }],
    ),
    rows: entries.reduce((sum, [, { rows }]) => sum + rows, 0),
    eras: entries.map(([era]) => era),
    features: featureColumns(request.settings).length,
    bytes: entries.reduce((sum, [, { bytes }]) => sum + bytes, 0),
    nullShare: tally.nulls.byFamily(),
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
      reload: request.isForced,
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
  /** Every ticker that was computed, with the reason where it has no row. */
  readonly without: Map<string, string | undefined>;
  readonly nulls: NullShares;
}

/** Makes sure that the set has the setting of this run. */
async function prepareSet(
  { set, settings, isRebuild }: TransformRequest,
  { store }: TransformPorts,
): Promise<void> {
  const key = settingsKey(set);
  const text = formatSettings(settings);
  const stored = await store.get(key);
  if (stored === undefined || isRebuild) {
    if (isRebuild) for await (const { key: old } of store.list(`features/${set}/`)) await store.delete(old);
    try {
      await store.put(key, Buffer.from(text), isRebuild ? undefined : ABSENT);
      return;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
  const current = (await store.get(key)) ?? stored;
  if (current === undefined) throw new LakeError(`${key} was deleted while it was being read; run again`);
  assertSameSettings(set, parseSettings(Buffer.from(current.body).toString(), key), settings);
}

async function computeAndWrite(
  request: TransformRequest,
  ports: TransformPorts,
  tally: Tally,
): Promise<void> {
  const { settings, set, asOf, tickers } = request;
  const { store, db, log, scratch } = ports;
  const today = utcDate(ports.now());
  const before = asOf === undefined || asOf === 'latest' || asOf === today ? today : addDays(asOf, 1);
  const from = settings.window === null ? undefined : addDays(before, -settings.window);
  const source = await PriceSource.open(
    store,
    db,
    { provider: settings.provider, price: settings.price, from, before, tickers },
    scratch,
  );
  const last = await source.lastDate();
  if (last === undefined) {
    log.warn(
      { event: 'transform.empty' },
      `no prices of ${settings.provider} before ${before}; nothing to compute`,
    );
    return;
  }
  const liveEra =
    settings.sample === 'live' ? toDay(asOf === 'latest' || asOf === undefined ? last : asOf) : undefined;
  const standing = await readStandingEras(store, set);
  const planned = planEras(
    await source.eraPrices(settings.sample === 'live' ? { live: liveEra! } : settings.sample),
    {
      settings,
      since: request.since,
      today: liveEra === undefined ? today : addDays(today, 1),
      // A merge of some tickers has to look at each era: its fingerprint speaks of all tickers.
      isForced: request.isForced || tickers.length > 0,
      standing,
    },
  );
  log.info(
    { event: 'transform.planned', set, eras: planned.length, standing: standing.size, prices: last },
    `set ${set}: ${planned.length} eras to compute, ${standing.size} standing, prices up to ${last}`,
  );
  for (const part of cutPlan(planned, featureColumns(settings).length, MAX_BLOCK_BYTES)) {
    const blocks = await gather(request, ports, source, part, liveEra, tally);
    await writeBlocks(request, ports, blocks, part, tally);
  }
}

/** Computes every ticker and collects the rows of the eras of `part`. */
async function gather(
  { settings }: TransformRequest,
  { progress, signal }: TransformPorts,
  source: PriceSource,
  part: readonly PlannedEra[],
  liveEra: DayNumber | undefined,
  tally: Tally,
): Promise<EraBlock[]> {
  const { lags, group, sample } = settings;
  const width = featureColumns(settings).length;
  const blocks = new Map(part.map(({ era, capacity }) => [era, new EraBlock(era, capacity, width)]));
  const required = settings.na === 'drop' ? requiredColumns(settings) : undefined;
  // Later prices change nothing under causal definitions, and everything under ta's full-sample means.
  const last = settings.definitions === 'causal' ? part.at(-1)!.era : toDay('9999-12-31');
  const tickers = await source.tickers(last);
  const longest = tickers.reduce((most, { rows }) => Math.max(most, rows), 0);
  const computer = new FeatureComputer(group, definitionOf(settings), longest);
  const eras = new Int32Array(longest);
  progress.start('computing', tickers.length);
  try {
    for await (const { ticker, days, bars } of source.read(last)) {
      if (signal.aborted) throw new StoppedError(`stopped by ${String(signal.reason)}; run again to go on`);
      progress.advance();
      if (bars.length < lags) {
        tally.without.set(ticker, `${bars.length} bars are fewer than ${lags} lags`);
        continue;
      }
      computer.compute(bars);
      if (sample === 'live') liveEraOfRows(days, bars.length, liveEra!, eras);
      else erasOfRows(days, bars.length, sample, eras);
      let hasRows = tally.without.has(ticker) && tally.without.get(ticker) === undefined;
      // A row whose lags reach before the first bar is left out.
      for (let row = lags - 1; row < bars.length; row += 1) {
        const era = eras[row]!;
        const block = era === NO_ERA ? undefined : blocks.get(era);
        if (block?.add(ticker, days[row]!, computer.columns, row, lags, required) === true) hasRows = true;
      }
      tally.without.set(ticker, hasRows ? undefined : 'no row in the eras to compute');
    }
  } finally {
    progress.stop();
  }
  return [...blocks.values()];
}

/** Writes each block as the object of its era; ends early, with what is written recorded, when asked to stop. */
async function writeBlocks(
  request: TransformRequest,
  ports: TransformPorts,
  blocks: readonly EraBlock[],
  part: readonly PlannedEra[],
  tally: Tally,
): Promise<void> {
  const { set } = request;
  const { store, progress, signal } = ports;
  const standing = await readStandingEras(store, set);
  const fingerprints = new Map(part.map(({ era, fingerprint }) => [era, fingerprint]));
  const added = new Map<IsoDate, EraEntry>();
  progress.start('writing', blocks.length);
  try {
    for (const block of blocks) {
      if (signal.aborted) throw new StoppedError(`stopped by ${String(signal.reason)}; run again to go on`);
      const era = fromDay(block.era);
      const write = request.tickers.length === 0 ? writeEra : mergeIntoEra;
      const entry = await write(request, ports, block, fingerprints.get(block.era)!, standing.get(era));
      if (entry !== undefined) added.set(era, entry);
      tally.nulls.add(block);
      progress.advance();
    }
  } finally {
    progress.stop();
    if (added.size > 0) await addToIndex(store, set, added);
    for (const [era, entry] of added) if (entry.rows > 0) tally.written.set(era, entry);
  }
}

/** Writes a whole era. One without rows has no object, and an entry that says so. */
async function writeEra(
  { set, settings }: TransformRequest,
  { store }: TransformPorts,
  block: EraBlock,
  fingerprint: string,
): Promise<EraEntry> {
  const key = eraKey(set, fromDay(block.era));
  if (block.length === 0) {
    await store.delete(key);
    return { fingerprint, rows: 0, bytes: 0 };
  }
  const body = encodeEra(block, featureColumns(settings), footerOf(settings));
  await store.put(key, body);
  return { fingerprint, rows: block.length, bytes: body.length };
}

/** Puts the rows of some tickers into an era, beside those of all others. */
async function mergeIntoEra(
  { set, settings, tickers }: TransformRequest,
  { store, db, scratch }: TransformPorts,
  block: EraBlock,
  _fingerprint: string,
  standing: EraEntry | undefined,
): Promise<EraEntry | undefined> {
  if (block.length === 0) return undefined;
  const key = eraKey(set, fromDay(block.era));
  // An era with some tickers only must not pass for a whole one, nor a stale one for a fresh one.
  const fingerprint = standing?.fingerprint ?? `only ${tickers.toSorted().join(' ')}`;
  const fresh = encodeEra(block, featureColumns(settings), footerOf(settings));
  for (;;) {
    const current = await store.get(key);
    const { body, rows } =
      current === undefined
        ? { body: fresh, rows: block.length }
        : await mergeEra(db, current.body, fresh, tickers, footerOf(settings), scratch);
    try {
      await store.put(key, body, current?.version ?? ABSENT);
      return { fingerprint, rows, bytes: body.length };
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
}

function footerOf(settings: FeatureSettings): Record<string, string> {
  return { 'signals.settings': JSON.stringify(settings) };
}
