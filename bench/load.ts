import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadManifest } from '../jobs/loader/outcome.ts';
import { addDays } from '../jobs/runtime/dates.ts';
import { stock } from '../test/support/charts.ts';
import { chartBody } from '../test/support/yahoo-server.ts';
import { median } from './median.ts';

interface Options {
  readonly tickers: number;
  readonly days: number;
  readonly inFlight: number;
  readonly runs: number;
}

/** First trading date that the local server no longer has. */
export const END = '2024-03-23';

/**
 * Loads generated charts from a local server with the limiter off: into an empty lake, then once more into the same.
 * Each run is a new process from the bundle. Beside it a process that only fetches and parses the same answers.
 */
export async function benchLoad({ tickers, days, inFlight, runs }: Options): Promise<unknown> {
  execFileSync(process.execPath, ['build.ts'], { stdio: 'ignore' });
  const folder = mkdtempSync(join(tmpdir(), 'signals-bench-'));
  const start = addDays(END, -Math.ceil((days / 5) * 7));
  const { server, url, bytes } = await serveCharts(start);
  try {
    const symbols = Array.from({ length: tickers }, (_, index) => `T${String(index).padStart(5, '0')}`);
    const universe = join(folder, 'universe.csv');
    const lines = symbols.map((symbol) => `${symbol},,,${symbol}`);
    writeFileSync(universe, ['id,numerai_ticker,bloomberg_ticker,yahoo', ...lines, ''].join('\n'));
    const window = ['--start', start, '--end', END, '--universe', universe];
    const load = (lake: string): Promise<Run> =>
      runLoad(lake, [...window, '--in-flight', String(inFlight)], url);

    const first: Run[] = [];
    const again: Run[] = [];
    const peer: Run[] = [];
    for (let run = 0; run < runs; run += 1) {
      const lake = join(folder, `lake-${run}`);
      first.push(await load(lake));
      again.push(await load(lake));
      peer.push(await runPeer(url, tickers, inFlight));
      rmSync(lake, { recursive: true });
    }
    return {
      ...{ tickers, days, inFlight, runs, bytesPerAnswer: bytes, node: process.versions.node },
      intoEmptyLake: summarise(first, tickers),
      onceMore: summarise(again, tickers),
      onlyFetchAndParse: summarise(peer, tickers),
    };
  } finally {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same chart for every symbol, but for its name. */
export async function serveCharts(start: string): Promise<{ server: Server; url: string; bytes: number }> {
  const text = JSON.stringify(chartBody(stock('SYMBOL', start, END, (index) => 100 + (index % 37) / 7)));
  const server = createServer((request, response) => {
    const symbol = new URL(request.url!, 'http://x').pathname.split('/').at(-1)!;
    response.setHeader('content-type', 'application/json').end(text.replaceAll('SYMBOL', symbol));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { server, url, bytes: Buffer.byteLength(text) };
}

interface Run {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakMemoryMB: number;
}

async function runLoad(lake: string, args: readonly string[], url: string): Promise<Run> {
  const all = ['dist/load.js', '--rate', '0', ...args, '--lake', `file:${lake}`];
  const wallSeconds = await time(all, { YAHOO_BASE_URL: url, LOG_LEVEL: 'error' });
  const manifests = join(lake, 'runs/load');
  const latest = readdirSync(manifests).toSorted().at(-1)!;
  const { usage } = JSON.parse(readFileSync(join(manifests, latest), 'utf8')) as LoadManifest;
  return { wallSeconds, ...usage };
}

const PEER = `
  const [url, count, width] = process.argv.slice(1);
  let next = 0;
  const work = async () => {
    while (next < Number(count)) {
      const symbol = 'T' + String(next++).padStart(5, '0');
      JSON.parse(await (await fetch(url + '/v8/finance/chart/' + symbol)).text());
    }
  };
  await Promise.all(Array.from({ length: Number(width) }, work));
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  console.log(JSON.stringify({ cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMemoryMB: maxRSS * 1024 / 1e6 }));
`;

async function runPeer(url: string, tickers: number, width: number): Promise<Run> {
  let output = '';
  const args = ['--input-type=module', '--eval', PEER, url, String(tickers), String(width)];
  const wallSeconds = await time(args, {}, (text) => (output += text));
  return { wallSeconds, ...(JSON.parse(output) as Omit<Run, 'wallSeconds'>) };
}

/** Runs Node to its end; the server answers meanwhile. Resolves with seconds. */
async function time(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  read: (text: string) => void = () => {},
): Promise<number> {
  const from = performance.now();
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.on('data', (data: Buffer) => read(data.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`node ${args.slice(0, 3).join(' ')} ended with ${code}`);
  return (performance.now() - from) / 1000;
}

function summarise(runs: readonly Run[], tickers: number): unknown {
  const middle = (pick: (run: Run) => number): number => Math.round(median(runs.map(pick)) * 100) / 100;
  return {
    wallSeconds: middle(({ wallSeconds }) => wallSeconds),
    cpuMsPerTicker: middle(({ cpuSeconds }) => (cpuSeconds * 1000) / tickers),
    peakMemoryMB: middle(({ peakMemoryMB }) => peakMemoryMB),
  };
}
