import { Command, Option } from 'commander';
import { benchCompare } from './compare.ts';
import { benchKernels } from './kernels.ts';
import { benchLoad } from './load.ts';
import { benchPeers } from './peers.ts';
import { benchTrading } from './trading.ts';
import { benchStore } from './store.ts';
import { benchStatistics } from './statistics.ts';
import { benchTransform } from './transform.ts';

/*
 * Measurements, as JSON on stdout. Machines are shared and noisy: what is quoted are medians of several runs, and
 * ratios to something measured in the same run.
 */
const program = new Command('bench').description('measure, JSON on stdout');
program
  .command('kernels')
  .description('ns per row of each indicator and of all, one thread')
  .option('--rows <n>', 'rows of a series', Number, 540)
  .option('--series <n>', 'series', Number, 200)
  .action(({ rows, series }: { rows: number; series: number }) => print(benchKernels(rows, series)));
program
  .command('load')
  .description('the whole job from a local server to the lake, with the limiter off')
  .requiredOption('--tickers <n>', 'tickers', Number)
  .requiredOption('--days <n>', 'trading days of the window', Number)
  .option('--in-flight <n>', 'requests at once', Number, 8)
  .option('--runs <n>', 'runs of which the median is given', Number, 3)
  .action(async (options: Parameters<typeof benchLoad>[0]) => print(await benchLoad(options)));
program
  .command('transform')
  .description('the whole job from lake to lake, on a generated lake')
  .requiredOption('--tickers <n>', 'tickers of the lake', Number)
  .requiredOption('--days <n>', 'trading days of the lake', Number)
  .option('--lags <n>', 'lags', Number, 5)
  .option('--sample <name>', 'weekly or daily', 'weekly')
  .option('--runs <n>', 'runs of which the median is given', Number, 3)
  .action(async (options: Parameters<typeof benchTransform>[0]) => print(await benchTransform(options)));
program
  .command('compare')
  .description('CPU seconds of load, transform and query of two revisions in turns: ratio with its interval')
  .requiredOption('--before <revision>', 'revision to compare with')
  .option('--after <revision>', 'revision to measure (default: the files of this checkout)')
  .option('--tickers <n>', 'tickers of the lake', Number, 200)
  .option('--days <n>', 'trading days of the lake', Number, 500)
  .option('--pairs <n>', 'pairs of runs', Number, 10)
  .action(async (options: Parameters<typeof benchCompare>[0]) => print(await benchCompare(options)));
program
  .command('peers')
  .description('technicalindicators, @ixjb94/indicators and, where a Python has it, ta')
  .action(async () => print(await benchPeers()));
program
  .command('trading')
  .description('updates a second and loads of the trading state, beside the bare client')
  .addOption(
    new Option('--backend <name>', 'where the state is')
      .choices(['memory', 'sqlite', 'redis'])
      .makeOptionMandatory(),
  )
  .option('--orders <n>', 'orders that are updated', Number, 10_000)
  .option('--runs <n>', 'runs of which the median is given', Number, 3)
  .action(async (options: Parameters<typeof benchTrading>[0]) => print(await benchTrading(options)));
program
  .command('statistics')
  .description('a profile from the cache and from the lake, estimators, a frontier, start of the Lambda')
  .option('--tickers <n>', 'tickers of the lake', Number, 2000)
  .action(async ({ tickers }: { tickers: number }) => print(await benchStatistics(tickers)));
program
  .command('store')
  .description('puts and hits by level beside bentocache; strategies built and read back')
  .action(async () => print(await benchStore()));
await program.parseAsync();

function print(result: unknown): void {
  process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
}
