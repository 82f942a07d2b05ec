import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateLake } from './generated-lake.ts';
import { median } from './median.ts';

interface Options {
  readonly tickers: number;
  readonly days: number;
  readonly lags: number;
  readonly sample: string;
  readonly runs: number;
}

/**
 * Builds a set on a generated lake, each time in a new process from the bundle, then writes its last era again as a
 * weekly run would. Medians; `plan`, `read`, `compute` and `write` are the job's own clock, `wall` is the process.
 */
export async function benchTransform({ tickers, days, lags, sample, runs }: Options): Promise<unknown> {
  execFileSync(process.execPath, ['build.ts'], { stdio: 'ignore' });
  const folder = mkdtempSync(join(tmpdir(), 'signals-bench-'));
  try {
    const rows = await generateLake(folder, tickers, days);
    const run = (): Run => runOnce(folder, ['--cmd', 'all', '--lags', String(lags), '--sample', sample]);
    const eras = join(folder, 'features/all');
    const whole = Array.from({ length: runs }, () => {
      rmSync(eras, { recursive: true, force: true });
      return run();
    });
    const next = Array.from({ length: runs }, () => {
      const last = readdirSync(eras).toSorted().at(-1)!;
      rmSync(join(eras, last), { recursive: true });
      return run();
    });
    return {
      tickers,
      days,
      lags,
      sample,
      runs,
      rows,
      values: whole[0]!.rows * whole[0]!.features,
      node: process.versions.node,
      wholeSet: summarise(whole),
      oneNewEra: summarise(next),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Run {
  readonly wall: number;
  readonly seconds: Readonly<Record<string, number>>;
  readonly peakMemoryMB: number;
  readonly bytes: number;
  readonly rows: number;
  readonly features: number;
  readonly eras: readonly string[];
}

function runOnce(folder: string, args: readonly string[]): Run {
  const from = performance.now();
  execFileSync(process.execPath, ['dist/transform.js', ...args, '--lake', `file:${folder}`], {
    env: { ...process.env, LOG_LEVEL: 'error' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const wall = (performance.now() - from) / 1000;
  const manifests = join(folder, 'runs/transform');
  const latest = readdirSync(manifests).toSorted().at(-1)!;
  const manifest = JSON.parse(readFileSync(join(manifests, latest), 'utf8')) as Omit<Run, 'wall'>;
  rmSync(join(manifests, latest));
  return { ...manifest, wall };
}

function summarise(runs: readonly Run[]): unknown {
  const middle = (pick: (run: Run) => number): number => Math.round(median(runs.map(pick)) * 100) / 100;
  return {
    eras: runs[0]!.eras.length,
    rows: runs[0]!.rows,
    megabytes: Math.round(runs[0]!.bytes / 1e6),
    wallSeconds: middle(({ wall }) => wall),
    planSeconds: middle(({ seconds }) => seconds['plan']!),
    readSeconds: middle(({ seconds }) => seconds['read']!),
    computeSeconds: middle(({ seconds }) => seconds['compute']!),
    writeSeconds: middle(({ seconds }) => seconds['write']!),
    peakMemoryMB: middle(({ peakMemoryMB }) => peakMemoryMB),
  };
}
