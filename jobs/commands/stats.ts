import { Option, type Command } from 'commander';
import type { ObjectStore } from '../lake/object-store.ts';
import { openLake } from '../lake/open-lake.ts';
import { isSymbol } from '../market/universe.ts';
import { formatResult } from '../query/format.ts';
import { awsConfig } from '../runtime/aws.ts';
import { createRunId } from '../runtime/run-id.ts';
import type { Job } from '../runtime/run-job.ts';
import { METHODS } from '../statistics/estimators/estimate.ts';
import type { FunctionName } from '../statistics/function-names.ts';
import { answer, FUNCTIONS } from '../statistics/functions.ts';
import type { Answer } from '../statistics/functions/definition.ts';
import { OBJECTIVES } from '../statistics/functions/portfolios.ts';
import { openStatistics, parseMaturity } from '../statistics/open-statistics.ts';
import { renderPlot } from '../statistics/plots/render-plot.ts';
import { describeOrigin, describeTotals, tabulate } from '../statistics/report.ts';
import { countFor, dateFor, numberFor, oneOf, positiveFor } from './options.ts';
import { plotForm, writeOutput } from './output-file.ts';
import { readPortsOf } from '../lake/read-ports.ts';
import { resolveTickers } from './universe.ts';

interface OutputOptions {
  readonly json: boolean;
  readonly save?: string;
  readonly plot?: string;
  readonly provider?: string;
  readonly lake?: string;
  readonly local: boolean;
}

/** `stats`: profiles, correlations, portfolios and rates. */
export function defineStats(command: Command, job: Job): void {
  command.description('statistics of tickers: profiles, correlations, portfolios, tails, rates');
  const define = (name: FunctionName): Command => {
    const sub = command.command(name).description(FUNCTIONS[name].description);
    sub.action(async (given: string[] | object) => {
      const { json, save, plot, provider, lake, local, ...input } = sub.opts<OutputOptions & Input>();
      const output = { json, save, plot, provider, lake, local } as OutputOptions;
      const names = Array.isArray(given) ? { [name === 'interest' ? 'maturities' : 'tickers']: given } : {};
      await runStats(name, { ...names, ...input }, output, job);
    });
    return sub;
  };
  const ofPrices = (name: FunctionName): Command =>
    withMarket(
      withWindow(
        define(name).argument(
          '<tickers...>',
          "symbols, or numerai or Bloomberg identifiers in quotes ('AAPL US')",
        ),
      ),
    );

  withOutput(ofPrices('profile'), false);
  withOutput(ofPrices('correlation'), true);
  withOutput(
    withTail(withBounds(ofPrices('optimize')))
      .option(
        '--objective <name>',
        `${OBJECTIVES.join(', ')} (default: target-return with --target, else minimum-variance)`,
        oneOf('--objective', OBJECTIVES),
      )
      .option('--target <rate>', 'annual return to reach with the least variance', numberFor('--target')),
    false,
  );
  withOutput(
    withBounds(ofPrices('frontier')).option(
      '--steps <n>',
      'portfolios, both ends included (default: 5)',
      countFor('--steps'),
    ),
    true,
  );
  withOutput(withTail(ofPrices('var')), false);
  withOutput(withTail(ofPrices('cvar')), false);
  withOutput(ofPrices('moving-averages'), false);
  withOutput(ofPrices('returns'), true);
  withOutput(
    ofPrices('ddm').option(
      '--discount <rate>',
      'annual rate (default: the cost of equity)',
      positiveFor('--discount'),
    ),
    false,
  );
  withOutput(
    withWindow(define('interest').argument('[maturities...]', 'such as TEN_YEAR', ['TEN_YEAR'])),
    false,
  );
  withOutput(
    define('yield-curve')
      .option('--date <date>', 'the newest curve up to this day (default: today)', dateFor('--date'))
      .addOption(
        new Option('--convention <name>', 'par yields are compounded twice a year').choices([
          'as-published',
          'effective',
          'continuous',
        ]),
      ),
    true,
  );
}

type Input = Readonly<Record<string, unknown>>;

