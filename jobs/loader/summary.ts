import type { LoadManifest, TickerOutcome } from './outcome.ts';

/** What a load did, in at most ten lines for a terminal. */
export function summarise(manifest: LoadManifest, lake: string, manifestKey: string): string {
  const { tickers, rows, written, arguments: asked } = manifest;
  const { total, ...byStatus } = manifest.counts;
  const statuses = Object.entries(byStatus).map(([status, count]) => `${format(count)} ${status}`);
  const changes = [`${format(rows.new)} new`, `${format(rows.changed)} changed`];
  if (rows.removed > 0) changes.push(`${format(rows.removed)} removed`);
  const shard = asked['shard'] === undefined ? '' : `, shard ${asked['shard']}`;
  return [
    line(
      'load',
      `${asked['start']} up to before ${asked['end']} from ${asked['provider']}${shard}, lake ${lake}`,
    ),
    line('coverage', describeCoverage(manifest)),
    line('tickers', `${format(total)}: ${statuses.join(', ') || 'none'}`),
    line(
      'rows',
      `${changes.join(', ')}, ${format(rows.unchanged)} unchanged; ${written.length} month objects written`,
    ),
    ...describeHistory(manifest),
    ...named('restated', tickers, ({ restated }) => restated),
    ...named('held back', tickers, ({ status, reason }) => (status === 'quarantined' ? reason : undefined)),
    ...describeDoubts(tickers),
    ...describeRequests(manifest),
    line('manifest', manifestKey),
  ].join('\n');
}

function line(name: string, text: string): string {
  return `${name.padEnd(10)} ${text}`;
}

function describeCoverage({ coverage: { good, expected, baseline, required } }: LoadManifest): string {
  const share = expected === 0 ? 100 : (good / expected) * 100;
  return `${format(good)} of ${format(expected)} tickers ${baseline} are good, ${share.toFixed(1)} % of at least ${required * 100} %`;
}

/** A few by name; the manifest and the report have all. */
function named(
  name: string,
  tickers: readonly TickerOutcome[],
  textOf: (outcome: TickerOutcome) => string | undefined,
): string[] {
  const found = tickers.flatMap((outcome) => {
    const text = textOf(outcome);
    return text === undefined ? [] : [`${outcome.ticker} (${text})`];
  });
  if (found.length === 0) return [];
  const more = found.length > 3 ? ` and ${format(found.length - 3)} more` : '';
  return [line(name, found.slice(0, 3).join(', ') + more)];
}

function describeHistory({ history, tickers }: LoadManifest): string[] {
  if (history === undefined || history.short === 0) return [];
  const short = tickers.filter(({ historyFrom }) => historyFrom !== undefined);
  const some = short.slice(0, 3).map(({ ticker, historyFrom }) => `${ticker} (from ${historyFrom})`);
  const more = short.length > 3 ? ` and ${format(short.length - 3)} more` : '';
  return [line('history', `does not reach back to ${history.start}: ${some.join(', ')}${more}`)];
}

function describeDoubts(tickers: readonly TickerOutcome[]): string[] {
  const doubts = (['stale', 'flat', 'renamed'] as const)
    .map((flag) => ({ flag, count: tickers.filter(({ flags }) => flags?.includes(flag)).length }))
    .filter(({ count }) => count > 0)
    .map(({ flag, count }) => `${format(count)} ${flag}`);
  const missing = tickers.filter((outcome) => outcome.missing !== undefined).length;
  if (missing > 0) doubts.push(`${format(missing)} without a close on some date`);
  const rejected = tickers.filter((outcome) => outcome.rejected !== undefined).length;
  if (rejected > 0) doubts.push(`${format(rejected)} with bars left out that contradict themselves`);
  return doubts.length === 0 ? [] : [line('doubtful', doubts.join(', '))];
}

function describeRequests({
  requests: { made, retries, pauses, pausedMs },
  tickers,
}: LoadManifest): string[] {
  if (made === 0) return [];
  const latencies = tickers
    .map(({ latencyMs }) => latencyMs)
    .filter((ms) => ms !== undefined)
    .toSorted((a, b) => a - b);
  const at = (share: number): string =>
    latencies.length === 0 ? '-' : `${Math.round(latencies[Math.floor((latencies.length - 1) * share)]!)} ms`;
  const megabytes = tickers.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  const paused = pauses === 0 ? 'no pause' : `${pauses} pauses of ${Math.round(pausedMs / 1000)} s in all`;
  return [
    line(
      'requests',
      `${format(made)}, ${format(retries)} of them retries, ${paused}, ${megabytes.toFixed(1)} MB, latency ${at(0.5)}, 99 % within ${at(0.99)}`,
    ),
  ];
}

function format(count: number): string {
  return count.toLocaleString('en-US');
}
