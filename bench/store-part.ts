import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { BentoCache, bentostore } from 'bentocache';
import { fileDriver } from 'bentocache/drivers/file';
import { memoryDriver } from 'bentocache/drivers/memory';
import { openEnvironment } from '../jobs/environment/environment.ts';
import { S3Store } from '../jobs/lake/s3-store.ts';
import { ObjectService } from '../jobs/objects/object-service.ts';
import { MemoryLevel } from '../jobs/store/memory-level.ts';
import { S3Level } from '../jobs/store/s3-level.ts';
import { SqliteLevel } from '../jobs/store/sqlite-level.ts';
import { TieredCache } from '../jobs/store/tiered-cache.ts';
import type { CacheLevel } from '../jobs/store/level.ts';
import { getSingleStockStrategy } from '../jobs/strategies/single-stock.ts';
import type { Strategy } from '../jobs/strategies/strategy.ts';
import { median } from './median.ts';

/*
 * One measurement in a process of its own, so that its memory and its caches are nobody else's: `store-part.ts PART
 * FOLDER [ENDPOINT BUCKET]`, JSON on stdout.
 */

const [part, folder = '', endpoint = '', bucket = ''] = process.argv.slice(2);
const SIZES = { '1KB': 1e3, '1MB': 1e6, '50MB': 50e6 };
const TICKERS = ['AAPL', 'MSFT', 'IBM', 'SPY'];
const MEMORY_BYTES = 512e6;

/** What both sides store: an object with text that does not compress to nothing. */
interface Value {
  readonly text: string;
}

interface Subject {
  put(name: string, value: Value): Promise<unknown>;
  get(name: string): Promise<unknown>;
}

const parts: Readonly<Record<string, () => Promise<unknown>>> = {
  sqlite: () => measure('sqlite', (memory) => ours(sqlite(), memory)),
  s3: () => measure('s3', (memory) => ours(s3(), memory)),
  bentocache: () => measure('file', bento),
  build: () => measureStrategies(true),
  read: () => measureStrategies(false),
};

const result = await parts[part!]!();
// A driver of bentocache keeps a timer.
process.stdout.write(JSON.stringify(result), () => process.exit());

/** Milliseconds of puts by size, and of hits in memory and in the slower level. */
async function measure(slower: string, open: (hasMemory: boolean) => Subject): Promise<unknown> {
  const values = Object.fromEntries(
    Object.entries(SIZES).map(([name, bytes]) => [name, { text: text(bytes) }]),
  );
  const timesOf: Record<string, number> = { '1KB': 200, '1MB': 20, '50MB': 3 };
  const puts: Record<string, number> = {};
  const hits: Record<string, Record<string, number>> = { memory: {}, [slower]: {} };
  const [both, alone] = [open(true), open(false)];
  for (const [name, value] of Object.entries(values)) {
    const times = timesOf[name]!;
    puts[name] = await timed(times, (index) => both.put(`${name} ${index % 3}`, value));
    await both.get(`${name} 0`);
    hits['memory']![name] = await timed(10 * times, () => both.get(`${name} 0`));
    hits[slower]![name] = await timed(times, () => alone.get(`${name} 0`));
  }
  return { putMs: puts, hitMs: hits, peakRssMB: Math.round(process.resourceUsage().maxRSS / 1000) };
}

function ours(durable: CacheLevel, hasMemory: boolean): Subject {
  const memory = new MemoryLevel(MEMORY_BYTES);
  const cache = new TieredCache({
    levels: hasMemory ? [memory, durable] : [durable],
    now: Date.now,
  });
  return new ObjectService({ cache: async () => cache, folder: 'bench/', creator: 'bench' });
}

function sqlite(): CacheLevel {
  return new SqliteLevel(join(folder, 'objects.db'), { nowMs: 0 });
}

function s3(): CacheLevel {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const config = { endpoint, region: 'eu-west-1', credentials, forcePathStyle: true };
  return new S3Level(new S3Store(bucket, 'bench', config), Date.now);
}

function bento(hasMemory: boolean): Subject {
  const store = bentostore();
  const layered = hasMemory
    ? store.useL1Layer(memoryDriver({ maxSize: MEMORY_BYTES, maxEntrySize: MEMORY_BYTES }))
    : store;
  const cache = new BentoCache({
    default: 'both',
    stores: { both: layered.useL2Layer(fileDriver({ directory: join(folder, 'bento') })) },
  });
  return {
    put: (name, value) => cache.setForever({ key: name, value }),
    get: (name) => cache.get({ key: name }),
  };
}

/** Median of milliseconds, after one run that warms up. */
async function timed(times: number, work: (index: number) => Promise<unknown>): Promise<number> {
  if ((await work(0)) === undefined) throw new Error('nothing was found');
  const taken: number[] = [];
  for (let index = 0; index < times; index += 1) {
    const from = performance.now();
    await work(index);
    taken.push(performance.now() - from);
  }
  return Number(median(taken).toPrecision(3));
}

function text(bytes: number): string {
  const words: string[] = [];
  for (let index = 0; index * 16 < bytes; index += 1)
    words.push(createHash('md5').update(String(index)).digest('hex').slice(0, 16));
  return words.join('').slice(0, bytes);
}

/** Four strategies built from the lake, or read back by their names; imports are over when the time starts. */
async function measureStrategies(isBuild: boolean): Promise<unknown> {
  const settings = {
    lake: `file:${join(folder, 'lake')}`,
    objects: { url: `file:${join(folder, 'objects')}`, organisation: 'bench', workspace: 'bench' },
  };
  const startedAt = performance.now();
  const environment = openEnvironment({ envDate: '2012-12-31', settings });
  // What prices there are decides which strategies are meant: part of the start, and told apart.
  await environment.hash();
  const from = performance.now();
  const service = environment.strategyService();
  let strategies: (Strategy | undefined)[];
  if (isBuild) {
    const context = await environment.strategyContext();
    strategies = await Promise.all(
      TICKERS.map((exchangeTicker) => getSingleStockStrategy({ exchangeTicker }, context).build()),
    );
  } else {
    strategies = await Promise.all(
      TICKERS.map((ticker) => service.getStrategyByName(`${ticker} REINV STRATEGY`)),
    );
  }
  const ms = performance.now() - from;
  const digest = createHash('sha256');
  let rows = 0;
  for (const strategy of strategies) {
    const { series, columns } = strategy!.state();
    rows += series.dates.length;
    for (const values of [series.dates, series.levels, ...Object.values(columns)])
      digest.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  if (isBuild) await service.cacheStrategy(strategies as Strategy[]);
  await environment.close();
  return { environmentMs: from - startedAt, ms, rows, digest: digest.digest('hex') };
}
