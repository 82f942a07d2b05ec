import type { Command } from 'commander';
import { PriceSource } from '../features/price-source.ts';
import { verify, type Verdict } from '../features/verify.ts';
import { chooseProvider } from '../lake/choose-provider.ts';
import { withLakeScratch } from '../lake/lake-scratch.ts';
import { openLake } from '../lake/open-lake.ts';
import { copyPrices } from '../lake/read-prices.ts';
import { formatResult } from '../query/format.ts';
import { utcDate } from '../runtime/dates.ts';
import { openDuckDB } from '../runtime/duckdb.ts';
import { LakeError, SignalsError } from '../runtime/errors.ts';
import type { Job } from '../runtime/run-job.ts';
import { readPortsOf } from '../lake/read-ports.ts';
import { resolveTickers } from './universe.ts';

interface VerifyOptions {
  readonly ticker: string;
  readonly provider?: string;
  readonly lake?: string;
  readonly local: boolean;
}

/** `verify`: our indicators beside those of technicalindicators. */
export function defineVerify(command: Command, job: Job): void {
  command
    .description('compare each indicator with technicalindicators where both define it alike')
    .requiredOption('--ticker <name>', 'whose prices to compare on: symbol, numerai or Bloomberg ticker')
    .option('--provider <name>', 'whose prices to read (default: yahoo, else the only one)')
    .option('--lake <url>', 'file:PATH or s3://BUCKET[/PREFIX] (default: SIGNALS_LAKE)')
    .option('--local', 'AWS credentials from data/credential/aws.csv', false)
    .action(async () => {
      await runVerify(command.opts<VerifyOptions>(), job);
    });
}

async function runVerify(
  { ticker: name, provider: asked, lake, local }: VerifyOptions,
  job: Job,
): Promise<void> {
  const store = await openLake(lake ?? job.environment.lake, local, job.limits);
  const provider = await chooseProvider(store, asked);
  if (provider === undefined)
    throw new LakeError(`lake "${store.url}" has no prices; fill it with "signals load" first`);
  const [ticker = name] = await resolveTickers([name], store);
  await withLakeScratch(store, 'verify', async (scratch) => {
    const prices = await copyPrices(store, { provider, tickers: [ticker] }, scratch, readPortsOf(store, job));
    const source = await PriceSource.open(await openDuckDB(scratch), {
      lake: store.url,
      files: prices!.months.map(({ file }) => file),
      price: 'close',
      from: undefined,
      before: utcDate(job.now()),
      only: [ticker],
    });
    const found = await source.tickers();
    if (found.length === 0) throw new LakeError(`lake "${store.url}" has no prices of ticker "${ticker}"`);
    for await (const { bars } of source.read(found, found[0]!.last)) {
      const verdicts = verify(bars);
      job.print(`verify     ${ticker}, ${bars.length} bars, causal definitions\n`);
      job.print(formatVerdicts(verdicts));
      const differing = verdicts.filter(({ verdict }) => verdict === 'differs').map(({ column }) => column);
      if (differing.length > 0) {
        throw new SignalsError(
          'verify',
          `${differing.length} columns differ from technicalindicators: ${differing.join(', ')}`,
        );
      }
    }
  });
}

function formatVerdicts(verdicts: readonly Verdict[]): string {
  const columns = ['feature', 'rows', 'largest relative', 'verdict', 'note'].map((name) => ({
    name,
    type: '',
  }));
  const rows = verdicts.map(({ column, rows: compared, relative, verdict, note }) => [
    column,
    compared,
    compared === 0 ? null : relative.toExponential(1),
    verdict,
    note,
  ]);
  return formatResult({ columns, rows }, 'table', { rows: rows.length, columns: columns.length });
}