async function runStats(name: FunctionName, given: Input, output: OutputOptions, job: Job): Promise<void> {
  const form = output.plot === undefined ? undefined : plotForm(output.plot);
  const log = job.openLog({ job: 'stats', runId: createRunId(job.now()) });
  const lake = await openLake(output.lake ?? job.environment.lake, output.local, job.limits);
  const input = await resolveNames(given, lake);
  const parts = await openStatistics({
    environment: job.environment,
    lake,
    provider: output.provider,
    aws: await awsConfig(output.local, job.limits),
    now: job.now,
    signal: job.signal,
    read: readPortsOf(lake, job),
  });
  let found: Answer;
  try {
    found = await answer(parts, name, input, job.signal);
  } finally {
    await parts.store.close();
  }
  for (const warning of found.warnings) log.warn({ event: 'stats.warning' }, warning);
  const origin = describeOrigin(found);
  const json = JSON.stringify(found.result, undefined, 2);
  if (output.json) {
    log.info({ event: 'stats.answered', window: found.window, cache: found.cache }, origin[0]!);
    job.print(json);
  } else {
    const table = tabulate(found);
    const limits = { rows: table.rows.length, columns: table.columns.length };
    job.print([...origin, '', formatResult(table, 'table', limits), ...describeTotals(found)].join('\n'));
  }
  if (output.save !== undefined)
    await writeOutput(
      output.save,
      `${json}
`,
    );
  if (output.plot !== undefined) await writeOutput(output.plot, renderPlot(found, form!));
}

/**
 * Symbols of the provider for what was given. Identifiers of numerai and Bloomberg have a space, which no symbol has:
 * what is a symbol is not looked up in the universe, so that an answer from the cache needs no lake.
 */
async function resolveNames(given: Input, lake: ObjectStore): Promise<Input> {
  const { tickers = [], market } = given as { tickers?: string[]; market?: string };
  if ([...tickers, ...(market === undefined ? [] : [market])].every(isSymbol)) return given;
  return {
    ...given,
    tickers: await resolveTickers(tickers, lake),
    ...(market === undefined ? {} : { market: (await resolveTickers([market], lake))[0]! }),
  };
}

function withWindow(command: Command): Command {
  return command
    .option('--start <date>', 'first date (default: 145 days before the end)', dateFor('--start'))
    .option('--end <date>', 'first date no longer wanted (default: tomorrow)', dateFor('--end'));
}

function withMarket(command: Command): Command {
  return command
    .option('--method <name>', `${METHODS.join(', ')} (default: moments)`, oneOf('--method', METHODS))
    .option('--weekends', 'weekends of coins count (default: where all tickers are coins)')
    .option('--no-weekends', 'coins on sessions of the market only')
    .option(
      '--risk-free <rate>',
      'annual rate such as 0.04, or a maturity (default: RISK_FREE)',
      parseRiskFree,
    )
    .option('--market <ticker>', 'what stands for the market (default: MARKET_PROXY)');
}

function withTail(command: Command): Command {
  return command
    .option('--probability <p>', 'of the tail (default: 0.05)', positiveFor('--probability'))
    .option('--years <t>', 'time ahead (default: 1)', positiveFor('--years'));
}

function withBounds(command: Command): Command {
  return command
    .option('--invest <amount>', 'buy shares for this amount', positiveFor('--invest'))
    .option(
      '--min-weight <w>',
      'least weight of an asset, below 0 for short positions (default: 0)',
      numberFor('--min-weight'),
    )
    .option('--max-weight <w>', 'largest weight of an asset (default: 1)', numberFor('--max-weight'));
}

function withOutput(command: Command, hasPlot: boolean): void {
  command
    .option('--json', 'the result as JSON', false)
    .option('--save <file>', 'write the result as JSON')
    .option('--provider <name>', 'whose prices to read (default: yahoo, else the only one)')
    .option('--lake <url>', 'file:PATH or s3://BUCKET[/PREFIX] (default: SIGNALS_LAKE)')
    .option('--local', 'AWS credentials from data/credential/aws.csv', false);
  if (hasPlot) command.option('--plot <file>', 'draw it into an .svg or .html file');
}

const parseRate = numberFor('--risk-free', 'an annual rate such as 0.04, or a maturity such as ONE_YEAR');

function parseRiskFree(text: string): number | string {
  return /^[A-Z_]+$/.test(text) ? parseMaturity('--risk-free', text) : parseRate(text);
}
