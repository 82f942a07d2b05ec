import pLimit from 'p-limit';
import { fromDay } from '../runtime/dates.ts';
import type { DuckDBConnection } from '../runtime/duckdb.ts';
import { StoppedError } from '../runtime/errors.ts';
import type { Progress } from '../runtime/progress.ts';
import type { Crew } from './crew.ts';
import type { EraBlock } from './era-block.ts';
import { encodedBound } from './era-file.ts';
import { mergeEra } from './merge-era.ts';
import type { NullShares } from './null-shares.ts';
import type { PlannedEra } from './plan.ts';
import { RUN_KEY } from './same-era.ts';
import type { SetWriter } from './set-writer.ts';
import { featureColumns, type FeatureSettings } from './settings.ts';

/** What writing the eras of one pass needs. */
export interface WritePass {
  readonly request: {
    readonly runId: string;
    readonly settings: FeatureSettings;
    /** Rows of these are merged into the eras that stand; those of all tickers are written when empty. */
    readonly tickers: readonly string[];
  };
  readonly ports: {
    readonly db: DuckDBConnection;
    readonly progress: Progress;
    readonly signal: AbortSignal;
    readonly scratch: string;
  };
  readonly crew: Crew;
  /** Names by the numbers that the blocks have. */
  readonly tickers: readonly { readonly ticker: string }[];
  readonly writer: SetWriter;
  readonly nulls: NullShares;
}

/** Gives each block to the writer as the object of its era; ends early when asked to stop. */
export async function writeBlocks(
  { request, ports, crew, tickers, writer, nulls: shares }: WritePass,
  blocks: readonly EraBlock[],
  planned: readonly PlannedEra[],
): Promise<void> {
  const { runId, settings } = request;
  const { progress, signal } = ports;
  const names = tickers.map(({ ticker }) => ticker);
  const features = featureColumns(settings);
  const added = { 'signals.settings': JSON.stringify(settings) };
  // What takes the place of an era never has the bytes of an earlier one: see `SetWriter`.
  const replacing = { ...added, [RUN_KEY]: runId };
  const longest = Math.max(...blocks.map((block) => encodedBound(block, names, features, replacing)));
  // Memory that no era uses at the moment.
  const targets: SharedArrayBuffer[] = [];
  const isMerge = request.tickers.length > 0;
  // One more than there are threads: it is written while the others are encoded.
  const limit = pLimit(isMerge ? 1 : crew.size + 1);
  const write = async (block: EraBlock, { era: day, fingerprint }: PlannedEra): Promise<void> => {
    if (signal.aborted) throw new StoppedError(`stopped by ${String(signal.reason)}; run again to go on`);
    const era = fromDay(day);
    if (block.length === 0) {
      if (!isMerge) writer.remove(era, fingerprint);
      return;
    }
    const metadata = writer.replaces(era) ? replacing : added;
    const target = targets.pop() ?? new SharedArrayBuffer(longest);
    const encoding = { block: block.shared, tickers: names, features, metadata, target };
    const { bytes, nulls } = await crew.encode(encoding);
    const body = new Uint8Array(target, 0, bytes);
    shares.add(block.length, nulls);
    if (isMerge) await mergeIntoEra(request, ports, writer, era, body, block.length, metadata);
    else await writer.put(era, body, { fingerprint, rows: block.length });
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
  }
}

/** Puts the rows of some tickers into an era, beside those of all others. */
async function mergeIntoEra(
  { tickers }: WritePass['request'],
  { db, scratch }: WritePass['ports'],
  writer: SetWriter,
  era: string,
  fresh: Uint8Array,
  freshRows: number,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const standing = await writer.read(era);
  if (standing === undefined) {
    // An era with some tickers only must not pass for a whole one.
    await writer.put(era, fresh, { fingerprint: `only ${tickers.toSorted().join(' ')}`, rows: freshRows });
    return;
  }
  const { entry, body } = standing;
  const merged = await mergeEra(db, body, fresh, tickers, metadata, scratch);
  if (merged === undefined) writer.keep(era, entry);
  // Nor must a stale one pass for a fresh one.
  else await writer.put(era, merged.body, { fingerprint: entry.fingerprint, rows: merged.rows });
}
