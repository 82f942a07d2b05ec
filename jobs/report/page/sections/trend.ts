import { max, median, min } from 'd3-array';
import { scaleBand, scaleLinear, scalePoint } from 'd3-scale';
import { line } from 'd3-shape';
import type { LoadFigures } from '../../figures/figures.ts';
import type { RunFigures } from '../../figures/run.ts';
import { formatCount, formatDuration, formatInstant, formatShare, plural } from '../../format.ts';
import { html, type Markup } from '../../html.ts';
import { STATUS_NAMES, STATUSES } from '../../statuses.ts';
import { fold, percent, type Section } from '../parts.ts';

/** Coverage and failures from run to run. */
export function trendSection({ runs }: LoadFigures): Section {
  const missed = runs.filter(({ coverage }) => !coverage.isMet).length;
  return {
    id: 'trend',
    title: 'Trend',
    extent: plural(runs.length, 'run'),
    lead: html`<p>
      ${plural(runs.length, 'run')}; coverage was below its requirement in
      ${missed === 0 ? 'none' : formatCount(missed)} of them.
    </p>`,
    body: [coveragePlot(runs), failureTable(runs), fold('All runs in figures', runTable(runs))],
  };
}

const PLOT_HEIGHT = 170;

/**
 * Lengths along the x axis are percentages, so that the plot is as wide as its column and its text stays as large as
 * the text around it. Only the line needs a view box, which stretches.
 */
function coveragePlot(runs: readonly RunFigures[]): Markup {
  const shares = runs.map(({ coverage }) => Math.min(coverage.share, 1));
  const floor = min([...shares, ...runs.map(({ coverage }) => coverage.required)])!;
  const y = scaleLinear([Math.max(0, floor - 0.1 * (1 - floor) - 0.002), 1], [PLOT_HEIGHT - 24, 10]).nice(4);
  const x = scalePoint<number>(runs.keys(), [0, 1]).padding(0.5);
  const at = (index: number): string => percent(x(index)!);
  const ticks = y.ticks(4).filter((tick) => tick <= 1);
  const path = line<number>(
    (_, index) => x(index)! * 100,
    (share) => y(share),
  )(shares)!;
  const required = line<RunFigures>(
    (_, index) => x(index)! * 100,
    ({ coverage }) => y(coverage.required),
  )(runs)!;
  const lowest = shares.indexOf(min(shares)!);
  return html`<figure>
    <figcaption>
      Coverage per run
      <span class="key"
        ><svg class="mark" aria-hidden="true">
          <line x1="0" x2="100%" y1="50%" y2="50%" class="required" />
        </svg>
        required</span
      >
      <span class="key"
        ><svg class="mark" aria-hidden="true"><circle cx="50%" cy="50%" r="3.5" class="missed" /></svg>
        below</span
      >
    </figcaption>
    <div class="plot">
      <svg class="axis" height="${PLOT_HEIGHT}" aria-hidden="true">
        ${ticks.map(
          (tick) =>
            html`<text x="100%" y="${y(tick) + 4}" text-anchor="end"
              >${formatShare(tick, tickDigits(ticks))}</text
            >`,
        )}
      </svg>
      <svg height="${PLOT_HEIGHT}" role="img" aria-label="${describeCoverage(runs)}">
        ${ticks.map((tick) => html`<line class="grid" x1="0" x2="100%" y1="${y(tick)}" y2="${y(tick)}" />`)}
        <svg viewBox="0 0 100 ${PLOT_HEIGHT}" preserveAspectRatio="none" width="100%" height="${PLOT_HEIGHT}">
          <path class="required" d="${required}" />
          <path class="line" d="${path}" />
        </svg>
        ${runs.map(
          ({ coverage, startedAt }, index) =>
            html`<circle
              class="${coverage.isMet ? 'met' : 'missed'}"
              cx="${at(index)}"
              cy="${y(shares[index]!)}"
              r="${coverage.isMet ? 2.5 : 4}"
              ><title>${formatInstant(startedAt)}: ${formatShare(coverage.share)}</title></circle
            >`,
        )}
        ${runs.length > 1 ? html`<text class="label" x="${at(lowest)}" y="${y(shares[lowest]!) + 16}" text-anchor="${anchorOf(x(lowest)!)}">${formatShare(shares[lowest]!)}</text>` : undefined}
        ${dateLabels(runs).map(
          ({ index, text, anchor }) =>
            html`<text x="${at(index)}" y="${PLOT_HEIGHT - 2}" text-anchor="${anchor}">${text}</text>`,
        )}
      </svg>
    </div>
  </figure>`;
}

/** Decimals that tell neighbouring ticks apart. */
function tickDigits(ticks: readonly number[]): number {
  const step = ticks.length < 2 ? 0.01 : ticks[1]! - ticks[0]!;
  return step < 0.0099 ? 1 : 0;
}

