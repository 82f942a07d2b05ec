import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import type { AnalysisEnvironment } from '../environment/environment.ts';
import { openLake } from '../lake/open-lake.ts';
import { isSymbol } from '../market/universe.ts';
import { FORMATS, formatResult, type Format } from '../query/format.ts';
import { fromDay, utcDate, type IsoDate } from '../runtime/dates.ts';
import { UsageError } from '../runtime/errors.ts';
import type { Job } from '../runtime/run-job.ts';
import { StoreError } from '../store/errors.ts';
import { strategyKey } from '../strategies/service/strategy-key.ts';
import { getSingleStockStrategy } from '../strategies/single-stock.ts';
import type { Strategy } from '../strategies/strategy.ts';
import { withObjects, withPlace, type PlaceOptions } from './objects.ts';
import { countFor, dateFor, oneOf, positiveFor, shareFor } from './options.ts';
import { plotForm, writeOutput } from './output-file.ts';
import { resolveTickers } from './universe.ts';

/** What an environment is made with, beside where things are. */
interface AsOfOptions extends PlaceOptions {
  readonly envDate?: IsoDate;
  readonly start?: IsoDate;
}

interface BuildOptions extends AsOfOptions {
  readonly mode?: 'exClose' | 'payDate' | 'none';
  readonly payLag?: number;
  readonly cost?: number;
  readonly withholding?: number;
  readonly initialCash?: number;
  readonly name?: string;
  readonly plot?: string;
}

interface ShowOptions extends AsOfOptions {
  readonly format: Format;
  readonly rows: number;
  readonly plot?: string;
}

/** `strategy`: strategies that were built once and are shared. */
export function defineStrategy(command: Command, job: Job): void {
  command.description('strategies of single stocks, built once and shared: build, ls, show, rm, explain');

  const build = withAsOf(command.command('build'))
    .description('stocks with their dividends reinvested; from the cache where they are in it')
    .argument('<tickers...>', "symbols, or numerai or Bloomberg identifiers in quotes ('AAPL US')")
    .option(
      '--mode <name>',
      'exClose, payDate, none: when dividends buy',
      oneOf('--mode', ['exClose', 'payDate', 'none']),
    )
    .option('--pay-lag <n>', 'business days from ex-date to payment, with payDate', countFor('--pay-lag'))
    .option('--cost <share>', 'of what is bought, 0.001 is 10 basis points', shareFor('--cost'))
    .option('--withholding <share>', 'of each dividend', shareFor('--withholding'))
    .option('--initial-cash <amount>', 'paid for the first units', positiveFor('--initial-cash'))
    .option('--name <name>', 'kept under this, for one ticker (default: TICKER REINV STRATEGY)')
    .option('--plot <file>', 'draw the history of one ticker into an .svg or .html file')
    .action((tickers: string[]) => runBuild(tickers, build.opts<BuildOptions>(), job));

  const ls = withObjects(command.command('ls'))
    .description('keys, one a line: of all dates and hashes')
    .argument('[prefix]', 'that start with this', '')
    .action(async (prefix: string) => {
      await withPlace(ls.opts<PlaceOptions>(), job, async (environment) => {
        const keys = await environment.strategyService().getKeysByPrefix(prefix);
        if (keys.length > 0) job.print(keys.join('\n'));
      });
    });

  const show = withAsOf(command.command('show'))
    .description('the history of a strategy')
    .argument('<strategy>', 'a name, or a key for any date and hash')
    .option('--format <format>', FORMATS.join(', '), oneOf('--format', FORMATS), 'table')
    .option('--rows <n>', 'the last rows in a table', countFor('--rows'), 10)
    .option('--plot <file>', 'draw it into an .svg or .html file')
    .action((strategy: string) => runShow(strategy, show.opts<ShowOptions>(), job));

  const rm = withAsOf(command.command('rm'))
    .description('remove a strategy')
    .argument('<strategy>', 'a name, or a key for any date and hash')
    .action(async (strategy: string) => {
      await withAnalysis(rm.opts<AsOfOptions>(), strategy, job, async (environment) => {
        const service = environment.strategyService();
        const isRemoved = strategyKey.isKey(strategy)
          ? await service.removeStrategyByKey(strategy)
          : await service.removeStrategyByName(strategy);
        if (isRemoved !== true) throw await missing(environment, strategy);
        job.print(`removed    ${strategy}`);
      });
    });

  const explain = withAsOf(command.command('explain'))
    .description('why there is no strategy of a name, and which come near')
    .argument('<name>')
    .action(async (name: string) => {
      await withAnalysis(explain.opts<AsOfOptions>(), name, job, async (environment) => {
        const miss = await environment.strategyService().explainMiss(name);
        if (miss === undefined) {
          job.print(`${name} is there as of ${environment.envDate}`);
          return;
        }
        const key = await keyOf(environment, name);
        job.print(
          [
            `wanted     ${key}`,
            `differs    ${miss.differs}`,
            ...miss.candidates.map((one) => `there is   ${one}`),
          ].join('\n'),
        );
      });
    });
}

