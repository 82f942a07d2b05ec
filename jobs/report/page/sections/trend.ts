import { max, median } from 'd3-array';
import { scaleBand, scaleLinear } from 'd3-scale';
import type { TickerStatus } from '../../../loader/outcome.ts';
import type { LoadFigures } from '../../figures/figures.ts';
import type { RunFigures } from '../../figures/run.ts';
import { formatCount, formatDuration, formatInstant, formatShare, plural } from '../../format.ts';
import { html, type Markup } from '../../../drawing/html.ts';
import { STATUS_NAMES, STATUSES } from '../../statuses.ts';
import { coveragePlot } from '../coverage-plot.ts';
import { fold, percent, scroll, type Section } from '../parts.ts';

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
    body: [
      coveragePlot(runs),
      scroll('Table of failures', failureTable(runs)),
      fold('All runs in figures', scroll('Table of all runs', runTable(runs))),
      fold('Their failures by class', scroll('Table of failures of all runs', classTable(runs))),
    ],
  };
}

/** What failed or was held back. */
const CLASSES: readonly TickerStatus[] = STATUS_NAMES.filter((name) =>
  ['failure', 'held'].includes(STATUSES[name].kind),
);

function failureTable(runs: readonly RunFigures[]): Markup {
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
      ${CLASSES.map((name) => {
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

function classTable(runs: readonly RunFigures[]): Markup {
  const classesOf = ({ counts }: RunFigures): string =>
    CLASSES.filter((name) => counts[name] > 0)
      .map((name) => `${formatCount(counts[name])} ${STATUSES[name].label}`)
      .join(', ');
  return html`<table>
    <caption class="hidden">
      Failures of all runs by class, newest first
    </caption>
    <thead>
      <tr>
        <th scope="col">Start (UTC)</th>
        <th scope="col">Tickers that failed or were held back</th>
      </tr>
    </thead>
    <tbody>
      ${runs.toReversed().map(
        (run) =>
          html`<tr>
            <th scope="row">${formatInstant(run.startedAt).replace(' UTC', '')}</th>
            <td>${classesOf(run) || 'none'}</td>
          </tr> `,
      )}
    </tbody>
  </table>`;
}