function anchorOf(x: number): 'start' | 'middle' | 'end' {
  if (x < 0.1) return 'start';
  return x > 0.9 ? 'end' : 'middle';
}

/** The dates of the first run, the last one, and the one in the middle where there is room for it. */
function dateLabels(
  runs: readonly RunFigures[],
): { index: number; text: string; anchor: 'start' | 'middle' | 'end' }[] {
  const text = (index: number): string => runs[index]!.startedAt.slice(0, 10);
  if (runs.length === 1) return [{ index: 0, text: text(0), anchor: 'middle' }];
  const last = runs.length - 1;
  const middle = Math.round(last / 2);
  return [
    { index: 0, text: text(0), anchor: 'start' },
    ...(runs.length >= 5 ? [{ index: middle, text: text(middle).slice(5), anchor: 'middle' as const }] : []),
    { index: last, text: text(last), anchor: 'end' },
  ];
}

function describeCoverage(runs: readonly RunFigures[]): string {
  const shares = runs.map(({ coverage }) => coverage.share);
  return (
    `Line of the coverage of ${plural(runs.length, 'run')}, from ${formatShare(shares[0]!)} to ` +
    `${formatShare(shares.at(-1)!)}; lowest ${formatShare(min(shares)!)}, highest ${formatShare(max(shares)!)}. ` +
    'The table of all runs has the figures.'
  );
}

function failureTable(runs: readonly RunFigures[]): Markup {
  const classes = STATUS_NAMES.filter((name) => STATUSES[name].kind === 'failure' || name === 'quarantined');
  return html`<table class="spark">
    <caption>
      Tickers that failed or were held back, per run from ${runs[0]!.startedAt.slice(0, 10)} to
      ${runs.at(-1)!.startedAt.slice(0, 10)}; each row has a scale of its own
    </caption>
    <thead>
      <tr>
        <th scope="col">Class</th>
        <th scope="col">Runs</th>
        <th scope="col" class="n">Last</th>
        <th scope="col" class="n">Median</th>
        <th scope="col" class="n">Most</th>
      </tr>
    </thead>
    <tbody>
      ${classes.map((name) => {
        const counts = runs.map((run) => run.counts[name]);
        return html`<tr>
          <th scope="row">${STATUSES[name].label}</th>
          <td class="wide">${sparkBars(counts, STATUSES[name].kind)}</td>
          <td class="n">${formatCount(counts.at(-1)!)}</td>
          <td class="n">${formatCount(median(counts)!)}</td>
          <td class="n">${formatCount(max(counts)!)}</td>
        </tr> `;
      })}
    </tbody>
  </table>`;
}

const SPARK_HEIGHT = 22;

function sparkBars(counts: readonly number[], kind: string): Markup {
  const x = scaleBand<number>(counts.keys(), [0, 1]).padding(0.25);
  const y = scaleLinear([0, Math.max(1, max(counts)!)], [0, SPARK_HEIGHT]);
  return html`<svg class="bars ${kind}" height="${SPARK_HEIGHT}" aria-hidden="true">
    ${counts.map((count, index) =>
      count === 0
        ? undefined
        : html`<rect
            x="${percent(x(index)!)}"
            width="${percent(x.bandwidth())}"
            y="${round(SPARK_HEIGHT - y(count))}"
            height="${round(y(count))}"
          />`,
    )}
  </svg>`;
}

function round(length: number): number {
  return Number(length.toFixed(1));
}

function runTable(runs: readonly RunFigures[]): Markup {
  return html`<table class="runs">
    <caption class="hidden">
      All runs, newest first
    </caption>
    <thead>
      <tr>
        <th scope="col">Start (UTC)</th>
        <th scope="col" class="n">Coverage</th>
        <th scope="col" class="n">Tickers</th>
        <th scope="col" class="n">Failed</th>
        <th scope="col" class="n">New rows</th>
        <th scope="col" class="n">Time</th>
      </tr>
    </thead>
    <tbody>
      ${runs.toReversed().map(
        (run) =>
          html`<tr>
            <th scope="row">
              ${formatInstant(run.startedAt).replace(' UTC', '')} <span class="state">${run.status}</span>
            </th>
            <td class="n">
              ${formatShare(
                run.coverage.share,
              )}${run.coverage.isMet ? undefined : html` <span class="missed">below</span>`}
            </td>
            <td class="n">${formatCount(run.tickers)}</td>
            <td class="n">${formatCount(run.failures)}</td>
            <td class="n">${formatCount(run.rows.new)}</td>
            <td class="n">${formatDuration(run.durationMs)}</td>
          </tr> `,
      )}
    </tbody>
  </table>`;
}