async function runBuild(tickers: readonly string[], options: BuildOptions, job: Job): Promise<void> {
  const { mode, payLag, cost, withholding, initialCash, name, plot, ...place } = options;
  if (tickers.length > 1 && (name !== undefined || plot !== undefined))
    throw new UsageError('--name and --plot go with one ticker');
  const form = plot === undefined ? undefined : plotForm(plot);
  if (mode === 'payDate' && payLag === undefined)
    throw new UsageError('--mode payDate needs --pay-lag, the business days from ex-date to payment');
  const symbols = tickers.every(isSymbol)
    ? tickers
    : await resolveTickers(
        tickers,
        await openLake(place.lake ?? job.environment.lake, place.local, job.limits),
      );
  const given = { mode, payLag, cost, withholding, initialCash, name };
  const parameters = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  await withAnalysis(place, undefined, job, async (environment) => {
    const context = await environment.strategyContext();
    const service = environment.strategyService();
    for (const exchangeTicker of symbols) {
      const wanted = getSingleStockStrategy({ exchangeTicker, ...parameters }, context);
      const found = await service.getStrategyByName(wanted.name);
      if (found !== undefined && !isDeepStrictEqual(found.recipe, wanted.recipe))
        throw new UsageError(
          `"${wanted.name}" is kept with other parameters; give these a --name of their own`,
        );
      const strategy = found ?? (await wanted.build());
      const key =
        found === undefined ? await service.cacheStrategy(strategy) : await keyOf(environment, strategy.name);
      const { dates, levels } = await strategy.history();
      const span = `${fromDay(dates[0]!)} to ${fromDay(dates.at(-1)!)}, ${dates.length} dates`;
      job.print(
        `${found === undefined ? 'built ' : 'cached'}     ${key}\n           ${span}, level ${levels.at(-1)!.toFixed(2)}`,
      );
      if (plot !== undefined) await drawHistory(strategy, plot, form!);
    }
  });
}

async function runShow(
  name: string,
  { format, rows, plot, ...options }: ShowOptions,
  job: Job,
): Promise<void> {
  const form = plot === undefined ? undefined : plotForm(plot);
  await withAnalysis(options, name, job, async (environment) => {
    const service = environment.strategyService();
    const strategy = strategyKey.isKey(name)
      ? await service.getStrategyByKey(name)
      : await service.getStrategyByName(name);
    if (strategy === undefined) throw await missing(environment, name);
    const { series, columns } = strategy.state();
    const names = Object.keys(columns);
    const from = format === 'table' ? Math.max(0, series.dates.length - rows) : 0;
    const result = {
      columns: ['date', 'level', ...names].map((column) => ({ name: column, type: '' })),
      rows: Array.from(series.dates.subarray(from), (day, index) => [
        fromDay(day),
        series.levels[from + index]!,
        ...names.map((column) => columns[column]![from + index]!),
      ]),
    };
    if (format === 'table') {
      const { type, typeVersion, recipe } = strategy;
      job.print(
        `strategy   ${strategy.name}\ntype       ${type}, version ${typeVersion}\nrecipe     ${JSON.stringify(recipe)}\n` +
          `history    ${fromDay(series.dates[0]!)} to ${fromDay(series.dates.at(-1)!)}, ${series.dates.length} dates\n`,
      );
    }
    job.print(formatResult(result, format, { rows, columns: result.columns.length }));
    if (plot !== undefined) await drawHistory(strategy, plot, form!);
  });
}

async function drawHistory(strategy: Strategy, file: string, form: 'svg' | 'html'): Promise<void> {
  // Drawing takes a library that takes a while to load.
  const { renderHistory } = await import('../strategies/plot.ts');
  await writeOutput(file, renderHistory(strategy.name, await strategy.history(), form));
}

async function missing(environment: AnalysisEnvironment, strategy: string): Promise<StoreError> {
  if (strategyKey.isKey(strategy))
    return new StoreError('not-found', `there is no strategy "${strategy}"; see "strategy ls"`);
  const miss = await environment.strategyService().explainMiss(strategy);
  const others =
    miss === undefined || miss.candidates.length === 0
      ? ''
      : `, ${miss.candidates.length} differ in ${miss.differs}`;
  return new StoreError(
    'not-found',
    `there is no strategy "${strategy}" as of ${environment.envDate}${others}; see "strategy explain"`,
  );
}

async function keyOf(environment: AnalysisEnvironment, name: string): Promise<string> {
  return strategyKey.generate({ name, envDate: environment.envDate, envHash: await environment.hash() });
}

function withAsOf(command: Command): Command {
  return withObjects(command)
    .option('--env-date <date>', 'as of (default: the last date of the lake)', dateFor('--env-date'))
    .option('--start <date>', 'where strategies start (default: at their first price)', dateFor('--start'))
    .option('--provider <name>', 'whose prices to read (default: yahoo, else the only one)')
    .option('--lake <url>', 'file:PATH or s3://BUCKET[/PREFIX] (default: SIGNALS_LAKE)');
}

/** Runs as of the date asked for; a key says by itself what date it is of, and needs no lake. */
async function withAnalysis(
  { envDate, start, ...place }: AsOfOptions,
  strategy: string | undefined,
  job: Job,
  work: (environment: AnalysisEnvironment) => Promise<void>,
): Promise<void> {
  const today = utcDate(job.now());
  let asOf = envDate ?? today;
  if (envDate === undefined && (strategy === undefined || !strategyKey.isKey(strategy)))
    await withPlace(place, job, async (environment) => {
      asOf = await environment.dataDate();
    });
  const run = async (environment: AnalysisEnvironment): Promise<void> => {
    if (start !== undefined) environment.set('DEFAULT_RS_START_DATE', start);
    await work(environment);
  };
  await withPlace(place, job, run, asOf);
}
