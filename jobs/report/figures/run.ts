import { sum } from 'd3-array';
import type { LoadManifest, TickerStatus } from '../../loader/outcome.ts';
import type { RowCounts } from '../../lake/merge-prices.ts';
import type { DateRange } from '../../runtime/dates.ts';
import { isFailure, STATUS_NAMES } from '../statuses.ts';

interface Coverage {
  /** Share of the expected tickers that are good, 0..1; 1 where none is expected. */
  readonly share: number;
  readonly good: number;
  readonly expected: number;
  readonly baseline: LoadManifest['coverage']['baseline'];
  readonly required: number;
  readonly isMet: boolean;
}

/** One run in figures. */
export interface RunFigures {
  readonly runId: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly status: LoadManifest['status'];
  /** Why the run failed, in one line, where the manifest has it. */
  readonly failure: string | undefined;
  readonly window: DateRange | undefined;
  readonly coverage: Coverage;
  /** Tickers by status, those without any included; they add up to `tickers`. */
  readonly counts: Readonly<Record<TickerStatus, number>>;
  readonly tickers: number;
  readonly failures: number;
  readonly rows: RowCounts;
  readonly requests: LoadManifest['requests'];
  readonly bytes: number;
  readonly arguments: LoadManifest['arguments'];
  readonly versions: LoadManifest['versions'];
}

export function runFigures(manifest: LoadManifest): RunFigures {
  const { tickers } = manifest;
  const counts = Object.fromEntries(STATUS_NAMES.map((name) => [name, 0])) as Record<TickerStatus, number>;
  for (const { status } of tickers) counts[status] += 1;
  return {
    runId: manifest.runId,
    startedAt: manifest.startedAt,
    durationMs: Date.parse(manifest.finishedAt) - Date.parse(manifest.startedAt),
    status: manifest.status,
    failure: typeof manifest['failure'] === 'string' ? manifest['failure'] : undefined,
    window: windowOf(manifest),
    coverage: coverageOf(manifest),
    counts,
    tickers: tickers.length,
    failures: sum(STATUS_NAMES, (name) => (isFailure(name) ? counts[name] : 0)),
    rows: manifest.rows,
    requests: manifest.requests,
    bytes: sum(tickers, ({ bytes }) => bytes),
    arguments: manifest.arguments,
    versions: manifest.versions,
  };
}

function coverageOf({ coverage }: LoadManifest): Coverage {
  const share = coverage.expected === 0 ? 1 : coverage.good / coverage.expected;
  return { ...coverage, share, isMet: share >= coverage.required };
}

function windowOf({ arguments: { start, end } }: LoadManifest): DateRange | undefined {
  return typeof start === 'string' && typeof end === 'string' ? { start, end } : undefined;
}
