import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addDays } from '../jobs/runtime/dates.ts';
import { randomNumbers } from '../test/support/series.ts';
import { END, serveCharts } from './load.ts';
import { median } from './median.ts';

interface Options {
  readonly before: string;
  readonly after: string | undefined;
  readonly tickers: number;
  readonly days: number;
  readonly pairs: number;
}

const ROOT = join(import.meta.dirname, '..');
const COMMANDS = ['load', 'transform', 'query'] as const;
const QUERY = `select ticker, count(*) as n, avg(close) as close, avg(feature_momentum_rsi_shift0) as rsi
  from features_all join raw_data using (ticker, date) group by ticker order by ticker`;

/** Seconds of CPU, user and system, that each command took. */
type Pass = Readonly<Record<(typeof COMMANDS)[number], number>>;

/**
 * Compares two revisions by the CPU time of whole commands, from the bundle: a load into an empty lake from a local
 * server, a transform of that lake, a query over both. The two take turns, and each pair begins with the other one:
 * what else a machine does then falls on both, and the ratio within a pair says more than any time.
 */
export async function benchCompare({ before, after, tickers, days, pairs }: Options): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'signals-bench-'));
  const start = addDays(END, -Math.ceil((days / 5) * 7));
  const { server, url } = await serveCharts(start);
  try {
    const sides = {
      before: checkOut(before, join(folder, 'before')),
      after: checkOut(after, join(folder, 'after')),
    };
    const universe = join(folder, 'universe.csv');
    const symbols = Array.from({ length: tickers }, (_, index) => `T${String(index).padStart(5, '0')}`);
    writeFileSync(
      universe,
      `id,numerai_ticker,bloomberg_ticker,yahoo\n${symbols.map((symbol) => `${symbol},,,${symbol}\n`).join('')}`,
    );
    const pass = async (tree: string): Promise<Pass> => {
      const lake = mkdtempSync(join(folder, 'lake-'));
      const run = (...args: string[]): Promise<number> =>
        measure(tree, [...args, '--lake', `file:${lake}`], url);
      const window = ['--start', start, '--end', END, '--universe', universe, '--rate', '0'];
      const seconds = {
        load: await run('load', ...window),
        transform: await run('transform', '--cmd', 'all'),
        query: await run('query', QUERY, '--format', 'csv'),
      };
      rmSync(lake, { recursive: true });
      return seconds;
    };
    // What is compiled, and what the file system has yet to read, is no part of the comparison.
    for (const tree of Object.values(sides)) await pass(tree);
    const passes: { before: Pass; after: Pass }[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const first = pair % 2 === 0 ? 'before' : 'after';
      const second = first === 'before' ? 'after' : 'before';
      const one = await pass(sides[first]);
      const two = await pass(sides[second]);
      passes.push(first === 'before' ? { before: one, after: two } : { before: two, after: one });
    }
    return {
      before: describe(before),
      after: after === undefined ? 'this checkout' : describe(after),
      ...{ tickers, days, pairs, node: process.versions.node },
      ...Object.fromEntries(COMMANDS.map((command) => [command, summarise(passes, command)])),
    };
  } finally {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  }
}

function describe(revision: string): string {
  return execFileSync('git', ['describe', '--always', '--tags', revision], {
    cwd: ROOT,
    encoding: 'utf8',
  }).trim();
}

/** Puts a revision into a folder, or the files of this checkout as they are, and bundles it. */
function checkOut(revision: string | undefined, folder: string): string {
  if (revision === undefined) {
    execFileSync(process.execPath, ['build.ts'], { cwd: ROOT, stdio: 'ignore' });
    return ROOT;
  }
  mkdirSync(folder);
  const archive = `${folder}.tar`;
  execFileSync('git', ['archive', '--output', archive, revision], { cwd: ROOT });
  execFileSync('tar', ['-xf', archive, '-C', folder]);
  const lock = 'package-lock.json';
  if (readFileSync(join(ROOT, lock), 'utf8') === readFileSync(join(folder, lock), 'utf8')) {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  } else {
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: folder,
      stdio: 'ignore',
    });
  }
  execFileSync(process.execPath, ['build.ts'], { cwd: folder, stdio: 'ignore' });
  return folder;
}

/** Runs a command to its end and resolves with its CPU seconds, as the shell that waits for it counts them. */
async function measure(tree: string, args: readonly string[], yahoo: string): Promise<number> {
  const script = 'TIMEFORMAT="%3U %3S"; time "$@" >/dev/null';
  const child = spawn('bash', ['-c', script, 'bash', process.execPath, join(tree, 'dist/cli.js'), ...args], {
    env: { ...process.env, YAHOO_BASE_URL: yahoo, LOG_LEVEL: 'error' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${tree}: ${args[0]} ended with ${code}: ${errors}`);
  const [user, system] = errors.trim().split('\n').at(-1)!.split(' ').map(Number);
  return user! + system!;
}

const RESAMPLES = 10_000;

function summarise(passes: readonly { before: Pass; after: Pass }[], command: keyof Pass): unknown {
  const ratios = passes.map(({ before, after }) => after[command] / before[command]);
  const random = randomNumbers(1);
  const medians = Float64Array.from({ length: RESAMPLES }, () =>
    median(ratios.map(() => ratios[Math.floor(random() * ratios.length)]!)),
  ).sort();
  const round = (value: number): number => Math.round(value * 1000) / 1000;
  return {
    medianRatio: round(median(ratios)),
    // The middle 95 % of the medians of pairs drawn again with replacement.
    interval: [round(medians[RESAMPLES * 0.025]!), round(medians[RESAMPLES * 0.975]!)],
    cpuSeconds: {
      before: round(median(passes.map(({ before }) => before[command]))),
      after: round(median(passes.map(({ after }) => after[command]))),
    },
  };
}
