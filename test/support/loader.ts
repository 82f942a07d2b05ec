import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { pino } from 'pino';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import type { FinishedLoad } from '../../jobs/loader/finish.ts';
import { loadFromProvider } from '../../jobs/loader/load-provider.ts';
import type { LoadManifest, TickerOutcome } from '../../jobs/loader/outcome.ts';
import { claimRun } from '../../jobs/loader/resume.ts';
import type { FetchPolicy } from '../../jobs/market/fetcher.ts';
import type { PriceProvider } from '../../jobs/market/provider.ts';
import { createYahooProvider } from '../../jobs/market/yahoo.ts';
import { addDays, type IsoDate } from '../../jobs/runtime/dates.ts';
import { openDuckDB, type DuckDBConnection } from '../../jobs/runtime/duckdb.ts';
import { temporaryFolder } from './folders.ts';
import { startYahooServer, type YahooServer } from './yahoo-server.ts';

interface LoadSettings {
  readonly tickers?: readonly string[];
  readonly start?: IsoDate;
  readonly end?: IsoDate;
  readonly isRoutine?: boolean;
  readonly historyStart?: IsoDate;
  readonly isTrusted?: boolean;
  readonly minCoverage?: number;
  readonly policy?: Partial<FetchPolicy>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly provider?: PriceProvider;
}

export interface Loaded extends FinishedLoad {
  readonly manifest: LoadManifest;
  readonly log: readonly Record<string, unknown>[];
  /** Milliseconds that the run chose to wait, in order. */
  readonly slept: readonly number[];
  /** Symbols that were asked for, in order of arrival. */
  readonly asked: readonly string[];
  outcome(ticker: string): TickerOutcome;
}

/** A provider of its own, a lake of its own and a clock that stands still but for what a run sleeps. */
export interface World {
  readonly server: YahooServer;
  readonly lake: string;
  /** Moves the clock to an instant. */
  at(instant: string): void;
  load(settings?: LoadSettings): Promise<Loaded>;
}

/** Everything but the provider's server is the real thing; each call of `create` gives an empty lake. */
export function worlds(): { create(): World } {
  const folder = temporaryFolder();
  let server: YahooServer;
  let db: DuckDBConnection;
  beforeAll(async () => {
    server = await startYahooServer();
    db = await openDuckDB(folder);
  });
  afterAll(async () => {
    await server.close();
    db.closeSync();
  });
  return {
    create() {
      server.symbols.clear();
      const lake = join(mkdtempSync(join(folder, 'case-')), 'lake');
      let nowMs = Date.parse('2024-03-23T12:00:00Z');
      return {
        server,
        lake,
        at(instant) {
          nowMs = Date.parse(instant);
        },
        async load(settings = {}) {
          const { tickers = [...server.symbols.keys()], isRoutine = true, isTrusted = false } = settings;
          const now = (): Date => new Date(nowMs);
          const end = settings.end ?? addDays(now().toISOString().slice(0, 10), 1);
          const range = { start: settings.start ?? addDays(end, -14), end };
          const asked = { isRoutine, isTrusted, historyStart: settings.historyStart };
          const store = new LocalStore(lake);
          const run = await claimRun(store, { tickers, range, ...asked }, now(), 2 * 3_600_000);
          const log: Record<string, unknown>[] = [];
          const slept: number[] = [];
          const from = server.asked.length;
          const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
            signal.throwIfAborted();
            slept.push(ms);
            nowMs += ms;
          };
          const finished = await loadFromProvider(
            {
              ...run,
              ...asked,
              tickers,
              range,
              shard: undefined,
              universe: undefined,
              minCoverage: settings.minCoverage ?? 0.95,
              versions: { signals: 'test' },
              policy: {
                requestsPerSecond: Infinity,
                inFlight: 4,
                maxAttempts: 4,
                backoffMs: 1000,
                stopAfterPauses: 4,
                deadline: new Date(nowMs + 3_600_000),
                ...settings.policy,
              },
            },
            {
              store,
              db,
              provider:
                settings.provider ??
                createYahooProvider({ baseUrl: server.url, timeoutMs: settings.timeoutMs ?? 10_000, now }),
              log: pino(
                { level: 'info', base: null, formatters: { level: (label) => ({ level: label }) } },
                { write: (line: string) => void log.push(JSON.parse(line)) },
              ),
              progress: { start() {}, advance() {}, follow: () => ({ stop() {} }), stop() {} },
              signal: settings.signal ?? new AbortController().signal,
              scratch: folder,
              now,
              sleep,
              clock: { now, sleep, random: () => 0.5 },
            },
          );
          return {
            ...finished,
            log,
            slept,
            asked: server.asked.slice(from).map(symbolOf),
            outcome: (ticker) => finished.manifest.tickers.find((outcome) => outcome.ticker === ticker)!,
          };
        },
      };
    },
  };
}

export function symbolOf(url: string): string {
  return decodeURIComponent(new URL(url, 'http://x').pathname.replace('/v8/finance/chart/', ''));
}
