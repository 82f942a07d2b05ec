import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { openLake } from '../lake/open-lake.ts';
import { loadFigures, type LoadFigures } from '../report/figures/figures.ts';
import { countNames } from '../report/figures/names.ts';
import { formatBytes, formatCount, formatInstant, formatShare, plural } from '../report/format.ts';
import { renderPage } from '../report/page/page.ts';
import { readManifests } from '../report/read-manifests.ts';
import { selectRuns } from '../report/select-runs.ts';
import { STATUS_NAMES, STATUSES } from '../report/statuses.ts';
import { firstLine, LakeError, UsageError } from '../runtime/errors.ts';
import { packageRoot } from '../runtime/package-root.ts';
import { replaceFile } from '../runtime/replace-file.ts';
import type { Job } from '../runtime/run-job.ts';
import { createRunId } from '../runtime/run-id.ts';
import { countFor, oneOf } from './options.ts';

interface ReportOptions {
  readonly runs: number;
  readonly out: string;
  readonly lake?: string;
  readonly local: boolean;
}

const STYLE_SHEET = join(packageRoot, 'jobs/report/page/page.css');

/** `report load`: the quality of the last loads as one HTML page. */
export function defineReport(command: Command, job: Job): void {
  command
    .description('make a page of what the last runs did')
    .argument(
      '<job>',
      'load: coverage, failures, doubtful series, restatements, latency',
      oneOf('report', ['load']),
    )
    .option('--runs <n>', 'read the manifests of the newest n runs', countFor('--runs'), 30)
    .option('--out <file>', 'the page to write', 'data/report/load.html')
    .option('--lake <url>', 'file:PATH or s3://BUCKET[/PREFIX] (default: SIGNALS_LAKE)')
    .option('--local', 'AWS credentials from data/credential/aws.csv', false)
    .action(async () => {
      await reportLoad(command.opts<ReportOptions>(), job);
    });
}

async function reportLoad({ runs, out, lake, local }: ReportOptions, job: Job): Promise<void> {
  const store = await openLake(lake ?? job.environment.lake, local, job.limits);
  const log = job.openLog({ job: 'report', runId: createRunId(job.now()) });
  const { manifests, skipped } = await readManifests(store, runs, log);
  if (manifests.length === 0) {
    throw new LakeError(
      skipped.length === 0
        ? `lake "${store.url}" has no manifest of a load; fill it with "signals load" first`
        : `none of the newest ${plural(skipped.length, 'manifest')} of lake "${store.url}" can be read; load once more`,
    );
  }
  const figures = loadFigures(selectRuns(manifests));
  const css = await readFile(STYLE_SHEET, 'utf8');
  const page = renderPage(figures, { lake: store.url, madeAt: job.now(), skipped, css });
  try {
    await replaceFile(out, page);
  } catch (error) {
    throw new UsageError(`--out "${out}" cannot be written: ${firstLine(error)}`, error);
  }
  job.print(describe(figures, out, Buffer.byteLength(page)));
}

function describe(figures: LoadFigures, out: string, bytes: number): string {
  const { run, runs, flagged, restated, missing } = figures;
  const { share, good, expected, required } = run.coverage;
  const byStatus = STATUS_NAMES.filter((name) => run.counts[name] > 0).map(
    (name) => `${formatCount(run.counts[name])} ${STATUSES[name].label}`,
  );
  const missingCloses = missing.reduce((sum, { tickers }) => sum + tickers.length, 0);
  return [
    `report     ${out}, ${formatBytes(bytes)}, ${plural(runs.length, 'run')}`,
    `last run   ${run.runId}, ${run.status}, started ${formatInstant(run.startedAt)}`,
    `coverage   ${formatShare(share)} (${formatCount(good)} of ${formatCount(expected)}), required ${formatShare(required)}`,
    `tickers    ${formatCount(run.tickers)}: ${byStatus.join(', ')}`,
    `look at    ${formatCount(countNames(flagged.stale))} stale, ${formatCount(countNames(flagged.flat))} flat, ` +
      `${formatCount(countNames(restated))} restated, ${plural(missingCloses, 'missing close')}`,
  ].join('\n');
}
